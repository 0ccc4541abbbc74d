#include "metrics/promql/promqltest.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "core/duration.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/printer.h"
#include "metrics/promql/promqltest_storage.h"
#include "metrics/promql/token_stream.h"

namespace sextant::promql {

namespace {

using model::FloatHistogram;

constexpr size_t kMaxLoadedValues = 5'000'000;
// Samples may differ by this much, relatively.
constexpr double kEpsilon = 0.000001;

core::Error ScriptError(size_t line, std::string_view message) {
  return core::Error(core::Code::kInvalidArgument, fmt::format("line {}: {}", line + 1, message));
}

// --- Reading scripts ---

// What an `expect` line asks of a message.
struct MessageMatch {
  std::optional<std::string> text;             // the whole message
  std::shared_ptr<const RE2> regex = nullptr;  // found anywhere in it; neither: any message

  bool Matches(const std::string& message) const {
    if (text) return *text == message;
    return !regex || RE2::PartialMatch(message, *regex);
  }
  std::string Describe() const { return text ? *text : regex ? regex->pattern() : std::string("anything"); }
};

struct EvalCommand {
  std::string expr;
  int line = 0;
  bool is_range = false;
  core::TimestampMs start_ms = 0;
  core::TimestampMs end_ms = 0;
  core::DurationMs step_ms = 0;
  core::TimestampMs eval_ms = 0;  // of an instant query

  bool fail = false;
  bool ordered = false;
  bool warn = false;  // at least one warning
  bool info = false;
  bool no_warn = false;
  bool no_info = false;
  std::optional<MessageMatch> failure;
  std::vector<MessageMatch> warnings;
  std::vector<MessageMatch> infos;

