#include "api/alert_history_api.h"

#include <algorithm>
#include <charconv>

#include "alerting/history_statistics.h"
#include "api/alertmanager_api.h"
#include "api/alertmanager_json.h"
#include "api/params.h"

namespace sextant::api {
namespace {

using alerting::HistoryEvent;
using alerting::HistoryKind;
using core::JsonWriter;

constexpr size_t kDefaultLimit = 100;
constexpr size_t kMaxLimit = 10'000;
// Copied at a time.
constexpr size_t kPageEvents = 1'024;

core::Result<uint64_t> NumberParam(const net::QueryParams& params, std::string_view name,
                                   uint64_t otherwise) {
  if (!params.Has(name)) return otherwise;
  const std::string text(params.Get(name));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return core::Fail(core::Code::kInvalidArgument, "parameter {} must be a whole number", name);
  return value;
}

core::Result<core::TimestampMs> HistoryTime(const net::QueryParams& params, std::string_view name,
                                            core::TimestampMs otherwise) {
  if (!params.Has(name)) return otherwise;
  const auto time_ms = ParseTime(params.Get(name));
  if (!time_ms)
    return core::Fail(core::Code::kInvalidArgument, "parameter {}: {}", name, time_ms.error().message());
  return *time_ms;
}

core::Result<std::vector<HistoryKind>> KindsParam(const net::QueryParams& params) {
  std::vector<HistoryKind> kinds;
  for (const std::string& text : params.GetAll("kind")) {
    for (int number = 1;; ++number) {
      const auto kind = static_cast<HistoryKind>(number);
      if (alerting::HistoryKindName(kind).empty())
        return core::Fail(core::Code::kInvalidArgument, "parameter kind: there is no {}", text);
      if (alerting::HistoryKindName(kind) != text) continue;
      kinds.push_back(kind);
      break;
    }
  }
  return kinds;
}

void WriteEvent(JsonWriter& json, const HistoryEvent& event) {
  json.BeginObject().Key("id").UInt(event.id).Key("time").String(FormatMillis(event.time_ms));
  json.Key("kind").String(alerting::HistoryKindName(event.kind));
  json.Key("fingerprint").String(alerting::FingerprintText(event.alert->fingerprint));
  json.Key("labels").BeginObject();
  for (const model::LabelView label : event.alert->labels) json.Key(label.name).String(label.value);
  json.EndObject();
  const alerting::HistoryContext& context = *event.context;
  if (context.notification != 0) {
    json.Key("notification").UInt(context.notification).Key("integration").String(context.integration);
    json.Key("toldAs").String(event.is_about_end ? "resolved" : "firing");
  }
  if (!context.receiver.empty()) json.Key("receiver").String(context.receiver);
  if (!context.detail.empty()) json.Key("detail").String(context.detail);
  json.EndObject();
}

void WriteStatistics(JsonWriter& json, const alerting::AlertnameStatistics& counts,
                     core::DurationMs time_ms) {
  const auto share = [](double part, size_t whole) {
    return whole == 0 ? 0 : part / static_cast<double>(whole);
  };
  json.BeginObject().Key("alertname").String(counts.alertname).Key("alerts").UInt(counts.alerts);
  json.Key("firings").UInt(counts.firings).Key("changes").UInt(counts.changes);
  json.Key("changesPerHour")
      .Double(share(static_cast<double>(counts.changes) * 3'600'000, static_cast<size_t>(time_ms)));
  json.Key("ended").UInt(counts.ended).Key("meanDurationSeconds");
  json.Double(share(static_cast<double>(counts.total_duration_ms) / 1'000, counts.ended));
  json.Key("isFlapping").Bool(counts.flapping_alerts > 0).Key("flappingAlerts").UInt(counts.flapping_alerts);
  json.Key("notifications").UInt(counts.notifications);
  json.Key("notificationsFailed").UInt(counts.notifications_failed);
  json.Key("notificationsByReceiver").BeginObject();
  for (const auto& [receiver, count] : counts.notifications_by_receiver) json.Key(receiver).UInt(count);
  json.EndObject().Key("toldAndEnded").UInt(counts.told_and_ended);
  json.Key("neverActedOn").UInt(counts.never_acted_on).Key("neverActedOnShare");
  json.Double(share(static_cast<double>(counts.never_acted_on), counts.told_and_ended)).EndObject();
}

constexpr size_t kMaxConfigBytes = 1 << 20;
// What somebody at a page waits for; it bounds what a request can cost.
constexpr core::DurationMs kMaxPlayMs = 20'000;

void WriteLabels(JsonWriter& json, const model::Labels& labels) {
  json.BeginObject();
  for (const model::LabelView label : labels) json.Key(label.name).String(label.value);
  json.EndObject();
}

void WriteDryRun(JsonWriter& json, const alerting::DryRun& run) {
  json.BeginObject().Key("notificationsTotal").UInt(run.notifications_total).Key("receivers").BeginArray();
  for (const auto& [name, receiver] : run.receivers) {
    json.BeginObject().Key("receiver").String(name).Key("notifications").UInt(receiver.notifications);
    json.Key("alertsTold").UInt(receiver.alerts_told).EndObject();
  }
  json.EndArray().Key("leftOut").BeginObject();
  for (size_t reason = 0; reason < alerting::kSuppressReasons; ++reason) {
    json.Key(alerting::SuppressReasonName(static_cast<alerting::SuppressReason>(reason)));
    json.UInt(run.left_out[reason]);
  }
  json.EndObject().Key("notifications").BeginArray();
  for (const alerting::DryRunNotification& one : run.notifications) {
    json.BeginObject().Key("time").String(FormatMillis(one.time_ms)).Key("receiver").String(one.receiver);
    json.Key("integration").String(one.integration).Key("reason").String(alerting::ReasonText(one.reason));
    json.Key("groupLabels");
    WriteLabels(json, one.group_labels);
    for (const auto& [key, alerts] : {std::pair("firing", &one.firing), {"resolved", &one.resolved}}) {
      json.Key(key).BeginArray();
      for (const model::Labels& labels : *alerts) WriteLabels(json, labels);
      json.EndArray();
    }
    json.EndObject();
  }
  json.EndArray().EndObject();
}

void WriteChange(JsonWriter& json, const alerting::DryRunChange& change) {
  json.BeginObject().Key("labels");
  WriteLabels(json, change.labels);
  for (const auto& [key, receivers] : {std::pair("current", &change.before), {"proposed", &change.after}}) {
    json.Key(key).BeginArray();
    for (const std::string& receiver : *receivers) json.String(receiver);
    json.EndArray();
  }
  json.EndObject();
}

}  // namespace

core::Result<std::string> HistoryDryRunJson(const alerting::Alertmanager& alertmanager,
                                            const net::HttpRequest& request) {
  const net::QueryParams params = request.Query();
  const core::TimestampMs now_ms = alertmanager.now_ms();
  alerting::DryRunOptions options;
  SEXTANT_ASSIGN(options.start_ms, HistoryTime(params, "start", kMinTimeMs));
  SEXTANT_ASSIGN(options.end_ms, HistoryTime(params, "end", now_ms));
  options.end_ms = std::min(options.end_ms, now_ms);
  SEXTANT_ASSIGN(options.max_notifications, NumberParam(params, "limit", kDefaultLimit));
  if (options.max_notifications > kMaxLimit)
    return core::Fail(core::Code::kInvalidArgument, "parameter limit must be at most {}", kMaxLimit);
  if (request.body.size() > kMaxConfigBytes)
    return core::Fail(core::Code::kInvalidArgument, "the configuration has {} bytes, more than {}",
                      request.body.size(), kMaxConfigBytes);
  SEXTANT_ASSIGN(auto proposed,
                 alerting::ParseConfig(request.body, "alertmanager.yml", alertmanager.syntax()));
  const model::StopCheck check = [&]() -> core::Status {
    if (request.IsCancelled()) return core::Fail(core::Code::kCancelled, "the client is gone");
    if (alertmanager.now_ms() - now_ms < kMaxPlayMs) return {};
    return core::Fail(core::Code::kDeadlineExceeded,
                      "playing the history again takes more than {} s; ask with an earlier end",
                      kMaxPlayMs / 1'000);
  };
  options.check = &check;
  SEXTANT_ASSIGN(const alerting::DryRunView view, alertmanager.PlayHistory(std::move(proposed), options));
  JsonWriter json;
  json.BeginObject().Key("start").String(FormatMillis(std::max(options.start_ms, view.known_since_ms)));
  json.Key("end").String(FormatMillis(options.end_ms));
  json.Key("knownSince").String(FormatMillis(view.known_since_ms)).Key("current");
  WriteDryRun(json, view.current);
  json.Key("proposed");
  WriteDryRun(json, view.proposed);
  json.Key("changes").BeginArray();
  for (size_t i = 0; i < std::min(view.changes.size(), options.max_notifications); ++i)
    WriteChange(json, view.changes[i]);
  json.EndArray().Key("changesTotal").UInt(view.changes.size()).EndObject();
  return std::move(json).Take();
}

core::Result<std::string> HistoryJson(const alerting::Alertmanager& alertmanager,
                                      const net::QueryParams& params, const alerting::Matchers& filter) {
  SEXTANT_ASSIGN(const core::TimestampMs start_ms, HistoryTime(params, "start", kMinTimeMs));
  SEXTANT_ASSIGN(const core::TimestampMs end_ms, HistoryTime(params, "end", kMaxTimeMs));
  SEXTANT_ASSIGN(const uint64_t limit, NumberParam(params, "limit", kDefaultLimit));
  SEXTANT_ASSIGN(const uint64_t before, NumberParam(params, "before", UINT64_MAX));
  SEXTANT_ASSIGN(const std::vector<HistoryKind> kinds, KindsParam(params));
  if (limit == 0 || limit > kMaxLimit)
    return core::Fail(core::Code::kInvalidArgument, "parameter limit must be from 1 to {}", kMaxLimit);
  const auto is_asked_for = [&](const HistoryEvent& event) {
    return event.time_ms >= start_ms && event.time_ms <= end_ms &&
           SatisfiesFilter(filter, event.alert->labels) &&
           (kinds.empty() || std::find(kinds.begin(), kinds.end(), event.kind) != kinds.end());
  };
  JsonWriter json;
  json.BeginObject().Key("events").BeginArray();
  size_t written = 0;
  uint64_t next_before = 0;
  bool has_more = false;
  uint64_t page_before = before;
  while (!has_more) {
    const std::vector<HistoryEvent> page = alertmanager.HistoryBefore(page_before, kPageEvents);
    if (page.empty()) break;
    page_before = page.back().id;
    for (const HistoryEvent& event : page) {
      if (!is_asked_for(event)) continue;
      has_more = written == limit;
      if (has_more) break;
      WriteEvent(json, event);
      next_before = event.id;
      ++written;
    }
  }
  json.EndArray();
  if (has_more) json.Key("nextBefore").UInt(next_before);
  json.EndObject();
  return std::move(json).Take();
}

core::Result<std::string> HistoryStatisticsJson(const alerting::Alertmanager& alertmanager,
                                                const net::QueryParams& params,
                                                const alerting::Matchers& filter) {
  const core::TimestampMs now_ms = alertmanager.now_ms();
  SEXTANT_ASSIGN(core::TimestampMs start_ms, HistoryTime(params, "start", kMinTimeMs));
  SEXTANT_ASSIGN(core::TimestampMs end_ms, HistoryTime(params, "end", now_ms));
  SEXTANT_ASSIGN(const uint64_t limit, NumberParam(params, "limit", kDefaultLimit));
  if (limit == 0 || limit > kMaxLimit)
    return core::Fail(core::Code::kInvalidArgument, "parameter limit must be from 1 to {}", kMaxLimit);
  const std::vector<HistoryEvent> first = alertmanager.HistoryAfter(0, 1);
  const bool is_known = !first.empty() && first.front().time_ms <= end_ms;
  // The time of which anything is known.
  const core::TimestampMs last_ms = end_ms;
  end_ms = std::min(end_ms, now_ms);
  start_ms = std::max(start_ms, is_known ? first.front().time_ms : end_ms);
  alerting::HistoryCounter counter(start_ms);
  uint64_t after = 0;
  while (true) {
    const std::vector<HistoryEvent> page = alertmanager.HistoryAfter(after, kPageEvents);
    if (page.empty()) break;
    after = page.back().id;
    for (const HistoryEvent& event : page) {
      if (event.time_ms <= last_ms && SatisfiesFilter(filter, event.alert->labels)) counter.Take(event);
    }
  }
  const alerting::HistoryStatistics counts = std::move(counter).Finish();
  const core::DurationMs time_ms = std::max<core::DurationMs>(end_ms - start_ms, 0);
  JsonWriter json;
  json.BeginObject().Key("start").String(FormatMillis(start_ms)).Key("end").String(FormatMillis(end_ms));
  json.Key("flappingRule").BeginObject().Key("changes").UInt(alerting::kFlappingChanges);
  json.Key("withinSeconds").Int(alerting::kFlappingWithinMs / 1'000).EndObject();
  json.Key("alertnames").BeginArray();
  for (size_t i = 0; i < std::min<size_t>(limit, counts.alertnames.size()); ++i)
    WriteStatistics(json, counts.alertnames[i], time_ms);
  json.EndArray().Key("alertnamesTotal").UInt(counts.alertnames.size()).Key("receivers").BeginArray();
  for (size_t i = 0; i < std::min<size_t>(limit, counts.receivers.size()); ++i) {
    const alerting::ReceiverStatistics& receiver = counts.receivers[i];
    json.BeginObject().Key("receiver").String(receiver.receiver);
    json.Key("notifications").UInt(receiver.notifications);
    json.Key("notificationsFailed").UInt(receiver.notifications_failed);
    json.Key("alertsTold").UInt(receiver.alerts_told).EndObject();
  }
  json.EndArray().EndObject();
  return std::move(json).Take();
}

}  // namespace sextant::api
