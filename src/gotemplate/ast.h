// A parsed template: statements that hold pipelines that hold commands that hold operands. Trees are
// immutable after parsing and shared; they keep the text they were parsed from, for positions in messages.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gotemplate/value.h"

namespace sextant::gotemplate {

struct Pipe;
struct Statement;
using StatementList = std::vector<Statement>;

enum class OperandType : uint8_t {
  kBool,
  kNumber,
  kString,
  kDot,
  kNil,
  kField,
  kVariable,
  kIdentifier,
  kChain,
  kPipe,
};

// A number constant in every form it can take (Go's untyped constants adapt to where they are used).
struct Number {
  bool is_int = false;
  bool is_float = false;
  int64_t int_value = 0;
  double float_value = 0;
};

struct Operand {
  OperandType type;
  size_t pos;
  std::string text;                 // constants and identifiers as written
  std::vector<std::string> idents;  // kField: names; kVariable: "$name" and names; kChain: names after `base`
  Value constant;                   // kBool, kString, kNumber (the type it takes where any will do)
  Number number;
  std::unique_ptr<Operand> base;  // kChain
  std::unique_ptr<Pipe> pipe;     // kPipe

  std::string ToString() const;
};

struct Command {
  size_t pos;
  std::vector<Operand> args;

  std::string ToString() const;
};

struct Pipe {
  size_t pos;
  std::vector<std::string> variables;  // "$i", "$e"
  bool is_assign = false;              // "=" instead of ":="
  std::vector<Command> commands;

  std::string ToString() const;
};

enum class StatementType : uint8_t { kText, kAction, kIf, kWith, kRange, kTemplate, kBreak, kContinue };

struct Statement {
  StatementType type;
  size_t pos;
  std::string text;            // kText: output; kTemplate: the template's name
  std::unique_ptr<Pipe> pipe;  // kAction, kIf, kWith, kRange; kTemplate may have none
  StatementList body;
  StatementList else_body;

  // Without bodies: "{{if .X}}".
  std::string ToString() const;
};

struct Tree {
  std::string name;        // of the template
  std::string parse_name;  // of the text it came from
  std::shared_ptr<const std::string> text;
  StatementList root;

  // True when it holds nothing but space.
  bool IsEmpty() const;
  // "name:line:column" of a position, as Go's messages have it.
  std::string Locate(size_t pos) const;
};

}  // namespace sextant::gotemplate