  bool expect_scalar = false;
  double scalar = 0;
  std::string string;
  struct Entry {
    int position = 0;  // from 1, in the script's order
    std::vector<SequenceValue> values;
  };
  std::map<model::Labels, Entry> expected;
  bool not_as_range = false;  // the result cannot be had from a range query
};

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Cuts the first word off.
std::string_view TakeWord(std::string_view& text) {
  text = Trim(text);
  size_t end = std::min(text.find_first_of(" \t"), text.size());
  std::string_view word = text.substr(0, end);
  text = Trim(text.substr(end));
  return word;
}

std::vector<std::string_view> SplitLines(std::string_view script) {
  std::vector<std::string_view> lines;
  while (!script.empty()) {
    size_t end = std::min(script.find('\n'), script.size());
    std::string_view line = Trim(script.substr(0, end));
    lines.push_back(line.starts_with('#') ? std::string_view() : line);
    script.remove_prefix(std::min(end + 1, script.size()));
  }
  return lines;
}

core::Result<core::DurationMs> ParseTime(std::string_view text) {
  return core::ParseDuration(text).map_error(core::AddContext("invalid time {}", model::QuoteGo(text)));
}

std::optional<double> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

core::Result<SeriesDescription> ParseSeries(std::string_view line, size_t number) {
  ParseResult<SeriesDescription> series = ParseSeriesDescription(line);
  if (!series) return tl::unexpected(ScriptError(number, series.error().Message()));
  return *std::move(series);
}

// `expect warn msg: text`, the word `expect` left out.
core::Status ParseExpectation(std::string_view text, EvalCommand& command) {
  std::string_view type = TakeWord(text);
  MessageMatch match;
  if (text.starts_with("msg:")) {
    match.text = Trim(text.substr(4));
  } else if (text.starts_with("regex:")) {
    match.regex = std::make_shared<RE2>(Trim(text.substr(6)), RE2::Quiet);
    if (!match.regex->ok()) {
      return core::Fail(core::Code::kInvalidArgument, "invalid regex {}: {}", match.regex->pattern(),
                        match.regex->error());
    }
  } else if (!text.empty()) {
    return core::Fail(core::Code::kInvalidArgument, "expected `msg:` or `regex:`, got {}",
                      model::QuoteGo(text));
  }
  if (type == "ordered") {
    command.ordered = true;
  } else if (type == "fail") {
    if (command.failure) {
      return core::Fail(core::Code::kInvalidArgument, "multiple expect fail lines are not allowed");
    }
    command.fail = true;
    command.failure = std::move(match);
  } else if (type == "warn") {
    command.warnings.push_back(std::move(match));
  } else if (type == "info") {
    command.infos.push_back(std::move(match));
  } else if (type == "no_warn") {
    command.no_warn = true;
  } else if (type == "no_info") {
    command.no_info = true;
  } else {
    return core::Fail(core::Code::kInvalidArgument, "unknown expectation {}", model::QuoteGo(type));
  }
  bool contradicts =
      (command.no_warn && !command.warnings.empty()) || (command.no_info && !command.infos.empty());
  if (contradicts) {
    return core::Fail(core::Code::kInvalidArgument, "a kind of annotation is both expected and excluded");
  }
  return {};
}

// `from 10s to 1m step 10s` and what follows, into the command.
core::Status ParseRangeOf(std::string_view& text, EvalCommand& command) {
  for (auto [keyword, target] : {std::pair("from", &command.start_ms), std::pair("to", &command.end_ms),
                                 std::pair("step", &command.step_ms)}) {
    if (TakeWord(text) != keyword) return core::Fail(core::Code::kInvalidArgument, "expected `{}`", keyword);
    SEXTANT_ASSIGN(*target, ParseTime(TakeWord(text)));
  }
  if (command.end_ms < command.start_ms) {
    return core::Fail(core::Code::kInvalidArgument, "the end is before the start");
  }
  return {};
}

core::Result<EvalCommand> ParseEvalLine(std::string_view line, size_t number) {
  EvalCommand command;
  command.line = static_cast<int>(number) + 1;
  std::string_view verb = TakeWord(line);
  std::string_view mode = verb.substr(4);
  command.fail = mode == "_fail";
  command.ordered = mode == "_ordered";
  command.warn = mode == "_warn";
  command.info = mode == "_info";
  if (!mode.empty() && !command.fail && !command.ordered && !command.warn && !command.info) {
    return core::Fail(core::Code::kInvalidArgument, "unknown command {}", model::QuoteGo(verb));
  }
  std::string_view kind = TakeWord(line);
  if (kind == "instant") {
    if (TakeWord(line) != "at") return core::Fail(core::Code::kInvalidArgument, "expected `at`");
    SEXTANT_ASSIGN(command.eval_ms, ParseTime(TakeWord(line)));
    command.start_ms = command.end_ms = command.eval_ms;
  } else if (kind == "range") {
    command.is_range = true;
    SEXTANT_TRY(ParseRangeOf(line, command));
  } else {
    return core::Fail(core::Code::kInvalidArgument, "expected `instant` or `range`, got {}",
                      model::QuoteGo(kind));
  }
  if (line.empty()) return core::Fail(core::Code::kInvalidArgument, "an expression is missing");
  command.expr = line;
  return command;
}

// An eval command and the lines below it; `number` becomes that of its last line.
core::Result<EvalCommand> ParseEval(const std::vector<std::string_view>& lines, size_t& number) {
  core::Result<EvalCommand> parsed = ParseEvalLine(lines[number], number);
  if (!parsed) return tl::unexpected(ScriptError(number, parsed.error().message()));
  EvalCommand command = *std::move(parsed);
  int position = 1;
  bool is_range_vector = false;
  while (number + 1 < lines.size() && !lines[number + 1].empty()) {
    std::string_view line = lines[++number];
    core::Status status;
    std::string_view rest = line;
    std::string_view first = TakeWord(rest);
    if (command.fail && (first == "expected_fail_message" || first == "expected_fail_regexp")) {
      std::string expectation =
          fmt::format("fail {}:{}", first == "expected_fail_message" ? "msg" : "regex", rest);
      status = ParseExpectation(expectation, command);
    } else if (line.starts_with("expect range vector")) {
      rest.remove_prefix(std::string_view("range vector").size());
      status = ParseRangeOf(rest, command);
      command.eval_ms = command.end_ms;
      command.not_as_range = is_range_vector = true;
    } else if (line.starts_with("expect string")) {
      rest.remove_prefix(std::string_view("string").size());
      core::Result<std::string> text = UnquoteString(Trim(rest));
      if (!text) return tl::unexpected(ScriptError(number, "expected a quoted string"));
      command.string = *std::move(text);
      command.not_as_range = true;
    } else if (first == "expect") {
      status = ParseExpectation(rest, command);
    } else if (std::optional<double> scalar = ParseNumber(line)) {
      command.expect_scalar = true;
      command.scalar = *scalar;
      break;
    } else {
      SEXTANT_ASSIGN(SeriesDescription series, ParseSeries(line, number));
      if (series.values.size() > 1 && !command.is_range && !is_range_vector) {
        return tl::unexpected(ScriptError(number, "an instant query has one value only"));
      }
      command.expected[series.labels] = {position++, std::move(series.values)};
    }
    if (!status) return tl::unexpected(ScriptError(number, status.error().message()));
  }
  return command;
}

// --- Loading ---

// Collects the classic histogram series of a load command, to be converted into histograms with custom
// buckets.
class ClassicHistograms {
 public:
  void Add(const model::Labels& labels, const std::vector<PromqltestStorage::Sample>& samples) {
    std::string_view name = labels.metric_name();
    for (std::string_view suffix : {"_bucket", "_count", "_sum"}) {
      if (!name.ends_with(suffix)) continue;
      std::optional<double> bound;
      if (suffix == "_bucket") {
        bound = ParseNumber(labels.Get("le"));
        if (!bound || std::isnan(*bound)) return;
      }
      model::LabelsBuilder base(labels);
      base.Set(model::kMetricName, name.substr(0, name.size() - suffix.size()));
      base.Delete("le");
      std::map<core::TimestampMs, Classic>& histograms = series_[base.Build()];
      for (const PromqltestStorage::Sample& sample : samples) {
        if (sample.histogram) continue;
        Classic& classic = histograms[sample.time_ms];
        if (suffix == "_bucket") {
          classic.buckets[*bound] = sample.value;
        } else if (suffix == "_count") {
          classic.count = sample.value;
        } else {
          classic.sum = sample.value;
        }
      }
      return;
    }
  }

