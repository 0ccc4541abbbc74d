#include "api/alertmanager_api.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "api/alert_history_api.h"
#include "api/alertmanager_json.h"
#include "config/text.h"
#include "net/trace_headers.h"

namespace sextant::api {

namespace {

using alerting::AlertView;
using alerting::GroupView;
using alerting::Matchers;
using alerting::Silence;
using core::JsonWriter;
using net::HttpRequest;
using net::HttpResponse;

constexpr size_t kMinConcurrentGets = 8;
constexpr size_t kMaxFilters = 1'000;

// Everything but errors of the framework ends with a line feed.
HttpResponse JsonText(std::string json, int status = 200) {
  HttpResponse response = HttpResponse::Json(status, std::move(json) + "\n");
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

HttpResponse Answer(int status, JsonWriter json) { return JsonText(std::move(json).Take(), status); }

HttpResponse Empty(int status) {
  HttpResponse response;
  response.status = status;
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

HttpResponse TextError(int status, std::string_view message) {
  JsonWriter json;
  json.String(message);
  return Answer(status, std::move(json));
}

HttpResponse CodeError(int status, int code, std::string_view message) {
  JsonWriter json;
  json.BeginObject().Key("code").Int(code).Key("message").String(message).EndObject();
  return HttpResponse::Json(status, std::move(json).Take());
}

HttpResponse Refuse(const BodyError& error) {
  return error.code == 0 ? TextError(error.status, error.message)
                         : CodeError(error.status, error.code, error.message);
}

// What the original's library takes as true; all else is false.
bool BoolParam(const net::QueryParams& params, std::string_view name) {
  if (!params.Has(name)) return true;
  std::string value(params.Get(name));
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* word : {"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"}) {
    if (value == word) return true;
  }
  return false;
}

core::Result<Matchers> FilterParam(const net::QueryParams& params, std::string_view name,
                                   alerting::MatcherSyntax syntax) {
  Matchers matchers;
  for (const std::string& text : params.GetAll(name)) {
    if (matchers.size() >= kMaxFilters)
      return core::Fail(core::Code::kResourceExhausted, "more than {} filters", kMaxFilters);
    SEXTANT_ASSIGN(alerting::Matcher matcher, alerting::ParseMatcher(text, syntax));
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

// What alerts and groups may be asked for.
struct AlertFilter {
  bool active = true;
  bool silenced = true;
  bool inhibited = true;
  bool muted = true;
  Matchers labels;
  Matchers receiver_labels;
  std::optional<alerting::Matcher> receiver;  // of its name

  bool Accepts(const AlertView& view) const {
    if (!active && view.state == alerting::AlertState::kActive) return false;
    if (!silenced && !view.silenced_by.empty()) return false;
    if (!inhibited && !view.inhibited_by.empty()) return false;
    return SatisfiesFilter(labels, view.alert->labels);
  }

  bool AcceptsReceiver(const std::string& name, const std::map<std::string, model::Labels>& receivers) const {
    if (receiver && !receiver->Matches(name)) return false;
    if (receiver_labels.empty()) return true;
    const auto found = receivers.find(name);
    return found != receivers.end() && SatisfiesFilter(receiver_labels, found->second);
  }
};

core::Result<AlertFilter> ReadFilter(const HttpRequest& request, alerting::MatcherSyntax syntax) {
  const net::QueryParams params = request.Query();
  AlertFilter filter;
  filter.active = BoolParam(params, "active");
  filter.silenced = BoolParam(params, "silenced");
  filter.inhibited = BoolParam(params, "inhibited");
  filter.muted = BoolParam(params, "muted");
  SEXTANT_ASSIGN(filter.labels, FilterParam(params, "filter", syntax));
  SEXTANT_ASSIGN(filter.receiver_labels, FilterParam(params, "receiver_matchers", syntax));
  if (!params.Has("receiver")) return filter;
  auto receiver = alerting::Matcher::Make(alerting::MatcherType::kRegexp, "receiver",
                                          std::string(params.Get("receiver")));
  if (!receiver) {
    return core::Fail(core::Code::kInvalidArgument, "failed to parse receiver param: {}",
                      receiver.error().message());
  }
  filter.receiver = std::move(*receiver);
  return filter;
}

model::Labels ToLabels(const std::map<std::string, std::string>& map) {
  model::LabelsBuilder labels;
  for (const auto& [name, value] : map) labels.Set(name, value);
  return labels.Build();
}

class Api {
 public:
  explicit Api(const AlertmanagerApiDeps& deps)
      : alertmanager_(deps.alertmanager),
        version_(deps.version),
        max_gets_(deps.max_concurrent_gets != 0
                      ? deps.max_concurrent_gets
                      : std::max<size_t>(kMinConcurrentGets, std::thread::hardware_concurrency())),
        gets_in_flight_(deps.registry.AddGauge("alertmanager_http_requests_in_flight",
                                               "GET requests of the API under way.", {{"method", "get"}})),
        gets_refused_(deps.registry.AddCounter(
            "alertmanager_http_concurrency_limit_exceeded_total",
            "GET requests of the API refused because too many were under way.", {{"method", "get"}})) {}

  // A GET, unless too many are under way.
  template <typename Handle>
  HttpResponse Get(Handle handle) {
    if (gets_.fetch_add(1) >= max_gets_) {
      gets_.fetch_sub(1);
      gets_refused_.Increment();
      return HttpResponse::Text(
          503, fmt::format("Limit of concurrent GET requests reached ({}), try again later.\n", max_gets_));
    }
    gets_in_flight_.Add(1);
    HttpResponse response = handle();
    gets_in_flight_.Add(-1);
    gets_.fetch_sub(1);
    return response;
  }

  HttpResponse Status() const;
  HttpResponse Receivers(const HttpRequest& request) const;
  HttpResponse Alerts(const HttpRequest& request) const;
  HttpResponse PostAlerts(const HttpRequest& request);
  HttpResponse Groups(const HttpRequest& request) const;
  HttpResponse Silences(const HttpRequest& request) const;
  HttpResponse PostSilence(const HttpRequest& request);
  HttpResponse FindSilence(const HttpRequest& request) const;
  HttpResponse DeleteSilence(const HttpRequest& request);
  HttpResponse Deliveries(const HttpRequest& request) const;
  HttpResponse Explain(const HttpRequest& request) const;
  HttpResponse History(const HttpRequest& request) const { return FromHistory(request, HistoryJson); }
  HttpResponse HistoryStatistics(const HttpRequest& request) const {
    return FromHistory(request, HistoryStatisticsJson);
  }
  HttpResponse HistoryDryRun(const HttpRequest& request) const;

 private:
  std::map<std::string, model::Labels> ReceiverLabels() const {
    std::map<std::string, model::Labels> receivers;
    for (const alerting::ReceiverView& view : alertmanager_.Receivers())
      receivers[view.name] = ToLabels(view.labels);
    return receivers;
  }
  template <typename Write>
  HttpResponse FromHistory(const HttpRequest& request, Write write) const {
    const net::QueryParams params = request.Query();
    const auto filter = FilterParam(params, "filter", Syntax());
    if (!filter) return TextError(400, filter.error().message());
    auto json = write(alertmanager_, params, *filter);
    if (!json) return TextError(400, json.error().message());
    return JsonText(std::move(*json));
  }
  alerting::MatcherSyntax Syntax() const { return alertmanager_.syntax(); }

  alerting::Alertmanager& alertmanager_;
  const std::string version_;
  const size_t max_gets_;
  core::Gauge& gets_in_flight_;
  core::Counter& gets_refused_;
  std::atomic<size_t> gets_ = 0;
};

HttpResponse Api::Status() const {
  const alerting::AlertmanagerStatus status = alertmanager_.Status();
  JsonWriter json;
  json.BeginObject().Key("cluster").BeginObject().Key("peers").BeginArray().EndArray();
  json.Key("status").String("disabled").EndObject();
  json.Key("config").BeginObject().Key("original").String(status.config_text).EndObject();
  json.Key("uptime").String(FormatMillis(status.started_at_ms)).Key("versionInfo").BeginObject();
  for (const char* key : {"branch", "buildDate", "buildUser", "goVersion", "revision"})
    json.Key(key).String("");
  json.Key("version").String(version_).EndObject().EndObject();
  return Answer(200, std::move(json));
}

HttpResponse Api::Receivers(const HttpRequest& request) const {
  const auto filter = FilterParam(request.Query(), "receiver_matchers", Syntax());
  if (!filter) return TextError(400, filter.error().message());
  JsonWriter json;
  json.BeginArray();
  for (const alerting::ReceiverView& view : alertmanager_.Receivers()) {
    if (!SatisfiesFilter(*filter, ToLabels(view.labels))) continue;
    json.BeginObject().Key("labels").BeginObject();
    for (const auto& [name, value] : view.labels) json.Key(name).String(value);
    json.EndObject().Key("name").String(view.name).EndObject();
  }
  json.EndArray();
  return Answer(200, std::move(json));
}

HttpResponse Api::Alerts(const HttpRequest& request) const {
  const auto filter = ReadFilter(request, Syntax());
  if (!filter) return TextError(400, filter.error().message());
  const auto receivers = ReceiverLabels();
  JsonWriter json;
  json.BeginArray();
  for (const AlertView& view : alertmanager_.Alerts()) {
    if (request.IsCancelled()) return TextError(500, "context canceled");
    const bool is_asked_for =
        std::any_of(view.receivers.begin(), view.receivers.end(),
                    [&](const std::string& name) { return filter->AcceptsReceiver(name, receivers); });
    if (is_asked_for && filter->Accepts(view)) WriteAlert(json, view);
  }
  json.EndArray();
  return Answer(200, std::move(json));
}

// The content type of a body, without parameters; what Go's client library assumes when there is none.
HttpResponse WrongMediaType(const HttpRequest& request) {
  const std::string_view type = request.headers.Get("Content-Type");
  return CodeError(415, 415,
                   fmt::format("unsupported media type {}, only [application/json] are allowed",
                               config::Quote(type.empty() ? "application/octet-stream" : type)));
}

bool HasJsonBody(const HttpRequest& request) {
  std::string_view type = request.headers.Get("Content-Type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return net::EqualsIgnoreCase(type, "application/json") || (type.empty() && request.body.empty());
}

HttpResponse Api::PostAlerts(const HttpRequest& request) {
  if (!HasJsonBody(request)) return WrongMediaType(request);
  const auto alerts = ReadPostedAlerts(request.body);
  if (!alerts) return Refuse(alerts.error());
  const alerting::PutReport report = alertmanager_.Put(*alerts, net::ReadTraceHeaders(request.headers));
  const auto join = [](const std::vector<std::string>& errors) {
    std::string text;
    for (const std::string& error : errors) text += (text.empty() ? "" : "; ") + error;
    return text;
  };
  if (!report.limit_errors.empty()) return TextError(500, join(report.limit_errors));
  if (!report.errors.empty()) return TextError(400, join(report.errors));
  return Empty(200);
}

HttpResponse Api::Groups(const HttpRequest& request) const {
  const auto filter = ReadFilter(request, Syntax());
  if (!filter) return TextError(400, filter.error().message());
  const auto receivers = ReceiverLabels();
  std::vector<GroupView> groups = alertmanager_.Groups();
  std::erase_if(groups, [&](GroupView& group) {
    if (!filter->AcceptsReceiver(group.receiver, receivers)) return true;
    std::erase_if(group.alerts, [&](const AlertView& view) { return !filter->Accepts(view); });
    return group.alerts.empty();
  });
  // An alert's receivers are those of the groups that were asked for.
  std::map<uint64_t, std::vector<std::string>> receivers_of;
  for (const GroupView& group : groups) {
    for (const AlertView& view : group.alerts) receivers_of[view.fingerprint].push_back(group.receiver);
  }
  for (auto& [fingerprint, names] : receivers_of) std::sort(names.begin(), names.end());
  JsonWriter json;
  json.BeginArray();
  for (GroupView& group : groups) {
    if (!filter->muted && !group.muted_by.empty()) continue;
    for (AlertView& view : group.alerts) view.receivers = receivers_of[view.fingerprint];
    WriteGroup(json, group);
  }
  json.EndArray();
  return Answer(200, std::move(json));
}

// Active ones that end first, then pending ones that begin first, then the rest, the latest end first.
bool SilenceComesBefore(const Silence& a, const Silence& b, core::TimestampMs now_ms) {
  const alerting::SilenceState state = a.StateAt(now_ms);
  if (state != b.StateAt(now_ms)) return state < b.StateAt(now_ms);
  switch (state) {
    case alerting::SilenceState::kActive:
      return a.ends_at_ms < b.ends_at_ms;
    case alerting::SilenceState::kPending:
      return a.starts_at_ms < b.starts_at_ms;
    case alerting::SilenceState::kExpired:
      break;
  }
  return a.ends_at_ms > b.ends_at_ms;
}

HttpResponse Api::Silences(const HttpRequest& request) const {
  const net::QueryParams params = request.Query();
  const auto filter = FilterParam(params, "filter", Syntax());
  if (!filter) return TextError(400, filter.error().message());
  const core::TimestampMs now_ms = alertmanager_.now_ms();
  std::vector<Silence> silences = alertmanager_.Silences();
  std::erase_if(silences, [&](const Silence& silence) {
    if (!BoolParam(params, alerting::SilenceStateName(silence.StateAt(now_ms)))) return true;
    return !std::all_of(filter->begin(), filter->end(), [&](const alerting::Matcher& matcher) {
      return std::any_of(silence.matcher_sets.begin(), silence.matcher_sets.end(),
                         [&](const Matchers& matchers) {
                           return std::find(matchers.begin(), matchers.end(), matcher) != matchers.end();
                         });
    });
  });
  std::stable_sort(silences.begin(), silences.end(),
                   [now_ms](const Silence& a, const Silence& b) { return SilenceComesBefore(a, b, now_ms); });
  JsonWriter json;
  json.BeginArray();
  for (const Silence& silence : silences) WriteSilence(json, silence, now_ms);
  json.EndArray();
  return Answer(200, std::move(json));
}

HttpResponse Api::PostSilence(const HttpRequest& request) {
  if (!HasJsonBody(request)) return WrongMediaType(request);
  auto silence = ReadPostedSilence(request.body);
  if (!silence) return Refuse(silence.error());
  if (silence->starts_at_ms >= silence->ends_at_ms)
    return TextError(400, "Failed to create silence: start time must be before end time");
  if (silence->ends_at_ms < alertmanager_.now_ms())
    return TextError(400, "Failed to create silence: end time can't be in the past");
  const auto id = alertmanager_.SetSilence(std::move(*silence));
  if (!id) return TextError(id.error().code() == core::Code::kNotFound ? 404 : 400, id.error().message());
  JsonWriter json;
  json.BeginObject().Key("silenceID").String(*id).EndObject();
  return Answer(200, std::move(json));
}

bool IsUuid(std::string_view text) {
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23)) continue;
    if (std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
    ++digits;
  }
  return digits == 32;
}

HttpResponse NoUuid(std::string_view id) {
  return CodeError(422, 601, fmt::format("silenceID in path must be of type uuid: {}", config::Quote(id)));
}

HttpResponse Api::FindSilence(const HttpRequest& request) const {
  const std::string id(request.PathParam("silenceID"));
  if (!IsUuid(id)) return NoUuid(id);
  const auto silence = alertmanager_.FindSilence(id);
  if (!silence) return Empty(404);
  JsonWriter json;
  WriteSilence(json, *silence, alertmanager_.now_ms());
  return Answer(200, std::move(json));
}

HttpResponse Api::HistoryDryRun(const HttpRequest& request) const {
  auto json = HistoryDryRunJson(alertmanager_, request);
  if (json) return JsonText(std::move(*json));
  return TextError(json.error().code() == core::Code::kDeadlineExceeded ? 503 : 400, json.error().message());
}

HttpResponse Api::DeleteSilence(const HttpRequest& request) {
  const std::string id(request.PathParam("silenceID"));
  if (!IsUuid(id)) return NoUuid(id);
  return Empty(alertmanager_.ExpireSilence(id) ? 200 : 404);
}

HttpResponse Api::Deliveries(const HttpRequest& request) const {
  const std::string fingerprint(request.Query().Get("fingerprint"));
  JsonWriter json;
  json.BeginArray();
  for (const alerting::DeliveryView& view : alertmanager_.Deliveries()) {
    const bool is_asked_for =
        fingerprint.empty() ||
        std::any_of(view.fingerprints.begin(), view.fingerprints.end(),
                    [&](uint64_t id) { return alerting::FingerprintText(id) == fingerprint; });
    if (!is_asked_for) continue;
    json.BeginObject().Key("time").String(FormatMillis(view.time_ms)).Key("receiver").String(view.receiver);
    json.Key("integration").String(view.integration).Key("groupKey").String(view.group_key);
    json.Key("reason").String(view.reason).Key("alerts").UInt(view.alerts).Key("fingerprints").BeginArray();
    for (const uint64_t id : view.fingerprints) json.String(alerting::FingerprintText(id));
    json.EndArray().Key("attempts").Int(view.attempts).Key("delivered").Bool(view.delivered);
    json.Key("error").String(view.error).EndObject();
  }
  json.EndArray();
  return Answer(200, std::move(json));
}

void WriteIntegration(JsonWriter& json, const alerting::IntegrationView& view) {
  json.BeginObject().Key("integration").String(view.integration).Key("index").UInt(view.index);
  json.Key("isSending").Bool(view.is_sending);
  if (view.last_sent_ms != alerting::kZeroTimeMs) {
    json.Key("lastSentAt").String(FormatMillis(view.last_sent_ms));
    json.Key("repeatsAfter").String(FormatMillis(view.repeats_after_ms));
    json.Key("toldAs").String(view.knows_as_firing ? "firing" : view.knows_as_resolved ? "resolved" : "");
  }
  json.EndObject();
}

HttpResponse Api::Explain(const HttpRequest& request) const {
  const net::QueryParams params = request.Query();
  const auto matchers = FilterParam(params, "label", Syntax());
  if (!matchers) return TextError(400, matchers.error().message());
  model::LabelsBuilder builder;
  for (const alerting::Matcher& matcher : *matchers) {
    if (matcher.type() != alerting::MatcherType::kEqual)
      return TextError(400, "labels must be given as name=value");
    builder.Set(matcher.name(), matcher.value());
  }
  const model::Labels labels = builder.Build();
  if (labels.empty()) return TextError(400, "at least one label pair required");
  const alerting::Explanation why = alertmanager_.Explain(labels);
  JsonWriter json;
  json.BeginObject().Key("fingerprint").String(alerting::FingerprintText(alerting::Fingerprint(labels)));
  json.Key("isKnown").Bool(why.alert != nullptr);
  json.Key("isFiring").Bool(why.alert != nullptr && !why.alert->IsResolvedAt(alertmanager_.now_ms()));
  json.Key("inhibitedBy").BeginArray();
  for (const uint64_t id : why.inhibited_by) json.String(alerting::FingerprintText(id));
  json.EndArray().Key("silencedBy").BeginArray();
  for (const std::string& id : why.silenced_by) json.String(id);
  json.EndArray().Key("routes").BeginArray();
  for (const alerting::RouteExplanation& route : why.routes) {
    json.BeginObject().Key("route").String(route.route).Key("receiver").String(route.receiver);
    json.Key("groupKey").String(route.group_key);
    if (route.has_group) json.Key("nextFlushAt").String(FormatMillis(route.next_flush_ms));
    json.Key("mutedBy").BeginArray();
    for (const std::string& name : route.muted_by) json.String(name);
    json.EndArray().Key("isOutsideOfActiveIntervals");
    json.Bool(route.mute_reason == alerting::MuteReason::kOutsideActiveIntervals);
    json.Key("integrations").BeginArray();
    for (const alerting::IntegrationView& view : route.integrations) WriteIntegration(json, view);
    json.EndArray().EndObject();
  }
  json.EndArray().EndObject();
  return Answer(200, std::move(json));
}

}  // namespace

bool SatisfiesFilter(const Matchers& filter, const model::Labels& labels) {
  return std::all_of(filter.begin(), filter.end(), [&](const alerting::Matcher& matcher) {
    const std::string_view value = labels.Get(matcher.name());
    const bool is_negative = matcher.type() == alerting::MatcherType::kNotEqual ||
                             matcher.type() == alerting::MatcherType::kNotRegexp;
    if (matcher.value().empty() && is_negative == !value.empty()) return true;
    return matcher.Matches(value);
  });
}

void AddAlertmanagerRoutes(net::Router& router, const AlertmanagerApiDeps& deps) {
  auto api = std::make_shared<Api>(deps);
  const auto get = [&](std::string_view path, HttpResponse (Api::*handle)(const HttpRequest&) const) {
    router.Add("GET", path, [api, handle](const HttpRequest& request) {
      return api->Get([&] { return ((*api).*handle)(request); });
    });
  };
  const auto change = [&](std::string_view method, std::string_view path,
                          HttpResponse (Api::*handle)(const HttpRequest&)) {
    router.Add(method, path, [api, handle](const HttpRequest& request) { return ((*api).*handle)(request); });
  };
  router.Add("GET", "/api/v2/status",
             [api](const HttpRequest&) { return api->Get([&] { return api->Status(); }); });
  get("/api/v2/receivers", &Api::Receivers);
  get("/api/v2/alerts", &Api::Alerts);
  get("/api/v2/alerts/groups", &Api::Groups);
  get("/api/v2/alerts/explain", &Api::Explain);
  get("/api/v2/silences", &Api::Silences);
  get("/api/v2/silence/{silenceID}", &Api::FindSilence);
  get("/api/v2/deliveries", &Api::Deliveries);
  get("/api/v2/history", &Api::History);
  get("/api/v2/history/statistics", &Api::HistoryStatistics);
  // It changes nothing, and takes a while.
  router.Add("POST", "/api/v2/history/dry-run", [api](const HttpRequest& request) {
    return api->Get([&] { return api->HistoryDryRun(request); });
  });
  change("POST", "/api/v2/alerts", &Api::PostAlerts);
  change("POST", "/api/v2/silences", &Api::PostSilence);
  change("DELETE", "/api/v2/silence/{silenceID}", &Api::DeleteSilence);
  for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
    router.Add(method, "/api/v2/*", [](const HttpRequest& request) {
      return CodeError(404, 404, fmt::format("path {} was not found", request.path));
    });
  }
}

}  // namespace sextant::api
