#include "metrics/promql/parser.h"

#include <cmath>
#include <limits>
#include <optional>

#include "metrics/promql/functions.h"
#include "metrics/promql/label_parser.h"
#include "metrics/promql/token_stream.h"
#include "metrics/promql/type_check.h"

namespace sextant::promql {

namespace {

// Binding strength of binary operators, weakest first. A unary operator binds like multiplication, so its operand takes
// only what is stronger.
enum Precedence { kNoOperator, kPrecOr, kPrecAnd, kPrecComparison, kPrecAdd, kPrecMul, kPrecPow };

struct OperatorInfo {
  BinaryOp op;
  Precedence precedence;
};

std::optional<OperatorInfo> BinaryOperatorOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kOr: return OperatorInfo{BinaryOp::kOr, kPrecOr};
    case TokenKind::kAnd: return OperatorInfo{BinaryOp::kAnd, kPrecAnd};
    case TokenKind::kUnless: return OperatorInfo{BinaryOp::kUnless, kPrecAnd};
    case TokenKind::kEql: return OperatorInfo{BinaryOp::kEql, kPrecComparison};
    case TokenKind::kNeq: return OperatorInfo{BinaryOp::kNeq, kPrecComparison};
    case TokenKind::kGtr: return OperatorInfo{BinaryOp::kGtr, kPrecComparison};
    case TokenKind::kLss: return OperatorInfo{BinaryOp::kLss, kPrecComparison};
    case TokenKind::kGte: return OperatorInfo{BinaryOp::kGte, kPrecComparison};
    case TokenKind::kLte: return OperatorInfo{BinaryOp::kLte, kPrecComparison};
    case TokenKind::kTrimUpper: return OperatorInfo{BinaryOp::kTrimUpper, kPrecComparison};
    case TokenKind::kTrimLower: return OperatorInfo{BinaryOp::kTrimLower, kPrecComparison};
    case TokenKind::kAdd: return OperatorInfo{BinaryOp::kAdd, kPrecAdd};
    case TokenKind::kSub: return OperatorInfo{BinaryOp::kSub, kPrecAdd};
    case TokenKind::kMul: return OperatorInfo{BinaryOp::kMul, kPrecMul};
    case TokenKind::kDiv: return OperatorInfo{BinaryOp::kDiv, kPrecMul};
    case TokenKind::kMod: return OperatorInfo{BinaryOp::kMod, kPrecMul};
    case TokenKind::kAtan2: return OperatorInfo{BinaryOp::kAtan2, kPrecMul};
    case TokenKind::kPow: return OperatorInfo{BinaryOp::kPow, kPrecPow};
    default: return std::nullopt;
  }
}

struct DurationOperatorInfo {
  DurationOp op;
  Precedence precedence;
};

std::optional<DurationOperatorInfo> DurationOperatorOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kAdd: return DurationOperatorInfo{DurationOp::kAdd, kPrecAdd};
    case TokenKind::kSub: return DurationOperatorInfo{DurationOp::kSub, kPrecAdd};
    case TokenKind::kMul: return DurationOperatorInfo{DurationOp::kMul, kPrecMul};
    case TokenKind::kDiv: return DurationOperatorInfo{DurationOp::kDiv, kPrecMul};
    case TokenKind::kMod: return DurationOperatorInfo{DurationOp::kMod, kPrecMul};
    case TokenKind::kPow: return DurationOperatorInfo{DurationOp::kPow, kPrecPow};
    default: return std::nullopt;
  }
}

AggregateOp AggregateOpOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kAvg: return AggregateOp::kAvg;
    case TokenKind::kBottomk: return AggregateOp::kBottomk;
    case TokenKind::kCount: return AggregateOp::kCount;
    case TokenKind::kCountValues: return AggregateOp::kCountValues;
    case TokenKind::kGroup: return AggregateOp::kGroup;
    case TokenKind::kMax: return AggregateOp::kMax;
    case TokenKind::kMin: return AggregateOp::kMin;
    case TokenKind::kQuantile: return AggregateOp::kQuantile;
    case TokenKind::kStddev: return AggregateOp::kStddev;
    case TokenKind::kStdvar: return AggregateOp::kStdvar;
    case TokenKind::kTopk: return AggregateOp::kTopk;
    case TokenKind::kLimitk: return AggregateOp::kLimitk;
    case TokenKind::kLimitRatio: return AggregateOp::kLimitRatio;
    default: return AggregateOp::kSum;
  }
}

// Whether a token can be a label name in a list in parentheses.
bool IsLabelName(TokenKind kind) {
  switch (kind) {
    case TokenKind::kAtan2:
    case TokenKind::kBool:
    case TokenKind::kFill:
    case TokenKind::kFillLeft:
    case TokenKind::kFillRight:
    case TokenKind::kGroupLeft:
    case TokenKind::kGroupRight:
    case TokenKind::kIgnoring:
    case TokenKind::kOn: return true;
    case TokenKind::kWithout: return false;
    default: return IsMetricName(kind);
  }
}

bool IsNumberLiteral(TokenKind kind) { return kind == TokenKind::kNumber || kind == TokenKind::kDuration; }
bool IsSign(TokenKind kind) { return kind == TokenKind::kAdd || kind == TokenKind::kSub; }

