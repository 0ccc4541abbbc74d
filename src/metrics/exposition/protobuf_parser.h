// The parser of the protobuf exposition format (delimited MetricFamily messages), which brings native
// histograms. It shows what it reads as the text format would: a series' bytes are made as they would stand
// there, so that whoever follows series by their bytes need not know the difference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "metrics/exposition/parser.h"
#include "wire/metric_family.h"

namespace sextant::exposition {

class ProtobufParser final : public Parser {
 public:
  ProtobufParser(std::string_view body, ParserOptions options);

  EntryKind Next(const SeriesGuess& guess = {}) override;
  bool NextExemplar() override;
  std::string UnescapeHelp(std::string_view text) const override { return std::string(text); }

 private:
  // What of a family or metric comes next.
  enum class Stage { kNextMetric, kHelp, kUnit, kType, kMetric };

  EntryKind BeginMetric();
  core::Status CheckFamily();
  bool NextPart(const SeriesGuess& guess);
  bool IsNative() const;
  size_t ClassicParts() const;
  void ShowNative();
  void ShowSummaryPart(size_t part);
  void ShowHistogramPart(size_t part);
  // Makes the series' bytes: the family's name with a suffix, the metric's labels, and one more.
  void ShowSeries(std::string_view suffix, double value, std::string_view bound_label = {}, double bound = 0);
  bool ShowExemplar(std::string_view bytes, bool needs_time);

  const ParserOptions options_;
  wire::FamilyReader reader_;
  Stage stage_ = Stage::kNextMetric;
  size_t part_ = 0;  // of the metric, that comes next
  // A histogram of many buckets has its labels once and its series' bytes have them each: what all may be
  // together.
  const uint64_t max_series_bytes_;
  uint64_t series_bytes_ = 0;
  std::string series_;
  std::string_view exemplar_;  // of the current sample, when it is no native histogram
  size_t next_exemplar_ = 0;   // of a native histogram's exemplars, or else its buckets
  bool is_exemplar_shown_ = false;
  wire::FamilyExemplar exemplar_fields_;
  std::string exemplar_labels_;
};

}  // namespace sextant::exposition
