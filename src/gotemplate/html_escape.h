// html/template's contextual escaping: rewrites templates so that every value that is filled in is escaped
// for the place where it stands in the HTML around it. Templates that are called from different places are
// rewritten once for each; a template whose branches leave a browser in different states is refused, since
// nobody could tell what a value after them means.
//
// Specification: https://pkg.go.dev/html/template
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/result.h"
#include "gotemplate/ast.h"
#include "gotemplate/template.h"

namespace sextant::gotemplate {

using EscapedTrees = std::map<std::string, std::shared_ptr<const Tree>>;

// The templates that executing `name` needs, escaped: to be looked up before the set's own. Nothing of the
// set changes. Errors: kInvalidArgument (`html/template:name:line:column: …`), kResourceExhausted for
// templates that are nested too deeply in loops.
core::Result<EscapedTrees> EscapeForHtml(const TemplateSet& set, const std::string& name);

}  // namespace sextant::gotemplate
