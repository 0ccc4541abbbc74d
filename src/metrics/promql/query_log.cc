#include "metrics/promql/query_log.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

namespace sextant::promql {

namespace {

// "2026-01-02T13:37:00.000Z"
std::string FormatDate(core::TimestampMs time_ms) {
  int64_t seconds = time_ms / 1000;
  int64_t millis = time_ms % 1000;
  if (millis < 0) {
    millis += 1000;
    seconds -= 1;
  }
  std::time_t time = seconds;
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return "";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
}

}  // namespace

void AppendSeconds(std::string& out, core::TimestampMs time_ms) {
  auto magnitude = static_cast<uint64_t>(time_ms);
  if (time_ms < 0) {
    out += '-';
    magnitude = ~magnitude + 1;
  }
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, magnitude / 1000).ptr);
  if (uint64_t millis = magnitude % 1000; millis != 0) {
    out += '.';
    if (millis < 100) out += '0';
    if (millis < 10) out += '0';
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, millis).ptr);
  }
}

void WriteQueryStats(core::JsonWriter& json, const QueryStats& stats, core::TimestampMs start_ms,
                     core::DurationMs step_ms) {
  json.BeginObject().Key("timings").BeginObject();
  json.Key("evalTotalTime").Double(stats.eval_total_seconds);
  json.Key("resultSortTime").Double(stats.result_sort_seconds);
  json.Key("queryPreparationTime").Double(stats.prepare_seconds);
  json.Key("innerEvalTime").Double(stats.inner_eval_seconds);
  json.Key("execQueueTime").Double(stats.queue_seconds);
  json.Key("execTotalTime").Double(stats.queue_seconds + stats.eval_total_seconds);
  json.EndObject().Key("samples").BeginObject();
  if (!stats.samples_per_step.empty()) {
    json.Key("totalQueryableSamplesPerStep").BeginArray();
    core::TimestampMs time_ms = start_ms;
    for (int64_t samples : stats.samples_per_step) {
      std::string time;
      AppendSeconds(time, time_ms);
      json.BeginArray().Raw(time).Int(samples).EndArray();
      time_ms += step_ms;
    }
    json.EndArray();
  }
  json.Key("totalQueryableSamples").Int(stats.total_samples).Key("peakSamples").Int(stats.peak_samples);
  json.EndObject().EndObject();
}

QueryLog::QueryLog(core::FileSystem& files, const core::Clock& clock, core::Registry* registry)
    : files_(files), clock_(clock) {
  if (!registry) return;
  enabled_ = &registry->AddGauge("prometheus_engine_query_log_enabled", "State of the query log.");
  failures_ = &registry->AddCounter("prometheus_engine_query_log_failures_total",
                                    "The number of query log failures.");
}

core::Status QueryLog::SetFile(const std::string& path) {
  std::unique_ptr<core::File> file;
  if (!path.empty()) {
    core::Result<std::unique_ptr<core::File>> opened = files_.Open(path, core::OpenMode::kAppend);
    if (!opened) return tl::unexpected(core::AddContext("query_log_file")(std::move(opened).error()));
    file = std::move(*opened);
  }
  std::lock_guard lock(mutex_);
  file_ = std::move(file);
  is_enabled_.store(file_ != nullptr, std::memory_order_relaxed);
  if (enabled_) enabled_->Set(file_ ? 1 : 0);
  return {};
}

void QueryLog::Write(const QueryLogEntry& entry) {
  core::JsonWriter json;
  json.BeginObject().Key("time").String(FormatDate(clock_.NowMs()));
  json.Key("level").String("INFO").Key("msg").String("promql query logged");
  json.Key("params")
      .BeginObject()
      .Key("end")
      .String(FormatDate(entry.end_ms))
      .Key("query")
      .String(entry.query);
  json.Key("start").String(FormatDate(entry.start_ms)).Key("step").Int(entry.step_ms / 1000).EndObject();
  if (!entry.error.empty()) json.Key("error").String(entry.error);
  json.Key("stats");
  WriteQueryStats(json, entry.stats, entry.start_ms, entry.step_ms);
  json.Key("spanID").String(entry.span_id);
  json.EndObject();
  std::string line = std::move(json).Take();
  if (!entry.origin.empty()) {
    line.pop_back();
    line += fmt::format(",{}}}", entry.origin);
  }
  line += '\n';
  // Appending is one write(2); the lock keeps the file open meanwhile, and lines whole.
  std::lock_guard lock(mutex_);
  if (!file_) return;
  if (core::Status written = file_->Append(line); !written && failures_) failures_->Increment();
}

}  // namespace sextant::promql
