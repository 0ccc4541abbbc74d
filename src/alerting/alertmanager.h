// Alerting at work: the state machine with a clock, timers, an HTTP client and a file for what was said.
//
//   SEXTANT_ASSIGN(auto alertmanager, Alertmanager::Start(config, environment, {.external_url =
//   "http://host:9090"})); alertmanager->Put(alerts);      // from rules, from the API alertmanager->Stop();
//
// Notifications of one integration wait in a lane of their own, a few at a time, so that a receiver that
// hangs or refuses holds nobody else up. An attempt that may succeed later is repeated with growing pauses
// until the group's next flush; what still was not delivered then is decided anew by the state machine. A
// service that asks for fewer requests (429, Retry-After) gets none until then, and what waits for it keeps
// waiting, for an hour at most.
//
// What was delivered is in the notification log, silences are in theirs, what happened to alerts is in the
// history (written a moment later, and never waited for); each change is on disk before the
// next step (state_keeper.h), both files in the formats of Alertmanager. After a restart the alerts
// themselves come back as their rules or senders repeat them; the log keeps them from being announced twice,
// and announces their end, also of those that nobody repeats any more (firing_alerts.h). A crash can repeat
// the message that was in flight; it cannot lose one.
//
// All methods but Start and Stop may be called from any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "alerting/alert.h"
#include "alerting/config.h"
#include "alerting/dispatcher.h"
#include "alerting/dry_run.h"
#include "alerting/history.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/result.h"
#include "core/trace.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::alerting {

// What it works with; all of it must outlive it.
struct AlertmanagerEnvironment {
  net::IoContext& io;
  core::Executor& executor;
  net::HttpClient& client;
  const core::Clock& clock;
  core::Registry& registry;
  core::FileSystem& files;
  core::Logger logger;
  core::Tracer* tracer = nullptr;  // makes spans of what is done; null: none
};

struct AlertmanagerOptions {
  std::string external_url = {};  // in messages; without a trailing slash
  std::string data_dir = {};      // empty: nothing is kept over a restart
  DispatcherLimits limits = {};
  DispatcherTimes times = {};
  bool logs_silences = false;  // writes what happens to silences to the log
  // Whether the section event_recorder counts (the feature flag event-recorder).
  bool records_events = true;
  std::string version = {};   // in events
  std::string instance = {};  // likewise: who we are
  // Metrics of notifications have a label receiver_name, too (the feature flag receiver-name-in-metrics).
  bool receiver_names_in_metrics = false;
  // Alerts that were dropped by the limit per alertname are counted by it (alert-names-in-metrics).
  bool alert_names_in_metrics = false;
  // alertmanager_alerts is told for each group (group-key-in-metrics): by GroupMetrics, not by the registry.
  bool group_keys_in_metrics = false;
  HistoryLimits history = {};
  core::DurationMs maintenance_ms = 900'000;   // between tidyings and savings of silences and log
  size_t max_requests_per_integration = 8;     // at the same time
  size_t max_waiting_per_integration = 1'000;  // more are put off to their group's next flush
  // Pauses between attempts: the first, and what they grow to by half each time.
  core::DurationMs first_retry_ms = 500;
  core::DurationMs max_retry_ms = 60'000;
};

// One notification that was delivered or given up, for pages.
struct DeliveryView {
  core::TimestampMs time_ms = 0;
  std::string receiver;
  std::string integration;
  std::string group_key;
  std::string reason;
  size_t alerts = 0;
  int attempts = 0;
  bool delivered = false;
  std::string error;                   // the last one; empty when it was delivered
  std::vector<uint64_t> fingerprints;  // of the alerts, at most 100
};

struct ReceiverView {
  std::string name;
  std::map<std::string, std::string> labels;
};

struct AlertmanagerStatus {
  core::TimestampMs started_at_ms = 0;
  std::string external_url;
  std::string config_text;  // YAML with secrets hidden
  MatcherSyntax syntax = MatcherSyntax::kFallback;
  DispatcherStats stats;
};

// What another configuration would have told, beside the one in force.
struct DryRunView {
  core::TimestampMs known_since_ms = 0;  // the oldest event; the end of the asked time when there is none
  DryRun current;
  DryRun proposed;
  std::vector<DryRunChange> changes;
};

class Alertmanager final : public AlertSink {
 public:
  // Reads the templates, the saved log and alerts, and begins. Errors: a template that cannot be read or
  // parsed, a data folder that cannot be made. A saved log that is damaged is put aside with a warning.
  static core::Result<std::unique_ptr<Alertmanager>> Start(std::shared_ptr<const Config> config,
                                                           AlertmanagerEnvironment environment,
                                                           AlertmanagerOptions options);
  ~Alertmanager() override;  // stops
  Alertmanager(const Alertmanager&) = delete;
  Alertmanager& operator=(const Alertmanager&) = delete;

  PutReport Put(std::span<const Alert> alerts) override;
  // The same below the span of whoever sent them.
  PutReport Put(std::span<const Alert> alerts, const core::SpanContext& parent);

  // Changes to another configuration, or keeps the old one when the templates of the new one are wrong.
  core::Status SetConfig(std::shared_ptr<const Config> config);

  std::vector<AlertView> Alerts(bool with_resolved = false) const;
  // With the labels of their routes filled in.
  std::vector<GroupView> Groups() const;
  std::vector<ReceiverView> Receivers() const;
  Explanation Explain(const model::Labels& labels) const;
  std::vector<std::string> ReceiversOf(const model::Labels& labels) const;
  AlertmanagerStatus Status() const;
  // The last 200, newest first.
  std::vector<DeliveryView> Deliveries() const;

  // What happened to alerts, a page at a time; see AlertHistory.
  std::vector<HistoryEvent> HistoryBefore(uint64_t id, size_t most) const;
  std::vector<HistoryEvent> HistoryAfter(uint64_t id, size_t most) const;

  // Plays what happened to alerts again, with the configuration in force and with another one. Takes as long
  // as it takes: `options.check` bounds it, and what it fails with is the error.
  core::Result<DryRunView> PlayHistory(std::shared_ptr<const Config> proposed,
                                       const DryRunOptions& options) const;

  // With group_keys_in_metrics, alertmanager_alerts by state and group, as text of the exposition format that
  // follows the registry's; else empty.
  std::string GroupMetrics() const;

  // Makes or changes a silence; when it returns, the silence is on disk or the failure was counted. Errors as
  // SilenceStore's.
  core::Result<std::string> SetSilence(Silence silence);
  core::Status ExpireSilence(const std::string& id);
  std::vector<Silence> Silences() const;
  std::optional<Silence> FindSilence(const std::string& id) const;
  core::TimestampMs now_ms() const;
  // That of the configuration's matchers.
  MatcherSyntax syntax() const;

  // Abandons attempts under way, saves the log. The executor must still be running. Not from its threads; may
  // be called again.
  void Stop();

 private:
  struct Impl;
  explicit Alertmanager(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sextant::alerting
