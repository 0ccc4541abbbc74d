#include "app/amtool_render.h"

#include <simdjson.h>

#include "alerting/default_templates.h"
#include "alerting/route_labels.h"
#include "alerting/template_data.h"
#include "gotemplate/alertmanager.h"
#include "gotemplate/go_time.h"

namespace sextant::app {

namespace {

namespace dom = simdjson::dom;
using core::Result;

alerting::MessageData ExampleData(core::TimestampMs now_ms) {
  alerting::MessageData data;
  data.receiver = "receiver";
  data.status = "alertstatus";
  data.group_labels = {{"grouplabelkey1", "grouplabelvalue1"}, {"grouplabelkey2", "grouplabelvalue2"}};
  data.common_labels = {{"commonlabelkey1", "commonlabelvalue1"}, {"commonlabelkey2", "commonlabelvalue2"}};
  data.common_annotations = {{"commonannotationkey1", "commonannotationvalue1"},
                             {"commonannotationkey2", "commonannotationvalue2"}};
  data.external_url = "https://example.com";
  const auto add = [&](const std::string& fingerprint, alerting::TextMap labels,
                       alerting::TextMap annotations, core::DurationMs age_ms) {
    labels.insert(data.common_labels.begin(), data.common_labels.end());
    annotations.insert(data.common_annotations.begin(), data.common_annotations.end());
    data.alerts.push_back({"alertstatus", std::move(labels), std::move(annotations), now_ms - age_ms, now_ms,
                           "https://generatorurl.com", fingerprint});
  };
  add("fingerprint1", {{"label1", "value1"}, {"label2", "value2"}, {"instance", "foo.bar:1234"}},
      {{"annotation1", "value1"}, {"annotation2", "value2"}}, 300'000);
  add("fingerprint2", {{"foo", "bar"}, {"baz", "qux"}}, {{"aaa", "bbb"}, {"ccc", "ddd"}}, 600'000);
  return data;
}

std::string Text(simdjson::simdjson_result<dom::element> field) {
  std::string_view text;
  return field.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

alerting::TextMap Map(simdjson::simdjson_result<dom::element> field) {
  alerting::TextMap map;
  dom::object object;
  if (field.get(object) != simdjson::SUCCESS) return map;
  for (const auto& [name, value] : object) map.insert_or_assign(std::string(name), Text(dom::element(value)));
  return map;
}

core::TimestampMs Time(simdjson::simdjson_result<dom::element> field) {
  const auto time = gotemplate::ParseTime("2006-01-02T15:04:05.999999999Z07:00", Text(field));
  return time ? time->UnixMs() : alerting::kZeroTimeMs;
}

Result<alerting::MessageData> ReadData(const std::string& json) {
  dom::parser parser;
  dom::element root;
  if (const auto error = parser.parse(json).get(root); error)
    return core::Fail(core::Code::kInvalidArgument, "template data: {}", simdjson::error_message(error));
  if (!root.is_object()) return core::Fail(core::Code::kInvalidArgument, "template data: not an object");
  alerting::MessageData data{.receiver = Text(root["receiver"]),
                             .status = Text(root["status"]),
                             .alerts = {},
                             .reason = Text(root["notification_reason"]),
                             .group_labels = Map(root["groupLabels"]),
                             .common_labels = Map(root["commonLabels"]),
                             .common_annotations = Map(root["commonAnnotations"]),
                             .route_labels = Map(root["routeLabels"]),
                             .external_url = Text(root["externalURL"])};
  dom::array alerts;
  if (root["alerts"].get(alerts) != simdjson::SUCCESS) return data;
  for (const dom::element alert : alerts) {
    data.alerts.push_back({Text(alert["status"]), Map(alert["labels"]), Map(alert["annotations"]),
                           Time(alert["startsAt"]), Time(alert["endsAt"]), Text(alert["generatorURL"]),
                           Text(alert["fingerprint"])});
  }
  return data;
}

}  // namespace

Result<std::string> RenderTemplate(const std::vector<std::string>& globs, const std::string& text,
                                   const std::string& json, bool as_html, core::TimestampMs now_ms) {
  alerting::Config config;
  config.templates = globs;
  SEXTANT_ASSIGN(const auto templates, alerting::LoadTemplates(config));
  alerting::MessageData data = ExampleData(now_ms);
  if (!json.empty()) {
    SEXTANT_ASSIGN(data, ReadData(json));
  }
  gotemplate::AlertmanagerEnvironment environment;
  environment.now_ms = now_ms;
  const gotemplate::Value value = alerting::ToTemplateValue(data);
  SEXTANT_ASSIGN(environment.route_labels,
                 alerting::FillRouteLabels(data.route_labels, *templates, value, now_ms));
  return as_html ? templates->ExecuteHtmlText("", text, value, &environment)
                 : templates->ExecuteText("", text, value, &environment);
}

}  // namespace sextant::app
