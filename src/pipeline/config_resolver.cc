#include "pipeline/config_resolver.h"

#include <algorithm>
#include <cstdlib>

#include "config/node.h"
#include "net/http_client.h"

namespace sextant::pipeline {

namespace {

using config::NodeKind;
using config::Value;
using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr size_t kMaxSourceBytes = 16 << 20;
constexpr int kMaxExpansions = 1'000;
constexpr size_t kMaxExpandedBytes = 16 << 20;  // of one text
constexpr std::string_view kKeyDelimiter = "::";

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

struct Location {
  std::string scheme;
  std::string rest;
};

// "scheme:rest"; a scheme has two letters at least, so that a drive is none.
std::optional<Location> SplitLocation(std::string_view text) {
  size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 2 || !IsLetter(text[0])) return std::nullopt;
  std::string_view scheme = text.substr(0, colon);
  bool is_scheme = std::ranges::all_of(
      scheme, [](char c) { return IsLetter(c) || IsDigit(c) || c == '+' || c == '.' || c == '-'; });
  if (!is_scheme) return std::nullopt;
  return Location{std::string(scheme), std::string(text.substr(colon + 1))};
}

bool IsVariableName(std::string_view name) {
  if (name.empty() || IsDigit(name[0])) return false;
  return std::ranges::all_of(name, [](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; });
}

// Puts "a::b: v" as "a: {b: v}", at every level.
void SplitKeys(Value& value) {
  for (Value& child : value.children) SplitKeys(child);
  if (!value.IsMapping()) return;
  bool has_delimiter = std::ranges::any_of(
      value.children, [](const Value& child) { return child.key.find(kKeyDelimiter) != std::string::npos; });
  if (!has_delimiter) return;
  Value merged = value;
  merged.children.clear();
  for (Value& child : value.children) {
    Value* at = &merged;
    std::string_view key = child.key;
    std::vector<std::string> steps;
    for (size_t end = key.find(kKeyDelimiter); end != std::string_view::npos; end = key.find(kKeyDelimiter)) {
      steps.emplace_back(key.substr(0, end));
      key.remove_prefix(end + kKeyDelimiter.size());
    }
    std::string last(key);
    for (const std::string& step : steps) {
      Value* next = at->Find(step);
      if (next == nullptr || !next->IsMapping()) {
        Value made;
        made.kind = NodeKind::kMapping;
        made.key = step;
        made.file = child.file;
        made.position = made.key_position = child.key_position;
        if (next == nullptr) {
          next = &at->children.emplace_back(std::move(made));
        } else {
          *next = std::move(made);
        }
      }
      at = next;
    }
    child.key = last;
    if (Value* existing = at->Find(last)) {
      Merge(*existing, std::move(child));
    } else {
      at->children.push_back(std::move(child));
    }
  }
  value = std::move(merged);
}

class Resolver {
 public:
  Resolver(const ConfigProviders& providers, const core::Logger& logger)
      : providers_(providers), logger_(logger) {}

  Result<Value> Resolve(const std::vector<std::string>& sources) {
    Value merged;
    merged.kind = NodeKind::kMapping;
    for (const std::string& source : sources) {
      SEXTANT_ASSIGN(Value value, ReadSource(source));
      if (value.kind == NodeKind::kNull) continue;
      if (!value.IsMapping()) return value.Fail("the configuration is not a mapping");
      if (merged.file == nullptr) merged.file = value.file;
      Merge(merged, std::move(value));
    }
    return Finish(std::move(merged));
  }

  Result<Value> Resolve(Value value) {
    SplitKeys(value);
    return Finish(std::move(value));
  }

 private:
  Result<Value> Finish(Value merged) {
    SEXTANT_TRY(ExpandAll(merged));
    Unescape(merged);
    return merged;
  }

  Result<Value> ReadSource(const std::string& source) {
    std::optional<Location> location = SplitLocation(source);
    if (!location) location = Location{"file", source};
    SEXTANT_ASSIGN(std::string text, Retrieve(*location));
    std::string name = location->scheme == "file"   ? location->rest
                       : location->scheme == "yaml" ? "--set or --config yaml:"
                                                    : source;
    SEXTANT_ASSIGN(config::Document document, config::Document::Parse(text, name));
    Value value = Value::Of(document.root());
    SplitKeys(value);
    return value;
  }

  // The text at a location.
  Result<std::string> Retrieve(const Location& location) {
    if (location.scheme == "env") return Variable(location.rest);
    if (location.scheme == "yaml") return location.rest;
    if (location.scheme == "file") {
      return providers_.read_file(location.rest).map_error(core::AddContext("file:{}", location.rest));
    }
    if (location.scheme == "http" || location.scheme == "https") {
      return providers_.fetch(location.scheme + ":" + location.rest);
    }
    return Fail(Code::kInvalidArgument, "scheme \"{}\" is not supported for uri \"{}:{}\"", location.scheme,
                location.scheme, location.rest);
  }

  Result<std::string> Variable(std::string_view text) {
    std::optional<std::string> otherwise;
    std::string name(text);
    if (size_t at = text.find(":-"); at != std::string_view::npos) {
      otherwise = text.substr(at + 2);
      name = text.substr(0, at);
    }
    if (!IsVariableName(name)) {
      return Fail(Code::kInvalidArgument,
                  "environment variable \"{}\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$",
                  name);
    }
    std::optional<std::string> value = providers_.environment(name);
    if (value) {
      if (value->empty()) {
        logger_.Info("configuration refers to an environment variable that is empty", {{"name", name}});
      }
      return *value;
    }
    if (!otherwise) {
      logger_.Warn("configuration refers to an environment variable that is not set", {{"name", name}});
      return std::string();
    }
    return *otherwise;
  }

