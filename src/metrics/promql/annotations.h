// Warnings and infos of a query: Prometheus' texts, each once, with the place in the query that caused it.
//
//   Annotations annotations;
//   annotations.AddWarning("quantile value should be between 0 and 1, got 2", position);
//   std::vector<std::string> warnings = annotations.Render(AnnotationKind::kWarning, query_text);
//
// Owned by one query; not thread-safe. The number of distinct texts is bounded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "metrics/promql/ast.h"

namespace sextant::promql {

enum class AnnotationKind { kWarning, kInfo };

class Annotations {
 public:
  // Adds "PromQL warning: <text>" or "PromQL info: <text>". A text that is there already keeps its first
  // place.
  void AddWarning(std::string_view text, Position position) { Add(AnnotationKind::kWarning, text, position); }
  void AddInfo(std::string_view text, Position position) { Add(AnnotationKind::kInfo, text, position); }

  // Adds a warning of the store, which is shown as it is.
  void AddStorageWarning(std::string_view text);

  // histogram_quantile had to repair buckets that were not monotonic. Repeated calls for a metric widen one
  // annotation.
  void AddForcedMonotonicity(std::string_view metric_name, Position position, core::TimestampMs time_ms,
                             double min_bucket, double max_bucket, double max_difference);

  // Adds what another thread noted, as if it had been noted here from now on.
  void Absorb(Annotations other);

  // The texts of a kind in order of appearance. With the query's text, each is followed by its line and
  // column, " (1:5)"; without it, by nothing.
  std::vector<std::string> Render(AnnotationKind kind, std::string_view query_text) const;

 private:
  struct Entry {
    AnnotationKind kind = AnnotationKind::kInfo;
    std::string text;
    Position position;
    bool has_position = true;
    // Only of forced monotonicity; samples == 0 otherwise.
    int64_t samples = 0;
    core::TimestampMs first_ms = 0;
    core::TimestampMs last_ms = 0;
    double min_bucket = 0;
    double max_bucket = 0;
    double max_difference = 0;
  };

  Entry* Add(AnnotationKind kind, std::string_view text, Position position);

  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;
};

// " for metric name \"x\"", or nothing for an empty name: the ending that many annotations share.
std::string ForMetricName(std::string_view metric_name);

// At most `limit` (0: all) of the texts; what is left out is counted in one more: "3 more warning annotations
// omitted".
std::vector<std::string> LimitAnnotations(std::vector<std::string> texts, AnnotationKind kind, size_t limit);

// A number as Go's fmt prints it with %g: shortest digits, with an exponent below 1e-4 and from 1e6 on.
std::string FormatG(double value);

// "line:column" (from 1) of a byte of a text; "unknown position" when it lies outside.
std::string FormatPlace(std::string_view text, int position);

}  // namespace sextant::promql