// What fits into Prometheus' durations of 64 bits of nanoseconds.
constexpr double kMaxDurationSeconds = 9223372036854775808.0 / 1e9;

bool DurationOutOfRange(double seconds) { return seconds > kMaxDurationSeconds || seconds < -kMaxDurationSeconds; }

core::DurationMs DurationMsOf(const NumberLiteral& literal) {
  double ns = std::round(literal.value * 1e9);
  if (ns >= 9223372036854775807.0) return std::numeric_limits<int64_t>::max() / 1'000'000;
  if (ns <= -9223372036854775808.0) return std::numeric_limits<int64_t>::min() / 1'000'000;
  return static_cast<int64_t>(ns) / 1'000'000;
}

constexpr ErrorContext kOffsetContext{"offset", "number, duration, step(), or range()"};
constexpr ErrorContext kRangeContext{"subquery or range selector", "number, duration, step(), or range()"};

// Recursive descent with precedence climbing. A function that meets a syntax error records it and returns nothing, and
// so does everything above; other errors are recorded and parsing goes on.
class ExprParser {
 public:
  ExprParser(std::string_view text, const ParserOptions& options)
      : tokens_(text, Lexer::Mode::kExpression), options_(options) {}

  ParseResult<ExprPtr> Parse() {
    ExprPtr expr;
    if (tokens_.text().size() > options_.max_input_bytes) {
      tokens_.AddError({}, fmt::format("expression is too long: {} bytes, at most {} are allowed",
                                       tokens_.text().size(), options_.max_input_bytes));
    } else if (tokens_.PeekKind() == TokenKind::kEof) {
      tokens_.AddError({}, "no expression found in input");
    } else {
      expr = ParseBinary(kPrecOr).expr;
      if (expr && tokens_.PeekKind() != TokenKind::kEof) tokens_.AddUnexpected({});
    }
    if (!tokens_.has_errors()) {
      std::vector<ParseError> errors;
      CheckTypes(*expr, tokens_.text(), errors);
      for (ParseError& error : errors) tokens_.AddError(error.position, std::move(error.message));
    }
    if (tokens_.has_errors()) {
      return tl::unexpected(ParseErrors(std::string(tokens_.text()), tokens_.TakeErrors()));
    }
    return expr;
  }

 private:
  // A subtree and its height; no subtree after a syntax error.
  struct Built {
    ExprPtr expr;
    int height = 1;

    explicit operator bool() const { return expr != nullptr; }
  };

  // Sets how syntax errors are worded while it lives.
  class ContextScope {
   public:
    ContextScope(ExprParser& parser, ErrorContext context) : parser_(parser), saved_(parser.context_), own_(context) {
      parser_.context_ = &own_;
    }
    ~ContextScope() { parser_.context_ = saved_; }
    ContextScope(const ContextScope&) = delete;
    ContextScope& operator=(const ContextScope&) = delete;

    // Whether an error has been worded with this very context.
    bool failed() const { return parser_.failed_in_ == &own_; }

   private:
    ExprParser& parser_;
    const ErrorContext* saved_;
    ErrorContext own_;
  };

  // Counts the parser's recursion while it lives.
  class DepthScope {
   public:
    explicit DepthScope(ExprParser& parser) : parser_(parser) { ++parser_.depth_; }
    ~DepthScope() { --parser_.depth_; }
    DepthScope(const DepthScope&) = delete;
    DepthScope& operator=(const DepthScope&) = delete;

   private:
    ExprParser& parser_;
  };

  Built Fail() {
    tokens_.AddUnexpected(*context_);
    failed_in_ = context_;
    return {};
  }
  Built FailTooDeep(int limit) {
    tokens_.AddError(PositionOf(tokens_.Peek()),
                     fmt::format("expression is nested too deeply: at most {} levels are allowed", limit));
    return {};
  }
  bool Expect(TokenKind kind) {
    if (tokens_.Accept(kind)) return true;
    Fail();
    return false;
  }
  Built Finish(ExprPtr expr, int height) {
    if (height > options_.max_depth) return FailTooDeep(options_.max_depth);
    return {std::move(expr), height};
  }

  // --- Expressions ---

  Built ParseBinary(Precedence weakest) {
    DepthScope depth(*this);
    if (depth_ > options_.max_nesting) return FailTooDeep(options_.max_nesting);
    Built lhs = IsSign(tokens_.PeekKind()) ? ParseUnary() : ParsePostfix();
    while (lhs) {
      std::optional<OperatorInfo> info = BinaryOperatorOf(tokens_.PeekKind());
      if (!info || info->precedence < weakest) break;
      tokens_.Take();
      lhs = ParseRightHandSide(std::move(lhs), *info);
    }
    return lhs;
  }

