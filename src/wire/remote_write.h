// Remote write: samples on their way from one server to another, as prometheus.WriteRequest (1.0) and
// io.prometheus.write.v2.Request (2.0, whose texts are numbers in a table of symbols). Both are read and
// written without intermediate objects.
//
// Reading holds little beside the message itself, however it is made: the texts of one series at a time, and
// 16 bytes for each symbol. All views are into the message.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/labels.h"
#include "model/storage.h"
#include "wire/native_histogram.h"

namespace sextant::wire {

enum class WriteVersion { kV1, kV2 };

// The names of the messages: "prometheus.WriteRequest", "io.prometheus.write.v2.Request".
std::string_view MessageName(WriteVersion version);

struct WriteSample {
  core::TimestampMs time_ms = 0;
  double value = 0;
  core::TimestampMs start_ms = 0;  // 0: not known
};

struct WriteExemplar {
  std::vector<model::LabelView> labels;  // as sent
  double value = 0;
  core::TimestampMs time_ms = 0;
};

struct WriteMetadata {
  std::string_view type;  // as in model::MetricMetadata
  std::string_view help;
  std::string_view unit;
};

// 128 bits that tell the labels of one series, as sent, from those of others, unless someone knows the seed.
struct LabelsFingerprint {
  uint64_t low = 0;
  uint64_t high = 0;
  friend bool operator==(const LabelsFingerprint&, const LabelsFingerprint&) = default;
};

// The labels of the series at hand, read only when they are asked for. Valid until the next series or the
// end.
class WriteLabels {
 public:
  virtual ~WriteLabels() = default;
  // Zeros when the labels are malformed.
  virtual LabelsFingerprint Fingerprint(uint64_t seed) const = 0;
  // Replaces `out`. The order and repetitions are the sender's. kInvalidArgument when they are malformed.
  virtual core::Status Read(std::vector<model::LabelView>& out) const = 0;
  // Replaces `out` by what 2.0 says of the series' metric; no type when nothing is said.
  virtual core::Status ReadMetadata(WriteMetadata& out) const = 0;
};

// Takes what a request holds. An error ends the reading, which returns it.
class WriteSink {
 public:
  virtual ~WriteSink() = default;

  // A series; `labels` stay valid until the next one. What belongs to it follows: samples, histograms,
  // exemplars, metadata, in this order.
  virtual core::Status OnSeries(const WriteLabels& labels) = 0;
  virtual core::Status OnSample(const WriteSample& sample) = 0;
  virtual core::Status OnHistogram(const TimedHistogram& histogram) = 0;
  virtual core::Status OnExemplar(const WriteExemplar& exemplar) = 0;
  virtual core::Status OnSeriesMetadata(const WriteMetadata& metadata) = 0;
  // Metadata that a request of 1.0 gives of a metric family.
  virtual core::Status OnFamilyMetadata(std::string_view family, const WriteMetadata& metadata) = 0;
};

// Reads a request. kInvalidArgument when the bytes are no such message; what came before has then been handed
// over.
core::Status ReadWriteRequest(WriteVersion version, std::string_view bytes, WriteSink& sink);

// A series may not have more labels than this, which no store takes.
inline constexpr size_t kMaxWriteLabels = 10'000;
// Most symbols of a request of 2.0.
inline constexpr size_t kMaxWriteSymbols = 4'000'000;

// Makes requests.
//
//   WriteRequestBuilder request(WriteVersion::kV2);
//   request.BeginSeries(labels);
//   request.AddSample({time_ms, value});
//   request.EndSeries(&metadata);
//   std::string bytes = request.Finish();      // and the next one may begin
class WriteRequestBuilder {
 public:
  explicit WriteRequestBuilder(WriteVersion version) : version_(version) { Reset(); }

  WriteVersion version() const { return version_; }

  void BeginSeries(const model::Labels& labels);
  void AddSample(const WriteSample& sample);
  void AddHistogram(const model::FloatHistogram& histogram, core::TimestampMs time_ms,
                    core::TimestampMs start_ms);
  void AddExemplar(const model::Exemplar& exemplar);
  // `metadata` is sent with 2.0 only; null: nothing is known.
  void EndSeries(const model::MetricMetadata* metadata);
  // Metadata of a family, with 1.0.
  void AddFamilyMetadata(std::string_view family, const model::MetricMetadata& metadata);

  // The request so far, which begins anew.
  std::string Finish();

 private:
  void Reset();
  uint32_t Symbol(std::string_view text);
  void PutLabels(const model::Labels& labels, uint32_t field, std::string& out);

  const WriteVersion version_;
  std::string body_;
  std::string series_;
  std::string symbols_;  // as fields
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> symbol_ids_;
};

// The number of a metric type in both messages, and back; "unknown" is 0.
uint32_t MetricTypeNumber(std::string_view type);
std::string_view MetricTypeText(uint64_t number);

}  // namespace sextant::wire
