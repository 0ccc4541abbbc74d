#include "metrics/exposition/text_parser.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "metrics/exposition/lexer_error.h"
#include "metrics/exposition/number.h"
#include "metrics/exposition/quick_scan.h"
#include "model/value.h"

namespace sextant::exposition {

namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

bool ParseType(std::string_view text, MetricType& type) {
  constexpr std::pair<std::string_view, MetricType> kTypes[] = {{"counter", MetricType::kCounter},
                                                                {"gauge", MetricType::kGauge},
                                                                {"histogram", MetricType::kHistogram},
                                                                {"summary", MetricType::kSummary},
                                                                {"untyped", MetricType::kUnknown}};
  for (const auto& [word, known] : kTypes) {
    if (text != word) continue;
    type = known;
    return true;
  }
  return false;
}

double Canonical(double value) { return std::isnan(value) ? model::NormalNan() : value; }

std::string Unescape(std::string_view text, bool with_quotes) {
  if (text.find('\\') == std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'n' || next == '\\' || (with_quotes && next == '"')) {
      out += next == 'n' ? '\n' : next;
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string UnescapeLabelValue(std::string_view text) { return Unescape(text, true); }

TextParser::TextParser(std::string_view body, const ParserOptions& options, Reading reading)
    : Parser(options),
      body_(body),
      fast_end_(body.data() + (reading == Reading::kQuick ? body.rfind('\n') + 1 : 0)),
      lexer_(body) {}

void TextParser::Skip(size_t bytes) {
  skipped_ = body_.substr(at_, bytes);
  at_ += bytes;
}

// Comments that were skipped are read when someone wants to know after all, which few samples do.
Family TextParser::CurrentFamily() const {
  if (skipped_.empty()) return family_;
  TextParser comments(skipped_);
  EntryKind kind = comments.Next();
  while (kind != EntryKind::kEnd && kind != EntryKind::kError) kind = comments.Next();
  return comments.family_;
}

EntryKind TextParser::Next(const SeriesGuess& guess) {
  while (body_.data() + at_ < fast_end_) {
    char c = body_[at_];
    if (c == '\n') {
      ++at_;
      continue;
    }
    if (c == '#') {
      skipped_ = {};
      EntryKind kind = EntryKind::kComment;
      if (ReadMetaLine(kind)) return kind;
    } else if (ReadSampleLine(guess)) {
      return EntryKind::kSample;
    }
    break;
  }
  EntryKind kind = ReadSlowly();
  if (kind == EntryKind::kSample) entry_.is_expected = guess.Matches(entry_.series);
  return kind;
}

bool TextParser::ReadSampleLine(const SeriesGuess& guess) {
  const char* start = body_.data() + at_;
  bool is_expected = StartsWithSeries(start, fast_end_, guess, " \t");
  const char* at = is_expected ? start + guess.size : ScanSeries(start, fast_end_);
  if (at == nullptr || !IsBlank(*at)) return false;
  std::string_view series(start, static_cast<size_t>(at - start));
  if (!ReadValueAndTime(at)) return false;
  entry_.series = series;
  entry_.is_expected = is_expected;
  return true;
}

bool TextParser::ReadValueAndTime(const char* at) {
  while (IsBlank(*at)) ++at;
  double value = 0;
  const char* end = ScanNumber(at, value);
  if (end == nullptr || !(*end == '\n' || IsBlank(*end))) {
    end = at;
    while (*end != '\n' && *end != '{' && *end != '\0' && !IsBlank(*end)) ++end;
    if (ParseFloat({at, static_cast<size_t>(end - at)}, value) != NumberError::kNone) return false;
    value = Canonical(value);
  }
  while (IsBlank(*end)) ++end;
  // Set in place: an optional that is filled byte by byte and then copied whole stalls the pipeline.
  entry_.timestamp_ms.reset();
  if (*end != '\n') {
    int64_t milliseconds = 0;
    if (*end < '0' || *end > '9') return false;
    auto [number_end, error] = std::from_chars(end, fast_end_, milliseconds);
    if (error != std::errc()) return false;
    entry_.timestamp_ms = milliseconds;
    end = number_end;
    while (IsBlank(*end)) ++end;
    if (*end != '\n') return false;
  }
  entry_.value = value;
  at_ = static_cast<size_t>(end + 1 - body_.data());
  return true;
}

bool TextParser::ReadMetaLine(EntryKind& kind) {
  const char* start = body_.data() + at_;
  const char* end =
      static_cast<const char*>(std::memchr(start, '\n', static_cast<size_t>(fast_end_ - start)));
  std::string_view line(start, static_cast<size_t>(end - start));
  bool is_help = line.starts_with("# HELP ");
  if (!is_help && !line.starts_with("# TYPE ")) return false;
  const char* name = start + 7;
  if (!Is(kMetricStart, *name)) return false;
  const char* name_end = name;
  while (Is(kMetric, *name_end)) ++name_end;
  if (!IsBlank(*name_end)) return false;
  const char* text = name_end + 1;
  // A text that starts with a blank may be nothing but blanks.
  if (text == end || IsBlank(*text) || *text == '\0') return false;
  std::string_view content(text, static_cast<size_t>(end - text));
  if (is_help) {
    if (!IsUtf8(content)) return false;
    kind = EntryKind::kHelp;
  } else {
    if (!ParseType(content, entry_.type)) return false;
    kind = EntryKind::kType;
  }
  entry_.name = {name, static_cast<size_t>(name_end - name)};
  entry_.text = content;
  NoteFamily(kind);
  at_ += line.size() + 1;
  return true;
}

Token TextParser::NextToken() {
  Token token = lexer_.Next();
  while (token == Token::kWhitespace) token = lexer_.Next();
  return token;
}

std::string_view TextParser::View(size_t from, size_t to) const {
  from = std::min(from, body_.size());
  return body_.substr(from, std::min(to, body_.size()) - from);
}

std::string TextParser::Bytes(size_t from, size_t to) const {
  std::string bytes(View(from, to));
  if (to > body_.size()) bytes += '\n';
  return bytes;
}

std::string TextParser::Unexpected(std::string_view expected, Token got) const {
  size_t end = std::min(lexer_.size(), lexer_.token_end() + 1);
  return UnexpectedToken(expected, Bytes(lexer_.token_start(), end), TokenName(got),
                         Bytes(entry_start_, end));
}

EntryKind TextParser::ReadSlowly() {
  lexer_.Seek(at_);
  Token first = Token::kLinebreak;
  while (first == Token::kLinebreak) {
    entry_start_ = lexer_.token_end();
    first = NextToken();
  }
  EntryKind kind = EntryKind::kEnd;
  switch (first) {
    case Token::kEof:
      break;
    case Token::kHelp:
    case Token::kType:
      kind = ReadMetadata(first);
      break;
    case Token::kComment: {
      entry_.text = View(lexer_.token_start(), lexer_.token_end());
      Token token = NextToken();
      kind = token == Token::kLinebreak ? EntryKind::kComment
                                        : Fail(Unexpected("linebreak expected after comment", token));
      break;
    }
    case Token::kBraceOpen:
    case Token::kMetricName:
      kind = ReadSeries(first);
      break;
    default:
      kind = Fail(Unexpected("expected a valid start token", first));
  }
  at_ = std::min(lexer_.token_end(), body_.size());
  // Nothing comes after the end and after an error.
  if (kind == EntryKind::kEnd || kind == EntryKind::kError) at_ = body_.size();
  return kind;
}

EntryKind TextParser::ReadMetadata(Token word) {
  Token token = NextToken();
  if (token != Token::kMetricName) {
    return Fail(Unexpected(fmt::format("expected metric name after {}", TokenName(word)), token));
  }
  std::string_view name = View(lexer_.token_start(), lexer_.token_end());
  if (name.starts_with('"')) name = name.substr(1, name.size() - 2);
  token = NextToken();
  if (token != Token::kText) {
    return Fail(fmt::format("expected text in {}, got {}", TokenName(word), TokenName(token)));
  }
  // The first byte is the blank behind the name.
  std::string_view text = View(lexer_.token_start(), lexer_.token_end());
  text.remove_prefix(std::min<size_t>(text.size(), 1));
  if (word == Token::kType) {
    if (!ParseType(text, entry_.type)) return Fail(fmt::format("invalid metric type {}", QuoteBytes(text)));
  } else if (!model::IsValidUtf8(text)) {
    return Fail(fmt::format("help text {} is not a valid utf8 string", QuoteBytes(text)));
  }
  token = NextToken();
  if (token != Token::kLinebreak) return Fail(Unexpected("linebreak expected after metadata", token));
  entry_.name = name;
  entry_.text = text;
  EntryKind kind = word == Token::kHelp ? EntryKind::kHelp : EntryKind::kType;
  NoteFamily(kind);
  return kind;
}

EntryKind TextParser::ReadSeries(Token first) {
  size_t series_start = lexer_.token_start();
  bool has_name = first == Token::kMetricName;
  size_t series_end = lexer_.token_end();
  Token token = has_name ? NextToken() : first;
  if (token == Token::kBraceOpen) {
    std::string problem;
    if (!ReadLabelPairs(has_name, problem)) return Fail(std::move(problem));
    series_end = lexer_.token_end();
    token = NextToken();
  }
  if (!has_name) {
    return Fail(fmt::format("metric name not set while parsing: {}",
                            QuoteBytes(Bytes(entry_start_, lexer_.token_end()))));
  }
  entry_.series = View(series_start, series_end);
  return ReadSuffix(token);
}

bool TextParser::ReadLabelPairs(bool& has_name, std::string& problem) {
  auto fail = [&](std::string text) {
    problem = std::move(text);
    return false;
  };
  Token token = NextToken();
  while (token != Token::kBraceClose) {
    bool is_quoted = token == Token::kQuotedString;
    if (!is_quoted && token != Token::kLabelName) return fail(Unexpected("expected label name", token));
    token = NextToken();
    // A quoted text that no value follows is the metric's name.
    if (is_quoted && (token == Token::kComma || token == Token::kBraceClose)) {
      if (has_name) {
        return fail(fmt::format("metric name already set while parsing: {}",
                                QuoteBytes(Bytes(entry_start_, lexer_.token_end()))));
      }
      has_name = true;
      if (token == Token::kBraceClose) return true;
      token = NextToken();
      continue;
    }
    if (token != Token::kEqual) return fail(Unexpected("expected equal", token));
    token = NextToken();
    if (token != Token::kLabelValue) return fail(Unexpected("expected label value", token));
    std::string_view value = View(lexer_.token_start(), lexer_.token_end());
    if (!model::IsValidUtf8(value))
      return fail(fmt::format("invalid UTF-8 label value: {}", QuoteBytes(value)));
    // The comma may be missing, and may stand before the closing brace.
    token = NextToken();
    if (token == Token::kComma) token = NextToken();
  }
  return true;
}

EntryKind TextParser::ReadSuffix(Token token) {
  if (token != Token::kValue) return Fail(Unexpected("expected value after metric", token));
  std::string_view text = View(lexer_.token_start(), lexer_.token_end());
  auto parsed = [&] { return QuoteBytes(Bytes(entry_start_, lexer_.token_end())); };
  double value = 0;
  if (NumberError error = ParseFloat(text, value); error != NumberError::kNone) {
    return Fail(fmt::format("{} while parsing: {}", FloatErrorText(text, error), parsed()));
  }
  entry_.value = Canonical(value);
  entry_.timestamp_ms.reset();
  token = NextToken();
  if (token == Token::kTimestamp) {
    text = View(lexer_.token_start(), lexer_.token_end());
    int64_t milliseconds = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), milliseconds).ec != std::errc()) {
      return Fail(fmt::format("strconv.ParseInt: parsing {}: value out of range while parsing: {}",
                              QuoteBytes(text), parsed()));
    }
    entry_.timestamp_ms = milliseconds;
    token = NextToken();
    if (token != Token::kLinebreak) return Fail(Unexpected("expected next entry after timestamp", token));
  } else if (token != Token::kLinebreak) {
    return Fail(Unexpected("expected timestamp or new record", token));
  }
  return EntryKind::kSample;
}

std::string_view TextParser::Unread() const {
  const char* at = body_.data() + at_;
  return at < fast_end_ ? std::string_view(at, static_cast<size_t>(fast_end_ - at)) : std::string_view();
}

std::string TextParser::UnescapeHelp(std::string_view text) const { return Unescape(text, false); }

}  // namespace sextant::exposition