  Built ParseRightHandSide(Built lhs, OperatorInfo info) {
    auto binary = std::make_unique<BinaryExpr>();
    binary->op = info.op;
    binary->matching.emplace();
    if (!ParseMatching(*binary)) return {};
    bool right_associative = info.op == BinaryOp::kPow;
    Built rhs = ParseBinary(right_associative ? kPrecPow : static_cast<Precedence>(info.precedence + 1));
    if (!rhs) return {};
    binary->position = {lhs.expr->position.start, rhs.expr->position.end};
    binary->lhs = std::move(lhs.expr);
    binary->rhs = std::move(rhs.expr);
    if (!options_.binop_fill && (binary->matching->fill_lhs || binary->matching->fill_rhs)) {
      tokens_.AddError(binary->position, "binop fill modifiers are experimental and not enabled");
    }
    return Finish(std::move(binary), std::max(lhs.height, rhs.height) + 1);
  }

  // bool, on or ignoring, group_left or group_right, fill.
  bool ParseMatching(BinaryExpr& binary) {
    VectorMatching& matching = *binary.matching;
    binary.return_bool = tokens_.Accept(TokenKind::kBool);
    TokenKind kind = tokens_.PeekKind();
    if (kind == TokenKind::kOn || kind == TokenKind::kIgnoring) {
      tokens_.Take();
      matching.on = kind == TokenKind::kOn;
      if (!ParseGroupingLabels(matching.labels)) return false;
      kind = tokens_.PeekKind();
      if (kind == TokenKind::kGroupLeft || kind == TokenKind::kGroupRight) {
        tokens_.Take();
        bool left = kind == TokenKind::kGroupLeft;
        matching.cardinality = left ? MatchCardinality::kManyToOne : MatchCardinality::kOneToMany;
        if (tokens_.PeekKind() == TokenKind::kLeftParen && !ParseGroupingLabels(matching.include)) return false;
      }
    }
    return ParseFill(matching);
  }

  bool ParseFill(VectorMatching& matching) {
    if (tokens_.Accept(TokenKind::kFill)) {
      if (!ParseFillValue(matching.fill_lhs)) return false;
      matching.fill_rhs = matching.fill_lhs;
      return true;
    }
    while (true) {
      TokenKind kind = tokens_.PeekKind();
      bool left = kind == TokenKind::kFillLeft && !matching.fill_lhs;
      bool right = kind == TokenKind::kFillRight && !matching.fill_rhs;
      if (!left && !right) return true;
      tokens_.Take();
      if (!ParseFillValue(left ? matching.fill_lhs : matching.fill_rhs)) return false;
    }
  }

  bool ParseFillValue(std::optional<double>& value) {
    if (!Expect(TokenKind::kLeftParen)) return false;
    double sign = 1;
    if (IsSign(tokens_.PeekKind())) sign = tokens_.Take().kind == TokenKind::kSub ? -1 : 1;
    if (!IsNumberLiteral(tokens_.PeekKind())) {
      Fail();
      return false;
    }
    value = sign * LiteralSeconds(tokens_.Take());
    return Expect(TokenKind::kRightParen);
  }

  Built ParseUnary() {
    Token sign = tokens_.Take();
    Built operand = ParseBinary(kPrecPow);
    if (!operand) return {};
    if (auto* number = As<NumberLiteral>(operand.expr.get())) {
      if (sign.kind == TokenKind::kSub) number->value = -number->value;
      number->position.start = sign.pos;
      return operand;
    }
    auto unary = std::make_unique<UnaryExpr>();
    unary->op = sign.kind == TokenKind::kSub ? UnaryOp::kSub : UnaryOp::kAdd;
    unary->position = {sign.pos, operand.expr->position.end};
    unary->expr = std::move(operand.expr);
    return Finish(std::move(unary), operand.height + 1);
  }

  // A primary expression and the modifiers behind it.
  Built ParsePostfix() {
    Built built = ParsePrimary();
    while (built) {
      switch (tokens_.PeekKind()) {
        case TokenKind::kOffset: built = ParseOffset(std::move(built)); break;
        case TokenKind::kAt: built = ParseAt(std::move(built)); break;
        case TokenKind::kLeftBracket: built = ParseRange(std::move(built)); break;
        case TokenKind::kAnchored:
        case TokenKind::kSmoothed:
          SetExtended(*built.expr, tokens_.Take().kind == TokenKind::kAnchored);
          break;
        default: return built;
      }
    }
    return built;
  }

  Built ParsePrimary() {
    TokenKind kind = tokens_.PeekKind();
    if (IsAggregator(kind)) return ParseAggregateOrName();
    if (IsMetricName(kind)) return ParseCallOrName();
    switch (kind) {
      case TokenKind::kNumber:
      case TokenKind::kDuration: return {ParseNumberLiteral()};
      case TokenKind::kString: return {ParseStringLiteral()};
      case TokenKind::kLeftParen: return ParseParen();
      case TokenKind::kLeftBrace: return ParseSelector(nullptr);
      default: return Fail();
    }
  }

  double LiteralSeconds(const Token& token) {
    return token.kind == TokenKind::kDuration ? tokens_.DurationSeconds(token) : tokens_.Number(token);
  }

  std::unique_ptr<NumberLiteral> ParseNumberLiteral() {
    Token token = tokens_.Take();
    auto literal = std::make_unique<NumberLiteral>();
    literal->value = LiteralSeconds(token);
    literal->is_duration = token.kind == TokenKind::kDuration;
    literal->position = PositionOf(token);
    return literal;
  }

