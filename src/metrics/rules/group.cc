#include "metrics/rules/group.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/json_writer.h"
#include "metrics/promql/printer.h"
#include "metrics/rules/alert_templates.h"
#include "model/value.h"

namespace sextant::rules {
namespace {

constexpr std::string_view kAlertsMetric = "ALERTS";
constexpr std::string_view kForStateMetric = "ALERTS_FOR_STATE";
constexpr size_t kErrorLimitBytes = 4'096;

model::Labels ToLabels(const std::map<std::string, std::string>& map) {
  model::LabelsBuilder builder;
  for (const auto& [name, value] : map) builder.Set(name, value);
  return builder.Build();
}

std::string QueryOrigin(std::string_view file, std::string_view name) {
  core::JsonWriter json;
  json.BeginObject().Key("file").String(file).Key("name").String(name).EndObject();
  return "\"ruleGroup\":" + std::move(json).Take();
}

// Outcomes that are expected when another rule or target writes the same series.
bool IsOrderOutcome(model::AppendOutcome outcome) {
  return outcome == model::AppendOutcome::kOutOfOrder || outcome == model::AppendOutcome::kTooOld ||
         outcome == model::AppendOutcome::kDuplicateTimestamp ||
         outcome == model::AppendOutcome::kOutOfBounds;
}

std::string GroupKey(const std::string& file, const std::string& name) { return file + ";" + name; }

// What rules are matched by when a changed group takes over state.
std::string RuleIdentity(const RuleConfig& rule, const model::Labels& labels) {
  return rule.name() + labels.ToString() + (rule.IsAlert() ? "a" : "r");
}

}  // namespace

Group::Group(const RuleContext& context, const RuleOptions& options, std::string file, RuleGroupConfig config,
             bool restores)
    : context_(context),
      options_(options),
      file_(std::move(file)),
      config_(std::move(config)),
      interval_ms_(config_.interval_ms > 0 ? config_.interval_ms : options.default_interval_ms),
      key_(GroupKey(file_, config_.name)),
      query_origin_(QueryOrigin(file_, config_.name)),
      logger_(context.logger.With("file", file_).With("group", config_.name)),
      metrics_(context.registry, key_),
      batches_(context.concurrent == nullptr ? std::vector<RuleBatch>() : OrderRules(config_.rules)),
      needs_restore_(restores) {
  status_.name = config_.name;
  status_.file = file_;
  status_.interval_ms = interval_ms_;
  status_.limit = config_.limit;
  for (const RuleConfig& rule_config : config_.rules) {
    Rule rule;
    rule.config = rule_config;
    rule.labels = ToLabels(rule_config.labels);
    rule.annotations = ToLabels(rule_config.annotations);
    rule.query = promql::Print(*rule_config.parsed);
    RuleStatus status;
    status.is_alert = rule_config.IsAlert();
    status.name = rule_config.name();
    status.query = rule.query;
    status.for_ms = rule_config.for_ms;
    status.keep_firing_for_ms = rule_config.keep_firing_for_ms;
    status.labels = rule.labels;
    status.annotations = rule.annotations;
    status_.rules.push_back(std::move(status));
    rules_.push_back(std::move(rule));
  }
  metrics_.rules.Set(static_cast<double>(rules_.size()));
  metrics_.interval_seconds.Set(static_cast<double>(interval_ms_) / 1'000);
}

core::TimestampMs Group::SlotBefore(core::TimestampMs time_ms) const {
  const uint64_t hash = model::Labels::Of({{"file", file_}, {"name", config_.name}}).Hash();
  const auto phase_ms = static_cast<core::DurationMs>(hash % static_cast<uint64_t>(interval_ms_));
  const core::TimestampMs shifted_ms = time_ms - phase_ms;
  const core::DurationMs into_slot_ms = ((shifted_ms % interval_ms_) + interval_ms_) % interval_ms_;
  return time_ms - into_slot_ms;
}

void Group::CountMissed(int64_t iterations) {
  metrics_.iterations_missed.Increment(static_cast<double>(iterations));
  metrics_.iterations.Increment(static_cast<double>(iterations));
}

void Group::Evaluate(core::TimestampMs slot_ms) {
  const core::TimestampMs started_at_ms = context_.clock.NowMs();
  const int64_t start_ns = context_.clock.MonotonicNs();
  metrics_.iterations.Increment();
  const Evaluated evaluated = EvaluateRules(slot_ms);
  metrics_.samples.Set(static_cast<double>(evaluated.samples));
  metrics_.last_rule_seconds_sum.Set(evaluated.seconds);
  if (!stale_series_.empty()) {
    MarkStale(stale_series_, slot_ms - query_offset_ms());
    stale_series_.clear();
  }
  const double seconds = static_cast<double>(context_.clock.MonotonicNs() - start_ns) / 1e9;
  metrics_.group_seconds.Observe(seconds);
  metrics_.last_duration_seconds.Set(seconds);
  metrics_.last_evaluation_time_seconds.Set(static_cast<double>(started_at_ms) / 1'000);
  const std::lock_guard lock(status_mutex_);
  status_.last_evaluation_ms = started_at_ms;
  status_.evaluation_seconds = seconds;
}

Group::Evaluated Group::EvaluateRules(core::TimestampMs slot_ms) {
  Evaluated all;
  std::mutex mutex;  // of `all`
  const auto evaluate = [&](size_t index) {
    const Evaluated one = EvaluateRule(index, slot_ms);
    const std::lock_guard lock(mutex);
    all.samples += one.samples;
    all.seconds += one.seconds;
  };
  if (batches_.empty()) {
    for (size_t i = 0; i < rules_.size(); ++i) evaluate(i);
  }
  for (const RuleBatch& batch : batches_) {
    context_.concurrent->Run(batch.size(), [&](size_t i) { evaluate(batch[i]); });
  }
  return all;
}

Group::Evaluated Group::EvaluateRule(size_t index, core::TimestampMs slot_ms) {
  Rule& rule = rules_[index];
  const core::TimestampMs started_at_ms = context_.clock.NowMs();
  const int64_t start_ns = context_.clock.MonotonicNs();
  metrics_.evaluations.Increment();
  size_t sample_count = 0;
  core::Span span = core::StartSpan(context_.tracer, "rule");
  if (span.is_recorded()) span.SetAttribute("name", rule.config.name());
  rule.trace = span.context();
  core::Status outcome = RunRule(rule, slot_ms, sample_count);
  if (!outcome) span.SetError(outcome.error().message());
  span.End();
  if (!outcome) {
    metrics_.failures.Increment();
    logger_.Warn("evaluating rule failed",
                 {{"rule", rule.config.name()}, {"index", index}, {"err", outcome.error()}});
  }
  const double seconds = static_cast<double>(context_.clock.MonotonicNs() - start_ns) / 1e9;
  metrics_.rule_seconds.Observe(seconds);
  Publish(index, std::move(outcome), started_at_ms, seconds);
  return {sample_count, seconds};
}

core::Status Group::RunRule(Rule& rule, core::TimestampMs slot_ms, size_t& sample_count) {
  auto samples = rule.config.IsAlert() ? UpdateAlerts(rule, slot_ms) : Record(rule, slot_ms);
  SEXTANT_TRY(samples);
  sample_count = samples->size();
  if (rule.config.IsAlert()) SendAlerts(rule, slot_ms);
  return Write(rule, *samples, slot_ms - query_offset_ms());
}

core::Result<promql::VectorResult> Group::Query(const Rule& rule, core::TimestampMs time_ms) const {
  promql::QueryOptions options;
  options.query_text = rule.config.expr;
  options.origin = query_origin_;
  options.parent = &rule.trace;
  auto result = context_.engine.Instant(context_.queryable, *rule.config.parsed, time_ms, options);
  if (!result) return tl::unexpected(result.error().ToError());
  for (const std::string& warning : result->warnings) {
    logger_.Debug("rule evaluated with a warning", {{"rule", rule.config.name()}, {"warning", warning}});
  }
  if (const auto* scalar = std::get_if<promql::ScalarResult>(&result->value)) {
    return promql::VectorResult{{model::Labels(), scalar->time_ms, scalar->value, nullptr}};
  }
  if (auto* vector = std::get_if<promql::VectorResult>(&result->value)) return std::move(*vector);
  return core::Fail(core::Code::kInvalidArgument, "rule result is not a vector or scalar");
}

core::Status Group::CheckLimit(size_t series) const {
  if (config_.limit > 0 && series > static_cast<size_t>(config_.limit)) {
    return core::Fail(core::Code::kResourceExhausted, "exceeded limit of {} with {} series", config_.limit,
                      series);
  }
  if (series > static_cast<size_t>(options_.max_series_per_rule)) {
    return core::Fail(core::Code::kResourceExhausted, "{} series are more than the {} that a rule may return",
                      series, options_.max_series_per_rule);
  }
  return {};
}

core::Result<std::vector<RuleSample>> Group::Record(const Rule& rule, core::TimestampMs slot_ms) const {
  SEXTANT_ASSIGN(promql::VectorResult vector, Query(rule, slot_ms - query_offset_ms()));
  std::vector<RuleSample> samples;
  samples.reserve(vector.size());
  model::LabelsBuilder builder;
  for (const promql::VectorSample& sample : vector) {
    builder.Reset(sample.labels);
    builder.Set(model::kMetricName, rule.config.record);
    for (const auto& [name, value] : rule.config.labels) builder.Set(name, value);
    samples.push_back({builder.Build(), sample.value, sample.histogram});
  }
  std::vector<const model::Labels*> sorted;
  for (const RuleSample& sample : samples) sorted.push_back(&sample.labels);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return *a < *b; });
  const auto same = [](const auto* a, const auto* b) { return *a == *b; };
  if (std::adjacent_find(sorted.begin(), sorted.end(), same) != sorted.end()) {
    return core::Fail(core::Code::kInvalidArgument,
                      "vector contains metrics with the same labelset after applying rule labels");
  }
  SEXTANT_TRY(CheckLimit(samples.size()));
  return samples;
}

core::Result<std::vector<RuleSample>> Group::UpdateAlerts(Rule& rule, core::TimestampMs slot_ms) {
  SEXTANT_ASSIGN(const promql::VectorResult vector, Query(rule, slot_ms - query_offset_ms()));
  if (vector.size() > static_cast<size_t>(options_.max_series_per_rule)) {
    return core::Fail(core::Code::kResourceExhausted, "{} alerts are more than the {} that a rule may have",
                      vector.size(), options_.max_series_per_rule);
  }
  auto instances = MakeAlerts(rule.config, vector, slot_ms, context_, options_, logger_);
  SEXTANT_TRY(rule.alerts.Update(std::move(instances), {rule.config.for_ms, rule.config.keep_firing_for_ms},
                                 config_.limit, slot_ms));
  std::vector<RuleSample> samples;
  // Before the state is restored, what we know is less than what the store holds, and must not overwrite it.
  if (!needs_restore_) AddAlertSamples(rule, samples);
  return samples;
}

void Group::AddAlertSamples(const Rule& rule, std::vector<RuleSample>& samples) const {
  model::LabelsBuilder builder;
  for (const auto& [labels, alert] : rule.alerts.alerts()) {
    if (alert.state == AlertState::kInactive) continue;
    builder.Reset(labels);
    builder.Set(model::kMetricName, kAlertsMetric);
    builder.Set("alertstate", AlertStateText(alert.state));
    samples.push_back({builder.Build(), 1});
    builder.Reset(labels);
    builder.Set(model::kMetricName, kForStateMetric);
    samples.push_back({builder.Build(), std::floor(static_cast<double>(alert.active_at_ms) / 1'000)});
  }
}

void Group::SendAlerts(Rule& rule, core::TimestampMs slot_ms) {
  const auto due = rule.alerts.TakeDue(slot_ms, options_.resend_delay_ms, interval_ms_);
  if (due.empty() || context_.sink == nullptr) return;
  const std::string url = GeneratorUrl(options_.external_url, rule.query);
  std::vector<Alert> alerts;
  alerts.reserve(due.size());
  for (const auto* entry : due) {
    const TrackedAlert& tracked = entry->second;
    Alert alert;
    alert.labels = entry->first;
    alert.annotations = tracked.annotations;
    alert.starts_at_ms = tracked.fired_at_ms;
    alert.is_resolved = tracked.resolved_at_ms != 0;
    alert.ends_at_ms = alert.is_resolved ? tracked.resolved_at_ms : tracked.valid_until_ms;
    alert.generator_url = url;
    alerts.push_back(std::move(alert));
  }
  context_.sink->Send(alerts);
}

core::Status Group::Write(Rule& rule, const std::vector<RuleSample>& samples, core::TimestampMs time_ms) {
  if (samples.empty() && rule.series.empty()) return {};
  const std::unique_ptr<model::Appender> appender = context_.appendable.NewAppender();
  appender->RefuseOutOfOrder(true);
  SeriesRefs written;
  core::Status outcome;
  size_t rejected = 0;
  for (const RuleSample& sample : samples) {
    const auto known = rule.series.find(sample.labels);
    const model::SeriesRef ref = known == rule.series.end() ? 0 : known->second;
    const model::AppendResult result =
        sample.histogram == nullptr
            ? appender->Append(ref, sample.labels, time_ms, sample.value)
            : appender->AppendSample(ref, sample.labels,
                                     {.time_ms = time_ms, .histogram = sample.histogram.get()});
    if (result.outcome == model::AppendOutcome::kOk) {
      written.emplace(sample.labels, result.ref);
      continue;
    }
    ++rejected;
    if (outcome) {
      outcome = core::Fail(core::Code::kInvalidArgument, "{}: {}", model::OutcomeText(result.outcome),
                           sample.labels.ToMetricString());
    }
  }
  for (const auto& [labels, ref] : rule.series) {
    if (written.contains(labels)) continue;
    const model::AppendResult result = appender->Append(ref, labels, time_ms, model::StaleNan());
    if (result.outcome != model::AppendOutcome::kOk && !IsOrderOutcome(result.outcome)) {
      logger_.Warn("adding a staleness marker failed",
                   {{"series", labels.ToMetricString()}, {"err", model::OutcomeText(result.outcome)}});
    }
  }
  SEXTANT_TRY(appender->Commit().map_error(core::AddContext("writing the result")));
  rule.series = std::move(written);
  if (rejected > 1) {
    return core::Fail(core::Code::kInvalidArgument, "{} (and {} more samples)", outcome.error().message(),
                      rejected - 1);
  }
  return outcome;
}

void Group::MarkStale(const std::vector<model::Labels>& series, core::TimestampMs time_ms) {
  if (series.empty()) return;
  const std::unique_ptr<model::Appender> appender = context_.appendable.NewAppender();
  appender->RefuseOutOfOrder(true);
  // A series that another rule or target has taken over is newer than the marker, which the store then
  // refuses.
  for (const model::Labels& labels : series) appender->Append(0, labels, time_ms, model::StaleNan());
  if (const auto status = appender->Commit(); !status) {
    logger_.Warn("marking series of former rules as stale failed", {{"err", status.error()}});
  }
}

std::vector<model::Labels> Group::TakeAllSeries() {
  std::vector<model::Labels> series = std::move(stale_series_);
  for (Rule& rule : rules_) {
    for (const auto& [labels, ref] : rule.series) series.push_back(labels);
    rule.series.clear();
  }
  stale_series_.clear();
  return series;
}

void Group::TakeState(Group& from) {
  needs_restore_ = from.needs_restore_;
  std::multimap<std::string, size_t> former;
  for (size_t i = 0; i < from.rules_.size(); ++i) {
    former.emplace(RuleIdentity(from.rules_[i].config, from.rules_[i].labels), i);
  }
  for (Rule& rule : rules_) {
    // Of equal rules the first takes from the first: a multimap keeps their order.
    const std::string identity = RuleIdentity(rule.config, rule.labels);
    const auto found = former.lower_bound(identity);
    if (found == former.end() || found->first != identity) continue;
    Rule& from_rule = from.rules_[found->second];
    rule.alerts = std::move(from_rule.alerts);
    rule.series = std::move(from_rule.series);
    from_rule.series.clear();
    former.erase(found);
  }
  stale_series_ = from.TakeAllSeries();
  GroupStatus from_status = from.Status();
  const std::lock_guard lock(status_mutex_);
  status_.last_evaluation_ms = from_status.last_evaluation_ms;
  status_.evaluation_seconds = from_status.evaluation_seconds;
}

void Group::Restore(core::TimestampMs now_ms) {
  const int64_t start_ns = context_.clock.MonotonicNs();
  needs_restore_ = false;
  const core::TimestampMs from_ms = now_ms - options_.outage_tolerance_ms;
  const auto querier = context_.queryable.NewQuerier(from_ms, now_ms);
  if (!querier) {
    logger_.Error("restoring the 'for' state of alerts failed", {{"err", querier.error()}});
    return;
  }
  for (Rule& rule : rules_) {
    // A rule that waits less than the grace period gains nothing from it.
    if (!rule.config.IsAlert() || rule.config.for_ms < options_.for_grace_period_ms) continue;
    if (const auto status = RestoreRule(rule, **querier, from_ms, now_ms); !status) {
      logger_.Error("restoring the 'for' state of an alert failed",
                    {{"rule", rule.config.name()}, {"err", status.error()}});
    }
  }
  metrics_.last_restore_seconds.Set(static_cast<double>(context_.clock.MonotonicNs() - start_ns) / 1e9);
}

core::Status Group::RestoreRule(Rule& rule, const model::Querier& querier, core::TimestampMs from_ms,
                                core::TimestampMs now_ms) {
  const std::vector<model::Matcher> matchers = {model::Matcher::Equal(model::kMetricName, kForStateMetric),
                                                model::Matcher::Equal("alertname", rule.config.alert)};
  SEXTANT_ASSIGN(const auto found, querier.Select(matchers, {.start_ms = from_ms, .end_ms = now_ms}));
  model::LabelsBuilder builder;
  model::SampleColumns samples;
  for (size_t i = 0; i < found->size(); ++i) {
    builder.Reset(found->labels(i));
    builder.Delete(model::kMetricName);
    const model::Labels labels = builder.Build();
    if (!rule.alerts.alerts().contains(labels)) continue;
    SEXTANT_TRY(found->Read(i, from_ms, now_ms, samples));
    if (samples.size() == 0 || model::IsStaleNan(samples.values.back())) continue;  // it was not active
    const core::TimestampMs down_at_ms = samples.times_ms.back();
    core::TimestampMs active_at_ms = static_cast<core::TimestampMs>(samples.values.back()) * 1'000;
    const core::DurationMs remaining_ms = rule.config.for_ms - (down_at_ms - active_at_ms);
    if (remaining_ms > 0 && remaining_ms < options_.for_grace_period_ms) {
      // It would fire too soon after the start: let it wait for the grace period.
      active_at_ms = now_ms + options_.for_grace_period_ms - rule.config.for_ms;
    } else if (remaining_ms > 0) {
      // The time that we were down does not count.
      active_at_ms += now_ms - down_at_ms;
    }
    rule.alerts.SetActiveAt(labels, active_at_ms);
  }
  return {};
}

void Group::Publish(size_t index, core::Status outcome, core::TimestampMs started_at_ms, double seconds) {
  const Rule& rule = rules_[index];
  std::vector<ActiveAlert> alerts;
  AlertState state = AlertState::kInactive;
  for (const auto& [labels, alert] : rule.alerts.alerts()) {
    state = std::max(state, alert.state);
    if (alert.state == AlertState::kInactive) continue;
    alerts.push_back({labels, alert.annotations, alert.state, alert.active_at_ms, alert.keep_firing_since_ms,
                      alert.value});
  }
  const std::lock_guard lock(status_mutex_);
  RuleStatus& status = status_.rules[index];
  status.alerts = std::move(alerts);
  status.state = state;
  status.health = outcome ? RuleHealth::kGood : RuleHealth::kBad;
  status.last_error = outcome ? std::string() : outcome.error().message().substr(0, kErrorLimitBytes);
  status.last_evaluation_ms = started_at_ms;
  status.evaluation_seconds = seconds;
}

GroupStatus Group::Status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

}  // namespace sextant::rules
