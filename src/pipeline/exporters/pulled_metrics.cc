#include "pipeline/exporters/pulled_metrics.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "model/value.h"

namespace sextant::pipeline {

namespace {

// What a series is in its family.
struct Part {
  std::string family;
  std::string_view own_label;  // le or quantile
  int rank = 0;                // buckets and quantiles, then the sum, then the count
};

Part PartOf(std::string_view name, std::string_view type) {
  bool is_histogram = type == "histogram";
  if (!is_histogram && type != "summary") return {std::string(name), "", 0};
  auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  auto stem = [&](std::string_view suffix) {
    return std::string(name.substr(0, name.size() - suffix.size()));
  };
  if (ends("_sum")) return {stem("_sum"), "", 1};
  if (ends("_count")) return {stem("_count"), "", 2};
  if (is_histogram && ends("_bucket")) return {stem("_bucket"), "le", 0};
  return {std::string(name), is_histogram ? "" : "quantile", 0};
}

double ParseNumber(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

void AppendEscaped(std::string_view text, bool is_quoted, std::string& out) {
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_quoted) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

}  // namespace

class PulledBatch final : public model::Appender {
 public:
  explicit PulledBatch(PulledMetrics& owner) : owner_(owner) {}

  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, core::TimestampMs time_ms,
                             double value) override {
    return AppendSample(ref, labels,
                        {.time_ms = time_ms, .value = value, .histogram = nullptr, .start_ms = 0});
  }
  model::AppendResult AppendSample(model::SeriesRef, const model::Labels& labels,
                                   const model::Sample& sample) override {
    if (sample.histogram != nullptr) {
      ++skipped_histograms_;
      samples_.push_back({model::Labels(), 0, 0, {}});  // has a number, as all samples have
      return {samples_.size(), model::AppendOutcome::kOk};
    }
    auto [place, is_new] = numbers_.try_emplace(labels, samples_.size() + 1);
    if (is_new) samples_.push_back({labels, 0, 0, {}});
    PulledMetrics::Taken& taken = samples_[place->second - 1];
    if (is_new || sample.time_ms >= taken.time_ms) {
      taken.value = sample.value;
      taken.time_ms = sample.time_ms;
    }
    return {place->second, model::AppendOutcome::kOk};
  }
  model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                     const model::Exemplar&) override {
    return {ref, model::AppendOutcome::kOk};
  }
  model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels&,
                                     const model::MetricMetadata& metadata) override {
    samples_[ref - 1].metadata = metadata;
    return {ref, model::AppendOutcome::kOk};
  }
  core::Status Commit() override {
    owner_.Take(std::move(samples_), skipped_histograms_);
    return {};
  }
  void Rollback() override { samples_.clear(); }

 private:
  PulledMetrics& owner_;
  std::vector<PulledMetrics::Taken> samples_;
  absl::flat_hash_map<model::Labels, size_t> numbers_;  // by labels, from 1
  uint64_t skipped_histograms_ = 0;
};

std::unique_ptr<model::Appender> PulledMetrics::NewAppender() { return std::make_unique<PulledBatch>(*this); }

uint64_t PulledMetrics::skipped_histograms() const {
  std::lock_guard lock(mutex_);
  return skipped_histograms_;
}

void PulledMetrics::Take(std::vector<Taken> samples, uint64_t skipped_histograms) {
  int64_t now_ns = clock_.MonotonicNs();
  std::lock_guard lock(mutex_);
  skipped_histograms_ += skipped_histograms;
  for (Taken& sample : samples) {
    if (sample.labels.empty()) continue;
    Part part = PartOf(sample.labels.metric_name(), sample.metadata.type);
    model::LabelsBuilder line_labels(sample.labels);
    for (model::LabelView label : options_.const_labels) {
      if (line_labels.Get(label.name).empty()) line_labels.Set(label.name, label.value);
    }
    model::LabelsBuilder key_labels(line_labels.Build());
    key_labels.Delete(model::kMetricName);
    double bound = 0;
    if (!part.own_label.empty()) {
      bound = ParseNumber(sample.labels.Get(part.own_label));
      key_labels.Delete(part.own_label);
    }
    LineKey key(key_labels.Build(), part.rank, bound);
    Family& family = families_[part.family];
    if (model::IsStaleNan(sample.value)) {
      family.lines.erase(key);
      continue;
    }
    family.metadata = std::move(sample.metadata);
    family.lines[std::move(key)] = {line_labels.Build(), sample.value, sample.time_ms, now_ns};
  }
}

void PulledMetrics::RenderLine(const Line& line, bool has_timestamp, std::string& out) {
  out += line.labels.metric_name();
  bool is_first = true;
  for (model::LabelView label : line.labels) {
    if (label.name == model::kMetricName) continue;
    out += is_first ? '{' : ',';
    is_first = false;
    out += label.name;
    out += "=\"";
    AppendEscaped(label.value, true, out);
    out += '"';
  }
  if (!is_first) out += '}';
  out += ' ';
  out += model::FormatValue(line.value);
  if (has_timestamp) out += fmt::format(" {}", line.time_ms);
  out += '\n';
}

std::string PulledMetrics::RenderText() {
  constexpr int64_t kNsPerMs = 1'000'000;
  int64_t oldest_ns = clock_.MonotonicNs() - options_.expiration_ms * kNsPerMs;
  std::string out;
  std::lock_guard lock(mutex_);
  for (auto family = families_.begin(); family != families_.end();) {
    std::erase_if(family->second.lines, [&](const auto& item) { return item.second.updated_ns < oldest_ns; });
    if (family->second.lines.empty()) {
      family = families_.erase(family);
      continue;
    }
    const model::MetricMetadata& metadata = family->second.metadata;
    out += "# HELP " + family->first + " ";
    AppendEscaped(metadata.help, false, out);
    bool has_type = !metadata.type.empty() && metadata.type != "unknown";
    std::string_view type = has_type ? std::string_view(metadata.type) : "untyped";
    out += fmt::format("\n# TYPE {} {}\n", family->first, type);
    for (const auto& [key, line] : family->second.lines) RenderLine(line, options_.sends_timestamps, out);
    ++family;
  }
  return out;
}

}  // namespace sextant::pipeline