  core::Status Store(PromqltestStorage& storage) const {
    for (const auto& [labels, histograms] : series_) {
      std::vector<PromqltestStorage::Sample> samples;
      for (const auto& [time_ms, classic] : histograms) {
        SEXTANT_ASSIGN(FloatHistogram histogram, Convert(classic));
        samples.push_back({time_ms, 0, std::make_shared<const FloatHistogram>(std::move(histogram))});
      }
      storage.Add(labels, samples);
    }
    return {};
  }

 private:
  struct Classic {
    std::map<double, double> buckets;  // cumulative counts by upper bound
    std::optional<double> count;
    double sum = 0;
  };

  static core::Result<FloatHistogram> Convert(const Classic& classic) {
    FloatHistogram histogram;
    histogram.schema = model::kCustomBucketsSchema;
    histogram.sum = classic.sum;
    std::map<double, double> buckets = classic.buckets;
    double highest = buckets.empty() ? 0 : buckets.rbegin()->second;
    histogram.count = classic.count.value_or(highest);
    buckets.emplace(std::numeric_limits<double>::infinity(), histogram.count);
    double before = 0;
    int32_t empty = 0;
    for (auto [bound, cumulative] : buckets) {
      if (cumulative < before)
        return core::Fail(core::Code::kInvalidArgument, "counts of buckets are not cumulative");
      if (std::isfinite(bound)) histogram.custom_bounds.push_back(bound);
      if (cumulative == before) {
        ++empty;
      } else {
        if (empty > 0 || histogram.positive_spans.empty()) histogram.positive_spans.push_back({empty, 0});
        ++histogram.positive_spans.back().length;
        histogram.positive_buckets.push_back(cumulative - before);
        empty = 0;
      }
      before = cumulative;
    }
    return histogram;
  }

  std::map<model::Labels, std::map<core::TimestampMs, Classic>> series_;
};

using LoadedSeries = std::map<model::Labels, std::vector<PromqltestStorage::Sample>>;
// For each sample of a series, how far from it its start timestamp is; nothing: not known.
using StartOffsets = std::vector<std::optional<core::DurationMs>>;

// Where the `@st` of a line `name{a="b"}@st -30s-1mx2` begins, which describes start timestamps; npos: it has
// none.
size_t FindStartMark(std::string_view line) {
  bool in_quotes = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && (i == 0 || line[i - 1] != '\\')) in_quotes = !in_quotes;
    if (in_quotes || !line.substr(i).starts_with("@st")) continue;
    std::string_view rest = line.substr(i + 3);
    return rest.empty() || rest[0] == ' ' || rest[0] == '\t' ? i : std::string_view::npos;
  }
  return std::string_view::npos;
}

