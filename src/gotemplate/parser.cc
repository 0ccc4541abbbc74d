#include "gotemplate/parser.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "gotemplate/lexer.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

// Unwinds the recursive descent; never leaves ParseTemplate.
struct ParseError {
  std::string message;
};

std::string DescribeToken(const Token& token) {
  if (token.type == TokenType::kEof) return "EOF";
  if (token.type == TokenType::kError) return token.message;
  if (token.type >= TokenType::kBlock && token.type != TokenType::kDot)
    return fmt::format("<{}>", token.text);
  if (token.type == TokenType::kDot) return "<.>";
  if (token.text.size() > 10) return Quote(token.text.substr(0, 10)) + "...";
  return Quote(token.text);
}

std::string WithoutUnderscores(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '_') out += c;
  }
  return out;
}

// Parses Go's integer notation with sign and base prefix. Empty when the text is no integer or too large.
std::optional<int64_t> ParseGoInt(std::string_view text) {
  std::string digits = WithoutUnderscores(text);
  bool negative = false;
  size_t at = 0;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) {
    negative = digits[0] == '-';
    at = 1;
  }
  int base = 10;
  if (digits.size() > at + 1 && digits[at] == '0') {
    const char prefix = static_cast<char>(digits[at + 1] | 0x20);
    base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : 8;
    at += prefix == 'x' || prefix == 'b' || prefix == 'o' ? 2 : 1;
  }
  uint64_t magnitude = 0;
  const char* const begin = digits.data() + at;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(begin, end, magnitude, base);
  if (begin == end || error != std::errc() || rest != end) return std::nullopt;
  const uint64_t limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + (negative ? 1 : 0);
  if (magnitude > limit) return std::nullopt;
  return negative ? static_cast<int64_t>(0 - magnitude) : static_cast<int64_t>(magnitude);
}

class Parser {
 public:
  Parser(const std::string& name, std::shared_ptr<const std::string> text, const FunctionMap& builtins,
         const FunctionMap& functions, const ParseLimits& limits)
      : name_(name),
        text_(std::move(text)),
        builtins_(builtins),
        functions_(functions),
        limits_(limits),
        tokens_(Lex(*text_)) {}

  std::vector<Tree> Parse() {
    Tree main{name_, name_, text_, {}};
    while (Peek().type != TokenType::kEof) {
      if (Peek().type == TokenType::kLeftDelim) {
        const size_t at = next_;
        Next();
        if (NextNonSpace().type == TokenType::kDefine) {
          Definition();
          continue;
        }
        next_ = at;
      }
      Parsed parsed = TextOrAction();
      if (parsed.end != End::kNone) Fail("unexpected " + Describe(parsed.end));
      if (parsed.statement) main.root.push_back(std::move(*parsed.statement));
    }
    std::vector<Tree> trees;
    trees.push_back(std::move(main));
    for (Tree& tree : definitions_) trees.push_back(std::move(tree));
    return trees;
  }

 private:
  enum class End : uint8_t { kNone, kEnd, kElse };
  // One statement, or the {{end}} or {{else}} that closes a list.
  struct Parsed {
    std::optional<Statement> statement;
    End end = End::kNone;
  };

  // What nests counts itself here.
  class Depth {
   public:
    explicit Depth(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > parser_.limits_.max_depth) {
        parser_.Fail(fmt::format("exceeded maximum parse depth ({})", parser_.limits_.max_depth));
      }
    }
    ~Depth() { --parser_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Parser& parser_;
  };

  static std::string Describe(End end) { return end == End::kEnd ? "{{end}}" : "{{else}}"; }

  [[noreturn]] void Fail(const std::string& message) {
    throw ParseError{fmt::format("template: {}:{}: {}", name_, line_, message)};
  }

  [[noreturn]] void Unexpected(const Token& token, std::string_view context) {
    if (token.type == TokenType::kError) {
      std::string extra;
      if (action_line_ != 0 && action_line_ != token.line) {
        extra = fmt::format(" in action started at {}:{}", name_, action_line_);
        if (token.message.ends_with(" action")) extra = extra.substr(std::string_view(" in action").size());
      }
      Fail(token.message + extra);
    }
    Fail(fmt::format("unexpected {} in {}", DescribeToken(token), context));
  }

