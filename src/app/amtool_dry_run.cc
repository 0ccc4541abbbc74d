#include "app/amtool_dry_run.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <map>
#include <vector>

#include "alerting/alert.h"

namespace sextant::app {

namespace {

namespace dom = simdjson::dom;
using Field = simdjson::simdjson_result<dom::element>;
using Rows = std::vector<std::vector<std::string>>;

// An element as what looking a field up gives.
Field Found(dom::element element) { return Field(std::move(element)); }

std::string Text(Field field) {
  std::string_view text;
  return field.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

uint64_t Number(Field field) {
  uint64_t number = 0;
  return field.get(number) == simdjson::SUCCESS ? number : 0;
}

dom::array List(Field field) {
  static const dom::array kNone;
  dom::array list;
  return field.get(list) == simdjson::SUCCESS ? list : kNone;
}

std::string LabelsText(Field field) {
  model::LabelsBuilder labels;
  dom::object object;
  if (field.get(object) == simdjson::SUCCESS) {
    for (const auto& [name, value] : object) labels.Set(name, Text(Found(value)));
  }
  return alerting::LabelSetText(labels.Build());
}

std::string Joined(Field field) {
  std::string text;
  for (const dom::element one : List(field)) text += (text.empty() ? "" : ",") + Text(Found(one));
  return text.empty() ? "nobody" : text;
}

std::string Told(Field receiver) {
  return fmt::format("{} of {} alerts", Number(receiver["notifications"]), Number(receiver["alertsTold"]));
}

std::string ReceiversTable(const dom::element& root) {
  std::map<std::string, std::pair<std::string, std::string>> receivers;
  for (const dom::element one : List(root["current"]["receivers"]))
    receivers[Text(one["receiver"])].first = Told(Found(one));
  for (const dom::element one : List(root["proposed"]["receivers"]))
    receivers[Text(one["receiver"])].second = Told(Found(one));
  Rows rows = {{"Receiver", "Notifications now", "Proposed"}};
  for (const auto& [name, told] : receivers) {
    rows.push_back({name, told.first.empty() ? "-" : told.first, told.second.empty() ? "-" : told.second});
  }
  rows.push_back({"(all)", std::to_string(Number(root["current"]["notificationsTotal"])),
                  std::to_string(Number(root["proposed"]["notificationsTotal"]))});
  return FormatTable(rows);
}

std::string LeftOutTable(const dom::element& root) {
  Rows rows = {{"Left out by", "Now", "Proposed"}};
  dom::object reasons;
  if (root["current"]["leftOut"].get(reasons) != simdjson::SUCCESS) return "";
  for (const auto& [reason, count] : reasons) {
    rows.push_back({std::string(reason), std::to_string(Number(Found(count))),
                    std::to_string(Number(root["proposed"]["leftOut"][reason]))});
  }
  return FormatTable(rows);
}

std::string ChangesTable(const dom::element& root) {
  const uint64_t total = Number(root["changesTotal"]);
  if (total == 0) return "Every alert would have reached the same receivers.\n";
  Rows rows = {{"Alert", "Told now", "Proposed"}};
  for (const dom::element one : List(root["changes"]))
    rows.push_back({LabelsText(one["labels"]), Joined(one["current"]), Joined(one["proposed"])});
  std::string text = FormatTable(rows);
  if (total + 1 > rows.size()) text += fmt::format("and {} more\n", total + 1 - rows.size());
  return text;
}

std::string NotificationsTable(const dom::element& root) {
  Rows rows = {{"Time", "Receiver", "Integration", "Why", "Firing", "Resolved", "Group"}};
  for (const dom::element one : List(root["proposed"]["notifications"])) {
    rows.push_back({Text(one["time"]), Text(one["receiver"]), Text(one["integration"]), Text(one["reason"]),
                    std::to_string(List(one["firing"]).size()), std::to_string(List(one["resolved"]).size()),
                    LabelsText(one["groupLabels"])});
  }
  return FormatTable(rows);
}

}  // namespace

core::Result<std::string> FormatDryRun(std::string_view json, const AmtoolFormat& format) {
  dom::parser parser;
  dom::element root;
  dom::object current;
  if (parser.parse(json).get(root) != simdjson::SUCCESS ||
      root["current"].get(current) != simdjson::SUCCESS) {
    return core::Fail(core::Code::kCorruption, "the answer is none of a dry run");
  }
  if (format.output == AmtoolOutput::kJson) return std::string(json) + "\n";
  std::string text = fmt::format("From {} to {}:\n\n", Text(root["start"]), Text(root["end"]));
  text += ReceiversTable(root) + "\n" + LeftOutTable(root) + "\n" + ChangesTable(root);
  if (format.output == AmtoolOutput::kExtended) text += "\n" + NotificationsTable(root);
  return text;
}

}  // namespace sextant::app