// A duration with an optional sign, cut off the front; `0` needs no unit.
core::Result<core::DurationMs> TakeOffset(std::string_view& text) {
  bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  size_t end = std::min(text.find_first_of("x+-"), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  SEXTANT_ASSIGN(core::DurationMs offset, word == "0" ? core::Result<core::DurationMs>(0) : ParseTime(word));
  return is_negative ? -offset : offset;
}

// `_`, `_x3`, `-30s`, `-30sx3` or `-30s-1mx2`, appended to what came before.
core::Status AddOffsets(std::string_view item, StartOffsets& offsets) {
  constexpr size_t kMaxOffsets = 1'000'000;
  std::optional<core::DurationMs> offset;
  core::DurationMs increment = 0;
  bool has_increment = false;
  if (item.starts_with('_')) {
    item.remove_prefix(1);
  } else {
    SEXTANT_ASSIGN(offset, TakeOffset(item));
    has_increment = item.starts_with('+') || item.starts_with('-');
    if (has_increment) {
      SEXTANT_ASSIGN(increment, TakeOffset(item));
    }
  }
  size_t count = offset ? 1 : 0;
  size_t times = offset ? 0 : 1;
  if (item.starts_with('x')) {
    auto [end, error] = std::from_chars(item.data() + 1, item.data() + item.size(), times);
    if (error != std::errc()) end = item.data();
    item.remove_prefix(static_cast<size_t>(end - item.data()));
  } else if (has_increment) {
    return core::Fail(core::Code::kInvalidArgument, "an increment needs a repetition");
  }
  if (!item.empty()) return core::Fail(core::Code::kInvalidArgument, "unexpected {}", model::QuoteGo(item));
  if (times > kMaxOffsets) return core::Fail(core::Code::kInvalidArgument, "too many values");
  for (count += times; count > 0; --count) {
    offsets.push_back(offset);
    if (offset) *offset += increment;
  }
  return {};
}

core::Result<StartOffsets> ParseOffsets(std::string_view text) {
  StartOffsets offsets;
  while (!text.empty()) SEXTANT_TRY(AddOffsets(TakeWord(text), offsets));
  return offsets;
}

void SetStarts(const std::map<model::Labels, StartOffsets>& starts, core::DurationMs step,
               LoadedSeries& loaded) {
  for (const auto& [labels, offsets] : starts) {
    auto series = loaded.find(labels);
    if (series == loaded.end()) continue;
    for (PromqltestStorage::Sample& sample : series->second) {
      auto i = static_cast<size_t>(step > 0 ? sample.time_ms / step : 0);
      if (i < offsets.size() && offsets[i]) sample.start_ms = sample.time_ms + *offsets[i];
    }
  }
}

// Runs a load command; `number` becomes that of its last line.
core::Status Load(const std::vector<std::string_view>& lines, size_t& number, PromqltestStorage& storage) {
  std::string_view text = lines[number];
  std::string_view verb = TakeWord(text);
  if (verb != "load" && verb != "load_with_nhcb") {
    return tl::unexpected(ScriptError(number, fmt::format("unknown command {}", model::QuoteGo(verb))));
  }
  core::Result<core::DurationMs> step = ParseTime(text);
  if (!step) return tl::unexpected(ScriptError(number, step.error().message()));
  size_t loaded_values = 0;
  LoadedSeries loaded;  // a repeated series replaces the earlier one
  std::map<model::Labels, StartOffsets> starts;
  while (number + 1 < lines.size() && !lines[number + 1].empty()) {
    std::string_view line = lines[++number];
    if (size_t mark = FindStartMark(line); mark != line.npos) {
      SEXTANT_ASSIGN(SeriesDescription series, ParseSeries(line.substr(0, mark), number));
      core::Result<StartOffsets> offsets = ParseOffsets(Trim(line.substr(mark + 3)));
      if (!offsets) return tl::unexpected(ScriptError(number, offsets.error().message()));
      starts[series.labels] = *std::move(offsets);
      continue;
    }
    SEXTANT_ASSIGN(SeriesDescription series, ParseSeries(line, number));
    std::vector<PromqltestStorage::Sample> samples;
    for (size_t i = 0; i < series.values.size(); ++i) {
      const SequenceValue& value = series.values[i];
      if (value.omitted) continue;
      if (++loaded_values > kMaxLoadedValues) {
        return tl::unexpected(ScriptError(number, "too many samples in one load command"));
      }
      samples.push_back({*step * static_cast<int64_t>(i), value.value, value.histogram});
    }
    loaded[series.labels] = std::move(samples);
  }
  SetStarts(starts, *step, loaded);
  ClassicHistograms classic;
  for (const auto& [labels, samples] : loaded) {
    storage.Add(labels, samples);
    if (verb == "load_with_nhcb") classic.Add(labels, samples);
  }
  core::Status status = classic.Store(storage);
  if (!status) return tl::unexpected(ScriptError(number, status.error().message()));
  return {};
}

// --- Comparing ---

bool AlmostEqual(double a, double b) {
  if (model::IsStaleNan(a) || model::IsStaleNan(b)) return model::IsStaleNan(a) && model::IsStaleNan(b);
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  double sum = std::abs(a) + std::abs(b);
  double difference = std::abs(a - b);
  if (a == 0 || b == 0 || sum < kMinNormal) return difference < kEpsilon * kMinNormal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kEpsilon;
}

// Counts of the buckets that are not empty, by absolute index.
std::map<int64_t, double> FilledBuckets(const std::vector<model::BucketSpan>& spans,
                                        const std::vector<double>& counts) {
  std::map<int64_t, double> buckets;
  int64_t index = 0;
  size_t next = 0;
  for (const model::BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && next < counts.size(); ++i, ++index, ++next) {
      if (counts[next] != 0) buckets[index] = counts[next];
    }
  }
  return buckets;
}