  const Token& Peek() {
    const Token& token = tokens_[std::min(next_, tokens_.size() - 1)];
    line_ = token.line;
    return token;
  }
  const Token& Next() {
    const Token& token = Peek();
    if (next_ < tokens_.size()) ++next_;
    return token;
  }
  const Token& NextNonSpace() {
    while (Peek().type == TokenType::kSpace) Next();
    return Next();
  }
  const Token& PeekNonSpace() {
    while (Peek().type == TokenType::kSpace) Next();
    return Peek();
  }
  void Backup() { --next_; }

  const Token& Expect(TokenType type, std::string_view context) {
    const Token& token = NextNonSpace();
    if (token.type != type) Unexpected(token, context);
    return token;
  }

  std::string ExpectName(std::string_view context) {
    const Token& token = NextNonSpace();
    if (token.type != TokenType::kString && token.type != TokenType::kRawString) Unexpected(token, context);
    std::string name;
    if (!Unquote(token.text, name)) Fail("invalid syntax");
    return name;
  }

  void Define(std::string name, StatementList root) {
    Tree tree{std::move(name), name_, text_, std::move(root)};
    for (Tree& existing : definitions_) {
      if (existing.name != tree.name) continue;
      if (existing.IsEmpty()) {
        existing = std::move(tree);
      } else if (!tree.IsEmpty()) {
        Fail(fmt::format("template: multiple definition of template {}", Quote(tree.name)));
      }
      return;
    }
    definitions_.push_back(std::move(tree));
  }

  // A body with variables of its own: only "$".
  StatementList SeparateBody(std::string_view context) {
    std::vector<std::string> outer = std::exchange(variables_, {"$"});
    const int outer_range_depth = std::exchange(range_depth_, 0);
    auto [list, end] = ItemList();
    if (end != End::kEnd) Fail(fmt::format("unexpected {} in {}", Describe(end), context));
    variables_ = std::move(outer);
    range_depth_ = outer_range_depth;
    return std::move(list);
  }

  void Definition() {
    constexpr std::string_view kContext = "define clause";
    std::string name = ExpectName(kContext);
    Expect(TokenType::kRightDelim, kContext);
    Define(std::move(name), SeparateBody(kContext));
  }

  std::pair<StatementList, End> ItemList() {
    StatementList list;
    while (PeekNonSpace().type != TokenType::kEof) {
      Parsed parsed = TextOrAction();
      if (parsed.end != End::kNone) return {std::move(list), parsed.end};
      if (parsed.statement) list.push_back(std::move(*parsed.statement));
    }
    Fail("unexpected EOF");
  }

  Parsed TextOrAction() {
    const Token& token = NextNonSpace();
    if (token.type == TokenType::kText) {
      return {Statement{StatementType::kText, token.pos, std::string(token.text), nullptr, {}, {}},
              End::kNone};
    }
    if (token.type != TokenType::kLeftDelim) Unexpected(token, "input");
    action_line_ = token.line;
    Parsed parsed = Action();
    action_line_ = 0;
    return parsed;
  }

  Parsed Action() {
    const Token& token = NextNonSpace();
    switch (token.type) {
      case TokenType::kBlock:
        return {Block(), End::kNone};
      case TokenType::kBreak:
        return {LoopControl(token, StatementType::kBreak), End::kNone};
      case TokenType::kContinue:
        return {LoopControl(token, StatementType::kContinue), End::kNone};
      case TokenType::kElse:
        return Else();
      case TokenType::kEnd:
        Expect(TokenType::kRightDelim, "end");
        return {std::nullopt, End::kEnd};
      case TokenType::kIf:
        return {Control(StatementType::kIf, "if"), End::kNone};
      case TokenType::kRange:
        return {Control(StatementType::kRange, "range"), End::kNone};
      case TokenType::kTemplate:
        return {TemplateCall(), End::kNone};
      case TokenType::kWith:
        return {Control(StatementType::kWith, "with"), End::kNone};
      default:
        break;
    }
    Backup();
    const size_t pos = Peek().pos;
    // Variables declared here live until the enclosing {{end}}.
    auto pipe = Pipeline("command", TokenType::kRightDelim);
    return {Statement{StatementType::kAction, pos, {}, std::move(pipe), {}, {}}, End::kNone};
  }

