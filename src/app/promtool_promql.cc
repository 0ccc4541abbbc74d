// `promtool promql`: works on expressions.
#include <optional>

#include "app/promtool/command.h"
#include "app/promtool_commands.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/printer.h"
#include "model/matcher.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

Result<promql::ExprPtr> ParseQuery(const std::string& query, const PromtoolOptions& options) {
  promql::EngineOptions engine;
  std::vector<std::string> names;
  for (const std::string& list : options.features) AppendNames(list, names);
  SEXTANT_TRY(promtool::EnableFeatures(names, engine));
  promql::ParseResult<promql::ExprPtr> expr = promql::ParseExpr(query, engine.parser);
  if (!expr) return Fail(Code::kInvalidArgument, "{}", expr.error().Message());
  return *std::move(expr);
}

void AddExpressionFlags(CommandLine& line, PromtoolOptions& options) {
  line.AddSwitch("experimental", "Allow the commands that are experiments.", &options.is_experimental);
  line.AddFlagList("enable-feature", "Comma separated feature names to enable.", &options.features);
}

int RefuseWithoutExperimental() {
  return FailWith("This command is experimental and requires the --experimental flag to be set.");
}

int PromqlFormat(const Words& words) {
  PromtoolOptions options;
  std::string query;
  CommandLine line;
  AddExpressionFlags(line, options);
  line.AddArgument("query", "PromQL query.", &query);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "promql format", "Print a query in lines, indented.", options, code)) {
    return code;
  }
  if (!options.is_experimental) return RefuseWithoutExperimental();
  Result<promql::ExprPtr> expr = ParseQuery(query, options);
  if (!expr) return FailWith(expr.error().message());
  Print(promql::Prettify(**expr) + "\n");
  return kExitOk;
}

// Calls change(selector) for every selector of a query, and prints what comes out.
template <typename Change>
int ChangeSelectors(const std::string& query, const PromtoolOptions& options, Change&& change) {
  if (!options.is_experimental) return RefuseWithoutExperimental();
  Result<promql::ExprPtr> expr = ParseQuery(query, options);
  if (!expr) return FailWith(expr.error().message());
  Status changed;
  promql::Walk(**expr, [&](const promql::Expr& node) {
    const auto* selector = promql::As<promql::VectorSelector>(&node);
    // The tree is ours.
    if (selector != nullptr && changed) changed = change(const_cast<promql::VectorSelector&>(*selector));
  });
  if (!changed) return FailWith(changed.error().message());
  Print(promql::Prettify(**expr) + "\n");
  return kExitOk;
}

int PromqlSetMatcher(const Words& words) {
  PromtoolOptions options;
  std::string query;
  std::string name;
  std::string value;
  std::string type = "=";
  CommandLine line;
  AddExpressionFlags(line, options);
  line.AddFlag("label-match-type", 't', "How it is to match: =, !=, =~ or !~.", &type);
  line.AddArgument("query", "PromQL query.", &query);
  line.AddArgument("name", "The label that is to match.", &name);
  line.AddArgument("value", "The value that is to match.", &value);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "promql label-matchers set", "Give a query's selectors a matcher.", options,
                   code)) {
    return code;
  }
  std::optional<model::MatchType> match;
  for (const auto& [text, known] :
       {std::pair("=", model::MatchType::kEqual), std::pair("!=", model::MatchType::kNotEqual),
        std::pair("=~", model::MatchType::kRegexp), std::pair("!~", model::MatchType::kNotRegexp)}) {
    if (type == text) match = known;
  }
  if (!match) {
    return FailWith(
        fmt::format("promtool: error: enum value must be one of =,!=,=~,!~, got '{}', try --help", type));
  }
  return ChangeSelectors(query, options, [&](promql::VectorSelector& selector) -> Status {
    SEXTANT_ASSIGN(model::Matcher matcher, model::Matcher::Make(*match, name, value));
    bool is_found = false;
    for (model::Matcher& present : selector.matchers) {
      if (present.name() != name) continue;
      present = matcher;
      is_found = true;
    }
    if (!is_found) selector.matchers.push_back(std::move(matcher));
    return {};
  });
}

int PromqlDeleteMatcher(const Words& words) {
  PromtoolOptions options;
  std::string query;
  std::string name;
  CommandLine line;
  AddExpressionFlags(line, options);
  line.AddArgument("query", "PromQL query.", &query);
  line.AddArgument("name", "The label whose matchers go.", &name);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "promql label-matchers delete", "Take a label's matchers out of a query.",
                   options, code)) {
    return code;
  }
  return ChangeSelectors(query, options, [&](promql::VectorSelector& selector) -> Status {
    std::erase_if(selector.matchers, [&](const model::Matcher& matcher) { return matcher.name() == name; });
    return {};
  });
}

}  // namespace

std::vector<PromtoolCommand> PromtoolPromqlCommands() {
  return {
      {{"promql", "format"}, "<query>", "Print a query in lines, indented.", PromqlFormat},
      {{"promql", "label-matchers", "set"},
       "<query> <name> <value>",
       "Give a query's selectors a matcher.",
       PromqlSetMatcher},
      {{"promql", "label-matchers", "delete"},
       "<query> <name>",
       "Take a label's matchers out of a query.",
       PromqlDeleteMatcher},
  };
}

}  // namespace sextant::app
