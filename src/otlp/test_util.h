// Shared by this module's tests.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/storage.h"

namespace sextant::otlp {

// A table of the conformance data; nothing when the data is not there.
inline std::optional<simdjson::dom::element> LoadTable(simdjson::dom::parser& parser,
                                                       const std::string& name) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path = (set != nullptr ? set : SEXTANT_CONFORMANCE_DEFAULT) + std::string("/otel/") + name;
  simdjson::dom::element table;
  if (parser.load(path).get(table) != simdjson::SUCCESS) return std::nullopt;
  return table;
}

inline std::string TextOf(simdjson::dom::element element, std::string_view key) {
  std::string_view text;
  return element[key].get(text) == simdjson::SUCCESS ? std::string(text) : "";
}
inline bool BoolOf(simdjson::dom::element element, std::string_view key) {
  bool value = false;
  return element[key].get(value) == simdjson::SUCCESS && value;
}
inline int64_t IntOf(simdjson::dom::element element, std::string_view key) {
  int64_t value = 0;
  return element[key].get(value) == simdjson::SUCCESS ? value : 0;
}

// Notes what is appended, a line for each: `{labels} value@time^start`.
class NotingAppender final : public model::Appender {
 public:
  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, core::TimestampMs time_ms,
                             double value) override {
    return AppendSample(ref, labels,
                        {.time_ms = time_ms, .value = value, .histogram = nullptr, .start_ms = 0});
  }
  model::AppendResult AppendSample(model::SeriesRef, const model::Labels& labels,
                                   const model::Sample& sample) override {
    auto [place, is_new] = refs.try_emplace(labels.ToString(), refs.size() + 1);
    if (outcome != model::AppendOutcome::kOk) return {0, outcome};
    std::string line = labels.ToMetricString();
    if (sample.histogram != nullptr) {
      histograms.push_back(*sample.histogram);
      line += fmt::format(" h{}", sample.histogram->count);
    } else {
      line += fmt::format(" {}", sample.value);
    }
    line += fmt::format("@{}", sample.time_ms);
    if (sample.start_ms != 0) line += fmt::format("^{}", sample.start_ms);
    text += line + "\n";
    labels_of.push_back(labels);
    return {place->second, model::AppendOutcome::kOk};
  }
  model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels& labels,
                                     const model::Exemplar& exemplar) override {
    text += fmt::format("  {} #{} {}@{}\n", labels.Get("le"), exemplar.labels.ToString(), exemplar.value,
                        exemplar.time_ms);
    return {ref, model::AppendOutcome::kOk};
  }
  model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels& labels,
                                     const model::MetricMetadata& metadata) override {
    metadata_text +=
        fmt::format("{} {} '{}' '{}'\n", labels.metric_name(), metadata.type, metadata.help, metadata.unit);
    return {ref, model::AppendOutcome::kOk};
  }
  core::Status Commit() override { return {}; }
  void Rollback() override {}

  std::map<std::string, model::SeriesRef> refs;
  std::vector<model::Labels> labels_of;
  std::vector<model::FloatHistogram> histograms;
  std::string text;
  std::string metadata_text;
  model::AppendOutcome outcome = model::AppendOutcome::kOk;
};

}  // namespace sextant::otlp