  ExprPtr ParseStringLiteral() {
    Token token = tokens_.Take();
    auto literal = std::make_unique<StringLiteral>();
    literal->value = tokens_.Unquote(token);
    literal->position = PositionOf(token);
    return literal;
  }

  Built ParseParen() {
    Token left = tokens_.Take();
    Built inner = ParseBinary(kPrecOr);
    if (!inner) return {};
    if (tokens_.PeekKind() != TokenKind::kRightParen) return Fail();
    auto paren = std::make_unique<ParenExpr>();
    paren->position = {left.pos, tokens_.Take().end()};
    paren->expr = std::move(inner.expr);
    return Finish(std::move(paren), inner.height + 1);
  }

  // A vector selector whose name, if any, has been read.
  Built ParseSelector(const Token* name) {
    auto selector = std::make_unique<VectorSelector>();
    if (name != nullptr) selector->position = PositionOf(*name);
    if (tokens_.PeekKind() == TokenKind::kLeftBrace) {
      std::optional<BracedMatchers> braced = ParseMatchers(tokens_);
      if (!braced) return {};
      selector->matchers = std::move(braced->matchers);
      selector->position.end = braced->position.end;
      if (name == nullptr) selector->position.start = braced->position.start;
    }
    if (name != nullptr) {
      selector->name = name->text;
      selector->matchers.push_back(model::Matcher::Equal(model::kMetricName, name->text));
    }
    return {std::move(selector)};
  }

  static bool CanBeFunction(TokenKind kind) {
    switch (kind) {
      case TokenKind::kEnd:
      case TokenKind::kIdentifier:
      case TokenKind::kMaxOf:
      case TokenKind::kMinOf:
      case TokenKind::kRange:
      case TokenKind::kStart:
      case TokenKind::kStep: return true;
      default: return false;
    }
  }

  Built ParseCallOrName() {
    Token name = tokens_.Take();
    if (tokens_.PeekKind() != TokenKind::kLeftParen || !CanBeFunction(name.kind)) return ParseSelector(&name);
    auto call = std::make_unique<Call>();
    int height = 0;
    if (!ParseArguments(call->args, height)) return {};
    call->function = FindFunction(name.text);
    if (call->function == nullptr) {
      tokens_.AddError(PositionOf(name), fmt::format("unknown function with name {}", model::QuoteGo(name.text)));
    } else if (call->function->experimental && !options_.experimental_functions) {
      tokens_.AddError(PositionOf(name), fmt::format("function {} is not enabled", model::QuoteGo(name.text)));
    }
    call->position = {name.pos, tokens_.last_closing()};
    return Finish(std::move(call), height + 1);
  }

  // Arguments in parentheses; `height` becomes that of the highest.
  bool ParseArguments(std::vector<ExprPtr>& args, int& height) {
    if (!Expect(TokenKind::kLeftParen)) return false;
    if (tokens_.Accept(TokenKind::kRightParen)) return true;
    while (true) {
      Built arg = ParseBinary(kPrecOr);
      if (!arg) return false;
      height = std::max(height, arg.height);
      args.push_back(std::move(arg.expr));
      if (tokens_.Accept(TokenKind::kRightParen)) return true;
      if (tokens_.PeekKind() != TokenKind::kComma) return Fail(), false;
      Token comma = tokens_.Take();
      if (CanStartExpression(tokens_.PeekKind())) continue;
      tokens_.AddError(PositionOf(comma), "trailing commas not allowed in function call args");
      return Expect(TokenKind::kRightParen);
    }
  }

  static bool CanStartExpression(TokenKind kind) {
    return IsMetricName(kind) || IsNumberLiteral(kind) || IsSign(kind) || kind == TokenKind::kString ||
           kind == TokenKind::kLeftParen || kind == TokenKind::kLeftBrace;
  }

  // --- Aggregations ---

  Built ParseAggregateOrName() {
    Token op = tokens_.Take();
    TokenKind next = tokens_.PeekKind();
    if (next != TokenKind::kLeftParen && next != TokenKind::kBy && next != TokenKind::kWithout) {
      return ParseSelector(&op);
    }
    auto aggregate = std::make_unique<AggregateExpr>();
    aggregate->op = AggregateOpOf(op.kind);
    std::vector<ExprPtr> args;
    int height = 0;
    {
      ContextScope scope(*this, {"aggregation", ""});
      bool ok = next == TokenKind::kLeftParen || ParseGrouping(*aggregate);
      ok = ok && ParseArguments(args, height);
      if (!ok) {
        if (scope.failed()) {
          tokens_.AddError({op.pos, tokens_.last_closing()}, "no arguments for aggregate expression provided");
        }
        return {};
      }
    }
    int end = tokens_.last_closing();
    if (next == TokenKind::kLeftParen) {
      // Whether a grouping follows takes a look at the next token, which may be a parenthesis that is not ours.
      TokenKind after = tokens_.PeekKind();
      if (after == TokenKind::kBy || after == TokenKind::kWithout) {
        if (!ParseGrouping(*aggregate)) return {};
        end = tokens_.last_closing();
      }
    }
    aggregate->position = {op.pos, end};
    SetAggregateArguments(*aggregate, std::move(args));
    return Finish(std::move(aggregate), height + 1);
  }

