#include "metrics/exposition/open_metrics_parser.h"

#include <cmath>
#include <limits>

#include "metrics/exposition/lexer_error.h"
#include "metrics/exposition/number.h"
#include "metrics/exposition/quick_scan.h"
#include "metrics/exposition/text_parser.h"
#include "model/value.h"

namespace sextant::exposition {

namespace {

bool ParseType(std::string_view text, MetricType& type) {
  for (MetricType known :
       {MetricType::kUnknown, MetricType::kCounter, MetricType::kGauge, MetricType::kHistogram,
        MetricType::kGaugeHistogram, MetricType::kSummary, MetricType::kInfo, MetricType::kStateSet}) {
    if (text != MetricTypeName(known)) continue;
    type = known;
    return true;
  }
  return false;
}

bool EndsField(char c) { return c == ' ' || c == '\n'; }

// A number up to a space or a line break; the end, or null for what ScanNumber leaves to others.
const char* ScanField(const char* at, double& value) {
  const char* end = ScanNumber(at, value);
  return end != nullptr && EndsField(*end) ? end : nullptr;
}

}  // namespace

core::TimestampMs OpenMetricsTimeMs(double seconds) {
  double milliseconds = seconds * 1000;
  constexpr double kLimit = 9.2e18;
  if (!(std::fabs(milliseconds) < kLimit)) return std::numeric_limits<int64_t>::min();
  return static_cast<core::TimestampMs>(milliseconds);
}

OpenMetricsParser::OpenMetricsParser(std::string_view body, const ParserOptions& options, Reading reading)
    : Parser(options),
      body_(body),
      fast_end_(body.data() + (reading == Reading::kQuick ? body.rfind('\n') + 1 : 0)),
      lexer_(body),
      created_(options.created_times ? std::make_unique<CreatedTimes>() : nullptr) {}

EntryKind OpenMetricsParser::Next(const SeriesGuess& guess) {
  if (created_ == nullptr) return ReadEntry(guess);
  while (true) {
    const size_t line_start = at_;
    EntryKind kind = ReadEntry(guess);
    if (kind != EntryKind::kSample) {
      is_created_read_ = false;
      return kind;
    }
    entry_.start_ms = 0;
    if (!CreatedTimes::AreFor(family_.type)) return kind;
    if (!is_created_read_) created_->Read(body_.substr(line_start), family_.type);
    is_created_read_ = true;
    if (created_->IsCreated(entry_.series)) continue;
    entry_.start_ms = created_->Of(entry_.series);
    return kind;
  }
}

EntryKind OpenMetricsParser::ReadEntry(const SeriesGuess& guess) {
  if (is_finished_) return EntryKind::kEnd;
  if (body_.data() + at_ < fast_end_ && body_[at_] != '#' && ReadSampleLine(guess)) return EntryKind::kSample;
  EntryKind kind = ReadSlowly();
  at_ = lexer_.token_end();
  if (kind == EntryKind::kEnd || kind == EntryKind::kError) is_finished_ = true;
  if (kind == EntryKind::kSample) entry_.is_expected = guess.Matches(entry_.series);
  return kind;
}

bool OpenMetricsParser::ReadSampleLine(const SeriesGuess& guess) {
  const char* start = body_.data() + at_;
  bool is_expected = StartsWithSeries(start, fast_end_, guess, " ");
  const char* series_end = is_expected ? start + guess.size : ScanSeries(start, fast_end_);
  if (series_end == nullptr || *series_end != ' ') return false;
  double value = 0;
  const char* at = ScanField(series_end + 1, value);
  if (at == nullptr) return false;
  std::optional<core::TimestampMs> timestamp_ms;
  if (*at == ' ') {
    double seconds = 0;
    at = ScanField(at + 1, seconds);
    if (at == nullptr || *at != '\n') return false;  // also exemplars
    timestamp_ms = OpenMetricsTimeMs(seconds);
  }
  entry_.series = {start, static_cast<size_t>(series_end - start)};
  entry_.value = value;
  entry_.timestamp_ms = timestamp_ms;
  entry_.is_expected = is_expected;
  entry_.exemplar.reset();
  at_ = static_cast<size_t>(at + 1 - body_.data());
  return true;
}

std::string_view OpenMetricsParser::TokenBytes() const {
  return body_.substr(lexer_.token_start(), lexer_.token_end() - lexer_.token_start());
}

std::string OpenMetricsParser::Parsed() const {
  return QuoteBytes(body_.substr(entry_start_, lexer_.token_end() - entry_start_));
}

bool OpenMetricsParser::FailWith(std::string message) {
  Fail(std::move(message));
  return false;
}

bool OpenMetricsParser::FailUnexpected(std::string_view expected, Token got) {
  size_t end = std::min(body_.size(), lexer_.token_end() + 1);
  return FailWith(UnexpectedToken(expected, body_.substr(lexer_.token_start(), end - lexer_.token_start()),
                                  TokenName(got), body_.substr(entry_start_, end - entry_start_)));
}

EntryKind OpenMetricsParser::ReadSlowly() {
  lexer_.Seek(at_);
  entry_start_ = at_;
  Token first = lexer_.Next();
  switch (first) {
    case Token::kEofWord:
      if (lexer_.Next() != Token::kEof) return Fail("unexpected data after # EOF");
      return EntryKind::kEnd;
    case Token::kEof:
      return Fail("data does not end with # EOF");
    case Token::kHelp:
    case Token::kType:
    case Token::kUnit:
      return ReadMetadata(first);
    case Token::kBraceOpen:
    case Token::kMetricName:
      return ReadSeries(first);
    default:
      FailUnexpected("expected a valid start token", first);
      return EntryKind::kError;
  }
}

EntryKind OpenMetricsParser::ReadMetadata(Token word) {
  Token token = lexer_.Next();
  if (token != Token::kMetricName) {
    FailUnexpected(fmt::format("expected metric name after {}", TokenName(word)), token);
    return EntryKind::kError;
  }
  std::string_view name = TokenBytes();
  if (name.starts_with('"')) name = name.substr(1, name.size() - 2);
  if (lexer_.Next() != Token::kText) return Fail(fmt::format("expected text in {}", TokenName(word)));
  // Between the space in front and the line break behind.
  std::string_view text = TokenBytes();
  text = text.substr(1, text.size() - 2);
  EntryKind kind = EntryKind::kHelp;
  if (word == Token::kType) {
    if (!ParseType(text, entry_.type)) return Fail(fmt::format("invalid metric type {}", QuoteBytes(text)));
    kind = EntryKind::kType;
  } else if (word == Token::kUnit) {
    bool is_suffix =
        name.size() > text.size() && name.ends_with(text) && name[name.size() - text.size() - 1] == '_';
    if (!text.empty() && !is_suffix) {
      return Fail(fmt::format("unit {} not a suffix of metric {}", QuoteBytes(text), QuoteBytes(name)));
    }
    kind = EntryKind::kUnit;
  } else if (!IsUtf8(text)) {
    return Fail(fmt::format("help text {} is not a valid utf8 string", QuoteBytes(text)));
  }
  entry_.name = name;
  entry_.text = text;
  NoteFamily(kind);
  return kind;
}

EntryKind OpenMetricsParser::ReadSeries(Token first) {
  bool has_name = first == Token::kMetricName;
  size_t series_end = lexer_.token_end();
  Token token = has_name ? lexer_.Next() : first;
  if (token == Token::kBraceOpen) {
    if (!ReadLabelPairs(has_name, false)) return EntryKind::kError;
    series_end = lexer_.token_end();
    token = lexer_.Next();
  }
  if (!has_name) return Fail(fmt::format("metric name not set while parsing: {}", Parsed()));
  entry_.series = body_.substr(entry_start_, series_end - entry_start_);
  return ReadSuffix(token) ? EntryKind::kSample : EntryKind::kError;
}

bool OpenMetricsParser::ReadLabelPairs(bool& has_name, bool is_exemplar) {
  Token token = lexer_.Next();
  while (token != Token::kBraceClose) {
    bool is_quoted = token == Token::kQuotedString;
    if (!is_quoted && token != Token::kLabelName) return FailUnexpected("expected label name", token);
    token = lexer_.Next();
    // A quoted text that no value follows is the metric's name.
    if (is_quoted && (token == Token::kComma || token == Token::kBraceClose)) {
      if (is_exemplar) return FailUnexpected("expected label name", token);
      if (has_name) return FailWith(fmt::format("metric name already set while parsing: {}", Parsed()));
      has_name = true;
      if (token == Token::kBraceClose) return true;
      token = lexer_.Next();
      continue;
    }
    if (token != Token::kEqual) return FailUnexpected("expected equal", token);
    token = lexer_.Next();
    if (token != Token::kLabelValue) return FailUnexpected("expected label value", token);
    if (!IsUtf8(TokenBytes()))
      return FailWith(fmt::format("invalid UTF-8 label value: {}", QuoteBytes(TokenBytes())));
    // A comma may stand before the closing brace.
    token = lexer_.Next();
    if (token == Token::kComma) {
      token = lexer_.Next();
    } else if (token != Token::kBraceClose) {
      return FailUnexpected("expected comma or brace close", token);
    }
  }
  return true;
}

bool OpenMetricsParser::ReadValue(Token token, std::string_view after, double& value) {
  if (token != Token::kValue) return FailUnexpected(fmt::format("expected value after {}", after), token);
  std::string_view text = TokenBytes().substr(1);
  if (NumberError error = ParseFloat(text, value); error != NumberError::kNone) {
    return FailWith(fmt::format("{} while parsing: {}", FloatErrorText(text, error), Parsed()));
  }
  if (std::isnan(value)) value = model::NormalNan();
  return true;
}

bool OpenMetricsParser::ReadTime(std::string_view what, core::TimestampMs& timestamp_ms) {
  std::string_view text = TokenBytes().substr(1);
  double seconds = 0;
  if (NumberError error = ParseFloat(text, seconds); error != NumberError::kNone) {
    return FailWith(fmt::format("{} while parsing: {}", FloatErrorText(text, error), Parsed()));
  }
  if (!std::isfinite(seconds)) return FailWith(fmt::format("invalid {} {}", what, FormatTextFloat(seconds)));
  timestamp_ms = OpenMetricsTimeMs(seconds);
  return true;
}

bool OpenMetricsParser::ReadSuffix(Token token) {
  entry_.exemplar.reset();
  entry_.timestamp_ms.reset();
  if (!ReadValue(token, "metric", entry_.value)) return false;
  std::string_view expected = "expected timestamp or # symbol";
  token = lexer_.Next();
  if (token == Token::kTimestamp) {
    core::TimestampMs timestamp_ms = 0;
    if (!ReadTime("timestamp", timestamp_ms)) return false;
    entry_.timestamp_ms = timestamp_ms;
    expected = "expected next entry after timestamp";
    token = lexer_.Next();
  }
  switch (token) {
    case Token::kLinebreak:
      return true;
    case Token::kComment:
      return ReadExemplar();
    case Token::kEof:
      return FailWith("data does not end with # EOF");
    default:
      return FailUnexpected(expected, token);
  }
}

bool OpenMetricsParser::ReadExemplar() {
  size_t labels_start = lexer_.token_end();
  bool has_name = false;
  if (!ReadLabelPairs(has_name, true)) return false;
  Exemplar exemplar;
  exemplar.labels = body_.substr(labels_start, lexer_.token_end() - 1 - labels_start);
  if (!ReadValue(lexer_.Next(), "exemplar labels", exemplar.value)) return false;
  Token token = lexer_.Next();
  std::string_view expected = "expected timestamp or comment";
  if (token == Token::kTimestamp) {
    core::TimestampMs timestamp_ms = 0;
    if (!ReadTime("exemplar timestamp", timestamp_ms)) return false;
    exemplar.timestamp_ms = timestamp_ms;
    expected = "expected next entry after exemplar timestamp";
    token = lexer_.Next();
  } else if (token == Token::kEof) {
    return FailWith("data does not end with # EOF");
  }
  if (token != Token::kLinebreak) return FailUnexpected(expected, token);
  entry_.exemplar = exemplar;
  return true;
}

std::string OpenMetricsParser::UnescapeHelp(std::string_view text) const { return UnescapeLabelValue(text); }

}  // namespace sextant::exposition
