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
      samples_.push_back({model::Labels(), 0, 0, {}, {}});  // has a number, as all samples have
      return {samples_.size(), model::AppendOutcome::kOk};
    }
    auto [place, is_new] = numbers_.try_emplace(labels, samples_.size() + 1);
    if (is_new) samples_.push_back({labels, 0, 0, {}, {}});
    PulledMetrics::Taken& taken = samples_[place->second - 1];
    if (is_new || sample.time_ms >= taken.time_ms) {
      taken.value = sample.value;
      taken.time_ms = sample.time_ms;
    }
    return {place->second, model::AppendOutcome::kOk};
  }
  model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                     const model::Exemplar& exemplar) override {
    samples_[ref - 1].exemplar = exemplar;
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
    family.lines[std::move(key)] = {line_labels.Build(), sample.value, sample.time_ms, now_ns,
                                    std::move(sample.exemplar)};
  }
}

// Writes families in one format.
class PulledMetrics::Writer {
 public:
  Writer(const PulledFormat& format, bool sends_timestamps)
      : format_(format), sends_timestamps_(sends_timestamps) {}

  void BeginFamily(const std::string& name, const model::MetricMetadata& metadata) {
    is_counter_ = format_.is_open_metrics && metadata.type == "counter";
    std::string shown = Exposed(name);
    if (is_counter_ && shown.ends_with(kTotal)) shown.resize(shown.size() - kTotal.size());
    std::string written = model::IsClassicMetricName(shown) ? shown : Quoted(shown);
    out_ += "# HELP " + written + " ";
    AppendEscaped(metadata.help, format_.is_open_metrics, out_);
    bool has_type = !metadata.type.empty() && metadata.type != "unknown";
    std::string_view untyped = format_.is_open_metrics ? "unknown" : "untyped";
    out_ += fmt::format("\n# TYPE {} {}\n", written, has_type ? std::string_view(metadata.type) : untyped);
  }

  void AddLine(const Line& line) {
    std::string name = Exposed(line.labels.metric_name());
    // OpenMetrics knows counters by the suffix.
    if (is_counter_ && !name.ends_with(kTotal)) name += kTotal;
    std::string list = model::IsClassicMetricName(name) ? "" : Quoted(name);
    if (list.empty()) out_ += name;
    AppendLabels(line.labels, list);
    if (!list.empty()) out_ += '{' + list + '}';
    out_ += ' ';
    out_ += model::FormatValue(line.value);
    if (sends_timestamps_) out_ += ' ' + TimeText(line.time_ms);
    bool may_have_exemplar = is_counter_ || name.ends_with("_bucket");
    if (format_.is_open_metrics && line.exemplar && may_have_exemplar) AddExemplar(*line.exemplar);
    out_ += '\n';
  }

  std::string Finish() {
    if (format_.is_open_metrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  static constexpr std::string_view kTotal = "_total";

  static std::string Quoted(std::string_view text) {
    std::string out = "\"";
    AppendEscaped(text, true, out);
    return out += '"';
  }
  std::string Exposed(std::string_view name) const { return core::EscapeExposedName(name, format_.escaping); }

  void AppendLabels(const model::Labels& labels, std::string& list) const {
    for (model::LabelView label : labels) {
      if (label.name == model::kMetricName) continue;
      if (!list.empty()) list += ',';
      std::string name = Exposed(label.name);
      list += model::IsClassicLabelName(name) ? name : Quoted(name);
      list += '=';
      std::string value(label.value);
      // OpenMetrics writes bounds as floating-point numbers.
      bool is_bound = label.name == "le" || label.name == "quantile";
      bool is_whole = !value.empty() && value.find_first_not_of("-0123456789") == std::string::npos;
      if (format_.is_open_metrics && is_bound && is_whole) value += ".0";
      list += Quoted(value);
    }
  }

  std::string TimeText(core::TimestampMs time_ms) const {
    if (!format_.is_open_metrics) return fmt::format("{}", time_ms);
    return fmt::format("{}{}.{:03}", time_ms < 0 ? "-" : "", std::abs(time_ms) / 1'000,
                       std::abs(time_ms) % 1'000);
  }

  void AddExemplar(const model::Exemplar& exemplar) {
    std::string list;
    AppendLabels(exemplar.labels, list);
    out_ += fmt::format(" # {{{}}} {}", list, model::FormatValue(exemplar.value));
    if (exemplar.time_ms != 0) out_ += ' ' + TimeText(exemplar.time_ms);
  }

  const PulledFormat format_;
  const bool sends_timestamps_;
  bool is_counter_ = false;  // the family is one of OpenMetrics
  std::string out_;
};

std::string PulledMetrics::Render(const PulledFormat& format) {
  constexpr int64_t kNsPerMs = 1'000'000;
  int64_t oldest_ns = clock_.MonotonicNs() - options_.expiration_ms * kNsPerMs;
  Writer writer(format, options_.sends_timestamps);
  std::lock_guard lock(mutex_);
  for (auto family = families_.begin(); family != families_.end();) {
    std::erase_if(family->second.lines, [&](const auto& item) { return item.second.updated_ns < oldest_ns; });
    if (family->second.lines.empty()) {
      family = families_.erase(family);
      continue;
    }
    writer.BeginFamily(family->first, family->second.metadata);
    for (const auto& [key, line] : family->second.lines) writer.AddLine(line);
    ++family;
  }
  return writer.Finish();
}

}  // namespace sextant::pipeline
