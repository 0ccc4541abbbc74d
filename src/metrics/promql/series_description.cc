// The notation of series with values: `name{a="b"} 1+2x5 _x3 stale {{sum:3 count:2 buckets:[1 1]}}`.
#include <charconv>
#include <map>
#include <optional>

#include "metrics/promql/float_histogram.h"
#include "metrics/promql/label_parser.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/token_stream.h"
#include "model/value.h"

namespace sextant::promql {

namespace {

constexpr size_t kMaxValues = 1'000'000;

struct HistogramValue {
  FloatHistogram histogram;
  bool hint_set = false;
};

class SeriesParser {
 public:
  explicit SeriesParser(std::string_view text) : tokens_(text, Lexer::Mode::kSeriesDescription) {}

  ParseResult<SeriesDescription> Parse() {
    SeriesDescription series;
    std::optional<model::Labels> labels = ParseLabelSet(tokens_);
    if (labels) {
      series.labels = *std::move(labels);
      ParseValues(series.values);
    }
    if (tokens_.has_errors()) {
      return tl::unexpected(ParseErrors(std::string(tokens_.text()), tokens_.TakeErrors()));
    }
    return series;
  }

 private:
  bool Fail(ErrorContext context = {"series values", ""}) {
    tokens_.AddUnexpected(context);
    return false;
  }

  bool ParseValues(std::vector<SequenceValue>& values) {
    while (tokens_.PeekKind() != TokenKind::kEof) {
      if (!tokens_.Accept(TokenKind::kSpace)) return Fail();
      TokenKind kind = tokens_.PeekKind();
      if (kind == TokenKind::kSpace || kind == TokenKind::kEof) continue;
      if (!ParseItem(kind, values)) return false;
      if (values.size() > kMaxValues) {
        tokens_.AddError(PositionOf(tokens_.Peek()), fmt::format("too many values: at most {} are allowed", kMaxValues));
        return false;
      }
    }
    return true;
  }

  bool ParseItem(TokenKind kind, std::vector<SequenceValue>& values) {
    switch (kind) {
      case TokenKind::kBlank: {
        tokens_.Take();
        size_t count = 1;
        if (tokens_.Accept(TokenKind::kTimes) && !ParseRepetition(count)) return false;
        values.insert(values.end(), count, SequenceValue{.omitted = true});
        return true;
      }
      case TokenKind::kOpenHistogram: return ParseHistogramItem(values);
      case TokenKind::kIdentifier:
        if (tokens_.Peek().text != "stale") return Fail({"series values", "number or \"stale\""});
        tokens_.Take();
        return ParseSequence(model::StaleNan(), values);
      default: {
        double first = 0;
        return ParseSignedNumber(first) && ParseSequence(first, values);
      }
    }
  }

  // What may follow the first value: an increment, and how often it is repeated.
  bool ParseSequence(double value, std::vector<SequenceValue>& values) {
    TokenKind kind = tokens_.PeekKind();
    double increment = 0;
    bool has_increment = kind == TokenKind::kAdd || kind == TokenKind::kSub;
    if (has_increment && !ParseSignedNumber(increment)) return false;
    size_t times = 0;
    if (tokens_.Accept(TokenKind::kTimes)) {
      if (!ParseRepetition(times)) return false;
    } else if (has_increment) {
      return Fail();
    }
    // One more than repeated: the first is the value at time zero.
    for (size_t i = 0; i <= times; ++i) {
      values.push_back({.value = value});
      if (has_increment) value += increment;
    }
    return true;
  }

  bool ParseRepetition(size_t& count) {
    uint64_t value = 0;
    if (!ParseUint(value)) return false;
    if (value > kMaxValues) {
      tokens_.AddError(PositionOf(tokens_.Peek()), fmt::format("too many values: at most {} are allowed", kMaxValues));
      return false;
    }
    count = value;
    return true;
  }