bool AlmostEqual(const std::map<int64_t, double>& a, const std::map<int64_t, double>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && AlmostEqual(x.second, y.second);
  });
}

bool AlmostEqual(const FloatHistogram& a, const FloatHistogram& b, bool compare_hints) {
  return a.schema == b.schema && AlmostEqual(a.count, b.count) && AlmostEqual(a.sum, b.sum) &&
         a.custom_bounds == b.custom_bounds && a.zero_threshold == b.zero_threshold &&
         AlmostEqual(a.zero_count, b.zero_count) &&
         AlmostEqual(FilledBuckets(a.negative_spans, a.negative_buckets),
                     FilledBuckets(b.negative_spans, b.negative_buckets)) &&
         AlmostEqual(FilledBuckets(a.positive_spans, a.positive_buckets),
                     FilledBuckets(b.positive_spans, b.positive_buckets)) &&
         (!compare_hints || a.counter_reset_hint == b.counter_reset_hint);
}

std::string Describe(const FloatHistogram& histogram) {
  constexpr std::string_view kHints[] = {"unknown", "reset", "not_reset", "gauge"};
  std::string out =
      fmt::format("{{{{schema:{} count:{} sum:{}", histogram.schema, histogram.count, histogram.sum);
  if (histogram.zero_threshold != 0 || histogram.zero_count != 0) {
    out += fmt::format(" z_bucket:{} z_bucket_w:{}", histogram.zero_count, histogram.zero_threshold);
  }
  auto add = [&](std::string_view name, const std::map<int64_t, double>& buckets) {
    if (buckets.empty()) return;
    out += fmt::format(" {}:[", name);
    for (auto [index, count] : buckets) out += fmt::format("{}={} ", index, count);
    out.back() = ']';
  };
  add("buckets", FilledBuckets(histogram.positive_spans, histogram.positive_buckets));
  add("n_buckets", FilledBuckets(histogram.negative_spans, histogram.negative_buckets));
  if (!histogram.custom_bounds.empty()) {
    out += " custom_values:[";
    for (double bound : histogram.custom_bounds) out += fmt::format("{} ", bound);
    out.back() = ']';
  }
  return fmt::format("{} counter_reset_hint:{}}}}}", out,
                     kHints[static_cast<size_t>(histogram.counter_reset_hint)]);
}

std::string Describe(double value, const FloatHistogram* histogram) {
  return histogram != nullptr ? Describe(*histogram) : model::FormatValue(value);
}
std::string Describe(const SequenceValue& value) {
  return value.omitted ? "_" : Describe(value.value, value.histogram.get());
}

// What is wrong with one value; empty when nothing is.
std::string CompareValue(const SequenceValue& want, double value, const FloatHistogram* histogram) {
  bool equal = want.histogram && histogram
                   ? AlmostEqual(*want.histogram, *histogram, want.counter_reset_hint_set)
                   : !want.histogram && !histogram && AlmostEqual(want.value, value);
  if (equal) return {};
  return fmt::format("expected {} but got {}", Describe(want), Describe(value, histogram));
}