  bool ParseGrouping(AggregateExpr& aggregate) {
    aggregate.without = tokens_.Take().kind == TokenKind::kWithout;
    return ParseGroupingLabels(aggregate.grouping);
  }

  void SetAggregateArguments(AggregateExpr& aggregate, std::vector<ExprPtr> args) {
    if (args.empty()) {
      tokens_.AddError(aggregate.position, "no arguments for aggregate expression provided");
      return;
    }
    bool is_experimental = aggregate.op == AggregateOp::kLimitk || aggregate.op == AggregateOp::kLimitRatio;
    if (is_experimental && !options_.experimental_functions) {
      tokens_.AddError(aggregate.position,
                       fmt::format("{}() is experimental and must be enabled with "
                                   "--enable-feature=promql-experimental-functions",
                                   OpText(aggregate.op)));
      return;
    }
    size_t wanted = HasParameter(aggregate.op) ? 2 : 1;
    if (args.size() != wanted) {
      tokens_.AddError(aggregate.position,
                       fmt::format("wrong number of arguments for aggregate expression provided, expected {}, got {}",
                                   wanted, args.size()));
      return;
    }
    if (wanted == 2) aggregate.param = std::move(args.front());
    aggregate.expr = std::move(args.back());
  }

  // Label names in parentheses, as in by (a, "b c").
  bool ParseGroupingLabels(std::vector<std::string>& labels) {
    constexpr std::string_view kContext = "grouping opts";
    auto fail = [&](std::string_view expected) {
      ContextScope scope(*this, {kContext, expected});
      Fail();
      return false;
    };
    if (!tokens_.Accept(TokenKind::kLeftParen)) return fail("\"(\"");
    if (tokens_.Accept(TokenKind::kRightParen)) return true;
    while (true) {
      TokenKind kind = tokens_.PeekKind();
      if (kind != TokenKind::kString && !IsLabelName(kind)) return fail("label");
      Token token = tokens_.Take();
      std::string label = kind == TokenKind::kString ? tokens_.Unquote(token) : std::string(token.text);
      if (label.empty() || !model::IsValidUtf8(label)) {
        tokens_.AddError(PositionOf(token),
                         fmt::format("invalid label name for grouping: {}", model::QuoteGo(label)));
      }
      labels.push_back(std::move(label));
      if (tokens_.Accept(TokenKind::kRightParen)) return true;
      if (!tokens_.Accept(TokenKind::kComma)) return fail("\",\" or \")\"");
      if (tokens_.Accept(TokenKind::kRightParen)) return true;
    }
  }

  // --- Modifiers of selectors ---

  // The time modifiers of a selector or subquery, and the place that their end moves; for other expressions an error.
  TimeModifiers* TimeModifiersOf(Expr& expr, std::string_view modifier) {
    if (auto* selector = As<VectorSelector>(&expr)) return &selector->time;
    if (auto* subquery = As<SubqueryExpr>(&expr)) return &subquery->time;
    if (auto* matrix = As<MatrixSelector>(&expr)) {
      if (auto* selector = As<VectorSelector>(matrix->selector.get())) return &selector->time;
      tokens_.AddError(expr.position, "ranges only allowed for vector selectors");
      return nullptr;
    }
    tokens_.AddError(expr.position, fmt::format("{} modifier must be preceded by an instant vector selector or range "
                                                "vector selector or a subquery",
                                                modifier));
    return nullptr;
  }

  Built ParseOffset(Built built) {
    tokens_.Take();
    ExprPtr duration;
    {
      ContextScope scope(*this, kOffsetContext);
      duration = ParseOffsetDuration();
    }
    if (!duration) return {};
    Expr& expr = *built.expr;
    TimeModifiers* time = TimeModifiersOf(expr, "offset");
    if (time == nullptr) return built;
    if (time->original_offset_ms != 0 || time->original_offset_expr) {
      tokens_.AddError(expr.position, "offset may not be set multiple times");
    } else if (const auto* number = As<NumberLiteral>(duration.get())) {
      time->original_offset_ms = DurationMsOf(*number);
    } else {
      time->original_offset_expr.reset(static_cast<DurationExpr*>(duration.release()));
    }
    expr.position.end = tokens_.last_closing();
    return built;
  }

