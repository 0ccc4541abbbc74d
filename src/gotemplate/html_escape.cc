#include "gotemplate/html_escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "gotemplate/html_context.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

// Loops are gone through twice, and so are loops in loops: deep nests are refused.
constexpr size_t kMaxStatements = 200'000;

// --- copies ---

Pipe Copy(const Pipe& pipe);

Operand Copy(const Operand& operand) {
  Operand out{operand.type,     operand.pos,    operand.text, operand.idents,
              operand.constant, operand.number, nullptr,      nullptr};
  if (operand.base) out.base = std::make_unique<Operand>(Copy(*operand.base));
  if (operand.pipe) out.pipe = std::make_unique<Pipe>(Copy(*operand.pipe));
  return out;
}

Command Copy(const Command& command) {
  Command out{command.pos, {}};
  for (const Operand& arg : command.args) out.args.push_back(Copy(arg));
  return out;
}

Pipe Copy(const Pipe& pipe) {
  Pipe out{pipe.pos, pipe.variables, pipe.is_assign, {}};
  for (const Command& command : pipe.commands) out.commands.push_back(Copy(command));
  return out;
}

// Without the bodies.
Statement CopyHead(const Statement& statement) {
  Statement out{statement.type, statement.pos, statement.text, nullptr, {}, {}};
  if (statement.pipe) out.pipe = std::make_unique<Pipe>(Copy(*statement.pipe));
  return out;
}

// --- pipelines ---

bool IsPredefined(std::string_view name) { return name == "html" || name == "urlquery"; }

// The predefined function that does what an escaper does.
std::string_view Equivalent(std::string_view escaper) {
  for (const char* name : {"attr", "html", "nospace", "rcdata"}) {
    if (escaper == fmt::format("_html_template_{}escaper", name)) return "html";
  }
  if (escaper == "_html_template_urlescaper" || escaper == "_html_template_urlnormalizer") return "urlquery";
  return escaper;
}

std::string_view FunctionOf(const Command& command) {
  if (command.args.empty() || command.args[0].type != OperandType::kIdentifier) return {};
  return command.args[0].text;
}

Command CallOf(std::string name, size_t pos) {
  Command command{pos, {}};
  command.args.push_back({OperandType::kIdentifier, pos, std::move(name), {}, {}, {}, nullptr, nullptr});
  return command;
}

// Appends the escapers, unless the pipeline does their work already.
void Append(Pipe& pipe, std::vector<std::string> escapers) {
  if (escapers.empty() || pipe.commands.empty()) return;
  const std::string last(FunctionOf(pipe.commands.back()));
  if (IsPredefined(last)) {
    if (pipe.commands.size() == 1 && pipe.commands[0].args.size() > 1) {
      pipe.commands[0].args[0].text = "_eval_args_";
      pipe.commands.push_back(CallOf(last, pipe.pos));
    }
    const auto same = std::ranges::find_if(
        escapers, [&](const std::string& escaper) { return Equivalent(escaper) == Equivalent(last); });
    if (same != escapers.end()) {
      *same = last;
      pipe.commands.pop_back();
    }
  }
  std::set<std::string, std::less<>> present;
  for (const Command& command : pipe.commands) {
    if (!FunctionOf(command).empty()) present.emplace(Equivalent(FunctionOf(command)));
  }
  for (std::string& escaper : escapers) {
    if (present.contains(Equivalent(escaper))) continue;
    pipe.commands.push_back(CallOf(std::move(escaper), pipe.pos));
  }
}

// --- text ---

// Script tags within literals would end the script.
std::string WithoutScriptTags(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string rest = ToLower(text.substr(i, 8));
    if (text[i] == '<' &&
        (rest.starts_with("<script") || rest.starts_with("</script") || rest.starts_with("<!--"))) {
      out += "\\x3C";
    } else {
      out += text[i];
    }
  }
  return out;
}

bool IsDoctype(std::string_view text) { return ToLower(text.substr(0, 9)) == "<!doctype"; }

