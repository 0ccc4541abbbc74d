#include "alerting/config.h"

#include <algorithm>
#include <functional>
#include <set>

#include "config/paths.h"
#include "config/text.h"
#include "net/url.h"

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
constexpr std::string_view kSlackHost = "https://slack.com/api/";

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

// --- receivers ---

Status CheckUrl(const std::string& url, Node node, std::string_view field) {
  // A template becomes a URL only when it is filled in; and a configuration that was shown has no secrets.
  if (url.find("{{") != std::string::npos || url == kHiddenSecret) return {};
  auto parsed = net::ParseUrl(url);
  if (!parsed) return node.Fail("{}: {}", field, parsed.error().message());
  if (parsed->scheme != "http" && parsed->scheme != "https") {
    return node.Fail("{}: unsupported scheme {} for URL", field, Quote(parsed->scheme));
  }
  return {};
}

Status FinishWebhook(WebhookConfig& webhook, Node node) {
  if (webhook.url.empty() && webhook.url_file.empty())
    return node.Fail("one of url or url_file must be configured");
  if (!webhook.url.empty() && !webhook.url_file.empty()) {
    return node.Fail("at most one of url & url_file must be configured");
  }
  webhook.url_file = JoinDirectory(DirectoryOf(node.file()), webhook.url_file);
  if (!webhook.url.empty()) SEXTANT_TRY(CheckUrl(webhook.url, node, "url"));
  return {};
}

Status FinishSlackConfirm(SlackConfirm& confirm, Node node) {
  if (confirm.text.empty()) return node.Fail("missing text in Slack confirmation configuration");
  return {};
}

Status FinishSlackAction(SlackAction& action, Node node) {
  if (action.type.empty()) return node.Fail("missing type in Slack action configuration");
  if (action.text.empty()) return node.Fail("missing text in Slack action configuration");
  if (!action.url.empty()) {
    // A link needs nothing else; what only message buttons have is dropped, as Alertmanager does.
    action.name.clear();
    action.value.clear();
    action.confirm.reset();
  } else if (action.name.empty()) {
    return node.Fail("missing name or url in Slack action configuration");
  }
  return {};
}

Status FinishSlackField(SlackField& field, Node node) {
  if (field.title.empty()) return node.Fail("missing title in Slack field configuration");
  if (field.value.empty()) return node.Fail("missing value in Slack field configuration");
  return {};
}

Status FinishSlack(SlackConfig& slack, Node node) {
  if (!slack.api_url.empty() && !slack.api_url_file.empty()) {
    return node.Fail("at most one of api_url & api_url_file must be configured");
  }
  if (!slack.api_url.empty()) SEXTANT_TRY(CheckUrl(slack.api_url, node, "api_url"));
  slack.api_url_file = JoinDirectory(DirectoryOf(node.file()), slack.api_url_file);
  return {};
}

Status FinishReceiver(ReceiverConfig& receiver, Node node) {
  if (receiver.name.empty()) return node.Fail("missing name in receiver");
  const auto [label, is_new] = receiver.labels.emplace("name", receiver.name);
  if (!is_new && label->second != receiver.name) {
    return node.Fail("receiver label \"name\" must match receiver name {}, got {}", Quote(receiver.name),
                     Quote(label->second));
  }
  return {};
}

Status FinishGlobal(GlobalConfig& global, Node node) {
  if (!global.slack_api_url.empty() && !global.slack_api_url_file.empty()) {
    return node.Fail("at most one of slack_api_url & slack_api_url_file must be configured");
  }
  if (!global.slack_api_url.empty()) SEXTANT_TRY(CheckUrl(global.slack_api_url, node, "slack_api_url"));
  global.slack_api_url_file = JoinDirectory(DirectoryOf(node.file()), global.slack_api_url_file);
  return {};
}

// `name` is there by itself, and versions before labels of receivers must be able to read what we show.
CodecFor<std::map<std::string, std::string>> LabelsCodec() {
  using Labels = std::map<std::string, std::string>;
  return Custom<Labels>([](Node node) -> Result<Labels> { return Decode<Labels>(node); },
                        [](const Labels& labels, YamlWriter& out) {
                          out.BeginMapping();
                          for (const auto& [name, value] : labels) {
                            if (name == "name") continue;
                            out.Key(name);
                            out.Text(value);
                          }
                          out.EndMapping();
                        },
                        [](const Labels& labels) { return labels.size() == labels.count("name"); });
}