  Built ParseAt(Built built) {
    tokens_.Take();
    ContextScope scope(*this, {"@", "timestamp"});
    TokenKind kind = tokens_.PeekKind();
    std::optional<double> seconds;
    if (kind == TokenKind::kStart || kind == TokenKind::kEnd) {
      tokens_.Take();
      if (!Expect(TokenKind::kLeftParen) || !Expect(TokenKind::kRightParen)) return {};
    } else {
      double sign = 1;
      if (IsSign(kind)) sign = tokens_.Take().kind == TokenKind::kSub ? -1 : 1;
      if (!IsNumberLiteral(tokens_.PeekKind())) return Fail();
      seconds = sign * LiteralSeconds(tokens_.Take());
    }
    Expr& expr = *built.expr;
    constexpr double kLimit = 9223372036854775808.0;
    if (seconds && !(*seconds < kLimit && *seconds > -kLimit)) {
      tokens_.AddError(expr.position, "timestamp out of bounds for @ modifier: " +
                                          (std::isfinite(*seconds) ? fmt::format("{:f}", *seconds)
                                           : std::isnan(*seconds)  ? "NaN"
                                           : *seconds > 0          ? "+Inf"
                                                                   : "-Inf"));
    }
    TimeModifiers* time = TimeModifiersOf(expr, "@");
    if (time == nullptr) return built;
    if (time->timestamp_ms || time->start_or_end != StartOrEnd::kNone) {
      tokens_.AddError(expr.position, "@ <timestamp> may not be set multiple times");
      return built;
    }
    if (seconds) {
      double ms = std::round(*seconds * 1000);
      bool fits = ms < kLimit && ms >= -kLimit;
      time->timestamp_ms = fits ? static_cast<int64_t>(ms) : std::numeric_limits<int64_t>::min();
    } else {
      time->start_or_end = kind == TokenKind::kStart ? StartOrEnd::kStart : StartOrEnd::kEnd;
    }
    expr.position.end = tokens_.last_closing();
    return built;
  }

  void SetExtended(Expr& expr, bool anchored) {
    std::string_view name = anchored ? "anchored" : "smoothed";
    if (!options_.extended_range_selectors) {
      tokens_.AddError(expr.position, fmt::format("{} modifier is experimental and not enabled", name));
      return;
    }
    if (expr.kind == NodeKind::kSubquery) {
      tokens_.AddError(expr.position, fmt::format("{} modifier is not supported for subqueries", name));
      return;
    }
    const auto* matrix = As<MatrixSelector>(&expr);
    auto* selector = As<VectorSelector>(matrix ? matrix->selector.get() : &expr);
    if (selector == nullptr) {
      if (!matrix) tokens_.AddError(expr.position, fmt::format("{} modifier not implemented", name));
      return;
    }
    (anchored ? selector->anchored : selector->smoothed) = true;
    if (selector->anchored && selector->smoothed) {
      tokens_.AddError(expr.position, "anchored and smoothed modifiers cannot be used together");
    }
  }

  // `[range]` or `[range:step]` behind any expression.
  Built ParseRange(Built built) {
    Token left = tokens_.Take();
    ExprPtr range = ParsePositiveDuration(kRangeContext);
    if (!range) return {};
    if (tokens_.PeekKind() == TokenKind::kRightBracket) {
      Token right = tokens_.Take();
      return FinishMatrix(std::move(built), {left.pos, right.end()}, std::move(range));
    }
    if (tokens_.PeekKind() != TokenKind::kColon) {
      ContextScope scope(*this, {"subquery or range", "\":\" or \"]\""});
      return Fail();
    }
    tokens_.Take();
    ExprPtr step;
    if (tokens_.PeekKind() != TokenKind::kRightBracket) {
      step = ParsePositiveDuration({"subquery selector", "number, duration, step(), range(), or \"]\""});
      if (!step) return {};
      if (tokens_.PeekKind() != TokenKind::kRightBracket) {
        ContextScope scope(*this, {"subquery selector", "\"]\""});
        return Fail();
      }
    }
    auto subquery = std::make_unique<SubqueryExpr>();
    subquery->position = {built.expr->position.start, tokens_.Take().end()};
    subquery->expr = std::move(built.expr);
    SetDuration(std::move(range), subquery->range_ms, subquery->range_expr);
    if (step) SetDuration(std::move(step), subquery->step_ms, subquery->step_expr);
    return Finish(std::move(subquery), built.height + 1);
  }

  Built FinishMatrix(Built built, Position brackets, ExprPtr range) {
    const auto* selector = As<VectorSelector>(built.expr.get());
    std::string_view problem;
    if (selector == nullptr) {
      problem = "ranges only allowed for vector selectors";
    } else if (selector->time.original_offset_ms != 0 || selector->time.original_offset_expr) {
      problem = "no offset modifiers allowed before range";
    } else if (selector->time.timestamp_ms || selector->time.start_or_end != StartOrEnd::kNone) {
      problem = "no @ modifiers allowed before range";
    }
    if (!problem.empty()) tokens_.AddError(brackets, std::string(problem));
    auto matrix = std::make_unique<MatrixSelector>();
    matrix->position = {built.expr->position.start, tokens_.last_closing()};
    matrix->selector = std::move(built.expr);
    SetDuration(std::move(range), matrix->range_ms, matrix->range_expr);
    return Finish(std::move(matrix), built.height + 1);
  }

  static void SetDuration(ExprPtr duration, core::DurationMs& ms, std::unique_ptr<DurationExpr>& expr) {
    if (const auto* number = As<NumberLiteral>(duration.get())) {
      ms = DurationMsOf(*number);
    } else {
      expr.reset(static_cast<DurationExpr*>(duration.release()));
    }
  }

  // --- Durations: a NumberLiteral (seconds) or a DurationExpr ---

  ExprPtr ParsePositiveDuration(ErrorContext context) {
    ContextScope scope(*this, context);
    ExprPtr duration = ParseDuration(kPrecAdd).expr;
    const auto* number = As<NumberLiteral>(duration.get());
    if (number != nullptr && number->value <= 0) {
      tokens_.AddError(number->position, "duration must be greater than 0");
      return ZeroDuration();
    }
    return duration;
  }

