#include "alerting/config.h"

#include <algorithm>
#include <functional>
#include <set>

#include "config/paths.h"
#include "config/text.h"

namespace sextant::alerting {
namespace {

using config::Node;
using core::Result;
using core::Status;
using namespace config;

constexpr std::string_view kGroupByAll = "...";
constexpr std::string_view kAnchorBegin = "^(?:";
constexpr std::string_view kAnchorEnd = ")$";
constexpr size_t kMaxRouteDepth = 32;

// --- matchers ---

// match: {name: value}
Result<MatcherList> ReadMatch(Node node) {
  if (!node.IsMapping())
    return node.Fail("must be a mapping of label names to values, not {}", node.Describe());
  MatcherList list;
  for (const Node child : node.children()) {
    if (!model::IsClassicLabelName(child.key()))
      return child.Fail("invalid label name {}", Quote(child.key()));
    std::string value;
    if (!child.IsNull()) {
      SEXTANT_ASSIGN(value, child.AsText());
    }
    SEXTANT_ASSIGN(Matcher matcher,
                   Matcher::Make(MatcherType::kEqual, std::string(child.key()), std::move(value)));
    list.matchers.push_back(std::move(matcher));
  }
  return list;
}

// match_re: {name: expression}
Result<MatcherList> ReadMatchRe(Node node) {
  if (!node.IsMapping())
    return node.Fail("must be a mapping of label names to expressions, not {}", node.Describe());
  MatcherList list;
  for (const Node child : node.children()) {
    if (!model::IsClassicLabelName(child.key()))
      return child.Fail("invalid label name {}", Quote(child.key()));
    if (child.IsNull()) return child.Fail("invalid regexp value for {}", Quote(child.key()));
    SEXTANT_ASSIGN(const std::string value, child.AsText());
    // Alertmanager keeps the anchored expression, which shows in group keys.
    auto matcher = Matcher::Make(MatcherType::kRegexp, std::string(child.key()),
                                 fmt::format("{}{}{}", kAnchorBegin, value, kAnchorEnd));
    if (!matcher) return child.Fail("{}", matcher.error().message());
    list.matchers.push_back(std::move(*matcher));
  }
  return list;
}

// matchers: ['name="value"', …]
Result<MatcherList> ReadMatchersAs(Node node, MatcherSyntax syntax) {
  if (!node.IsSequence()) return node.Fail("must be a list of matchers, not {}", node.Describe());
  MatcherList list;
  for (const Node child : node.children()) {
    SEXTANT_ASSIGN(const std::string text, child.AsText());
    std::string warning;
    auto matchers = ParseMatchers(text, syntax, &warning);
    if (!matchers) return child.Fail("{}", matchers.error().message());
    if (!warning.empty())
      list.warnings.push_back(fmt::format("{}:{}: {}", child.file(), child.position().line, warning));
    list.matchers.insert(list.matchers.end(), matchers->begin(), matchers->end());
  }
  return list;
}

// Fallback takes what either syntax takes; another one is applied once all has been read.
Result<MatcherList> ReadMatchers(Node node) { return ReadMatchersAs(node, MatcherSyntax::kFallback); }

void WriteMatchers(const MatcherList& list, YamlWriter& out) {
  out.BeginSequence();
  for (const Matcher& matcher : list.matchers) out.Text(matcher.ToString());
  out.EndSequence();
}

void WriteMatch(const MatcherList& list, YamlWriter& out) {
  out.BeginMapping();
  for (const Matcher& matcher : list.matchers) {
    out.Key(matcher.name());
    out.Text(matcher.value());
  }
  out.EndMapping();
}

// As it was written, without the anchors.
void WriteMatchRe(const MatcherList& list, YamlWriter& out) {
  out.BeginMapping();
  for (const Matcher& matcher : list.matchers) {
    std::string_view value = matcher.value();
    value.remove_prefix(kAnchorBegin.size());
    value.remove_suffix(kAnchorEnd.size());
    out.Key(matcher.name());
    out.Text(value);
  }
  out.EndMapping();
}

using WriteList = void (*)(const MatcherList& list, YamlWriter& out);

CodecFor<MatcherList> MatcherCodec(Result<MatcherList> (*read)(Node), WriteList write) {
  return Custom<MatcherList>(read, write, [](const MatcherList& list) { return list.matchers.empty(); });
}

CodecFor<MatcherList> MatchCodec() { return MatcherCodec(ReadMatch, WriteMatch); }
CodecFor<MatcherList> MatchReCodec() { return MatcherCodec(ReadMatchRe, WriteMatchRe); }
CodecFor<MatcherList> MatchersCodec() { return MatcherCodec(ReadMatchers, WriteMatchers); }

Matchers Together(std::initializer_list<const MatcherList*> lists) {
  Matchers all;
  for (const MatcherList* list : lists) all.insert(all.end(), list->matchers.begin(), list->matchers.end());
  std::sort(all.begin(), all.end());
  return all;
}

// --- routes ---

Status CheckGroupBy(RouteConfig& route, Node node) {
  if (!route.group_by) return {};
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (const std::string& name : *route.group_by) {
    if (name == kGroupByAll) {
      route.group_by_all = true;
      continue;
    }
    if (!IsValidLabelName(name, MatcherSyntax::kFallback)) {
      return node.Fail("invalid label name {} in group_by list", Quote(name));
    }
    if (!seen.insert(name).second) return node.Fail("duplicated label {} in group_by", Quote(name));
    names.push_back(name);
  }
  if (route.group_by_all && !names.empty()) {
    return node.Fail("cannot have wildcard group_by (`...`) and other labels at the same time");
  }
  return {};
}

void PutMatchersTogether(RouteConfig& route) {
  route.matchers = Together({&route.match, &route.match_re, &route.matchers_field});
}

void PutMatchersTogether(InhibitRuleConfig& rule) {
  rule.source_matchers = Together({&rule.source_match, &rule.source_match_re, &rule.source_matchers_field});
  rule.target_matchers = Together({&rule.target_match, &rule.target_match_re, &rule.target_matchers_field});
}

Status FinishRoute(RouteConfig& route, Node node) {
  SEXTANT_TRY(CheckGroupBy(route, node));
  if (route.group_interval_ms == 0) return node.Fail("group_interval cannot be zero");
  if (route.repeat_interval_ms == 0) return node.Fail("repeat_interval cannot be zero");
  for (const auto& [name, text] : route.labels) {
    if (!IsValidLabelName(name, MatcherSyntax::kFallback))
      return node.Fail("invalid label name {} in route labels", Quote(name));
  }
  PutMatchersTogether(route);
  return {};
}

Status CheckSources(const InhibitRuleConfig& rule, Node node) {
  if (!rule.sources.empty() && (!rule.source_matchers.empty() || !rule.equal.empty())) {
    return node.Fail(
        "sources cannot be combined with source_match, source_match_re, source_matchers, or equal");
  }
  for (size_t i = 0; i < rule.sources.size(); ++i) {
    const Matchers& matchers = rule.sources[i].matchers_field.matchers;
    if (matchers.empty()) return node.Fail("source {}: matchers must not be empty", i);
    if (std::all_of(matchers.begin(), matchers.end(), [](const Matcher& m) { return m.Matches(""); })) {
      return node.Fail("source {}: at least one matcher must not match the empty string", i);
    }
    for (const std::string& name : rule.sources[i].equal) {
      if (!IsValidLabelName(name, MatcherSyntax::kFallback)) {
        return node.Fail("invalid label name {} in source equal list", Quote(name));
      }
    }
  }
  return {};
}

Status FinishInhibitRule(InhibitRuleConfig& rule, Node node) {
  PutMatchersTogether(rule);
  SEXTANT_TRY(CheckSources(rule, node));
  for (const std::string& name : rule.equal) {
    if (!IsValidLabelName(name, MatcherSyntax::kFallback)) {
      return node.Fail("invalid label name {} in equal list", Quote(name));
    }
  }
  return {};
}

// --- what holds in the whole file ---

Status CheckReceivers(Config& config, Node node) {
  std::set<std::string_view> names;
  for (ReceiverConfig& receiver : config.receivers) {
    if (!names.insert(receiver.name).second) {
      return node.Fail("notification config name {} is not unique", Quote(receiver.name));
    }
    SEXTANT_TRY(ApplyDefaults(config.global.receivers, config.global.http, receiver, node));
  }
  return {};
}

Status CheckRoot(const Config& config, Node node) {
  if (!config.route) return node.Fail("no routes provided");
  const Node at = node.Find("route");
  const RouteConfig& root = *config.route;
  if (root.receiver.empty()) return at.Fail("root route must specify a default receiver");
  if (!root.matchers.empty()) return at.Fail("root route must not have any matchers");
  if (!root.mute_time_intervals.empty()) return at.Fail("root route must not have any mute time intervals");
  if (!root.active_time_intervals.empty())
    return at.Fail("root route must not have any active time intervals");
  if (root.continues) return at.Fail("cannot have continue in root route");
  return {};
}

Status CheckIntervals(const Config& config, Node node) {
  std::set<std::string_view> names;
  for (const NamedIntervals& named : config.mute_time_intervals) {
    if (!names.insert(named.name).second) {
      return node.Fail("mute time interval {} is not unique", Quote(named.name));
    }
  }
  for (const NamedIntervals& named : config.time_intervals) {
    if (!names.insert(named.name).second)
      return node.Fail("time interval {} is not unique", Quote(named.name));
  }
  return {};
}

Status CheckRoute(const Config& config, const RouteConfig& route, Node node, size_t depth) {
  if (depth > kMaxRouteDepth) return node.Fail("routes are nested deeper than {}", kMaxRouteDepth);
  if (!route.receiver.empty() && config.FindReceiver(route.receiver) == nullptr) {
    return node.Fail("undefined receiver {} used in route", Quote(route.receiver));
  }
  for (const auto* names : {&route.mute_time_intervals, &route.active_time_intervals}) {
    for (const std::string& name : *names) {
      if (config.FindInterval(name) == nullptr) {
        return node.Fail("undefined time interval {} used in route", Quote(name));
      }
    }
  }
  size_t i = 0;
  for (const Node child : node.Find("routes").children()) {
    SEXTANT_TRY(CheckRoute(config, route.routes[i++], child, depth + 1));
  }
  return {};
}

void CollectWarnings(const RouteConfig& route, std::vector<std::string>& warnings) {
  const auto& own = route.matchers_field.warnings;
  warnings.insert(warnings.end(), own.begin(), own.end());
  for (const RouteConfig& child : route.routes) CollectWarnings(child, warnings);
}

Status FinishConfig(Config& config, Node node) {
  SEXTANT_TRY(CheckReceivers(config, node));
  SEXTANT_TRY(CheckRoot(config, node));
  SEXTANT_TRY(CheckIntervals(config, node));
  SEXTANT_TRY(CheckRoute(config, *config.route, node.Find("route"), 0));
  for (std::string& pattern : config.templates) pattern = JoinDirectory(DirectoryOf(node.file()), pattern);
  CollectWarnings(*config.route, config.warnings);
  for (const InhibitRuleConfig& rule : config.inhibit_rules) {
    for (const MatcherList* list : {&rule.source_matchers_field, &rule.target_matchers_field}) {
      config.warnings.insert(config.warnings.end(), list->warnings.begin(), list->warnings.end());
    }
    for (const InhibitSourceConfig& source : rule.sources) {
      const auto& own = source.matchers_field.warnings;
      config.warnings.insert(config.warnings.end(), own.begin(), own.end());
    }
  }
  return {};
}

// --- another syntax than fallback ---

Status Reread(MatcherList& list, Node node, MatcherSyntax syntax) {
  if (!node || node.IsNull()) return {};
  SEXTANT_ASSIGN(list, ReadMatchersAs(node, syntax));
  return {};
}

Status CheckNames(const std::vector<std::string>& names, Node node, MatcherSyntax syntax,
                  std::string_view list) {
  for (const std::string& name : names) {
    if (name != kGroupByAll && !IsValidLabelName(name, syntax)) {
      return node.Fail("invalid label name {} in {} list", Quote(name), list);
    }
  }
  return {};
}

Status ApplySyntax(RouteConfig& route, Node node, MatcherSyntax syntax) {
  SEXTANT_TRY(Reread(route.matchers_field, node.Find("matchers"), syntax));
  if (route.group_by) SEXTANT_TRY(CheckNames(*route.group_by, node, syntax, "group_by"));
  for (const auto& [name, text] : route.labels) {
    if (!IsValidLabelName(name, syntax))
      return node.Fail("invalid label name {} in route labels", Quote(name));
  }
  PutMatchersTogether(route);
  size_t i = 0;
  for (const Node child : node.Find("routes").children())
    SEXTANT_TRY(ApplySyntax(route.routes[i++], child, syntax));
  return {};
}

Status ApplySyntax(InhibitRuleConfig& rule, Node node, MatcherSyntax syntax) {
  SEXTANT_TRY(Reread(rule.source_matchers_field, node.Find("source_matchers"), syntax));
  SEXTANT_TRY(Reread(rule.target_matchers_field, node.Find("target_matchers"), syntax));
  SEXTANT_TRY(CheckNames(rule.equal, node, syntax, "equal"));
  size_t i = 0;
  for (const Node child : node.Find("sources").children()) {
    InhibitSourceConfig& source = rule.sources[i++];
    SEXTANT_TRY(Reread(source.matchers_field, child.Find("matchers"), syntax));
    SEXTANT_TRY(CheckNames(source.equal, child, syntax, "source equal"));
  }
  PutMatchersTogether(rule);
  return {};
}

Status ApplySyntax(Config& config, Node node, MatcherSyntax syntax) {
  config.syntax = syntax;
  if (syntax == MatcherSyntax::kFallback) return {};
  config.warnings.clear();
  SEXTANT_TRY(ApplySyntax(*config.route, node.Find("route"), syntax));
  size_t i = 0;
  for (const Node child : node.Find("inhibit_rules").children())
    SEXTANT_TRY(ApplySyntax(config.inhibit_rules[i++], child, syntax));
  return {};
}

}  // namespace

const NamedIntervals* Config::FindInterval(std::string_view name) const {
  for (const auto* list : {&time_intervals, &mute_time_intervals}) {
    for (const NamedIntervals& named : *list) {
      if (named.name == name) return &named;
    }
  }
  return nullptr;
}

const ReceiverConfig* Config::FindReceiver(std::string_view name) const {
  for (const ReceiverConfig& receiver : receivers) {
    if (receiver.name == name) return &receiver;
  }
  return nullptr;
}

const Struct& FieldsOf(const RouteConfig*) {
  static const Struct kFields = Struct::Of<RouteConfig>(
      {
          Member<&RouteConfig::receiver>("receiver"),
          Member<&RouteConfig::group_by>("group_by"),
          Member<&RouteConfig::match>("match", MatchCodec()),
          Member<&RouteConfig::match_re>("match_re", MatchReCodec()),
          Member<&RouteConfig::matchers_field>("matchers", MatchersCodec()),
          Member<&RouteConfig::mute_time_intervals>("mute_time_intervals"),
          Member<&RouteConfig::active_time_intervals>("active_time_intervals"),
          Member<&RouteConfig::continues>("continue"),
          Member<&RouteConfig::routes>("routes"),
          Member<&RouteConfig::group_wait_ms>("group_wait", Duration()),
          Member<&RouteConfig::group_interval_ms>("group_interval", Duration()),
          Member<&RouteConfig::repeat_interval_ms>("repeat_interval", Duration()),
          Member<&RouteConfig::labels>("labels"),
      },
      FinishRoute);
  return kFields;
}

const Struct& FieldsOf(const InhibitSourceConfig*) {
  static const Struct kFields = Struct::Of<InhibitSourceConfig>({
      Member<&InhibitSourceConfig::matchers_field>("matchers", MatchersCodec()),
      Member<&InhibitSourceConfig::equal>("equal"),
  });
  return kFields;
}

const Struct& FieldsOf(const InhibitRuleConfig*) {
  static const Struct kFields = Struct::Of<InhibitRuleConfig>(
      {
          Member<&InhibitRuleConfig::name>("name"),
          Member<&InhibitRuleConfig::source_match>("source_match", MatchCodec()),
          Member<&InhibitRuleConfig::source_match_re>("source_match_re", MatchReCodec()),
          Member<&InhibitRuleConfig::source_matchers_field>("source_matchers", MatchersCodec()),
          Member<&InhibitRuleConfig::sources>("sources"),
          Member<&InhibitRuleConfig::target_match>("target_match", MatchCodec()),
          Member<&InhibitRuleConfig::target_match_re>("target_match_re", MatchReCodec()),
          Member<&InhibitRuleConfig::target_matchers_field>("target_matchers", MatchersCodec()),
          Member<&InhibitRuleConfig::equal>("equal"),
      },
      FinishInhibitRule);
  return kFields;
}

const Struct& FieldsOf(const GlobalConfig*) {
  static const Struct kFields = Struct::Of<GlobalConfig>({
      Member<&GlobalConfig::resolve_timeout_ms>("resolve_timeout", Duration()).AlwaysWritten(),
      Member<&GlobalConfig::http>("http_config"),
      Inline<&GlobalConfig::receivers>(),
  });
  return kFields;
}

const Struct& FieldsOf(const Config*) {
  static const Struct kFields = Struct::Of<Config>(
      {
          Member<&Config::global>("global"),
          Member<&Config::route>("route"),
          Member<&Config::inhibit_rules>("inhibit_rules"),
          Member<&Config::receivers>("receivers"),
          Member<&Config::templates>("templates"),
          Member<&Config::mute_time_intervals>("mute_time_intervals"),
          Member<&Config::time_intervals>("time_intervals"),
          Member<&Config::tracing>("tracing"),
          Member<&Config::event_recorder>("event_recorder"),
      },
      FinishConfig);
  return kFields;
}

namespace {

// The text for the status page. Defaults that an amtool of before 0.28 does not know, and stops at, are left
// out; one that knows them fills them in itself.
std::string ShownText(Config& config) {
  const ReceiverDefaults usual;
  ReceiverDefaults& defaults = config.global.receivers;
  const ReceiverDefaults kept = defaults;
  if (defaults.slack_app_url == usual.slack_app_url) defaults.slack_app_url.clear();
  if (defaults.rocketchat_api_url == usual.rocketchat_api_url) defaults.rocketchat_api_url.clear();
  std::vector<ReceiverConfig*> unlabelled;
  for (ReceiverConfig& receiver : config.receivers) {
    if (receiver.labels != TextFields{{"name", receiver.name}}) continue;
    receiver.labels.clear();
    unlabelled.push_back(&receiver);
  }
  std::string text = WriteYaml(config);
  defaults = kept;
  for (ReceiverConfig* receiver : unlabelled) receiver->labels["name"] = receiver->name;
  return text;
}

}  // namespace

Result<std::shared_ptr<const Config>> DecodeConfig(Node node, MatcherSyntax syntax) {
  auto config = std::make_shared<Config>();
  SEXTANT_TRY(DecodeInto(node, *config));
  SEXTANT_TRY(ApplySyntax(*config, node, syntax));
  config->text = ShownText(*config);
  return std::shared_ptr<const Config>(std::move(config));
}

Result<std::shared_ptr<const Config>> ParseConfig(std::string_view text, const std::string& file_name,
                                                  MatcherSyntax syntax) {
  SEXTANT_ASSIGN(const Document document, Document::Parse(text, file_name));
  return DecodeConfig(document.root(), syntax);
}

Result<std::shared_ptr<const Config>> LoadConfig(const std::string& path, MatcherSyntax syntax) {
  SEXTANT_ASSIGN(const Document document, Document::Load(path));
  return DecodeConfig(document.root(), syntax);
}

bool NamesAlert(const RouteConfig& route, std::string_view alertname) {
  const auto names_it = [&](const Matcher& matcher) {
    return matcher.type() == MatcherType::kEqual && matcher.name() == "alertname" &&
           matcher.value() == alertname;
  };
  return std::ranges::any_of(route.matchers, names_it) ||
         std::ranges::any_of(route.routes,
                             [&](const RouteConfig& child) { return NamesAlert(child, alertname); });
}

std::shared_ptr<const Config> BuiltInConfig() {
  auto config = std::make_shared<Config>();
  config->route = std::make_unique<RouteConfig>();
  config->route->receiver = "log";
  config->route->group_by = std::vector<std::string>{"alertname", "job"};
  ReceiverConfig receiver;
  receiver.name = "log";
  receiver.labels["name"] = "log";
  receiver.logs_only = true;
  config->receivers.push_back(std::move(receiver));
  config->text = ShownText(*config);
  return config;
}

}  // namespace sextant::alerting
