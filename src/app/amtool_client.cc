#include "app/amtool_client.h"

#include <simdjson.h>

#include "api/alertmanager_json.h"
#include "config/decode.h"
#include "config/http_client_config.h"
#include "core/json_writer.h"
#include "gotemplate/go_time.h"
#include "httpclient/settings.h"
#include "net/http_client.h"
#include "net/url.h"

namespace sextant::app {

namespace {

namespace dom = simdjson::dom;
using core::Code;
using core::Fail;
using core::Result;

std::string Text(simdjson::simdjson_result<dom::element> field) {
  std::string_view text;
  return field.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

core::TimestampMs Time(simdjson::simdjson_result<dom::element> field) {
  const auto time = gotemplate::ParseTime("2006-01-02T15:04:05.999999999Z07:00", Text(field));
  return time ? time->UnixMs() : 0;
}

TextMap Map(simdjson::simdjson_result<dom::element> field) {
  TextMap map;
  dom::object object;
  if (field.get(object) != simdjson::SUCCESS) return map;
  for (const auto& [name, value] : object) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) map.insert_or_assign(std::string(name), std::string(text));
  }
  return map;
}

bool Bool(simdjson::simdjson_result<dom::element> field, bool otherwise) {
  bool value = otherwise;
  if (field.get(value) != simdjson::SUCCESS) return otherwise;
  return value;
}

Result<ShownSilence> ToSilence(dom::element element) {
  using Type = alerting::MatcherType;
  ShownSilence silence{.json = simdjson::minify(element),
                       .id = Text(element["id"]),
                       .matchers = {},
                       .starts_at_ms = Time(element["startsAt"]),
                       .ends_at_ms = Time(element["endsAt"]),
                       .updated_at_ms = Time(element["updatedAt"]),
                       .created_by = Text(element["createdBy"]),
                       .comment = Text(element["comment"]),
                       .annotations = Map(element["annotations"])};
  dom::array matchers;
  if (element["matchers"].get(matchers) != simdjson::SUCCESS) return silence;
  for (const dom::element matcher : matchers) {
    const bool is_equal = Bool(matcher["isEqual"], true);
    const Type type = Bool(matcher["isRegex"], false) ? (is_equal ? Type::kRegexp : Type::kNotRegexp)
                                                      : (is_equal ? Type::kEqual : Type::kNotEqual);
    SEXTANT_ASSIGN(alerting::Matcher made,
                   alerting::Matcher::Make(type, Text(matcher["name"]), Text(matcher["value"])));
    silence.matchers.push_back(std::move(made));
  }
  return silence;
}

ShownAlert ToAlert(dom::element element) {
  return {.json = simdjson::minify(element),
          .labels = Map(element["labels"]),
          .annotations = Map(element["annotations"]),
          .starts_at_ms = Time(element["startsAt"]),
          .ends_at_ms = Time(element["endsAt"]),
          .generator_url = Text(element["generatorURL"]),
          .state = Text(element["status"]["state"])};
}

tl::unexpected<core::Error> NoJson(std::string_view why) {
  return Fail(Code::kInvalidArgument, "couldn't unmarshal the answer: {}", why);
}

// Parses a list of objects, each by `read`.
template <typename Item, typename Read>
Result<std::vector<Item>> ParseList(std::string_view json, Read read) {
  dom::parser parser;
  dom::array items;
  if (const auto error = parser.parse(json.data(), json.size()).get(items); error)
    return NoJson(simdjson::error_message(error));
  std::vector<Item> out;
  for (const dom::element item : items) {
    if (!item.is_object()) return NoJson("an item is no object");
    SEXTANT_ASSIGN(Item made, Result<Item>(read(item)));
    out.push_back(std::move(made));
  }
  return out;
}

// What an answer that is no success says: "[POST /silences][400] postSilencesBadRequest \"…\"".
tl::unexpected<core::Error> Refused(std::string_view method, std::string_view path,
                                    std::string_view operation, const net::FetchResponse& answer) {
  std::string_view name;
  Code code = Code::kUnavailable;
  switch (answer.status) {
    case 400:
      name = "BadRequest";
      code = Code::kInvalidArgument;
      break;
    case 404:
      name = "NotFound";
      code = Code::kNotFound;
      break;
    case 500:
      name = "InternalServerError";
      break;
    default:
      break;
  }
  std::string body = answer.body.substr(0, 1024);
  while (body.ends_with('\n')) body.pop_back();
  if (name.empty()) {
    return Fail(code, "unexpected status {} for {} {}{}", answer.status, method, path,
                body.empty() ? "" : ": " + body);
  }
  return Fail(code, "[{} {}][{}] {}{}{}", method, path, answer.status, operation, name,
              body.empty() ? "" : " " + body);
}

class Client final : public AmtoolClient {
 public:
  explicit Client(Options options) : options_(std::move(options)) {}