  static ExprPtr ZeroDuration() { return std::make_unique<NumberLiteral>(); }

  // Behind `offset` a sign binds to the number only, and a number, step(), range() and min_of() end the offset: what
  // follows is an operator of the expression around (`foo offset -2^2` is `(foo offset -2)^2`). Only parentheses may
  // begin a longer duration.
  ExprPtr ParseOffsetDuration() {
    TokenKind kind = tokens_.PeekKind();
    if (!IsSign(kind)) {
      if (kind == TokenKind::kLeftParen) return ParseDuration(kPrecAdd).expr;
      return ParseDurationPrimary().expr;
    }
    Token sign = tokens_.Take();
    kind = tokens_.PeekKind();
    if (kind == TokenKind::kLeftParen) {
      tokens_.Take();
      Built inner = ParseDuration(kPrecAdd);
      if (!inner || !Expect(TokenKind::kRightParen)) return nullptr;
      RequireDurationExpressions(*inner.expr);
      Position position = inner.expr->position;
      return ApplySign(sign, {Wrap(std::move(inner.expr), position), inner.height + 1}).expr;
    }
    if (IsSign(kind)) {
      Built operand = ParseDuration(kPrecPow);
      return operand ? ParseDurationOperators(ApplySign(sign, std::move(operand)), kPrecAdd).expr : nullptr;
    }
    Built operand = ParseDurationPrimary();
    if (!operand) return nullptr;
    if (operand.expr->kind == NodeKind::kNumber) return ApplySign(sign, std::move(operand)).expr;
    // Here, unlike elsewhere, a plus sign stays in the tree.
    auto unary = std::make_unique<DurationExpr>();
    unary->op = sign.kind == TokenKind::kSub ? DurationOp::kSub : DurationOp::kAdd;
    unary->start_pos = sign.pos;
    auto& function = static_cast<DurationExpr&>(*operand.expr);
    if (function.op == DurationOp::kMinOf || function.op == DurationOp::kMaxOf) {
      function.end_pos = unary->end_pos = function.rhs->position.end;
    }
    unary->position = {sign.pos, operand.expr->position.end};
    unary->rhs = std::move(operand.expr);
    return unary;
  }

  Built ParseDuration(Precedence weakest) {
    DepthScope depth(*this);
    if (depth_ > options_.max_nesting) return FailTooDeep(options_.max_nesting);
    Built lhs;
    if (IsSign(tokens_.PeekKind())) {
      Token sign = tokens_.Take();
      Built operand = ParseDuration(kPrecPow);
      if (!operand) return {};
      lhs = ApplySign(sign, std::move(operand));
    } else {
      lhs = ParseDurationPrimary();
    }
    return ParseDurationOperators(std::move(lhs), weakest);
  }

  Built ParseDurationOperators(Built lhs, Precedence weakest) {
    while (lhs) {
      std::optional<DurationOperatorInfo> info = DurationOperatorOf(tokens_.PeekKind());
      if (!info || info->precedence < weakest) break;
      Token op = tokens_.Take();
      Built rhs = ParseDuration(info->precedence == kPrecPow ? kPrecPow : static_cast<Precedence>(info->precedence + 1));
      if (!rhs) return {};
      RequireDurationExpressions(*lhs.expr);
      const auto* divisor = As<NumberLiteral>(rhs.expr.get());
      if (divisor != nullptr && divisor->value == 0 && (info->op == DurationOp::kDiv || info->op == DurationOp::kMod)) {
        tokens_.AddError(PositionOf(op), info->op == DurationOp::kDiv ? "division by zero" : "modulo by zero");
        lhs = {ZeroDuration()};
        continue;
      }
      auto binary = std::make_unique<DurationExpr>();
      binary->op = info->op;
      binary->position = {lhs.expr->position.start, rhs.expr->position.end};
      binary->lhs = std::move(lhs.expr);
      binary->rhs = std::move(rhs.expr);
      lhs = Finish(std::move(binary), std::max(lhs.height, rhs.height) + 1);
    }
    return lhs;
  }

  Built ParseDurationPrimary() {
    switch (tokens_.PeekKind()) {
      case TokenKind::kNumber:
      case TokenKind::kDuration: {
        std::unique_ptr<NumberLiteral> literal = ParseNumberLiteral();
        if (DurationOutOfRange(literal->value)) {
          tokens_.AddError(literal->position, "duration out of range");
          return {ZeroDuration()};
        }
        return {std::move(literal)};
      }
      case TokenKind::kStep:
      case TokenKind::kRange: {
        Token name = tokens_.Take();
        if (!Expect(TokenKind::kLeftParen)) return {};
        if (tokens_.PeekKind() != TokenKind::kRightParen) return Fail();
        auto call = std::make_unique<DurationExpr>();
        call->op = name.kind == TokenKind::kStep ? DurationOp::kStep : DurationOp::kRange;
        call->start_pos = name.pos;
        call->end_pos = tokens_.Take().end();
        call->position = {call->start_pos, call->end_pos};
        RequireDurationExpressions(*call);
        return {std::move(call)};
      }
      case TokenKind::kMinOf:
      case TokenKind::kMaxOf: return ParseDurationMinMax();
      case TokenKind::kLeftParen: {
        Token left = tokens_.Take();
        Built inner = ParseDuration(kPrecAdd);
        if (!inner) return {};
        if (tokens_.PeekKind() != TokenKind::kRightParen) return Fail();
        Token right = tokens_.Take();
        RequireDurationExpressions(*inner.expr);
        return Finish(Wrap(std::move(inner.expr), {left.pos, right.end()}), inner.height + 1);
      }
      default: return Fail();
    }
  }