  bool ParseUint(uint64_t& value) {
    if (tokens_.PeekKind() != TokenKind::kNumber) return Fail();
    Token token = tokens_.Take();
    const char* end = token.text.data() + token.text.size();
    auto [stop, error] = std::from_chars(token.text.data(), end, value);
    if (error == std::errc() && stop == end) return true;
    tokens_.AddError(PositionOf(token),
                     fmt::format("invalid repetition in series values: strconv.ParseUint: parsing {}: {}",
                                 model::QuoteGo(token.text),
                                 error == std::errc::result_out_of_range ? "value out of range" : "invalid syntax"));
    return false;
  }

  bool ParseInt(int32_t& value) {
    bool negative = tokens_.Accept(TokenKind::kSub);
    uint64_t magnitude = 0;
    if (!ParseUint(magnitude)) return false;
    if (magnitude > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
      tokens_.AddError(PositionOf(tokens_.Peek()), fmt::format("number {} is out of range", magnitude));
      return false;
    }
    value = static_cast<int32_t>(magnitude) * (negative ? -1 : 1);
    return true;
  }

  bool ParseSignedNumber(double& value) {
    double sign = 1;
    TokenKind kind = tokens_.PeekKind();
    if (kind == TokenKind::kAdd || kind == TokenKind::kSub) {
      tokens_.Take();
      sign = kind == TokenKind::kSub ? -1 : 1;
    }
    if (tokens_.PeekKind() != TokenKind::kNumber && tokens_.PeekKind() != TokenKind::kDuration) return Fail();
    Token token = tokens_.Take();
    value = sign * (token.kind == TokenKind::kDuration ? tokens_.DurationSeconds(token) : tokens_.Number(token));
    return true;
  }

  // --- Histograms ---

  bool ParseHistogramItem(std::vector<SequenceValue>& values) {
    HistogramValue base;
    if (!ParseHistogram(base)) return false;
    TokenKind kind = tokens_.PeekKind();
    bool has_increment = kind == TokenKind::kAdd || kind == TokenKind::kSub;
    HistogramValue increment;
    if (has_increment) {
      tokens_.Take();
      if (tokens_.PeekKind() != TokenKind::kOpenHistogram) return Fail();
      if (!ParseHistogram(increment)) return false;
    }
    size_t times = 0;
    if (tokens_.Accept(TokenKind::kTimes)) {
      if (!ParseRepetition(times)) return false;
    } else if (has_increment) {
      return Fail();
    }
    bool hint_set = has_increment ? increment.hint_set : base.hint_set;
    auto current = std::make_shared<const FloatHistogram>(std::move(base.histogram));
    if (has_increment && times > 0 && current->schema > increment.histogram.schema) {
      tokens_.AddError(PositionOf(tokens_.Peek()),
                       fmt::format("error combining histograms: cannot merge from schema {} to {}",
                                   increment.histogram.schema, current->schema));
      return false;
    }
    for (size_t i = 0; i <= times; ++i) {
      values.push_back({.histogram = current, .counter_reset_hint_set = hint_set});
      if (!has_increment || i == times) continue;
      auto next = std::make_shared<FloatHistogram>(*current);
      HistogramCombination combination = kind == TokenKind::kAdd ? AddHistogram(*next, increment.histogram)
                                                                 : SubtractHistogram(*next, increment.histogram);
      if (!combination.is_compatible) {
        tokens_.AddError(PositionOf(tokens_.Peek()),
                         "error combining histograms: cannot combine custom and exponential buckets");
        return false;
      }
      current = std::move(next);
    }
    return true;
  }

  // Which keys a description has given so far.
  struct Description {
    std::map<TokenKind, bool> seen;
    std::vector<double> positive;
    std::vector<double> negative;
    int32_t positive_offset = 0;
    int32_t negative_offset = 0;
  };