  Status ExpandAll(Value& value) {
    for (Value& child : value.children) SEXTANT_TRY(ExpandAll(child));
    if (value.kind != NodeKind::kScalar) return {};
    for (int count = 0; value.kind == NodeKind::kScalar; ++count) {
      std::string_view uri = FindUri(value.text);
      if (uri.empty()) return {};
      if (count >= kMaxExpansions)
        return value.Fail("too many expansions of ${...}: does one refer to itself?");
      Status expanded = Expand(value, std::string(uri));
      if (!expanded) return value.Fail(expanded.error().message());
    }
    // What came may have something to expand in turn.
    if (++depth_ > kMaxDepth) return value.Fail("expansions of ${...} are nested too deep");
    for (Value& child : value.children) SEXTANT_TRY(ExpandAll(child));
    --depth_;
    return {};
  }

  // The first innermost "${…}" that no dollar escapes, or "".
  static std::string_view FindUri(std::string_view text) {
    while (true) {
      size_t close = text.find('}');
      if (close == std::string_view::npos) return {};
      size_t open = text.substr(0, close + 1).rfind("${");
      if (open != std::string_view::npos) {
        size_t dollars = 0;
        while (dollars < open && text[open - dollars - 1] == '$') ++dollars;
        if (dollars % 2 == 0) return text.substr(open, close + 1 - open);
      }
      text.remove_prefix(close + 1);
    }
  }

  Status Expand(Value& value, const std::string& uri) {
    std::string inner = uri.substr(2, uri.size() - 3);
    if (inner.find(':') == std::string::npos) inner = "env:" + inner;
    std::optional<Location> location = SplitLocation(inner);
    if (!location) return Fail(Code::kInvalidArgument, "invalid uri: \"{}\"", inner);
    if (location->rest.find('$') != std::string::npos) {
      return Fail(Code::kInvalidArgument, "the uri \"{}\" contains unsupported characters ('$')", inner);
    }
    SEXTANT_ASSIGN(std::string text, Retrieve(*location));
    if (uri.size() != value.text.size()) return PutInto(value, uri, text);
    value.Replace(Parse(text, value));
    return {};
  }

  static Status PutInto(Value& value, const std::string& uri, const std::string& text) {
    std::string out;
    std::string_view rest = value.text;
    for (size_t at = rest.find(uri); at != std::string_view::npos; at = rest.find(uri)) {
      out += rest.substr(0, at);
      out += text;
      rest.remove_prefix(at + uri.size());
      if (out.size() > kMaxExpandedBytes) {
        return Fail(Code::kResourceExhausted, "the text grows above {} bytes", kMaxExpandedBytes);
      }
    }
    out += rest;
    value.text = std::move(out);
    // What was put together is text, whatever it looks like.
    value.is_plain = false;
    return {};
  }

  // A text as YAML, or as it is when it is none.
  static Value Parse(const std::string& text, const Value& place) {
    Value plain;
    plain.kind = NodeKind::kScalar;
    plain.text = text;
    plain.is_plain = false;
    core::Result<config::Document> document = config::Document::Parse(text, "value");
    if (!document) return plain;
    Value value = Value::Of(document->root());
    SplitKeys(value);
    // A field that wants text gets the characters.
    if (value.kind == NodeKind::kScalar && value.is_plain) value.text = text;
    SetPlace(value, place);
    return value;
  }

  static void SetPlace(Value& value, const Value& place) {
    value.file = place.file;
    value.position = value.key_position = place.position;
    for (Value& child : value.children) SetPlace(child, place);
  }

  static void Unescape(Value& value) {
    for (Value& child : value.children) Unescape(child);
    if (value.kind != NodeKind::kScalar) return;
    std::string out;
    for (size_t i = 0; i < value.text.size(); ++i) {
      out += value.text[i];
      if (value.text[i] == '$' && i + 1 < value.text.size() && value.text[i + 1] == '$') ++i;
    }
    value.text = std::move(out);
  }

  static constexpr int kMaxDepth = 32;

  const ConfigProviders& providers_;
  const core::Logger& logger_;
  int depth_ = 0;
};

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

ConfigProviders ConfigProviders::System() {
  return {
      .environment = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      },
      .read_file = [](const std::string& path) { return config::ReadTextFile(path, kMaxSourceBytes); },
      .fetch = [](const std::string& url) -> Result<std::string> {
        net::FetchRequest request;
        request.url = url;
        request.max_body_bytes = kMaxSourceBytes;
        SEXTANT_ASSIGN(net::FetchResponse response, net::FetchSync(std::move(request)));
        if (response.status != 200) {
          return Fail(Code::kUnavailable, "failed to load resource from {}: status code {}", url,
                      response.status);
        }
        return response.body;
      },
  };
}

Result<std::string> SourceOfSet(std::string_view setting) {
  size_t equals = setting.find('=');
  if (equals == std::string_view::npos)
    return Fail(Code::kInvalidArgument, "--set {}: missing equal sign", setting);
  std::string key;
  for (char c : TrimSpaces(setting.substr(0, equals))) {
    if (c == '.') {
      key += kKeyDelimiter;
    } else {
      key += c;
    }
  }
  return fmt::format("yaml:{}: {}", key, TrimSpaces(setting.substr(equals + 1)));
}

Result<Value> ResolveConfig(const std::vector<std::string>& sources, const ConfigProviders& providers,
                            const core::Logger& logger) {
  return Resolver(providers, logger).Resolve(sources);
}

Result<Value> ResolveConfig(Value value, const ConfigProviders& providers, const core::Logger& logger) {
  return Resolver(providers, logger).Resolve(std::move(value));
}

}  // namespace sextant::pipeline
