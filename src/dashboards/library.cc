#include "dashboards/library.h"

#include <simdjson.h>

#include <algorithm>

namespace sextant::dashboards {

namespace {

using core::Code;
using core::Fail;

bool IsUid(std::string_view text) {
  auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, is_allowed);
}

}  // namespace

core::Status Library::Add(std::string json) {
  if (json.size() > kMaxBytes) {
    return Fail(Code::kInvalidArgument, "a dashboard of {} bytes is too large (limit {})", json.size(),
                kMaxBytes);
  }
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (auto error = parser.parse(json).get_object().get(root)) {
    return Fail(Code::kInvalidArgument, "not a dashboard in JSON: {}", simdjson::error_message(error));
  }
  Dashboard dashboard;
  std::string_view text;
  if (root["uid"].get(text) || !IsUid(text))
    return Fail(Code::kInvalidArgument, "the dashboard has no usable uid");
  dashboard.uid = text;
  if (root["title"].get(text) || text.empty()) {
    return Fail(Code::kInvalidArgument, "dashboard {} has no title", dashboard.uid);
  }
  dashboard.title = text;
  simdjson::dom::array tags;
  if (!root["tags"].get(tags)) {
    for (simdjson::dom::element tag : tags) {
      if (!tag.get(text)) dashboard.tags.emplace_back(text);
    }
  }
  dashboard.json = std::move(json);
  std::string uid = dashboard.uid;
  if (!dashboards_.try_emplace(uid, std::move(dashboard)).second) {
    return Fail(Code::kAlreadyExists, "there is a dashboard with uid {} already", uid);
  }
  return {};
}

const Dashboard* Library::Find(std::string_view uid) const {
  auto it = dashboards_.find(uid);
  return it == dashboards_.end() ? nullptr : &it->second;
}

std::vector<const Dashboard*> Library::List() const {
  std::vector<const Dashboard*> list;
  for (const auto& [uid, dashboard] : dashboards_) list.push_back(&dashboard);
  std::ranges::sort(list, {}, [](const Dashboard* dashboard) { return dashboard->title; });
  return list;
}

}  // namespace sextant::dashboards