  core::Status Begin() {
    SEXTANT_ASSIGN(const net::Url url, net::ParseUrl(options_.url));
    if (url.has_user && !options_.http_config_file.empty()) {
      return Fail(Code::kInvalidArgument, "basic authentication and http.config.file are mutually exclusive");
    }
    while (options_.url.ends_with('/')) options_.url.pop_back();
    if (url.has_user) {
      request_.basic_user = url.user;
      request_.basic_password = url.password;
    }
    if (!options_.http_config_file.empty()) {
      SEXTANT_ASSIGN(const config::Document document, config::Document::Load(options_.http_config_file));
      SEXTANT_ASSIGN(const auto http, config::Decode<config::HttpClientConfig>(document.root()));
      httpclient::ApplyHttpConfig(http, clock_, request_);
      SEXTANT_TRY(httpclient::ReadSecretFiles(http, request_));
    }
    request_.timeout_ms = options_.timeout_ms;
    return {};
  }

  Result<std::vector<ShownAlert>> Alerts(const Params& params) override {
    SEXTANT_ASSIGN(const std::string json, Ask("GET", "/alerts", "getAlerts", {}, params));
    return ParseAlerts(json);
  }

  core::Status PostAlert(std::string json) override {
    SEXTANT_TRY(Ask("POST", "/alerts", "postAlerts", std::move(json)));
    return {};
  }

  Result<std::vector<ShownSilence>> Silences(const Params& params) override {
    SEXTANT_ASSIGN(const std::string json, Ask("GET", "/silences", "getSilences", {}, params));
    return ParseSilences(json);
  }

  Result<ShownSilence> FindSilence(const std::string& id) override {
    SEXTANT_ASSIGN(const std::string json, Ask("GET", "/silence/{silenceID}", "getSilence", {}, {}, id));
    SEXTANT_ASSIGN(std::vector<ShownSilence> silences, ParseSilences("[" + json + "]"));
    return std::move(silences.front());
  }

  Result<std::string> PostSilence(const ShownSilence& silence) override {
    SEXTANT_ASSIGN(const std::string json, Ask("POST", "/silences", "postSilences", Write(silence)));
    dom::parser parser;
    dom::element answer;
    if (parser.parse(json).get(answer) != simdjson::SUCCESS) return NoJson(json.substr(0, 200));
    return Text(answer["silenceID"]);
  }

  core::Status ExpireSilence(const std::string& id) override {
    SEXTANT_TRY(Ask("DELETE", "/silence/{silenceID}", "deleteSilence", {}, {}, id));
    return {};
  }

  Result<std::string> DryRun(std::string config, const Params& params) override {
    return Ask("POST", "/history/dry-run", "postDryRun", std::move(config), params);
  }

