// Walks a template's tree. Internal to gotemplate: TemplateSet is the way in.
#pragma once

#include <string>

#include "core/result.h"
#include "gotemplate/template.h"

namespace sextant::gotemplate {

core::Result<std::string> ExecuteTree(const TemplateSet& set, const Tree& tree, const Value& data,
                                      const Environment* environment);

}  // namespace sextant::gotemplate