  Parsed Else() {
    // "{{else if" and "{{else with" stand for "{{else}}{{if"; Control goes on from there.
    const TokenType type = PeekNonSpace().type;
    if (type != TokenType::kIf && type != TokenType::kWith) Expect(TokenType::kRightDelim, "else");
    return {std::nullopt, End::kElse};
  }

  Statement LoopControl(const Token& keyword, StatementType type) {
    const std::string text = fmt::format("{{{{{}}}}}", keyword.text);
    const Token& token = NextNonSpace();
    if (token.type != TokenType::kRightDelim) Unexpected(token, text);
    if (range_depth_ == 0) Fail(text + " outside {{range}}");
    return {type, keyword.pos, {}, nullptr, {}, {}};
  }

  Statement Control(StatementType type, std::string_view context) {
    const Depth depth(*this);
    const size_t outer_variables = variables_.size();
    Statement statement{type, Peek().pos, {}, nullptr, {}, {}};
    statement.pipe = Pipeline(context, TokenType::kRightDelim);
    if (type == StatementType::kRange) ++range_depth_;
    auto [body, end] = ItemList();
    if (type == StatementType::kRange) --range_depth_;
    statement.body = std::move(body);
    if (end == End::kElse) statement.else_body = ElseBody(type);
    variables_.resize(outer_variables);
    return statement;
  }

  StatementList ElseBody(StatementType type) {
    const TokenType next = Peek().type;
    if ((type == StatementType::kIf && next == TokenType::kIf) ||
        (type == StatementType::kWith && next == TokenType::kWith)) {
      Next();
      StatementList list;
      list.push_back(Control(type, type == StatementType::kIf ? "if" : "with"));
      return list;  // the inner {{end}} closes both
    }
    if (next == TokenType::kIf || next == TokenType::kWith) Unexpected(Peek(), "input");
    auto [list, end] = ItemList();
    if (end != End::kEnd) Fail("expected end; found " + Describe(end));
    return std::move(list);
  }

  Statement Block() {
    constexpr std::string_view kContext = "block clause";
    const Depth depth(*this);
    const size_t pos = PeekNonSpace().pos;
    std::string name = ExpectName(kContext);
    auto pipe = Pipeline(kContext, TokenType::kRightDelim);
    Define(name, SeparateBody(kContext));
    return {StatementType::kTemplate, pos, std::move(name), std::move(pipe), {}, {}};
  }

  Statement TemplateCall() {
    constexpr std::string_view kContext = "template clause";
    const size_t pos = PeekNonSpace().pos;
    std::string name = ExpectName(kContext);
    std::unique_ptr<Pipe> pipe;
    if (NextNonSpace().type != TokenType::kRightDelim) {
      Backup();
      pipe = Pipeline(kContext, TokenType::kRightDelim);
    }
    return {StatementType::kTemplate, pos, std::move(name), std::move(pipe), {}, {}};
  }

