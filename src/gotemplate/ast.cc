#include "gotemplate/ast.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gotemplate/unicode.h"

namespace sextant::gotemplate {

std::string Operand::ToString() const {
  switch (type) {
    case OperandType::kDot:
      return ".";
    case OperandType::kNil:
      return "nil";
    case OperandType::kField:
      return fmt::format(".{}", fmt::join(idents, "."));
    case OperandType::kVariable:
      return fmt::format("{}", fmt::join(idents, "."));
    case OperandType::kChain:
      return fmt::format("{}.{}", base->ToString(), fmt::join(idents, "."));
    case OperandType::kPipe:
      return "(" + pipe->ToString() + ")";
    default:
      return text;
  }
}

std::string Command::ToString() const {
  std::string out;
  for (const Operand& arg : args) {
    if (!out.empty()) out += ' ';
    out += arg.ToString();
  }
  return out;
}

std::string Pipe::ToString() const {
  std::string out;
  if (!variables.empty()) out = fmt::format("{} {} ", fmt::join(variables, ", "), is_assign ? "=" : ":=");
  for (size_t i = 0; i < commands.size(); ++i) {
    if (i > 0) out += " | ";
    out += commands[i].ToString();
  }
  return out;
}

std::string Statement::ToString() const {
  const std::string inner = pipe ? pipe->ToString() : std::string();
  switch (type) {
    case StatementType::kText:
      return Quote(text.substr(0, 20));
    case StatementType::kAction:
      return "{{" + inner + "}}";
    case StatementType::kIf:
      return "{{if " + inner + "}}";
    case StatementType::kWith:
      return "{{with " + inner + "}}";
    case StatementType::kRange:
      return "{{range " + inner + "}}";
    case StatementType::kTemplate:
      return "{{template " + Quote(text) + (inner.empty() ? "" : " " + inner) + "}}";
    case StatementType::kBreak:
      return "{{break}}";
    case StatementType::kContinue:
      return "{{continue}}";
  }
  return {};
}

bool Tree::IsEmpty() const {
  return std::all_of(root.begin(), root.end(), [](const Statement& statement) {
    return statement.type == StatementType::kText && TrimSpace(statement.text).empty();
  });
}

std::string Tree::Locate(size_t pos) const {
  const std::string_view before = std::string_view(*text).substr(0, pos);
  const size_t newline = before.rfind('\n');
  const size_t column = newline == std::string_view::npos ? pos : pos - newline - 1;
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  return fmt::format("{}:{}:{}", parse_name, line, column);
}

}  // namespace sextant::gotemplate
