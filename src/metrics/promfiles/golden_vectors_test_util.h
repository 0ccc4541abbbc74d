// Reads the golden vectors of the conformance data (see its README): JSON with hex bytes, and samples whose
// floats are texts or bits.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <bit>
#include <cstdlib>
#include <memory>
#include <string>

#include "core/file.h"
#include "model/storage.h"

namespace sextant::promfiles::test {

inline std::string ConformancePath(std::string_view name) {
  const char* directory = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return core::JoinPath(directory != nullptr ? directory : SEXTANT_CONFORMANCE_DEFAULT,
                        std::string("prometheus/tsdb/").append(name));
}

// The parsed file, or null when the conformance data is absent.
class Json {
 public:
  explicit Json(std::string_view name) {
    core::PosixFileSystem fs;
    auto text = core::ReadFile(fs, ConformancePath(name), 64 << 20);
    if (text) root_ = parser_.parse(*text);
    present_ = text.has_value();
  }
  bool present() const { return present_; }
  simdjson::dom::element root() const { return root_; }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
  bool present_ = false;
};

inline std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

inline std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (char byte : bytes) hex += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return hex;
}

inline std::string Text(simdjson::dom::element element, const char* key) {
  return std::string(std::string_view(element[key]));
}

inline double FromBits(std::string_view hex) {
  return std::bit_cast<double>(static_cast<uint64_t>(std::stoull(std::string(hex), nullptr, 16)));
}

inline double Number(simdjson::dom::element element) {
  if (element.is_string()) return std::strtod(std::string(std::string_view(element)).c_str(), nullptr);
  return static_cast<double>(double(element));
}

inline std::vector<double> Numbers(simdjson::dom::element element) {
  std::vector<double> numbers;
  if (element.is_null()) return numbers;
  for (auto number : simdjson::dom::array(element)) numbers.push_back(Number(number));
  return numbers;
}

inline std::vector<model::BucketSpan> Spans(simdjson::dom::element element) {
  std::vector<model::BucketSpan> spans;
  if (element.is_null()) return spans;
  for (auto span : simdjson::dom::array(element)) {
    spans.push_back({.offset = static_cast<int32_t>(int64_t(span.at(0))),
                     .length = static_cast<uint32_t>(uint64_t(span.at(1)))});
  }
  return spans;
}

// The histogram of a sample, or null when it has none.
inline std::shared_ptr<model::FloatHistogram> HistogramOf(simdjson::dom::element sample) {
  simdjson::dom::element json;
  auto histogram = std::make_shared<model::FloatHistogram>();
  if (sample["histogram"].get(json) == simdjson::SUCCESS) {
    histogram->is_integer = true;
  } else if (sample["float_histogram"].get(json) != simdjson::SUCCESS) {
    return nullptr;
  }
  auto absolute = [&](const char* key) {
    std::vector<double> buckets = Numbers(json[key]);
    for (size_t i = 1; histogram->is_integer && i < buckets.size(); ++i) buckets[i] += buckets[i - 1];
    return buckets;
  };
  bool is_integer = histogram->is_integer;
  histogram->positive_buckets = absolute(is_integer ? "positive_bucket_deltas" : "positive_bucket_counts");
  histogram->negative_buckets = absolute(is_integer ? "negative_bucket_deltas" : "negative_bucket_counts");
  histogram->count = Number(json["count"]);
  histogram->zero_count = Number(json["zero_count"]);
  histogram->zero_threshold = Number(json["zero_threshold"]);
  histogram->sum = FromBits(Text(json, "sum_bits"));
  histogram->schema = static_cast<int32_t>(int64_t(json["schema"]));
  histogram->counter_reset_hint = static_cast<model::CounterResetHint>(uint64_t(json["counter_reset_hint"]));
  histogram->custom_bounds = Numbers(json["custom_values"]);
  histogram->positive_spans = Spans(json["positive_spans"]);
  histogram->negative_spans = Spans(json["negative_spans"]);
  return histogram;
}

// Appends one sample of the vectors.
inline void AddSample(simdjson::dom::element sample, model::SampleColumns& out) {
  int64_t time_ms = sample["t"];
  int64_t start_ms = sample["st"];
  if (auto histogram = HistogramOf(sample)) {
    out.AddHistogram(time_ms, std::move(histogram), start_ms);
  } else {
    out.Add(time_ms, FromBits(Text(sample, "v_bits")), start_ms);
  }
}

// A histogram as text in which every bit of it shows.
inline std::string Describe(const model::FloatHistogram& histogram) {
  std::string text =
      fmt::format("{} hint {} schema {} zero {}/{} count {} sum {:x}", histogram.is_integer ? "int" : "float",
                  static_cast<int>(histogram.counter_reset_hint), histogram.schema, histogram.zero_threshold,
                  histogram.zero_count, histogram.count, std::bit_cast<uint64_t>(histogram.sum));
  auto add_side = [&](const char* name, const std::vector<model::BucketSpan>& spans,
                      const std::vector<double>& buckets) {
    text.append(" ").append(name);
    for (const model::BucketSpan& span : spans) text += fmt::format(" {}+{}", span.offset, span.length);
    for (double bucket : buckets) text += fmt::format(" {}", bucket);
  };
  add_side("positive", histogram.positive_spans, histogram.positive_buckets);
  add_side("negative", histogram.negative_spans, histogram.negative_buckets);
  add_side("bounds", {}, histogram.custom_bounds);
  return text;
}

inline std::vector<std::string> Describe(const model::SampleColumns& samples) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < samples.size(); ++i) {
    const model::FloatHistogram* histogram =
        samples.histograms.empty() ? nullptr : samples.histograms[i].get();
    lines.push_back(fmt::format("{} since {}: {}", samples.times_ms[i],
                                samples.start_times_ms.empty() ? 0 : samples.start_times_ms[i],
                                histogram != nullptr
                                    ? Describe(*histogram)
                                    : fmt::format("{:x}", std::bit_cast<uint64_t>(samples.values[i]))));
  }
  return lines;
}

}  // namespace sextant::promfiles::test