// What is written for a piece of text that ends a state: stray brackets become entities, comments vanish.
class TextEscaper {
 public:
  explicit TextEscaper(std::string_view text) : text_(text) {}

  HtmlContext Run(HtmlContext c) {
    size_t i = 0;
    while (i != text_.size()) {
      HtmlStep step = ContextAfterText(c, text_.substr(i));
      const size_t end = i + step.size;
      const HtmlContext& next = step.context;
      if (c.state == HtmlState::kText || c.state == HtmlState::kRcdata) {
        EscapeBrackets(i, end, next.state != c.state);
      } else if (IsComment(c.state) && c.delim == HtmlDelim::kNone) {
        ReplaceComment(c.state, end);
      }
      if (c.state != next.state && IsComment(next.state) && next.delim == HtmlDelim::kNone)
        DropCommentStart(next.state, end);
      if (IsInScriptLiteral(c.state) && c.delim == HtmlDelim::kNone) {
        out_ += text_.substr(written_, std::max(i, written_) - written_);
        out_ += WithoutScriptTags(text_.substr(std::max(i, written_), end - std::max(i, written_)));
        written_ = end;
      }
      if (step.size == 0 && next.state == c.state) break;  // cannot be
      c = std::move(step.context);
      i = end;
    }
    if (c.state != HtmlState::kError && (!IsComment(c.state) || c.delim != HtmlDelim::kNone))
      out_ += text_.substr(std::min(written_, text_.size()));
    return c;
  }

  std::string Take() { return std::move(out_); }

 private:
  void EscapeBrackets(size_t begin, size_t end, bool ends_in_tag) {
    if (ends_in_tag) {
      const size_t bracket = text_.substr(0, end).rfind('<');
      if (bracket != std::string_view::npos && bracket >= begin) end = bracket;
    }
    for (size_t j = begin; j < end; ++j) {
      if (text_[j] != '<' || IsDoctype(text_.substr(j))) continue;
      out_ += text_.substr(written_, j - written_);
      out_ += "&lt;";
      written_ = j + 1;
    }
  }

  void ReplaceComment(HtmlState state, size_t end) {
    if (state == HtmlState::kJsBlockComment) {
      const std::string_view comment = text_.substr(written_, end - written_);
      out_ += comment.find_first_of("\n\r") != std::string_view::npos ? '\n' : ' ';
    } else if (state == HtmlState::kCssBlockComment) {
      out_ += ' ';
    }
    written_ = end;
  }

  void DropCommentStart(HtmlState state, size_t end) {
    size_t start = end - 2;
    if (state == HtmlState::kHtmlComment || state == HtmlState::kJsHtmlOpenComment) start -= 2;
    if (state == HtmlState::kJsHtmlCloseComment) start -= 1;
    if (start > written_) out_ += text_.substr(written_, start - written_);
    written_ = end;
  }

  std::string_view text_;
  std::string out_;
  size_t written_ = 0;
};

// --- templates ---

class Escaper {
 public:
  explicit Escaper(const TemplateSet& set) : set_(set) {}

  core::Result<EscapedTrees> Run(const std::string& name) {
    HtmlContext c = EscapeTree({}, name, nullptr, 0).context;
    if (too_long_) {
      return core::Fail(core::Code::kResourceExhausted, "html/template:{}: more than {} statements to escape",
                        name, kMaxStatements);
    }
    if (c.state == HtmlState::kError)
      return core::Fail(core::Code::kInvalidArgument, "html/template:{}", c.error);
    if (c.state != HtmlState::kText) {
      return core::Fail(core::Code::kInvalidArgument, "html/template:{}: ends in a non-text context: {}",
                        name, c.ToString());
    }
    return std::move(state_.done);
  }

 private:
  // What is known so far; copied to try something and put back when it does not hold.
  struct State {
    std::map<std::string, HtmlContext> output;  // by the name for a context: what it ends in
    std::set<std::string> called;
    EscapedTrees done;
  };
  struct Called {
    HtmlContext context;
    std::string name;
  };
  // Contexts at the breaks and continues of a loop.
  struct Loop {
    std::vector<HtmlContext> ends;
  };

