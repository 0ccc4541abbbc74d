#include "alerting/default_templates.h"

#include <fmt/format.h>

#include "config/node.h"
#include "config/paths.h"
#include "gotemplate/alertmanager.h"

namespace sextant::alerting {
namespace {

constexpr size_t kMaxTemplateFileBytes = 4 << 20;

// What many templates are made of. All of them take the whole message as dot, unless they say otherwise.
constexpr std::string_view kParts = R"(
{{- define "__alertmanager" }}Alertmanager{{ end -}}
{{- define "__alertmanagerURL" }}{{ printf "%s/#/alerts?receiver=%s" .ExternalURL (urlquery .Receiver) }}{{ end -}}
{{- define "__description" }}{{ end -}}

{{- /* [FIRING:2] group values (other common values) */ -}}
{{- define "__subject" -}}
  [{{ toUpper .Status }}{{ if eq .Status "firing" }}:{{ len .Alerts.Firing }}{{ end }}] {{ .GroupLabels.Values | join " " }}{{ " " }}
  {{- $rest := .CommonLabels.Remove .GroupLabels.Names -}}
  {{- if gt (len .CommonLabels) (len .GroupLabels) }}({{ $rest.Values | join " " }}){{ end -}}
{{- end -}}

{{- /* Dot is a list of alerts. */ -}}
{{- define "__text_alert_list" -}}
  {{- range . }}{{ "Labels:\n" }}
    {{- range .Labels.SortedPairs }}{{ printf " - %s = %s\n" .Name .Value }}{{ end }}{{ "Annotations:\n" }}
    {{- range .Annotations.SortedPairs }}{{ printf " - %s = %s\n" .Name .Value }}{{ end }}
    {{- printf "Source: %s\n" .GeneratorURL }}
  {{- end -}}
{{- end -}}
{{- define "__text_alert_list_markdown" -}}
  {{- range . }}{{ "\nLabels:\n" }}
    {{- range .Labels.SortedPairs }}{{ printf "  - %s = %s\n" .Name .Value }}{{ end }}{{ "\nAnnotations:\n" }}
    {{- range .Annotations.SortedPairs }}{{ printf "  - %s = %s\n" .Name .Value }}{{ end }}
    {{- printf "\nSource: %s\n" .GeneratorURL }}
  {{- end }}{{ "\n" }}
{{- end -}}

{{- define "__sextant_annotations" }}{{ .CommonAnnotations.Values | join " " }}{{ end -}}
{{- define "__sextant_color" }}{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}{{ end -}}

{{- /* Firing and resolved alerts, each under a heading; three spacings. */ -}}
{{- define "__sextant_wide" -}}
  {{- "\n" }}{{ if .Alerts.Firing }}{{ "\nAlerts Firing:\n" }}{{ template "__text_alert_list" .Alerts.Firing }}{{ "\n" }}{{ end }}
  {{- "\n" }}{{ if .Alerts.Resolved }}{{ "\nAlerts Resolved:\n" }}{{ template "__text_alert_list" .Alerts.Resolved }}{{ "\n" }}{{ end }}
  {{- "\n" }}
{{- end -}}
{{- define "__sextant_markdown" -}}
  {{- "\n" }}{{ if .Alerts.Firing }}{{ "\n# Alerts Firing:\n" }}{{ template "__text_alert_list_markdown" .Alerts.Firing }}{{ "\n" }}{{ end }}
  {{- "\n" }}{{ if .Alerts.Resolved }}{{ "\n# Alerts Resolved:\n" }}{{ template "__text_alert_list_markdown" .Alerts.Resolved }}{{ "\n" }}{{ end }}
  {{- "\n" }}
{{- end -}}
{{- define "__sextant_tight" -}}
  {{- "\n" }}{{ if .Alerts.Firing }}{{ "Alerts Firing:\n" }}{{ template "__text_alert_list" .Alerts.Firing }}{{ end }}
  {{- "\n" }}{{ if .Alerts.Resolved }}{{ "Alerts Resolved:\n" }}{{ template "__text_alert_list" .Alerts.Resolved }}{{ end }}
{{- end -}}

{{- /* The gravest severity among the firing alerts, else among the resolved ones, as a Jira priority. */ -}}
{{- define "jira.default.priority" -}}
  {{- $alerts := .Alerts.Firing }}{{ $known := false }}
  {{- range $alerts }}{{ if match "^(critical|warning|info)$" .Labels.severity }}{{ $known = true }}{{ end }}{{ end }}
  {{- if not $known }}{{ $alerts = .Alerts.Resolved }}{{ end }}
  {{- $rank := 0 }}
  {{- range $alerts }}
    {{- if eq .Labels.severity "critical" }}{{ $rank = 3 }}
    {{- else if and (eq .Labels.severity "warning") (lt $rank 2) }}{{ $rank = 2 }}
    {{- else if and (eq .Labels.severity "info") (lt $rank 1) }}{{ $rank = 1 }}{{ end }}
  {{- end -}}
  {{- index (stringSlice "" "Low" "Medium" "High") $rank -}}
{{- end -}}
)";

// The page of a mail: what mail programs show well is tables of old and styles in attributes.
constexpr std::string_view kMailPage = R"(
{{- define "__sextant_mail_alerts" -}}
  {{- range . }}
<div style="border-left: 3px solid #d8dee4; margin: 0 0 16px; padding: 4px 12px; overflow-wrap: anywhere">
<b>Labels</b><br>
    {{- range .Labels.SortedPairs }}
{{ .Name }} = {{ .Value }}<br>
    {{- end }}
    {{- if .Annotations }}
<b>Annotations</b><br>
    {{- end }}
    {{- range .Annotations.SortedPairs }}
{{ .Name }} = {{ .Value }}<br>
    {{- end }}
<a href="{{ .GeneratorURL }}" style="color: #0b62c4">Source</a>
</div>
  {{- end }}
{{- end -}}

{{- define "email.default.html" -}}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ template "__subject" . }}</title>
</head>
<body style="margin: 0; background: #f3f4f6; color: #1b1f24; font: 15px/1.5 sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding: 16px">
<table role="presentation" width="640" cellpadding="0" cellspacing="0" style="max-width: 640px; background: #ffffff">
<tr><td style="padding: 16px 24px; color: #ffffff; font-weight: bold; background: {{ if .Alerts.Firing }}#b3261e{{ else }}#1d7a3a{{ end }}">
{{ len .Alerts }} alert{{ if gt (len .Alerts) 1 }}s{{ end }} for{{ range .GroupLabels.SortedPairs }} {{ .Name }}={{ .Value }}{{ end }}
</td></tr>
<tr><td style="padding: 24px">
<p><a href="{{ template "__alertmanagerURL" . }}" style="color: #0b62c4">View in {{ template "__alertmanager" . }}</a></p>
  {{- if .Alerts.Firing }}
