// Reads what targets expose: a body of samples with their metadata, entry by entry, without copying and
// without an allocation per sample.
//
//   SEXTANT_ASSIGN(auto parser, NewParser(content_type, body, std::nullopt));
//   for (EntryKind kind = parser->Next(); kind != EntryKind::kEnd; kind = parser->Next()) {
//     if (kind == EntryKind::kError) return parser->error();
//     if (kind != EntryKind::kSample) continue;
//     const Entry& entry = parser->entry();
//     Series* series = cache.Find(entry.series);            // the bytes of name and labels are the key
//     if (series == nullptr) {
//       SEXTANT_TRY(parser->ReadLabels(builder));           // only when the key is new
//       ...
//     }
//     series->Append(entry.timestamp_ms.value_or(now_ms), entry.value);
//   }
//
// What is accepted and how errors are worded follows Prometheus' own parsers (model/textparse), except that
// errors quote at most a few hundred bytes of the body and blanks before a metric's name do not become part
// of it.
//
// A parser views the body, which must outlive it; so do all views it hands out, until the next call of Next.
// One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "metrics/exposition/family.h"
#include "metrics/exposition/format.h"
#include "metrics/exposition/series_guess.h"
#include "model/histogram.h"
#include "model/labels.h"

namespace sextant::exposition {

enum class EntryKind : uint8_t {
  kSample,   // series, value, timestamp_ms
  kHelp,     // name, text
  kType,     // name, type
  kUnit,     // name, text
  kComment,  // text
  kEnd,      // nothing more
  kError,    // see error(); nothing more
};

// One example of what a sample counts (OpenMetrics).
struct Exemplar {
  std::string_view labels;  // the bytes between the braces
  double value = 0;
  std::optional<core::TimestampMs> timestamp_ms;
};

// The current entry; which fields are set depends on its kind.
struct Entry {
  std::string_view series;  // exactly the bytes of the metric's name and labels
  double value = 0;         // NaN is always the normal NaN
  std::optional<core::TimestampMs> timestamp_ms;
  // Whether `series` is what Next was told to expect.
  bool is_expected = false;
  std::optional<Exemplar> exemplar;
  const model::FloatHistogram* histogram = nullptr;  // a native one, which replaces the value
  core::TimestampMs start_ms = 0;                    // since when it counts; 0: not known

  std::string_view name;  // of the metric family, without quotes
  std::string_view
      text;  // help as it stands in the body (see Parser::HelpText), unit, or comment with its `#`
  MetricType type = MetricType::kUnknown;
};

// What is wanted.
struct ParserOptions {
  bool native_histograms = false;   // those that have a native form (in protobuf) in that form
  bool classic_histograms = false;  // also in the classic form, when they are there in another one
  bool custom_buckets = false;      // classic ones as native ones with custom buckets
  // OpenMetrics: `_created` samples of counters, histograms and summaries are the other samples' start_ms,
  // and no samples themselves.
  bool created_times = false;
  // Samples have the labels __type__ and __unit__, as far as both are known, in place of any of their own.
  bool type_and_unit_labels = false;
};

class Parser {
 public:
  virtual ~Parser() = default;
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Goes to the next entry. `guess` is what the caller believes the next sample's series is (the one that
  // followed in the previous body): when it is right, the labels are compared instead of parsed. A wrong
  // guess changes nothing but speed. The guess must be of the `series` of an entry that a parser of this
  // format has given.
  virtual EntryKind Next(const SeriesGuess& guess = {}) = 0;

  // What is not read yet, from the start of a line on, when this parser can skip whole lines; else empty.
  virtual std::string_view Unread() const { return {}; }
  // Goes on behind the first `bytes` bytes of Unread(), which are the comments between two samples.
  virtual void Skip(size_t bytes) { static_cast<void>(bytes); }

  const Entry& entry() const { return entry_; }
  // What was wrong, after kError: kInvalidArgument with Prometheus' text.
  const core::Error& error() const { return error_; }

  // Replaces the content of `labels` by the labels of the current sample. kInvalidArgument for a repeated
  // label name, a name that is empty or not UTF-8, or no metric name.
  core::Status ReadLabels(model::LabelsBuilder& labels) const;

  // Goes to the next exemplar of the current sample, of which a native histogram may have several; false, and
  // no exemplar, when there is none.
  virtual bool NextExemplar() {
    entry_.exemplar = std::nullopt;
    return false;
  }

  // The same for the labels of the current sample's exemplar, which need no metric name; no labels without an
  // exemplar.
  core::Status ReadExemplarLabels(model::LabelsBuilder& labels) const;

  // A help text of this format, as it stands in the body, with its escapes resolved.
  virtual std::string UnescapeHelp(std::string_view text) const = 0;
  // The help of the current kHelp entry with its escapes resolved.
  std::string HelpText() const { return UnescapeHelp(entry_.text); }

 protected:
  explicit Parser(const ParserOptions& options) : adds_type_and_unit_labels_(options.type_and_unit_labels) {}

  // The family of the current sample, as the comments before it say.
  virtual Family CurrentFamily() const { return family_; }
  // Takes over what the current entry, a comment, says.
  void NoteFamily(EntryKind kind) {
    if (entry_.name != family_.name) family_ = {entry_.name, MetricType::kUnknown, {}};
    if (kind == EntryKind::kType) family_.type = entry_.type;
    if (kind == EntryKind::kUnit) family_.unit = entry_.text;
  }

  EntryKind Fail(std::string message) {
    error_ = core::Error(core::Code::kInvalidArgument, std::move(message));
    return EntryKind::kError;
  }

  Entry entry_;
  // What has been read of the comments.
  Family family_;

 private:
  const bool adds_type_and_unit_labels_;
  core::Error error_{core::Code::kInternal, "no error"};
};

// A parser for a body of this format.
std::unique_ptr<Parser> NewParser(Format format, std::string_view body, ParserOptions options = {});

// The same by a Content-Type header. An empty, malformed or unknown header falls back to `fallback`; without
// one it is kInvalidArgument with Prometheus' text.
core::Result<std::unique_ptr<Parser>> NewParser(std::string_view content_type, std::string_view body,
                                                std::optional<Format> fallback, ParserOptions options = {});

// Replaces the content of `labels` by the labels that the bytes of a series mean (`name{a="b"}`, `{"name",
// a="b"}`). `type` is the metric's, since `le` and `quantile` of histograms and summaries are written in one
// way only ("1.0"). The bytes must be the `series` of an entry. Errors as for Parser::ReadLabels.
core::Status ParseSeries(std::string_view series, MetricType type, model::LabelsBuilder& labels);

}  // namespace sextant::exposition