std::string Compare(const EvalCommand& command, const VectorResult& vector) {
  if (command.expect_scalar) return "expected a scalar, got a vector";
  std::set<model::Labels> seen;
  int position = 0;
  for (const VectorSample& sample : vector) {
    ++position;
    auto want = command.expected.find(sample.labels);
    if (want == command.expected.end()) {
      return fmt::format("unexpected metric {} with {}", sample.labels.ToString(),
                         Describe(sample.value, sample.histogram.get()));
    }
    if (command.ordered && want->second.position != position) {
      return fmt::format("expected metric {} at position {} but it is at {}", sample.labels.ToString(),
                         want->second.position, position);
    }
    if (want->second.values.empty()) return fmt::format("no value given for {}", sample.labels.ToString());
    std::string problem = CompareValue(want->second.values[0], sample.value, sample.histogram.get());
    if (!problem.empty()) return fmt::format("{}: {}", sample.labels.ToString(), problem);
    if (!seen.insert(sample.labels).second)
      return fmt::format("metric {} comes twice", sample.labels.ToString());
  }
  for (const auto& [labels, entry] : command.expected) {
    if (!seen.contains(labels)) return fmt::format("expected metric {} not found", labels.ToString());
  }
  return {};
}

std::string CheckSorted(const MatrixResult& matrix) {
  for (size_t i = 1; i < matrix.size(); ++i) {
    if (matrix[i].labels < matrix[i - 1].labels) {
      return fmt::format("series {} comes after {}", matrix[i].labels.ToString(),
                         matrix[i - 1].labels.ToString());
    }
  }
  return {};
}

std::string CompareSeries(const EvalCommand& command, const MatrixSeries& series,
                          const std::vector<SequenceValue>& values) {
  size_t next_float = 0;
  size_t next_histogram = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    core::TimestampMs time_ms = command.start_ms + command.step_ms * static_cast<int64_t>(i);
    if (time_ms > command.end_ms) return "more values are expected than the range has steps";
    if (values[i].omitted) continue;
    bool is_histogram = values[i].histogram != nullptr;
    double value = 0;
    const FloatHistogram* histogram = nullptr;
    core::TimestampMs got_ms = 0;
    if (is_histogram) {
      if (next_histogram == series.histograms.size()) return fmt::format("no histogram at {}", time_ms);
      histogram = series.histograms[next_histogram].histogram.get();
      got_ms = series.histograms[next_histogram++].time_ms;
    } else {
      if (next_float == series.floats.size())
        return fmt::format("no float at {}, expected {}", time_ms, Describe(values[i]));
      value = series.floats[next_float].value;
      got_ms = series.floats[next_float++].time_ms;
    }
    if (got_ms != time_ms) {
      return fmt::format("expected {} at {} but the next point is {} at {}", Describe(values[i]), time_ms,
                         Describe(value, histogram), got_ms);
    }
    if (std::string problem = CompareValue(values[i], value, histogram); !problem.empty()) {
      return fmt::format("at {}: {}", time_ms, problem);
    }
  }
  if (next_float < series.floats.size()) {
    return fmt::format("unexpected float {} at {}", series.floats[next_float].value,
                       series.floats[next_float].time_ms);
  }
  if (next_histogram < series.histograms.size()) {
    return fmt::format("unexpected histogram at {}", series.histograms[next_histogram].time_ms);
  }
  return {};
}

std::string Compare(const EvalCommand& command, const MatrixResult& matrix) {
  if (command.expect_scalar) return "expected a scalar, got a matrix";
  if (command.ordered) return "expected an ordered vector, got a matrix";
  if (std::string problem = CheckSorted(matrix); !problem.empty()) return problem;
  std::set<model::Labels> seen;
  for (const MatrixSeries& series : matrix) {
    auto want = command.expected.find(series.labels);
    if (want == command.expected.end()) return fmt::format("unexpected metric {}", series.labels.ToString());
    std::string problem = CompareSeries(command, series, want->second.values);
    if (!problem.empty()) return fmt::format("{}: {}", series.labels.ToString(), problem);
    seen.insert(series.labels);
  }
  for (const auto& [labels, entry] : command.expected) {
    if (!seen.contains(labels)) return fmt::format("expected metric {} not found", labels.ToString());
  }
  return {};
}

std::string Compare(const EvalCommand& command, const QueryValue& value) {
  if (const auto* scalar = std::get_if<ScalarResult>(&value)) {
    if (!command.expect_scalar) return "expected a vector or matrix, got a scalar";
    return CompareValue({.value = command.scalar}, scalar->value, nullptr);
  }
  if (const auto* string = std::get_if<StringResult>(&value)) {
    if (string->value == command.string) return {};
    return fmt::format("expected string {} but got {}", model::QuoteGo(command.string),
                       model::QuoteGo(string->value));
  }
  if (const auto* vector = std::get_if<VectorResult>(&value)) return Compare(command, *vector);
  return Compare(command, std::get<MatrixResult>(value));
}