  bool ParseHistogram(HistogramValue& value) {
    tokens_.Take();
    Description description;
    bool is_first = true;
    while (true) {
      bool had_space = tokens_.Accept(TokenKind::kSpace);
      if (tokens_.Accept(TokenKind::kCloseHistogram)) break;
      ErrorContext context = is_first ? ErrorContext{"series values", ""}
                                      : ErrorContext{"histogram description",
                                                     "histogram description key, e.g. buckets:[5 10 7]"};
      if (is_first == had_space) return Fail(context);  // a space between keys, none before the first
      if (!ParseDescriptor(value, description, context)) return false;
      is_first = false;
    }
    auto fill = [](std::vector<double>& from, int32_t offset, std::vector<model::BucketSpan>& spans,
                   std::vector<double>& buckets) {
      if (from.empty()) return;
      spans = {{offset, static_cast<uint32_t>(from.size())}};
      buckets = std::move(from);
    };
    fill(description.positive, description.positive_offset, value.histogram.positive_spans,
         value.histogram.positive_buckets);
    fill(description.negative, description.negative_offset, value.histogram.negative_spans,
         value.histogram.negative_buckets);
    return true;
  }

  bool ParseDescriptor(HistogramValue& value, Description& description, ErrorContext context) {
    Token key = tokens_.Peek();
    FloatHistogram& histogram = value.histogram;
    if (key.kind < TokenKind::kSumDesc || key.kind > TokenKind::kCounterResetHintDesc) return Fail(context);
    tokens_.Take();
    if (!tokens_.Accept(TokenKind::kColon)) return Fail(context);
    if (!description.seen.emplace(key.kind, true).second) {
      tokens_.AddError({}, fmt::format("duplicate key \"{}\" in histogram", key.text));
      return false;
    }
    switch (key.kind) {
      case TokenKind::kSchemaDesc: return ParseInt(histogram.schema);
      case TokenKind::kSumDesc: return ParseSignedNumber(histogram.sum);
      case TokenKind::kCountDesc: return ParseSignedNumber(histogram.count);
      case TokenKind::kZeroBucketDesc: return ParseSignedNumber(histogram.zero_count);
      case TokenKind::kZeroBucketWidthDesc: return ParseSignedNumber(histogram.zero_threshold);
      case TokenKind::kCustomValuesDesc: return ParseBuckets(histogram.custom_bounds, context);
      case TokenKind::kBucketsDesc: return ParseBuckets(description.positive, context);
      case TokenKind::kNegativeBucketsDesc: return ParseBuckets(description.negative, context);
      case TokenKind::kOffsetDesc: return ParseInt(description.positive_offset);
      case TokenKind::kNegativeOffsetDesc: return ParseInt(description.negative_offset);
      default: break;
    }
    value.hint_set = true;
    switch (tokens_.PeekKind()) {
      case TokenKind::kUnknownReset: histogram.counter_reset_hint = model::CounterResetHint::kUnknown; break;
      case TokenKind::kReset: histogram.counter_reset_hint = model::CounterResetHint::kReset; break;
      case TokenKind::kNotReset: histogram.counter_reset_hint = model::CounterResetHint::kNotReset; break;
      case TokenKind::kGauge: histogram.counter_reset_hint = model::CounterResetHint::kGauge; break;
      default: return Fail(context);
    }
    tokens_.Take();
    return true;
  }

  bool ParseBuckets(std::vector<double>& buckets, ErrorContext context) {
    tokens_.Accept(TokenKind::kSpace);
    if (!tokens_.Accept(TokenKind::kLeftBracket)) return Fail(context);
    while (true) {
      double count = 0;
      if (!ParseSignedNumber(count)) return false;
      buckets.push_back(count);
      bool had_space = tokens_.Accept(TokenKind::kSpace);
      if (tokens_.Accept(TokenKind::kRightBracket)) return true;
      if (!had_space) return Fail(context);
    }
  }

  TokenStream tokens_;
};

}  // namespace

ParseResult<SeriesDescription> ParseSeriesDescription(std::string_view text) { return SeriesParser(text).Parse(); }

}  // namespace sextant::promql
