#include "gotemplate/template.h"

#include "gotemplate/builtins.h"
#include "gotemplate/executor.h"
#include "gotemplate/html_escape.h"
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
  return ExecuteOverlay(name, std::move(text), data, environment, Form::kText);
}

core::Result<std::string> TemplateSet::ExecuteHtmlText(const std::string& name, std::string text,
                                                       const Value& data,
                                                       const Environment* environment) const {
  return ExecuteOverlay(name, std::move(text), data, environment, Form::kHtml);
}

core::Result<std::string> TemplateSet::ExecuteHtmlPage(const std::string& name, std::string text,
                                                       const Value& data,
                                                       const Environment* environment) const {
  return ExecuteOverlay(name, std::move(text), data, environment, Form::kHtmlPage);
}

void TemplateSet::ListNames(std::set<std::string>& names) const {
  for (const auto& [name, tree] : trees_) names.insert(name);
  if (parent_ != nullptr) parent_->ListNames(names);
}

core::Result<std::string> TemplateSet::ExecuteOverlay(const std::string& name, std::string text,
                                                      const Value& data, const Environment* environment,
                                                      Form form) const {
  TemplateSet overlay(Overlay{}, this);
  SEXTANT_TRY(overlay.Parse(name, std::move(text)));
  if (!overlay.trees_.contains(name)) return std::string();  // the text holds definitions only
  std::set<std::string> escaped_names;
  if (form == Form::kHtmlPage) overlay.ListNames(escaped_names);
  if (form != Form::kText) escaped_names.insert(name);
  EscapedTrees all;  // each is made of the trees as they were
  for (const std::string& one : escaped_names) {
    SEXTANT_ASSIGN(EscapedTrees escaped, EscapeForHtml(overlay, one));
    all.merge(escaped);
  }
  for (auto& [key, tree] : all) overlay.trees_[key] = std::move(tree);
  return ExecuteTree(overlay, *overlay.trees_.at(name), data, environment);
}

}  // namespace sextant::gotemplate
