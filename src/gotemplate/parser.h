// Parses a template's text into trees: the text itself and every {{define}} and {{block}} in it.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "gotemplate/ast.h"
#include "gotemplate/value.h"

namespace sextant::gotemplate {

struct ParseLimits {
  size_t max_text_bytes = size_t{4} << 20;
  int max_depth = 200;  // of nested actions and parentheses
};

// The first tree is the text's own, under `name`; definitions follow in order. Names of functions are checked
// against `builtins` and `functions`. Errors are kInvalidArgument with Go's text: `template: name:line:
// message`.
core::Result<std::vector<Tree>> ParseTemplate(const std::string& name, std::string text,
                                              const FunctionMap& builtins, const FunctionMap& functions,
                                              const ParseLimits& limits);

}  // namespace sextant::gotemplate