  // "$x :=", "$x =", "$i, $e :=" before a pipeline. A variable that is not declared or assigned is left
  // alone.
  void Declarations(Pipe& pipe, std::string_view context) {
    while (PeekNonSpace().type == TokenType::kVariable) {
      const size_t at = next_;
      const std::string variable(Next().text);
      const Token& after = PeekNonSpace();
      if (after.type == TokenType::kAssign || after.type == TokenType::kDeclare) {
        pipe.is_assign = after.type == TokenType::kAssign;
        NextNonSpace();
        pipe.variables.push_back(variable);
        variables_.push_back(variable);
        return;
      }
      if (after.type != TokenType::kChar || after.text != ",") {
        next_ = at;
        return;
      }
      NextNonSpace();
      pipe.variables.push_back(variable);
      variables_.push_back(variable);
      if (context != "range" || pipe.variables.size() >= 2) {
        Fail(fmt::format("too many declarations in {}", context));
      }
      const TokenType type = PeekNonSpace().type;
      if (type != TokenType::kVariable && type != TokenType::kRightDelim && type != TokenType::kRightParen) {
        Fail("range can only initialize variables");
      }
    }
  }

  std::unique_ptr<Pipe> Pipeline(std::string_view context, TokenType end) {
    const Depth depth(*this);
    auto pipe = std::make_unique<Pipe>();
    pipe->pos = PeekNonSpace().pos;
    Declarations(*pipe, context);
    while (true) {
      const Token& token = NextNonSpace();
      if (token.type == end) {
        CheckPipeline(*pipe, context);
        return pipe;
      }
      switch (token.type) {
        case TokenType::kBool:
        case TokenType::kCharConstant:
        case TokenType::kDot:
        case TokenType::kField:
        case TokenType::kIdentifier:
        case TokenType::kNumber:
        case TokenType::kNil:
        case TokenType::kRawString:
        case TokenType::kString:
        case TokenType::kVariable:
        case TokenType::kLeftParen:
          Backup();
          pipe->commands.push_back(ParseCommand());
          break;
        default:
          Unexpected(token, context);
      }
    }
  }

  void CheckPipeline(const Pipe& pipe, std::string_view context) {
    if (pipe.commands.empty()) Fail(fmt::format("missing value for {}", context));
    for (size_t i = 1; i < pipe.commands.size(); ++i) {
      switch (pipe.commands[i].args[0].type) {
        case OperandType::kBool:
        case OperandType::kDot:
        case OperandType::kNil:
        case OperandType::kNumber:
        case OperandType::kString:
          Fail(fmt::format("non executable command in pipeline stage {}", i + 1));
        default:
          break;
      }
    }
  }

  Command ParseCommand() {
    Command command{PeekNonSpace().pos, {}};
    while (true) {
      PeekNonSpace();
      if (auto operand = ParseOperand()) command.args.push_back(std::move(*operand));
      const Token& token = Next();
      if (token.type == TokenType::kSpace) continue;
      if (token.type == TokenType::kRightDelim || token.type == TokenType::kRightParen) {
        Backup();
      } else if (token.type != TokenType::kPipe) {
        Unexpected(token, "operand");
      }
      break;
    }
    if (command.args.empty()) Fail("empty command");
    return command;
  }

  std::optional<Operand> ParseOperand() {
    auto operand = Term();
    if (!operand || Peek().type != TokenType::kField) return operand;
    const size_t pos = Peek().pos;
    std::vector<std::string> names;
    while (Peek().type == TokenType::kField) names.emplace_back(Next().text.substr(1));
    switch (operand->type) {
      case OperandType::kField:
      case OperandType::kVariable:
        operand->pos = pos;
        operand->idents.insert(operand->idents.end(), names.begin(), names.end());
        return operand;
      case OperandType::kBool:
      case OperandType::kString:
      case OperandType::kNumber:
      case OperandType::kNil:
      case OperandType::kDot:
        Fail("unexpected . after term " + Quote(operand->ToString()));
      default:
        break;
    }
    Operand chain{OperandType::kChain, pos, {}, std::move(names), {}, {}, nullptr, nullptr};
    chain.base = std::make_unique<Operand>(std::move(*operand));
    return chain;
  }