  HtmlContext Fail(size_t pos, std::string_view what) const {
    return HtmlContext::Error(tree_ == nullptr ? std::string(what)
                                               : fmt::format("{}: {}", tree_->Locate(pos), what));
  }

  HtmlContext WithPlace(HtmlContext c, size_t pos) const {
    if (c.state == HtmlState::kError && tree_ != nullptr && !c.error.starts_with(tree_->parse_name + ":"))
      c.error = fmt::format("{}: {}", tree_->Locate(pos), c.error);
    return c;
  }

  Called EscapeTree(const HtmlContext& c, const std::string& name, const Tree* from, size_t pos) {
    const std::string mangled =
        c.state == HtmlState::kText && c == HtmlContext{} ? name : name + "$htmltemplate_" + c.ToString();
    state_.called.insert(mangled);
    if (const auto known = state_.output.find(mangled); known != state_.output.end())
      return {known->second, mangled};
    const Tree* tree = set_.FindTree(name);
    if (tree == nullptr) {
      const std::string place = from == nullptr ? name : from->Locate(pos);
      return {HtmlContext::Error(fmt::format("{}: no such template {}", place, Quote(name))), mangled};
    }
    return {OutputOf(c, *tree, mangled), mangled};
  }

  HtmlContext OutputOf(const HtmlContext& c, const Tree& tree, const std::string& mangled) {
    auto [first, holds] = EscapeBody(c, c, tree, mangled);
    if (!holds && first.state != HtmlState::kError) {
      // A template that calls itself: assume that it ends as it just did.
      auto [second, holds_now] = EscapeBody(c, first, tree, mangled);
      first = std::move(second);
      holds = holds_now;
    }
    if (first.state == HtmlState::kError) return first;
    if (!holds) {
      return HtmlContext::Error(
          fmt::format("{}: cannot compute output context for template {}", tree.Locate(0), tree.name));
    }
    state_.output[mangled] = first;
    return first;
  }

  // The body escaped on the assumption that the template ends in `assumed`, and whether that holds.
  std::pair<HtmlContext, bool> EscapeBody(const HtmlContext& c, const HtmlContext& assumed, const Tree& tree,
                                          const std::string& mangled) {
    State before = state_;
    state_.output[mangled] = assumed;
    state_.called.erase(mangled);
    const Tree* outer = std::exchange(tree_, &tree);
    StatementList body;
    HtmlContext end = EscapeList(c, tree.root, body);
    tree_ = outer;
    const bool calls_itself = state_.called.contains(mangled);
    const bool holds = end.state != HtmlState::kError && (!calls_itself || end == assumed);
    if (!holds) {
      state_ = std::move(before);
      return {std::move(end), false};
    }
    state_.called.insert(mangled);
    auto escaped = std::make_shared<Tree>();
    escaped->name = mangled;
    escaped->parse_name = tree.parse_name;
    escaped->text = tree.text;
    escaped->root = std::move(body);
    state_.done[mangled] = std::move(escaped);
    return {std::move(end), true};
  }

  HtmlContext EscapeList(HtmlContext c, const StatementList& list, StatementList& out) {
    for (const Statement& statement : list) {
      c = EscapeStatement(std::move(c), statement, out);
      if (c.state == HtmlState::kDead || c.state == HtmlState::kError) break;
    }
    return c;
  }

  HtmlContext EscapeStatement(HtmlContext c, const Statement& statement, StatementList& out) {
    if (++statements_ > kMaxStatements) {
      too_long_ = true;
      return Fail(statement.pos, "too long");
    }
    switch (statement.type) {
      case StatementType::kText: {
        TextEscaper text(statement.text);
        c = WithPlace(text.Run(std::move(c)), statement.pos);
        Statement copy = CopyHead(statement);
        copy.text = text.Take();
        out.push_back(std::move(copy));
        return c;
      }
      case StatementType::kAction: {
        Statement copy = CopyHead(statement);
        c = EscapeAction(std::move(c), copy);
        out.push_back(std::move(copy));
        return c;
      }
      case StatementType::kIf:
      case StatementType::kWith:
      case StatementType::kRange:
        return EscapeBranch(c, statement, out);
      case StatementType::kTemplate: {
        Called called = EscapeTree(c, statement.text, tree_, statement.pos);
        Statement copy = CopyHead(statement);
        copy.text = std::move(called.name);
        out.push_back(std::move(copy));
        return std::move(called.context);
      }
      case StatementType::kBreak:
      case StatementType::kContinue:
        if (loop_ != nullptr) loop_->ends.push_back(c);
        out.push_back(CopyHead(statement));
        return {.state = HtmlState::kDead};
    }
    return c;
  }