<h3>[{{ len .Alerts.Firing }}] Firing</h3>
    {{- template "__sextant_mail_alerts" .Alerts.Firing }}
  {{- end }}
  {{- if .Alerts.Resolved }}
<h3>[{{ len .Alerts.Resolved }}] Resolved</h3>
    {{- template "__sextant_mail_alerts" .Alerts.Resolved }}
  {{- end }}
</td></tr>
</table>
<p><a href="{{ .ExternalURL }}" style="color: #57606a">Sent by {{ template "__alertmanager" . }}</a></p>
</td></tr></table>
</body>
</html>
{{ end -}}
)";

struct Definition {
  std::string_view name;
  std::string_view body;
};

constexpr std::string_view kSubject = R"({{ template "__subject" . }})";
constexpr std::string_view kName = R"({{ template "__alertmanager" . }})";
constexpr std::string_view kUrl = R"({{ template "__alertmanagerURL" . }})";
constexpr std::string_view kColor = R"({{ template "__sextant_color" . }})";
constexpr std::string_view kWide = R"({{ template "__sextant_wide" . }})";
constexpr std::string_view kMarkdown = R"({{ template "__sextant_markdown" . }})";
constexpr std::string_view kTight =
    R"({{ template "__sextant_annotations" . }}{{ template "__sextant_tight" . }})";
constexpr std::string_view kAnnotatedWide =
    R"({{ template "__sextant_annotations" . }}{{ template "__sextant_wide" . }})";
constexpr std::string_view kNothing = "";