  Built ParseDurationMinMax() {
    Token name = tokens_.Take();
    if (!Expect(TokenKind::kLeftParen)) return {};
    Built lhs = ParseDuration(kPrecAdd);
    if (!lhs || !Expect(TokenKind::kComma)) return {};
    Built rhs = ParseDuration(kPrecAdd);
    if (!rhs) return {};
    if (tokens_.PeekKind() != TokenKind::kRightParen) return Fail();
    auto call = std::make_unique<DurationExpr>();
    call->op = name.kind == TokenKind::kMinOf ? DurationOp::kMinOf : DurationOp::kMaxOf;
    call->start_pos = name.pos;
    call->end_pos = tokens_.Take().end();
    call->position = {lhs.expr->position.start, rhs.expr->position.end};
    call->lhs = std::move(lhs.expr);
    call->rhs = std::move(rhs.expr);
    RequireDurationExpressions(*call);
    return Finish(std::move(call), std::max(lhs.height, rhs.height) + 1);
  }

  // A number in parentheses becomes a unary plus, so that the parentheses have a place in the tree.
  static ExprPtr Wrap(ExprPtr inner, Position position) {
    if (auto* duration = As<DurationExpr>(inner.get())) {
      duration->wrapped = true;
      return inner;
    }
    auto plus = std::make_unique<DurationExpr>();
    plus->wrapped = true;
    plus->start_pos = position.start;
    plus->end_pos = position.end;
    plus->position = {position.start, inner->position.end};
    plus->rhs = std::move(inner);
    return plus;
  }

  Built ApplySign(const Token& sign, Built operand) {
    bool negative = sign.kind == TokenKind::kSub;
    if (auto* number = As<NumberLiteral>(operand.expr.get())) {
      if (negative) number->value = -number->value;
      number->position.start = sign.pos;
      return operand;
    }
    if (!negative) return operand;
    auto unary = std::make_unique<DurationExpr>();
    unary->op = DurationOp::kSub;
    unary->start_pos = sign.pos;
    unary->position = {sign.pos, operand.expr->position.end};
    unary->rhs = std::move(operand.expr);
    return Finish(std::move(unary), operand.height + 1);
  }

  void RequireDurationExpressions(const Expr& expr) {
    if (options_.duration_expressions) return;
    tokens_.AddError(expr.position, "experimental duration expression is not enabled");
  }

  TokenStream tokens_;
  const ParserOptions& options_;
  ErrorContext no_context_;
  const ErrorContext* context_ = &no_context_;
  const ErrorContext* failed_in_ = nullptr;
  int depth_ = 0;
};

// Runs a parser for the whole of a text that is not an expression.
template <typename T, typename Parse>
ParseResult<T> ParseWhole(std::string_view text, Parse parse) {
  TokenStream tokens(text, Lexer::Mode::kExpression);
  std::optional<T> value;
  constexpr size_t kMaxBytes = ParserOptions{}.max_input_bytes;
  if (text.size() > kMaxBytes) {
    tokens.AddError({}, fmt::format("text is too long: {} bytes, at most {} are allowed", text.size(), kMaxBytes));
  } else {
    value = parse(tokens);
    if (value && tokens.PeekKind() != TokenKind::kEof) tokens.AddUnexpected({});
  }
  if (tokens.has_errors()) return tl::unexpected(ParseErrors(std::string(text), tokens.TakeErrors()));
  return *std::move(value);
}

}  // namespace

ParseResult<ExprPtr> ParseExpr(std::string_view text, const ParserOptions& options) {
  return ExprParser(text, options).Parse();
}

ParseResult<model::Labels> ParseMetric(std::string_view text) {
  return ParseWhole<model::Labels>(text, ParseLabelSet);
}

ParseResult<std::vector<model::Matcher>> ParseMetricSelector(std::string_view text) {
  using Matchers = std::vector<model::Matcher>;
  return ParseWhole<Matchers>(text, [](TokenStream& tokens) -> std::optional<Matchers> {
    Matchers matchers;
    std::optional<Token> name;
    if (IsMetricName(tokens.PeekKind())) name = tokens.Take();
    if (tokens.PeekKind() == TokenKind::kLeftBrace) {
      std::optional<BracedMatchers> braced = ParseMatchers(tokens);
      if (!braced) return std::nullopt;
      matchers = std::move(braced->matchers);
    } else if (!name) {
      tokens.AddUnexpected({});
      return std::nullopt;
    }
    if (name) matchers.push_back(model::Matcher::Equal(model::kMetricName, name->text));
    return matchers;
  });
}

}  // namespace sextant::promql