  // --- branches ---

  HtmlContext Join(const HtmlContext& a, const HtmlContext& b, const Statement& statement,
                   std::string_view name) const {
    if (a.state == HtmlState::kError || b.state == HtmlState::kDead) return a;
    if (b.state == HtmlState::kError || a.state == HtmlState::kDead) return b;
    if (a == b) return a;
    HtmlContext c = a;
    c.url_part = b.url_part;
    if (c == b) {
      c.url_part = UrlPart::kUnknown;
      return c;
    }
    c = a;
    c.js_slash = b.js_slash;
    if (c == b) {
      c.js_slash = JsSlash::kUnknown;
      return c;
    }
    const HtmlContext nudged_a = Nudged(a);
    const HtmlContext nudged_b = Nudged(b);
    if (nudged_a != a || nudged_b != b) {
      HtmlContext joined = Join(nudged_a, nudged_b, statement, name);
      if (joined.state != HtmlState::kError) return joined;
    }
    return Fail(statement.pos, fmt::format("{{{{{}}}}} branches end in different contexts: {}, {}", name,
                                           a.ToString(), b.ToString()));
  }

  HtmlContext JoinLoop(HtmlContext c, const Loop& loop, const Statement& statement) const {
    for (const HtmlContext& end : loop.ends) {
      c = Join(c, end, statement, "range");
      if (c.state == HtmlState::kError) return c;
    }
    return c;
  }

  HtmlContext EscapeBranch(const HtmlContext& c, const Statement& statement, StatementList& out) {
    const bool is_loop = statement.type == StatementType::kRange;
    const std::string_view name = is_loop ? "range" : statement.type == StatementType::kIf ? "if" : "with";
    Statement copy = CopyHead(statement);
    Loop loop;
    Loop* outer = loop_;
    if (is_loop) loop_ = &loop;
    HtmlContext body = EscapeList(c, statement.body, copy.body);
    loop_ = outer;
    if (is_loop && body.state != HtmlState::kError) body = EscapeAgain(std::move(body), loop, statement);
    if (body.state == HtmlState::kError) return body;
    const HtmlContext other = EscapeList(c, statement.else_body, copy.else_body);
    out.push_back(std::move(copy));
    return Join(body, other, statement, name);
  }

  // A loop's body may run after itself: that must make no difference.
  HtmlContext EscapeAgain(HtmlContext body, const Loop& first, const Statement& statement) {
    body = JoinLoop(std::move(body), first, statement);
    if (body.state == HtmlState::kError) return body;
    Loop second;
    Loop* outer = std::exchange(loop_, &second);
    const State before = state_;
    StatementList dropped;
    const HtmlContext again = EscapeList(body, statement.body, dropped);
    state_ = before;
    loop_ = outer;
    HtmlContext joined = Join(body, again, statement, "range");
    if (joined.state == HtmlState::kError) {
      joined.error = "on range loop re-entry: " + joined.error;
      return joined;
    }
    return JoinLoop(std::move(joined), second, statement);
  }

  // --- actions ---

