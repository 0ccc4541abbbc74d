// Writes metrics in Prometheus' text format.
//
//   TextWriter out;
//   out.BeginFamily("disk_reads_total", "Reads done.", MetricType::kCounter);
//   out.AddSample(labels, 12, std::nullopt);      // labels with __name__
//   std::string body = std::move(out).Finish();
//
// Names that are not classic are quoted (`{"my.name", a="b"}`), which readers of version 1.0.0 understand.
// One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "metrics/exposition/parser.h"
#include "model/labels.h"

namespace sextant::exposition {

class TextWriter {
 public:
  // Starts a family: its HELP line, unless `help` is empty, and its TYPE line. Types that the format does not
  // know are written as "untyped".
  void BeginFamily(std::string_view name, std::string_view help, MetricType type);

  // A sample of the labels, which hold the metric's name under __name__.
  void AddSample(const model::Labels& labels, double value, std::optional<core::TimestampMs> timestamp_ms);

  std::string Finish() && { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace sextant::exposition