  Result<ShownStatus> Status() override {
    SEXTANT_ASSIGN(const std::string json, Ask("GET", "/status", "getStatus"));
    dom::parser parser;
    dom::element root;
    if (parser.parse(json).get(root) != simdjson::SUCCESS) return NoJson(json.substr(0, 200));
    ShownStatus status{.json = simdjson::minify(root),
                       .config = Text(root["config"]["original"]),
                       .uptime = Text(root["uptime"]),
                       .version_info = {},
                       .cluster_json = {},
                       .cluster_status = Text(root["cluster"]["status"]),
                       .cluster_name = Text(root["cluster"]["name"]),
                       .peers = {}};
    for (const char* key : {"buildUser", "goVersion", "revision", "version", "branch", "buildDate"})
      status.version_info.emplace_back(key, Text(root["versionInfo"][key]));
    dom::element cluster;
    if (root["cluster"].get(cluster) == simdjson::SUCCESS) status.cluster_json = simdjson::minify(cluster);
    dom::array peers;
    if (root["cluster"]["peers"].get(peers) == simdjson::SUCCESS) {
      for (const dom::element peer : peers)
        status.peers.emplace_back(Text(peer["address"]), Text(peer["name"]));
    }
    return status;
  }

 private:
  // `id` takes the place of {silenceID} in the path.
  Result<std::string> Ask(std::string_view method, std::string_view path, std::string_view operation,
                          std::string body = {}, const Params& params = {}, const std::string& id = {}) {
    net::FetchRequest request = request_;
    request.method = method;
    std::string target(path);
    if (const size_t at = target.find("{silenceID}"); at != std::string::npos)
      target = target.substr(0, at) + net::PathEscape(id);
    request.url = options_.url + "/api/v2" + target;
    char separator = '?';
    for (const auto& [name, value] : params) {
      request.url += fmt::format("{}{}={}", separator, net::QueryEscape(name), net::QueryEscape(value));
      separator = '&';
    }
    request.headers.Set("Accept", "application/json");
    if (!body.empty()) request.headers.Set("Content-Type", "application/json");
    request.body = std::move(body);
    SEXTANT_ASSIGN(net::FetchResponse answer, net::FetchSync(std::move(request)));
    if (answer.status != 200) return Refused(method, path, operation, answer);
    return std::move(answer.body);
  }

  static std::string Write(const ShownSilence& silence) {
    using Type = alerting::MatcherType;
    core::JsonWriter json;
    json.BeginObject();
    if (!silence.id.empty()) json.Key("id").String(silence.id);
    if (!silence.annotations.empty()) {
      json.Key("annotations").BeginObject();
      for (const auto& [name, value] : silence.annotations) json.Key(name).String(value);
      json.EndObject();
    }
    json.Key("comment").String(silence.comment).Key("createdBy").String(silence.created_by);
    json.Key("endsAt").String(api::FormatMillis(silence.ends_at_ms)).Key("matchers").BeginArray();
    for (const alerting::Matcher& matcher : silence.matchers) {
      json.BeginObject()
          .Key("isEqual")
          .Bool(matcher.type() == Type::kEqual || matcher.type() == Type::kRegexp)
          .Key("isRegex")
          .Bool(matcher.type() == Type::kRegexp || matcher.type() == Type::kNotRegexp)
          .Key("name")
          .String(matcher.name())
          .Key("value")
          .String(matcher.value())
          .EndObject();
    }
    json.EndArray().Key("startsAt").String(api::FormatMillis(silence.starts_at_ms)).EndObject();
    return std::move(json).Take();
  }

  Options options_;
  core::SystemClock clock_;
  net::FetchRequest request_;
};

}  // namespace

Result<std::unique_ptr<AmtoolClient>> AmtoolClient::Connect(Options options) {
  auto client = std::make_unique<Client>(std::move(options));
  SEXTANT_TRY(client->Begin());
  return std::unique_ptr<AmtoolClient>(std::move(client));
}

Result<std::vector<ShownSilence>> ParseSilences(std::string_view json) {
  return ParseList<ShownSilence>(json, ToSilence);
}

Result<std::vector<ShownAlert>> ParseAlerts(std::string_view json) {
  return ParseList<ShownAlert>(json, ToAlert);
}

}  // namespace sextant::app
