// The protobuf exposition format: a body of io.prometheus.client.MetricFamily messages, each with its size in
// front. Read one metric at a time; all views are into the body.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/histogram.h"
#include "model/labels.h"

namespace sextant::wire {

enum class FamilyType : uint8_t {
  kCounter = 0,
  kGauge = 1,
  kSummary = 2,
  kUntyped = 3,
  kHistogram = 4,
  kGaugeHistogram = 5,
};

struct FamilyHead {
  std::string_view name;
  std::string_view help;
  std::string_view unit;
  FamilyType type = FamilyType::kCounter;
};

struct FamilyExemplar {
  std::vector<model::LabelView> labels;
  double value = 0;
  std::optional<core::TimestampMs> time_ms;
};

// A metric of a family. What does not belong to the family's type is empty.
struct FamilyMetric {
  struct Bucket {
    double upper_bound = 0;
    double cumulative_count = 0;
    std::string_view exemplar;  // to be read with ReadFamilyExemplar; empty: none
  };
  struct Quantile {
    double quantile = 0;
    double value = 0;
  };

  std::vector<model::LabelView> labels;
  core::TimestampMs time_ms = 0;     // 0: none
  core::TimestampMs created_ms = 0;  // 0: not known
  double value = 0;
  std::string_view exemplar;  // of a counter
  double count = 0;
  double sum = 0;
  std::vector<Quantile> quantiles;
  std::vector<Bucket> buckets;
  // Whether there is a native histogram, and its exemplars.
  bool is_native = false;
  model::FloatHistogram histogram;
  std::vector<std::string_view> exemplars;
};

// Reads a body: Next goes to the next metric and says whether it begins a family. Families without metrics
// are passed over. One thread.
class FamilyReader {
 public:
  // The body must outlive the reader.
  explicit FamilyReader(std::string_view body);
  ~FamilyReader();

  enum class Step { kFamily, kMetric, kEnd };
  // Errors are kInvalidArgument; nothing can be read after one.
  core::Result<Step> Next();

  const FamilyHead& family() const { return head_; }
  const FamilyMetric& metric() const { return metric_; }

 private:
  core::Status ReadHead();
  bool NextMetric(std::string_view& metric);

  std::string_view rest_;    // of the body
  std::string_view family_;  // of the current family, behind the last metric
  FamilyHead head_;
  FamilyMetric metric_;
};

core::Status ReadFamilyExemplar(std::string_view bytes, FamilyExemplar& out);

// Buckets, quantiles, exemplars and labels of one metric, of each kind.
inline constexpr size_t kMaxFamilyParts = 100'000;

}  // namespace sextant::wire
