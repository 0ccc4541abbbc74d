// Receivers that page people or keep issues.
#include <algorithm>

#include "alerting/receiver_checks.h"
#include "alerting/receiver_tables.h"
#include "config/text.h"
#include "gotemplate/template.h"

namespace sextant::alerting {

using config::Node;
using core::Status;
using gotemplate::Value;
using namespace config;

namespace {

Status FinishPagerduty(PagerdutyConfig& pagerduty, Node node) {
  if (pagerduty.routing_key.empty() && pagerduty.service_key.empty() && pagerduty.routing_key_file.empty() &&
      pagerduty.service_key_file.empty()) {
    return node.Fail("missing service or routing key in PagerDuty config");
  }
  SEXTANT_TRY(AtMostOne(pagerduty.routing_key, pagerduty.routing_key_file, node, "routing_key"));
  SEXTANT_TRY(AtMostOne(pagerduty.service_key, pagerduty.service_key_file, node, "service_key"));
  SEXTANT_TRY(CheckUrl(pagerduty.url, node, "url"));
  MakeRelative(node, pagerduty.routing_key_file);
  MakeRelative(node, pagerduty.service_key_file);
  if (pagerduty.source.empty()) pagerduty.source = pagerduty.client;
  static constexpr std::pair<const char*, const char*> kDetails[] = {
      {"firing", "{{ .Alerts.Firing | toJson }}"},
      {"resolved", "{{ .Alerts.Resolved | toJson }}"},
      {"num_firing", "{{ .Alerts.Firing | len }}"},
      {"num_resolved", "{{ .Alerts.Resolved | len }}"}};
  for (const auto& [name, text] : kDetails) pagerduty.details.emplace(name, Value::String(text));
  return {};
}

Status FinishOpsgenieResponder(OpsgenieResponder& responder, Node node) {
  if (responder.id.empty() && responder.username.empty() && responder.name.empty())
    return node.Fail("opsGenieConfig responder has to have at least one of id, username or name specified");
  if (responder.type.find("{{") != std::string::npos) {
    gotemplate::TemplateSet set(nullptr);
    const Status parsed = set.Parse("", responder.type);
    if (!parsed) {
      return node.Fail("opsGenieConfig responder type contains invalid template syntax: {}",
                       parsed.error().message());
    }
    return {};
  }
  std::string type = responder.type;
  for (char& c : type) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  for (const char* known : {"team", "teams", "user", "escalation", "schedule"}) {
    if (type == known) return {};
  }
  return node.Fail(
      "opsGenieConfig responder type does not match valid options ^(team|teams|user|escalation|schedule)$");
}

Status FinishOpsgenie(OpsgenieConfig& opsgenie, Node node) {
  SEXTANT_TRY(AtMostOne(opsgenie.api_key, opsgenie.api_key_file, node, "api_key"));
  SEXTANT_TRY(CheckUrl(opsgenie.api_url, node, "api_url"));
  MakeRelative(node, opsgenie.api_key_file);
  return {};
}

Status FinishVictorops(VictoropsConfig& victorops, Node node) {
  if (victorops.routing_key.empty()) return node.Fail("missing Routing key in VictorOps config");
  SEXTANT_TRY(AtMostOne(victorops.api_key, victorops.api_key_file, node, "api_key"));
  for (const char* reserved : {"routing_key", "message_type", "state_message", "entity_display_name",
                               "monitoring_tool", "entity_id", "entity_state"}) {
    if (victorops.custom_fields.contains(reserved)) {
      return node.Fail(
          "victorOps config contains custom field {} which cannot be used as it conflicts with the "
          "fixed/static fields",
          reserved);
    }
  }
  SEXTANT_TRY(CheckUrl(victorops.api_url, node, "api_url"));
  MakeRelative(node, victorops.api_key_file);
  return {};
}

Status FinishPushover(PushoverConfig& pushover, Node node) {
  if (pushover.user_key.empty() && pushover.user_key_file.empty())
    return node.Fail("one of user_key or user_key_file must be configured");
  SEXTANT_TRY(AtMostOne(pushover.user_key, pushover.user_key_file, node, "user_key"));
  if (pushover.token.empty() && pushover.token_file.empty())
    return node.Fail("one of token or token_file must be configured");
  SEXTANT_TRY(AtMostOne(pushover.token, pushover.token_file, node, "token"));
  if (pushover.html && pushover.monospace)
    return node.Fail("at most one of monospace & html must be configured");
  MakeRelative(node, pushover.user_key_file);
  MakeRelative(node, pushover.token_file);
  return {};
}

Status FinishJira(JiraConfig& jira, Node node) {
  if (jira.project.empty()) return node.Fail("missing project in jira_config");
  if (jira.issue_type.empty()) return node.Fail("missing issue_type in jira_config");
  if (jira.api_type != "auto" && jira.api_type != "cloud" && jira.api_type != "datacenter")
    return node.Fail("unknown api_type on jira_config, must be auto, cloud or datacenter");
  if (!jira.summary.text) jira.summary.text = R"({{ template "jira.default.summary" . }})";
  if (!jira.description.text) jira.description.text = R"({{ template "jira.default.description" . }})";
  return CheckUrl(jira.api_url, node, "api_url");
}

Status FinishIncidentio(IncidentioConfig& incidentio, Node node) {
  if (incidentio.url.empty() && incidentio.url_file.empty())
    return node.Fail("one of url or url_file must be configured");
  SEXTANT_TRY(AtMostOne(incidentio.url, incidentio.url_file, node, "url"));
  SEXTANT_TRY(AtMostOne(incidentio.alert_source_token, incidentio.alert_source_token_file, node,
                        "alert_source_token"));
  const bool has_token =
      !incidentio.alert_source_token.empty() || !incidentio.alert_source_token_file.empty();
  if (incidentio.http && incidentio.http->authorization && has_token) {
    return node.Fail(
        "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization");
  }
  if (incidentio.http && !incidentio.http->authorization && !has_token) {
    return node.Fail(
        "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be "
        "configured");
  }
  SEXTANT_TRY(CheckUrl(incidentio.url, node, "url"));
  MakeRelative(node, incidentio.url_file);
  MakeRelative(node, incidentio.alert_source_token_file);
  return {};
}

}  // namespace

const Struct& FieldsOf(const PagerdutyImage*) {
  static const Struct kFields = Struct::Of<PagerdutyImage>({
      Member<&PagerdutyImage::src>("src"),
      Member<&PagerdutyImage::alt>("alt"),
      Member<&PagerdutyImage::href>("href"),
  });
  return kFields;
}

const Struct& FieldsOf(const PagerdutyLink*) {
  static const Struct kFields = Struct::Of<PagerdutyLink>({
      Member<&PagerdutyLink::href>("href"),
      Member<&PagerdutyLink::text>("text"),
  });
  return kFields;
}

const Struct& FieldsOf(const PagerdutyConfig*) {
  static const Struct kFields = Struct::Of<PagerdutyConfig>(
      {
          Member<&PagerdutyConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&PagerdutyConfig::http>("http_config"),
          Member<&PagerdutyConfig::service_key>("service_key"),
          Member<&PagerdutyConfig::service_key_file>("service_key_file"),
          Member<&PagerdutyConfig::routing_key>("routing_key"),
          Member<&PagerdutyConfig::routing_key_file>("routing_key_file"),
          Member<&PagerdutyConfig::url>("url"),
          Member<&PagerdutyConfig::client>("client"),
          Member<&PagerdutyConfig::client_url>("client_url"),
          Member<&PagerdutyConfig::description>("description"),
          Member<&PagerdutyConfig::details>("details", AnyCodec()),
          Member<&PagerdutyConfig::images>("images"),
          Member<&PagerdutyConfig::links>("links"),
          Member<&PagerdutyConfig::source>("source"),
          Member<&PagerdutyConfig::severity>("severity"),
          Member<&PagerdutyConfig::class_name>("class"),
          Member<&PagerdutyConfig::component>("component"),
          Member<&PagerdutyConfig::group>("group"),
          Member<&PagerdutyConfig::timeout_ms>("timeout", GoDuration()),
      },
      FinishPagerduty);
  return kFields;
}

const Struct& FieldsOf(const OpsgenieResponder*) {
  static const Struct kFields = Struct::Of<OpsgenieResponder>(
      {
          Member<&OpsgenieResponder::id>("id"),
          Member<&OpsgenieResponder::name>("name"),
          Member<&OpsgenieResponder::username>("username"),
          Member<&OpsgenieResponder::type>("type"),
      },
      FinishOpsgenieResponder);
  return kFields;
}

const Struct& FieldsOf(const OpsgenieConfig*) {
  static const Struct kFields = Struct::Of<OpsgenieConfig>(
      {
          Member<&OpsgenieConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&OpsgenieConfig::http>("http_config"),
          Member<&OpsgenieConfig::api_key>("api_key"),
          Member<&OpsgenieConfig::api_key_file>("api_key_file"),
          Member<&OpsgenieConfig::api_url>("api_url"),
          Member<&OpsgenieConfig::message>("message"),
          Member<&OpsgenieConfig::description>("description"),
          Member<&OpsgenieConfig::source>("source"),
          Member<&OpsgenieConfig::details>("details"),
          Member<&OpsgenieConfig::entity>("entity"),
          Member<&OpsgenieConfig::responders>("responders"),
          Member<&OpsgenieConfig::actions>("actions"),
          Member<&OpsgenieConfig::tags>("tags"),
          Member<&OpsgenieConfig::note>("note"),
          Member<&OpsgenieConfig::priority>("priority"),
          Member<&OpsgenieConfig::update_alerts>("update_alerts"),
      },
      FinishOpsgenie);
  return kFields;
}

const Struct& FieldsOf(const VictoropsConfig*) {
  static const Struct kFields = Struct::Of<VictoropsConfig>(
      {
          Member<&VictoropsConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&VictoropsConfig::http>("http_config"),
          Member<&VictoropsConfig::api_key>("api_key"),
          Member<&VictoropsConfig::api_key_file>("api_key_file"),
          Member<&VictoropsConfig::api_url>("api_url"),
          Member<&VictoropsConfig::routing_key>("routing_key"),
          Member<&VictoropsConfig::message_type>("message_type"),
          Member<&VictoropsConfig::state_message>("state_message"),
          Member<&VictoropsConfig::entity_display_name>("entity_display_name"),
          Member<&VictoropsConfig::monitoring_tool>("monitoring_tool"),
          Member<&VictoropsConfig::custom_fields>("custom_fields"),
      },
      FinishVictorops);
  return kFields;
}

const Struct& FieldsOf(const PushoverConfig*) {
  static const Struct kFields = Struct::Of<PushoverConfig>(
      {
          Member<&PushoverConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&PushoverConfig::http>("http_config"),
          Member<&PushoverConfig::user_key>("user_key"),
          Member<&PushoverConfig::user_key_file>("user_key_file"),
          Member<&PushoverConfig::token>("token"),
          Member<&PushoverConfig::token_file>("token_file"),
          Member<&PushoverConfig::title>("title"),
          Member<&PushoverConfig::message>("message"),
          Member<&PushoverConfig::url>("url"),
          Member<&PushoverConfig::url_title>("url_title"),
          Member<&PushoverConfig::device>("device"),
          Member<&PushoverConfig::sound>("sound"),
          Member<&PushoverConfig::priority>("priority"),
          Member<&PushoverConfig::retry_ms>("retry", GoDuration()),
          Member<&PushoverConfig::expire_ms>("expire", GoDuration()),
          Member<&PushoverConfig::ttl_ms>("ttl", GoDuration()),
          Member<&PushoverConfig::html>("html"),
          Member<&PushoverConfig::monospace>("monospace"),
      },
      FinishPushover);
  return kFields;
}

const Struct& FieldsOf(const JiraConfig*) {
  static const Struct kFields = Struct::Of<JiraConfig>(
      {
          Member<&JiraConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&JiraConfig::http>("http_config"),
          Member<&JiraConfig::api_url>("api_url"),
          Member<&JiraConfig::api_type>("api_type"),
          Member<&JiraConfig::project>("project"),
          Member<&JiraConfig::summary>("summary", JiraTextCodec()),
          Member<&JiraConfig::description>("description", JiraTextCodec()),
          Member<&JiraConfig::labels>("labels", JiraLabelsCodec()),
          Member<&JiraConfig::priority>("priority"),
          Member<&JiraConfig::issue_type>("issue_type"),
          Member<&JiraConfig::reopen_transition>("reopen_transition"),
          Member<&JiraConfig::resolve_transition>("resolve_transition"),
          Member<&JiraConfig::wont_fix_resolution>("wont_fix_resolution"),
          Member<&JiraConfig::reopen_duration_ms>("reopen_duration", Duration()),
          Member<&JiraConfig::fields>("fields", AnyCodec()),
      },
      FinishJira);
  return kFields;
}

const Struct& FieldsOf(const IncidentioConfig*) {
  static const Struct kFields = Struct::Of<IncidentioConfig>(
      {
          Member<&IncidentioConfig::send_resolved>("send_resolved").AlwaysWritten(),
          Member<&IncidentioConfig::http>("http_config"),
          Member<&IncidentioConfig::url>("url"),
          Member<&IncidentioConfig::url_file>("url_file"),
          Member<&IncidentioConfig::alert_source_token>("alert_source_token"),
          Member<&IncidentioConfig::alert_source_token_file>("alert_source_token_file"),
          Member<&IncidentioConfig::max_alerts>("max_alerts"),
          Member<&IncidentioConfig::timeout_ms>("timeout", GoDuration()),
      },
      FinishIncidentio);
  return kFields;
}

}  // namespace sextant::alerting