// One kind of annotation: every expectation must be met, and when there is one, nothing else may come up.
std::string CheckAnnotations(std::string_view kind, const std::vector<MessageMatch>& want, bool any,
                             bool none, const std::vector<std::string>& got) {
  std::string all = fmt::format("[{}]", fmt::join(got, "; "));
  if ((any || !want.empty()) && got.empty())
    return fmt::format("expected {} annotations but there are none", kind);
  if (none && !got.empty()) return fmt::format("unexpected {} annotations: {}", kind, all);
  for (const MessageMatch& match : want) {
    if (std::ranges::none_of(got, [&](const std::string& text) { return match.Matches(text); })) {
      return fmt::format("expected {} annotation {} but found {}", kind, match.Describe(), all);
    }
  }
  if (want.empty()) return {};
  for (const std::string& text : got) {
    if (std::ranges::none_of(want, [&](const MessageMatch& match) { return match.Matches(text); })) {
      return fmt::format("unexpected {} annotation: {}", kind, text);
    }
  }
  return {};
}

std::string CheckAnnotations(const EvalCommand& command, const QueryResult& result) {
  std::string problem =
      CheckAnnotations("warning", command.warnings, command.warn, command.no_warn, result.warnings);
  if (!problem.empty()) return problem;
  return CheckAnnotations("info", command.infos, command.info, command.no_info, result.infos);
}

// --- Running ---

struct InstantCase {
  std::string expr;
  core::TimestampMs time_ms = 0;
};

// Functions whose value depends on the evaluation time even when all selectors are pinned.
bool DependsOnTime(FunctionId id) {
  switch (id) {
    case FunctionId::kDayOfMonth:
    case FunctionId::kDayOfWeek:
    case FunctionId::kDayOfYear:
    case FunctionId::kDaysInMonth:
    case FunctionId::kEnd:
    case FunctionId::kHour:
    case FunctionId::kMinute:
    case FunctionId::kMonth:
    case FunctionId::kPredictLinear:
    case FunctionId::kRange:
    case FunctionId::kStart:
    case FunctionId::kStartTimestamp:
    case FunctionId::kStep:
    case FunctionId::kTime:
    case FunctionId::kTimestamp:
    case FunctionId::kYear:
      return true;
    default:
      return false;
  }
}

// Pins all selectors that are not pinned yet to a time; a pinned subquery pins what is inside. False when the
// value depends on the evaluation time nevertheless.
bool PinSelectors(Expr& expr, core::TimestampMs time_ms) {
  if (auto* selector = As<VectorSelector>(&expr)) {
    if (!selector->time.timestamp_ms) selector->time.timestamp_ms = time_ms;
    return true;
  }
  if (auto* subquery = As<SubqueryExpr>(&expr)) {
    if (!subquery->time.timestamp_ms) subquery->time.timestamp_ms = time_ms;
    return true;
  }
  if (const auto* call = As<Call>(&expr); call != nullptr && DependsOnTime(call->function->id)) return false;
  for (const Expr* child : Children(expr)) {
    if (!PinSelectors(const_cast<Expr&>(*child), time_ms)) return false;  // the tree is ours
  }
  return true;
}

std::vector<InstantCase> InstantCases(const EvalCommand& command) {
  std::vector<InstantCase> cases{{command.expr, command.eval_ms}};
  ParseResult<ExprPtr> expr = ParseExpr(command.expr, ParserOptions::Everything());
  if (!expr || !PinSelectors(**expr, command.eval_ms)) return cases;
  std::string pinned = Print(**expr);
  core::TimestampMs at = command.eval_ms;
  std::vector<core::TimestampMs> times{-10 * at, 0, at / 5, at, 10 * at};
  if (at == 0) times = {-1000, 0, 1000};
  for (core::TimestampMs time_ms : times) cases.push_back({pinned, time_ms});
  return cases;
}

class Runner {
 public:
  explicit Runner(const Engine& engine) : engine_(engine) {}

  core::Result<PromqltestReport> Run(std::string_view script) {
    std::vector<std::string_view> lines = SplitLines(script);
    for (size_t number = 0; number < lines.size(); ++number) {
      std::string_view line = lines[number];
      if (line.empty()) continue;
      if (line == "clear") {
        storage_.Clear();
      } else if (line.starts_with("load")) {
        SEXTANT_TRY(Load(lines, number, storage_));
      } else if (line.starts_with("eval")) {
        SEXTANT_ASSIGN(EvalCommand command, ParseEval(lines, number));
        RunEval(command);
      } else {
        return tl::unexpected(ScriptError(number, fmt::format("unknown command {}", model::QuoteGo(line))));
      }
    }
    return std::move(report_);
  }