// --- what holds in the whole file ---

Status CheckReceivers(Config& config, Node node) {
  std::set<std::string_view> names;
  for (ReceiverConfig& receiver : config.receivers) {
    if (!names.insert(receiver.name).second) {
      return node.Fail("notification config name {} is not unique", Quote(receiver.name));
    }
    for (SlackConfig& slack : receiver.slacks) {
      if (slack.api_url.empty() && slack.api_url_file.empty()) {
        slack.api_url = config.global.slack_api_url;
        slack.api_url_file = config.global.slack_api_url_file;
      }
      if (slack.api_url.empty() && slack.api_url_file.empty()) {
        return node.Fail("no Slack API URL nor App token set either inline or in a file");
      }
      if (slack.api_url.starts_with(kSlackHost) && slack.channel.empty()) {
        return node.Fail("receiver {}: channel must be set for {}", Quote(receiver.name), slack.api_url);
      }
    }
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

// Fields that are not honoured yet, beside those that are.
std::vector<Field> With(std::vector<Field> fields, std::initializer_list<const char*> not_yet) {
  for (const char* name : not_yet) fields.push_back(NotYet(name));
  return fields;
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

const Struct& FieldsOf(const WebhookConfig*) {
  static const Struct kFields = Struct::Of<WebhookConfig>(
      {
          Member<&WebhookConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&WebhookConfig::http>("http_config"),
          Member<&WebhookConfig::url>("url", HiddenText()),
          Member<&WebhookConfig::url_file>("url_file"),
          Member<&WebhookConfig::max_alerts>("max_alerts"),
          Member<&WebhookConfig::timeout_ms>("timeout", Duration()),
          NotYet("payload"),
      },
      FinishWebhook);
  return kFields;
}

const Struct& FieldsOf(const SlackConfirm*) {
  static const Struct kFields = Struct::Of<SlackConfirm>(
      {
          Member<&SlackConfirm::text>("text"),
          Member<&SlackConfirm::title>("title"),
          Member<&SlackConfirm::ok_text>("ok_text"),
          Member<&SlackConfirm::dismiss_text>("dismiss_text"),
      },
      FinishSlackConfirm);
  return kFields;
}

const Struct& FieldsOf(const SlackAction*) {
  static const Struct kFields = Struct::Of<SlackAction>(
      {
          Member<&SlackAction::type>("type"),
          Member<&SlackAction::text>("text"),
          Member<&SlackAction::url>("url"),
          Member<&SlackAction::style>("style"),
          Member<&SlackAction::name>("name"),
          Member<&SlackAction::value>("value"),
          Member<&SlackAction::confirm>("confirm"),
      },
      FinishSlackAction);
  return kFields;
}

const Struct& FieldsOf(const SlackField*) {
  static const Struct kFields = Struct::Of<SlackField>(
      {
          Member<&SlackField::title>("title"),
          Member<&SlackField::value>("value"),
          Member<&SlackField::is_short>("short"),
      },
      FinishSlackField);
  return kFields;
}

const Struct& FieldsOf(const SlackConfig*) {
  static const Struct kFields = Struct::Of<SlackConfig>(
      {
          Member<&SlackConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&SlackConfig::http>("http_config"),
          Member<&SlackConfig::api_url>("api_url", HiddenText()),
          Member<&SlackConfig::api_url_file>("api_url_file"),
          Member<&SlackConfig::channel>("channel"),
          Member<&SlackConfig::username>("username"),
          Member<&SlackConfig::color>("color"),
          Member<&SlackConfig::title>("title"),
          Member<&SlackConfig::title_link>("title_link"),
          Member<&SlackConfig::pretext>("pretext"),
          Member<&SlackConfig::text>("text"),
          Member<&SlackConfig::message_text>("message_text"),
          Member<&SlackConfig::fields>("fields"),
          Member<&SlackConfig::short_fields>("short_fields"),
          Member<&SlackConfig::footer>("footer"),
          Member<&SlackConfig::fallback>("fallback"),
          Member<&SlackConfig::callback_id>("callback_id"),
          Member<&SlackConfig::icon_emoji>("icon_emoji"),
          Member<&SlackConfig::icon_url>("icon_url"),
          Member<&SlackConfig::image_url>("image_url"),
          Member<&SlackConfig::thumb_url>("thumb_url"),
          Member<&SlackConfig::link_names>("link_names"),
          Member<&SlackConfig::mrkdwn_in>("mrkdwn_in"),
          Member<&SlackConfig::actions>("actions"),
          Member<&SlackConfig::timeout_ms>("timeout", Duration()),
          NotYet("app_token", "use api_url with an incoming webhook"),
          NotYet("app_token_file", "use api_url with an incoming webhook"),
          NotYet("app_url", "use api_url with an incoming webhook"),
          NotYet("update_message"),
      },
      FinishSlack);
  return kFields;
}

const Struct& FieldsOf(const ReceiverConfig*) {
  static const Struct kFields = Struct::Of<ReceiverConfig>(
      With(
          [] {
            std::vector<Field> fields;
            fields.push_back(Member<&ReceiverConfig::name>("name"));
            fields.push_back(Member<&ReceiverConfig::labels>("labels", LabelsCodec()));
            fields.push_back(Member<&ReceiverConfig::webhooks>("webhook_configs"));
            fields.push_back(Member<&ReceiverConfig::slacks>("slack_configs"));
            return fields;
          }(),
          {"discord_configs", "email_configs", "incidentio_configs", "jira_configs", "mattermost_configs",
           "msteams_configs", "msteamsv2_configs", "opsgenie_configs", "pagerduty_configs",
           "pushover_configs", "rocketchat_configs", "sns_configs", "telegram_configs", "victorops_configs",
           "webex_configs", "wechat_configs"}),
      FinishReceiver);
  return kFields;
}

const Struct& FieldsOf(const GlobalConfig*) {
  static const Struct kFields = Struct::Of<GlobalConfig>(
      With(
          [] {
            std::vector<Field> fields;
            fields.push_back(
                Member<&GlobalConfig::resolve_timeout_ms>("resolve_timeout", Duration()).AlwaysWritten());
            fields.push_back(Member<&GlobalConfig::http>("http_config"));
            fields.push_back(Member<&GlobalConfig::slack_api_url>("slack_api_url", HiddenText()));
            fields.push_back(Member<&GlobalConfig::slack_api_url_file>("slack_api_url_file"));
            return fields;
          }(),
          {"slack_app_token",
           "slack_app_token_file",
           "slack_app_url",
           "smtp_from",
           "smtp_hello",
           "smtp_smarthost",
           "smtp_auth_username",
           "smtp_auth_password",
           "smtp_auth_password_file",
           "smtp_auth_secret",
           "smtp_auth_secret_file",
           "smtp_auth_identity",
           "smtp_require_tls",
           "smtp_tls_config",
           "smtp_force_implicit_tls",
           "pagerduty_url",
           "opsgenie_api_key",
           "opsgenie_api_key_file",
           "opsgenie_api_url",
           "wechat_api_url",
           "wechat_api_secret",
           "wechat_api_secret_file",
           "wechat_api_corp_id",
           "victorops_api_url",
           "victorops_api_key",
           "victorops_api_key_file",
           "telegram_api_url",
           "telegram_bot_token",
           "telegram_bot_token_file",
           "webex_api_url",
           "rocketchat_api_url",
           "rocketchat_token",
           "rocketchat_token_file",
           "rocketchat_token_id",
           "rocketchat_token_id_file",
           "jira_api_url",
           "mattermost_webhook_url",
           "mattermost_webhook_url_file"}),
      FinishGlobal);
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
          NotYet("tracing"),
          NotYet("event_recorder"),
      },
      FinishConfig);
  return kFields;
}

Result<std::shared_ptr<const Config>> DecodeConfig(Node node, MatcherSyntax syntax) {
  auto config = std::make_shared<Config>();
  SEXTANT_TRY(DecodeInto(node, *config));
  SEXTANT_TRY(ApplySyntax(*config, node, syntax));
  config->text = WriteYaml(*config);
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
  config->text = WriteYaml(*config);
  return config;
}

}  // namespace sextant::alerting
