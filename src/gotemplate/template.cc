#include "gotemplate/template.h"

#include "gotemplate/builtins.h"
#include "gotemplate/executor.h"
#include "gotemplate/unicode.h"

namespace sextant::gotemplate {

TemplateSet::TemplateSet(std::shared_ptr<const FunctionMap> functions, Options options)
    : functions_(functions ? std::move(functions) : std::make_shared<const FunctionMap>()),
      options_(options) {}

TemplateSet::TemplateSet(Overlay, const TemplateSet* parent)
    : functions_(parent->functions_), options_(parent->options_), parent_(parent) {}

core::Status TemplateSet::Parse(const std::string& name, std::string text) {
  SEXTANT_ASSIGN(std::vector<Tree> trees, ParseTemplate(name, std::move(text), BuiltinFunctions(),
                                                        *functions_, options_.limits.parse));
  for (Tree& tree : trees) {
    if (tree.IsEmpty() && FindTree(tree.name) != nullptr) continue;
    std::string key = tree.name;
    trees_[std::move(key)] = std::make_shared<const Tree>(std::move(tree));
  }
  return {};
}

const Tree* TemplateSet::FindTree(std::string_view name) const {
  const auto found = trees_.find(name);
  if (found != trees_.end()) return found->second.get();
  return parent_ == nullptr ? nullptr : parent_->FindTree(name);
}

core::Result<std::string> TemplateSet::Execute(std::string_view name, const Value& data,
                                               const Environment* environment) const {
  const Tree* tree = FindTree(name);
  if (tree == nullptr) {
    return core::Fail(core::Code::kNotFound, "template: no template {} is defined", Quote(name));
  }
  return ExecuteTree(*this, *tree, data, environment);
}

core::Result<std::string> TemplateSet::ExecuteText(const std::string& name, std::string text,
                                                   const Value& data, const Environment* environment) const {
  TemplateSet overlay(Overlay{}, this);
  SEXTANT_TRY(overlay.Parse(name, std::move(text)));
  const auto own = overlay.trees_.find(name);
  if (own == overlay.trees_.end()) return std::string();  // the text holds definitions only
  return ExecuteTree(overlay, *own->second, data, environment);
}

}  // namespace sextant::gotemplate
