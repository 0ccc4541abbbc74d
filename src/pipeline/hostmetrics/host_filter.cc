#include "pipeline/hostmetrics/host_filter.h"

#include <algorithm>

#include "config/text.h"
#include "core/regexp_syntax.h"

namespace sextant::pipeline {

namespace {

using config::Node;

constexpr size_t kMaxNames = 10'000;

core::Result<std::shared_ptr<const re2::RE2>> Compile(const std::string& name, Node place) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto expression = std::make_shared<const re2::RE2>(core::ToRe2Syntax(name), options);
  if (!expression->ok())
    return place.Fail("{} is no regular expression: {}", config::Quote(name), expression->error());
  return expression;
}

core::Result<HostFilter> ReadFilter(Node node, const std::string& list) {
  if (!node.IsMapping()) return node.Fail("expected a mapping, got {}", node.Describe());
  HostFilter filter;
  std::string match_type;
  for (Node child : node.children()) {
    if (child.key() == list) {
      if (child.IsNull()) continue;
      if (!child.IsSequence()) return child.Fail("expected a list, got {}", child.Describe());
      for (Node item : child.children()) {
        SEXTANT_ASSIGN(std::string name, item.AsText());
        if (filter.names.size() >= kMaxNames) return item.Fail("more than {} names", kMaxNames);
        filter.names.push_back(std::move(name));
      }
    } else if (child.key() == "match_type") {
      SEXTANT_ASSIGN(match_type, child.AsText());
      if (match_type != "strict" && match_type != "regexp") {
        return child.Fail("unrecognized match_type: '{}', valid types are: [regexp strict]", match_type);
      }
    } else if (child.key() != "regexp") {  // the original's cache, which changes no result
      return child.FailAtKey(
          core::Code::kInvalidArgument,
          "unknown field" + config::Suggestion(child.key(), {list, "match_type", "regexp"}));
    }
  }
  if (!filter.names.empty() && match_type.empty())
    return node.Fail("unrecognized match_type: '', valid types are: [regexp strict]");
  filter.is_regexp = match_type == "regexp";
  if (!filter.is_regexp) return filter;
  for (const std::string& name : filter.names) {
    SEXTANT_ASSIGN(auto expression, Compile(name, node));
    filter.expressions.push_back(std::move(expression));
  }
  return filter;
}

}  // namespace

bool HostFilter::Matches(std::string_view name) const {
  if (!is_regexp) return std::ranges::find(names, name) != names.end();
  return std::ranges::any_of(
      expressions, [&](const auto& expression) { return re2::RE2::PartialMatch(name, *expression); });
}

config::CodecFor<HostFilter> FilterOf(std::string list) {
  return config::Custom<HostFilter>([list](Node node) { return ReadFilter(node, list); },
                                    [list](const HostFilter& filter, config::YamlWriter& out) {
                                      out.BeginMapping();
                                      out.Key(list);
                                      out.BeginSequence();
                                      for (const std::string& name : filter.names) out.Text(name);
                                      out.EndSequence();
                                      out.Key("match_type");
                                      out.Text(filter.is_regexp ? "regexp" : "strict");
                                      out.EndMapping();
                                    },
                                    [](const HostFilter& filter) { return !filter.IsSet(); });
}

}  // namespace sextant::pipeline