constexpr Definition kDefinitions[] = {
    {"slack.default.title", kSubject},
    {"slack.default.username", kName},
    {"slack.default.fallback",
     R"({{ template "slack.default.title" . }} | {{ template "slack.default.titlelink" . }})"},
    {"slack.default.callbackid", kNothing},
    {"slack.default.pretext", kNothing},
    {"slack.default.titlelink", kUrl},
    {"slack.default.iconemoji", kNothing},
    {"slack.default.iconurl", kNothing},
    {"slack.default.text", kNothing},
    {"slack.default.footer", kNothing},
    {"slack.default.color", kColor},
    {"pagerduty.default.description", kSubject},
    {"pagerduty.default.client", kName},
    {"pagerduty.default.clientURL", kUrl},
    {"pagerduty.default.instances", R"({{ template "__text_alert_list" . }})"},
    {"opsgenie.default.message", kSubject},
    {"opsgenie.default.description", kTight},
    {"opsgenie.default.source", kUrl},
    {"wechat.default.message",
     R"({{ template "__subject" . }}{{ "\n" }}{{ template "__sextant_annotations" . }}{{ template "__sextant_tight" . -}}
        {{ "\nAlertmanagerUrl:\n" }}{{ template "__alertmanagerURL" . }})"},
    {"wechat.default.to_user", kNothing},
    {"wechat.default.to_party", kNothing},
    {"wechat.default.to_tag", kNothing},
    {"wechat.default.agent_id", kNothing},
    {"victorops.default.state_message", kTight},
    {"victorops.default.entity_display_name", kSubject},
    {"victorops.default.monitoring_tool", kName},
    {"pushover.default.title", kSubject},
    {"pushover.default.message", kAnnotatedWide},
    {"pushover.default.url", kUrl},
    {"sns.default.subject", kSubject},
    {"sns.default.message", kAnnotatedWide},
    {"telegram.default.message", kWide},
    {"discord.default.content", kNothing},
    {"discord.default.title", kSubject},
    {"discord.default.message", kWide},
    {"webex.default.message", kAnnotatedWide},
    {"msteams.default.summary", kSubject},
    {"msteams.default.title", kSubject},
    {"msteams.default.text", kMarkdown},
    {"msteamsv2.default.title", kSubject},
    {"msteamsv2.default.text", kMarkdown},
    {"jira.default.summary", kSubject},
    {"jira.default.description", kMarkdown},
    {"rocketchat.default.title", kSubject},
    {"rocketchat.default.alias", kName},
    {"rocketchat.default.titlelink", kUrl},
    {"rocketchat.default.emoji", kNothing},
    {"rocketchat.default.iconurl", kNothing},
    {"rocketchat.default.text", kNothing},
    {"mattermost.default.color", kColor},
    {"mattermost.default.username", kName},
    {"mattermost.default.title", kSubject},
    {"mattermost.default.titlelink", kUrl},
    {"mattermost.default.fallback",
     R"({{ template "mattermost.default.title" . }} | {{ template "mattermost.default.titlelink" . }})"},
    {"mattermost.default.text", kMarkdown},
    {"email.default.subject", kSubject},
};

}  // namespace

std::string DefaultTemplates() {
  std::string text(kParts);
  text += kMailPage;
  for (const Definition& definition : kDefinitions) {
    text += fmt::format("{{{{ define \"{}\" }}}}{}{{{{ end }}}}", definition.name, definition.body);
  }
  return text;
}

core::Result<std::shared_ptr<const gotemplate::TemplateSet>> LoadTemplates(const Config& config) {
  auto set = std::make_shared<gotemplate::TemplateSet>(
      gotemplate::AlertmanagerFunctions(),
      gotemplate::Options{.missing_key = gotemplate::MissingKey::kZero, .limits = {}});
  SEXTANT_TRY(set->Parse("default.tmpl", DefaultTemplates()));
  for (const std::string& pattern : config.templates) {
    SEXTANT_ASSIGN(const std::vector<std::string> files, config::ExpandGlob(pattern));
    for (const std::string& file : files) {
      SEXTANT_ASSIGN(std::string text, config::ReadTextFile(file, kMaxTemplateFileBytes));
      const std::string name = file.substr(file.rfind('/') + 1);
      SEXTANT_TRY(set->Parse(name, std::move(text)).map_error(core::AddContext("{}", file)));
    }
  }
  return std::shared_ptr<const gotemplate::TemplateSet>(std::move(set));
}

}  // namespace sextant::alerting
