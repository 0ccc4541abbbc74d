// Turns classic histograms, which are a series for each bucket, into native ones with custom buckets, as
// another parser reads them (convert_classic_histograms_to_nhcb). The histogram comes behind the series that
// it is made of, which are left out unless they are to be kept; a group of series that is no histogram
// (counts that fall, bounds that are no numbers) is not converted.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/exposition/parser.h"

namespace sextant::exposition {

class CustomBucketsParser final : public Parser {
 public:
  CustomBucketsParser(std::unique_ptr<Parser> parser, const ParserOptions& options)
      : Parser(options), parser_(std::move(parser)), keeps_classic_(options.classic_histograms) {}

  EntryKind Next(const SeriesGuess& guess = {}) override;
  bool NextExemplar() override;
  std::string UnescapeHelp(std::string_view text) const override { return parser_->UnescapeHelp(text); }

 protected:
  Family CurrentFamily() const override { return shows_own_ ? shown_.family : family_; }

 private:
  struct OwnExemplar {
    std::string labels;
    double value = 0;
    core::TimestampMs timestamp_ms = 0;
  };
  // A classic histogram whose series are being read.
  struct Group {
    Family family;
    std::string series;  // as the histogram's bytes would stand in a body
    std::optional<core::TimestampMs> timestamp_ms;
    core::TimestampMs start_ms = 0;
    std::map<double, double> buckets;  // cumulative counts by upper bound
    std::optional<double> count;
    double sum = 0;
    bool is_broken = false;
    std::vector<OwnExemplar> exemplars;
  };
  // What the current sample is of a classic histogram.
  struct Part {
    enum class Kind { kNone, kBucket, kCount, kSum };
    Kind kind = Kind::kNone;
    double bound = 0;
    std::string series;  // of the histogram
  };

  Part ReadPart();
  void Add(const Part& part);
  bool Convert();
  void ShowOwn(const SeriesGuess& guess);
  EntryKind Pass(EntryKind kind, const SeriesGuess& guess);

  const std::unique_ptr<Parser> parser_;
  const bool keeps_classic_;
  std::string native_series_;  // of the last histogram that was native already
  std::optional<Group> group_;
  std::optional<EntryKind> pending_;  // of parser_, to be shown behind a histogram

  // The histogram that is shown.
  bool shows_own_ = false;
  Group shown_;
  model::FloatHistogram histogram_;
  size_t next_exemplar_ = 0;
  model::LabelsBuilder labels_;
};

}  // namespace sextant::exposition