  HtmlContext EscapeAction(HtmlContext c, Statement& action) {
    Pipe& pipe = *action.pipe;
    if (!pipe.variables.empty()) return c;  // writes nothing
    c = Nudged(std::move(c));
    for (size_t i = 0; i < pipe.commands.size(); ++i) {
      const std::string_view function = FunctionOf(pipe.commands[i]);
      if (!IsPredefined(function)) continue;
      const bool is_last = i + 1 == pipe.commands.size();
      const bool is_unquoted = c.state == HtmlState::kAttr && c.delim == HtmlDelim::kSpaceOrTagEnd;
      if (!is_last || (is_unquoted && function == "html")) {
        return Fail(action.pos, fmt::format("predefined escaper {} disallowed in template", Quote(function)));
      }
    }
    std::vector<std::string> escapers;
    if (const std::string problem = AddEscapers(c, escapers, action); !problem.empty())
      return Fail(action.pos, problem);
    switch (c.delim) {
      case HtmlDelim::kNone:
        break;
      case HtmlDelim::kSpaceOrTagEnd:
        escapers.emplace_back("_html_template_nospaceescaper");
        break;
      default:
        escapers.emplace_back("_html_template_attrescaper");
    }
    Append(pipe, std::move(escapers));
    return c;
  }

  static std::string AddUrlEscapers(const HtmlContext& c, std::vector<std::string>& escapers,
                                    const Statement& action) {
    const bool is_css_text = c.state == HtmlState::kCssDoubleQuoted || c.state == HtmlState::kCssSingleQuoted;
    switch (c.url_part) {
      case UrlPart::kNone:
        escapers.emplace_back("_html_template_urlfilter");
        [[fallthrough]];
      case UrlPart::kPreQuery:
        escapers.emplace_back(is_css_text ? "_html_template_cssescaper" : "_html_template_urlnormalizer");
        break;
      case UrlPart::kQueryOrFragment:
        escapers.emplace_back("_html_template_urlescaper");
        break;
      case UrlPart::kUnknown:
        return fmt::format("{} appears in an ambiguous context within a URL", action.ToString());
    }
    return {};
  }

  // What keeps a value in its place there; a reason when nothing does.
  static std::string AddEscapers(HtmlContext& c, std::vector<std::string>& escapers,
                                 const Statement& action) {
    switch (c.state) {
      case HtmlState::kUrl:
      case HtmlState::kCssDoubleQuoted:
      case HtmlState::kCssSingleQuoted:
      case HtmlState::kCssDoubleQuotedUrl:
      case HtmlState::kCssSingleQuotedUrl:
      case HtmlState::kCssUrl:
        return AddUrlEscapers(c, escapers, action);
      case HtmlState::kJs:
        escapers.emplace_back("_html_template_jsvalescaper");
        c.js_slash = JsSlash::kDivision;
        break;
      case HtmlState::kJsDoubleQuoted:
      case HtmlState::kJsSingleQuoted:
        escapers.emplace_back("_html_template_jsstrescaper");
        break;
      case HtmlState::kJsTemplate:
        escapers.emplace_back("_html_template_jstmpllitescaper");
        break;
      case HtmlState::kJsRegexp:
        escapers.emplace_back("_html_template_jsregexpescaper");
        break;
      case HtmlState::kCss:
        escapers.emplace_back("_html_template_cssvaluefilter");
        break;
      case HtmlState::kText:
        escapers.emplace_back("_html_template_htmlescaper");
        break;
      case HtmlState::kRcdata:
        escapers.emplace_back("_html_template_rcdataescaper");
        break;
      case HtmlState::kAttrName:
      case HtmlState::kTag:
        c.state = HtmlState::kAttrName;
        escapers.emplace_back("_html_template_htmlnamefilter");
        break;
      case HtmlState::kSrcset:
        escapers.emplace_back("_html_template_srcsetescaper");
        break;
      default:
        if (IsComment(c.state)) escapers.emplace_back("_html_template_commentescaper");
    }
    return {};
  }

  const TemplateSet& set_;
  const Tree* tree_ = nullptr;
  Loop* loop_ = nullptr;
  State state_;
  size_t statements_ = 0;
  bool too_long_ = false;
};

}  // namespace

core::Result<EscapedTrees> EscapeForHtml(const TemplateSet& set, const std::string& name) {
  return Escaper(set).Run(name);
}

}  // namespace sextant::gotemplate
