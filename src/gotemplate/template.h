// Go's text/template: a set of named templates, parsed once and executed on values.
//
//   gotemplate::TemplateSet set(gotemplate::AlertmanagerFunctions(), {.missing_key = MissingKey::kZero});
//   SEXTANT_TRY(set.Parse("default.tmpl", text));                   // its definitions join the set
//   auto title = set.ExecuteText("", "{{ template \"title\" . }}", data);
//
// The whole language is there: pipelines, variables, if/else, range (else, break, continue; over lists, maps,
// integers), with, define, block, template, comments, trim markers, methods, printf. What is not:
// complex numbers, channels and iterator functions. ExecuteHtmlText writes HTML: it escapes
// what is filled in by where it stands, as html/template does.
//
// Templates come from outside, so everything is bounded by Limits; errors are kInvalidArgument with Go's
// texts
// (`template: name:line:column: executing "name" at <.Field>: message`), limits are kResourceExhausted.
//
// A set is built by one thread; Execute and ExecuteText are const and may then be called from any number of
// threads. Specification: https://pkg.go.dev/text/template
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/result.h"
#include "gotemplate/ast.h"
#include "gotemplate/call.h"
#include "gotemplate/parser.h"
#include "gotemplate/value.h"

namespace sextant::gotemplate {

// What a missing key of a map gives: nothing (printed as "<no value>"), the zero value of the map's elements,
// or an error. Go's option missingkey=default, zero and error.
enum class MissingKey : uint8_t { kDefault, kZero, kError };

struct Limits {
  size_t max_output_bytes = size_t{1} << 20;      // of a result, and of every text on the way
  size_t max_allocated_bytes = size_t{64} << 20;  // of all values that functions make in one execution
  int64_t max_steps = 1'000'000;                  // statements, commands and operands evaluated
  int max_depth = 500;                            // of nested templates, actions and parentheses
  int max_value_depth = 64;                       // of nested lists and maps
  ParseLimits parse;
};

struct Options {
  MissingKey missing_key = MissingKey::kDefault;
  Limits limits;
};

class TemplateSet {
 public:
  // `functions` are available beside the built-in ones.
  explicit TemplateSet(std::shared_ptr<const FunctionMap> functions, Options options = {});

  // Adds `text` as a template called `name`, and the templates it defines. What has the same name as an
  // earlier template replaces it, unless it is empty. Nothing is added when the text has an error.
  core::Status Parse(const std::string& name, std::string text);

  bool Has(std::string_view name) const { return FindTree(name) != nullptr; }

  // Executes the named template with `data` as dot. `environment` is what functions see; it may be null.
  core::Result<std::string> Execute(std::string_view name, const Value& data,
                                    const Environment* environment = nullptr) const;

  // Parses `text` as a template called `name` on top of this set, without changing it, and executes it.
  core::Result<std::string> ExecuteText(const std::string& name, std::string text, const Value& data,
                                        const Environment* environment = nullptr) const;

  // The same for templates that write HTML (html_escape.h). Errors also when a template leaves it open what a
  // value would mean to a browser: `html/template:name:line:column: …`.
  core::Result<std::string> ExecuteHtmlText(const std::string& name, std::string text, const Value& data,
                                            const Environment* environment = nullptr) const;

  // The same for pages that execute templates by names which are values, such as console templates with
  // `tmpl`: every template of the set is also escaped as one that stands in HTML's text, and an error when it
  // cannot.
  core::Result<std::string> ExecuteHtmlPage(const std::string& name, std::string text, const Value& data,
                                            const Environment* environment = nullptr) const;

  // For the executor.
  const Tree* FindTree(std::string_view name) const;
  const FunctionMap& functions() const { return *functions_; }
  const Options& options() const { return options_; }

 private:
  struct Overlay {};
  enum class Form : uint8_t { kText, kHtml, kHtmlPage };
  TemplateSet(Overlay, const TemplateSet* parent);
  core::Result<std::string> ExecuteOverlay(const std::string& name, std::string text, const Value& data,
                                           const Environment* environment, Form form) const;
  // The names of all templates, also of those below.
  void ListNames(std::set<std::string>& names) const;

  std::shared_ptr<const FunctionMap> functions_;
  Options options_;
  const TemplateSet* parent_ = nullptr;  // looked at for names that are not here
  std::map<std::string, std::shared_ptr<const Tree>, std::less<>> trees_;
};

}  // namespace sextant::gotemplate