  std::optional<Operand> Term() {
    const Token& token = NextNonSpace();
    Operand operand{OperandType::kDot, token.pos, std::string(token.text), {}, {}, {}, nullptr, nullptr};
    switch (token.type) {
      case TokenType::kIdentifier:
        if (!builtins_.contains(token.text) && !functions_.contains(token.text)) {
          Fail(fmt::format("function {} not defined", Quote(token.text)));
        }
        operand.type = OperandType::kIdentifier;
        return operand;
      case TokenType::kDot:
        return operand;
      case TokenType::kNil:
        operand.type = OperandType::kNil;
        return operand;
      case TokenType::kVariable:
        return Variable(std::move(operand));
      case TokenType::kField:
        operand.type = OperandType::kField;
        operand.idents.push_back(operand.text.substr(1));
        return operand;
      case TokenType::kBool:
        operand.type = OperandType::kBool;
        operand.constant = Value::Bool(token.text == "true");
        return operand;
      case TokenType::kCharConstant:
      case TokenType::kNumber:
        return NumberConstant(std::move(operand), token.type);
      case TokenType::kLeftParen:
        operand.type = OperandType::kPipe;
        operand.pipe = Pipeline("parenthesized pipeline", TokenType::kRightParen);
        return operand;
      case TokenType::kString:
      case TokenType::kRawString: {
        std::string value;
        if (!Unquote(token.text, value)) Fail("invalid syntax");
        operand.type = OperandType::kString;
        operand.constant = Value::String(std::move(value));
        return operand;
      }
      default:
        Backup();
        return std::nullopt;
    }
  }

  Operand Variable(Operand operand) {
    for (const std::string& name : variables_) {
      if (name == operand.text) {
        operand.type = OperandType::kVariable;
        operand.idents.push_back(operand.text);
        return operand;
      }
    }
    Fail(fmt::format("undefined variable {}", Quote(operand.text)));
  }

  Operand NumberConstant(Operand operand, TokenType type) {
    operand.type = OperandType::kNumber;
    Number& number = operand.number;
    if (type == TokenType::kCharConstant) {
      char32_t rune = 0;
      if (!UnquoteChar(operand.text, rune)) Fail("malformed character constant: " + operand.text);
      number = {true, true, static_cast<int64_t>(rune), static_cast<double>(rune)};
      operand.constant = Value::Int(number.int_value);
      return operand;
    }
    if (const auto value = ParseGoInt(operand.text)) {
      number = {true, true, *value, static_cast<double>(*value)};
      operand.constant = Value::Int(*value);
      return operand;
    }
    const std::string text = WithoutUnderscores(operand.text);
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end != text.c_str() + text.size() || std::isinf(value)) {
      Fail(fmt::format("illegal number syntax: {}", Quote(operand.text)));
    }
    if (text.find_first_of(".eEpP") == std::string::npos) {
      Fail(fmt::format("integer overflow: {}", Quote(operand.text)));
    }
    number.is_float = true;
    number.float_value = value;
    if (std::abs(value) < 9.2e18 && value == std::trunc(value)) {
      number.is_int = true;
      number.int_value = static_cast<int64_t>(value);
    }
    operand.constant = Value::Float(value);
    return operand;
  }

  const std::string& name_;
  std::shared_ptr<const std::string> text_;
  const FunctionMap& builtins_;
  const FunctionMap& functions_;
  const ParseLimits& limits_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int line_ = 1;
  int action_line_ = 0;
  int range_depth_ = 0;
  int depth_ = 0;
  std::vector<std::string> variables_ = {"$"};
  std::vector<Tree> definitions_;
};

}  // namespace

core::Result<std::vector<Tree>> ParseTemplate(const std::string& name, std::string text,
                                              const FunctionMap& builtins, const FunctionMap& functions,
                                              const ParseLimits& limits) {
  if (text.size() > limits.max_text_bytes) {
    return core::Fail(core::Code::kInvalidArgument, "template: {}: text of {} bytes exceeds the limit of {}",
                      name, text.size(), limits.max_text_bytes);
  }
  try {
    auto shared = std::make_shared<const std::string>(std::move(text));
    return Parser(name, std::move(shared), builtins, functions, limits).Parse();
  } catch (const ParseError& error) {
    return tl::unexpected(core::Error(core::Code::kInvalidArgument, error.message));
  }
}

}  // namespace sextant::gotemplate
