#include "app/promtool/command.h"

#include <algorithm>
#include <filesystem>

#include "config/node.h"
#include "core/clock.h"
#include "httpclient/settings.h"
#include "metrics/promql/features.h"

namespace sextant::promtool {

using core::Code;
using core::Fail;

core::Result<CommandArguments> CommandArguments::Parse(const std::vector<std::string>& arguments,
                                                       std::initializer_list<std::string_view> with_value,
                                                       std::initializer_list<std::string_view> switches,
                                                       std::initializer_list<std::string_view> repeatable) {
  CommandArguments parsed;
  bool only_positional = false;
  auto is_in = [](std::initializer_list<std::string_view> list, std::string_view name) {
    return std::ranges::find(list, name) != list.end();
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_positional || !argument.starts_with("-") || argument == "-") {
      parsed.positional_.push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_positional = true;
      continue;
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(0, equals);
    std::string bare = name.starts_with("--") ? name.substr(2) : name;
    if (is_in(with_value, bare)) {
      if (equals == std::string::npos && i + 1 == arguments.size())
        return Fail(Code::kInvalidArgument, "expected argument for flag '--{}'", bare);
      std::vector<std::string>& values = parsed.flags_[bare];
      if (!values.empty() && !is_in(repeatable, bare))
        return Fail(Code::kInvalidArgument, "flag '{}' cannot be repeated", bare);
      values.push_back(equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1));
      continue;
    }
    bool is_negated = bare.starts_with("no-") && is_in(switches, std::string_view(bare).substr(3));
    if (!is_negated && !is_in(switches, bare)) {
      return Fail(Code::kInvalidArgument, "unknown {} flag '{}'", name.starts_with("--") ? "long" : "short",
                  name);
    }
    std::vector<std::string>& values = parsed.flags_[is_negated ? bare.substr(3) : bare];
    if (!values.empty()) return Fail(Code::kInvalidArgument, "flag '{}' cannot be repeated", bare);
    values.emplace_back(is_negated ? "false" : "true");
    // A switch takes no value: what stands behind its `=` is an argument, as with kingpin.
    if (equals != std::string::npos) parsed.positional_.push_back(argument.substr(equals + 1));
  }
  return parsed;
}

std::string CommandArguments::Get(std::string_view flag, std::string_view otherwise) const {
  auto found = flags_.find(flag);
  return found == flags_.end() ? std::string(otherwise) : found->second.back();
}

std::vector<std::string> CommandArguments::GetAll(std::string_view flag) const {
  auto found = flags_.find(flag);
  return found == flags_.end() ? std::vector<std::string>() : found->second;
}

core::Result<config::HttpClientConfig> LoadHttpConfig(const std::string& path) {
  if (path.empty()) return config::HttpClientConfig();
  auto load = [&]() -> core::Result<config::HttpClientConfig> {
    SEXTANT_ASSIGN(config::Document document, config::Document::Load(path));
    return config::Decode<config::HttpClientConfig>(document.root());
  };
  return load().map_error(core::AddContext("failed to load HTTP config file"));
}

core::Result<net::FetchResponse> FetchOnce(const config::HttpClientConfig& http, net::FetchRequest request) {
  const core::SystemClock clock;
  httpclient::ApplyHttpConfig(http, clock, request);
  SEXTANT_TRY(httpclient::ReadSecretFiles(http, request));
  return net::FetchSync(std::move(request));
}

core::Status RequireFiles(const std::vector<std::string>& files, std::string_view what) {
  if (files.empty()) return Fail(Code::kInvalidArgument, "required argument '{}' not provided", what);
  for (const std::string& file : files) {
    std::error_code error;
    if (!std::filesystem::exists(file, error))
      return Fail(Code::kInvalidArgument, "path '{}' does not exist", file);
  }
  return {};
}

core::Status EnableFeatures(const std::vector<std::string>& names, promql::EngineOptions& engine) {
  for (const std::string& name : names) {
    if (!promql::EnableFeature(name, engine) && !name.empty())
      return core::Fail(core::Code::kUnimplemented, "--enable-feature: {} is not supported yet", name);
  }
  return {};
}

}  // namespace sextant::promtool