 private:
  void RunEval(const EvalCommand& command) {
    ++report_.total;
    std::string problem = command.is_range ? RunRange(command) : RunInstant(command);
    if (problem.empty()) {
      ++report_.passed;
    } else {
      report_.failures.push_back({command.line, command.expr, std::move(problem)});
    }
  }

  // The outcome of a query as a problem, or nothing when `result` is to be looked at.
  static std::optional<std::string> CheckOutcome(const EvalCommand& command, const QueryOutcome& outcome) {
    if (outcome) {
      if (command.fail) return "expected an error but there was none";
      return std::nullopt;
    }
    const std::string& message = outcome.error().message;
    if (!command.fail) return "error: " + message;
    if (command.failure && !command.failure->Matches(message)) {
      return fmt::format("expected error {} but got: {}", command.failure->Describe(), message);
    }
    return std::string();
  }

  std::string RunRange(const EvalCommand& command) const {
    QueryOutcome outcome =
        engine_.Range(storage_, command.expr, command.start_ms, command.end_ms, command.step_ms);
    if (std::optional<std::string> problem = CheckOutcome(command, outcome)) return *problem;
    std::string problem = CheckAnnotations(command, *outcome);
    return problem.empty() ? Compare(command, outcome->value) : problem;
  }

  std::string RunInstant(const EvalCommand& command) const {
    for (const InstantCase& instant : InstantCases(command)) {
      std::string problem = RunCase(command, instant);
      if (!problem.empty()) return fmt::format("`{}` at {} ms: {}", instant.expr, instant.time_ms, problem);
    }
    return {};
  }

  std::string RunCase(const EvalCommand& command, const InstantCase& instant) const {
    QueryOutcome outcome = engine_.Instant(storage_, instant.expr, instant.time_ms);
    if (std::optional<std::string> problem = CheckOutcome(command, outcome)) return *problem;
    std::string problem = CheckAnnotations(command, *outcome);
    if (problem.empty()) problem = Compare(command, outcome->value);
    if (!problem.empty()) return problem;

    static const RE2 kQueryContext(R"((start|end|range|step)\(\))");
    if (command.not_as_range || RE2::PartialMatch(instant.expr, kQueryContext)) return {};
    constexpr core::DurationMs kMinute = 60'000;
    QueryOutcome range =
        engine_.Range(storage_, instant.expr, instant.time_ms - kMinute, instant.time_ms + kMinute, kMinute);
    if (!range) return "as a range query: error: " + range.error().message;
    if (command.ordered) return {};
    problem = CompareMiddle(command, std::get<MatrixResult>(range->value), instant.time_ms,
                            std::holds_alternative<ScalarResult>(outcome->value));
    return problem.empty() ? problem : "as a range query: " + problem;
  }

  // The middle step of a range query must be what the instant query is.
  static std::string CompareMiddle(const EvalCommand& command, const MatrixResult& matrix,
                                   core::TimestampMs time_ms, bool is_scalar) {
    if (std::string problem = CheckSorted(matrix); !problem.empty()) return problem;
    VectorResult vector;
    for (const MatrixSeries& series : matrix) {
      for (const FloatPoint& point : series.floats) {
        if (point.time_ms == time_ms) vector.push_back({series.labels, time_ms, point.value, nullptr});
      }
      for (const HistogramPoint& point : series.histograms) {
        if (point.time_ms == time_ms) vector.push_back({series.labels, time_ms, 0, point.histogram});
      }
    }
    if (!is_scalar) return Compare(command, vector);
    if (vector.empty()) return "no value";
    return CompareValue({.value = command.scalar}, vector[0].value, nullptr);
  }

  const Engine& engine_;
  PromqltestStorage storage_;
  PromqltestReport report_;
};

}  // namespace

EngineOptions PromqltestEngineOptions() {
  EngineOptions options;
  options.max_samples = 10'000;
  options.delayed_name_removal = true;
  options.use_start_timestamps = true;
  options.parser = ParserOptions::Everything();
  return options;
}

core::Result<PromqltestReport> RunPromqltest(std::string_view script, const Engine& engine) {
  return Runner(engine).Run(script);
}

}  // namespace sextant::promql
