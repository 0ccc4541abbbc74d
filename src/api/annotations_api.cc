#include "api/annotations_api.h"

#include <simdjson.h>

#include <charconv>
#include <memory>
#include <optional>

#include "api/grafana_json.h"
#include "api/json_body.h"
#include "api/page_of.h"
#include "core/json_writer.h"
#include "dashboards/document.h"

namespace sextant::api {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::TimestampMs;
using dashboards::Annotation;
using dashboards::AnnotationFilter;
using dashboards::Annotations;
using net::HttpRequest;
using net::HttpResponse;

constexpr size_t kFoundByDefault = 100;
constexpr size_t kMostFound = 10'000;

// What a request says of an annotation; absent: nothing.
struct Body {
  std::optional<std::string> text;
  std::optional<std::vector<std::string>> tags;
  std::optional<TimestampMs> from_ms;
  std::optional<TimestampMs> to_ms;
  std::string dashboard_uid;
  int64_t panel_id = 0;
};

// A list of texts, or one text with blanks between them, as Graphite's clients write it.
Result<std::vector<std::string>> ReadTags(const simdjson::dom::element& element) {
  std::vector<std::string> tags;
  std::string_view text;
  if (!element.get(text)) {
    while (!text.empty()) {
      size_t end = text.find(' ');
      if (end != 0) tags.emplace_back(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return tags;
  }
  simdjson::dom::array list;
  if (element.get(list)) return Fail(Code::kInvalidArgument, "tags must be a list of texts");
  for (simdjson::dom::element one : list) {
    if (one.get(text)) return Fail(Code::kInvalidArgument, "tags must be a list of texts");
    tags.emplace_back(text);
  }
  return tags;
}

// A whole number of milliseconds, which some clients write with a fraction; absent for null and 0.
Result<std::optional<TimestampMs>> ReadTime(const simdjson::dom::object& object, const char* name) {
  simdjson::dom::element element;
  if (object[name].get(element) || element.is_null()) return std::nullopt;
  double value = 0;
  if (element.get(value) || !(value >= 0 && value < 9e15))
    return Fail(Code::kInvalidArgument, "{} must be a time in milliseconds", name);
  if (value == 0) return std::nullopt;
  return static_cast<TimestampMs>(value);
}

Result<Body> ReadBody(const simdjson::dom::object& object) {
  Body body;
  std::string_view text;
  if (!object["text"].get(text)) body.text = text;
  simdjson::dom::element tags;
  if (!object["tags"].get(tags) && !tags.is_null()) {
    SEXTANT_ASSIGN(body.tags, ReadTags(tags));
  }
  SEXTANT_ASSIGN(body.from_ms, ReadTime(object, "time"));
  SEXTANT_ASSIGN(body.to_ms, ReadTime(object, "timeEnd"));
  if (!object["dashboardUID"].get(text)) body.dashboard_uid = text;
  if (object["panelId"].get(body.panel_id)) body.panel_id = 0;
  return body;
}

// Graphite's form: `what` and `data` are the text, `when` is in seconds.
Result<Body> ReadGraphite(const simdjson::dom::object& object) {
  SEXTANT_ASSIGN(Body body, ReadBody(object));
  std::string_view what;
  std::string_view data;
  if (object["what"].get(what) || what.empty())
    return Fail(Code::kInvalidArgument, "what field should not be empty");
  body.text = std::string(what);
  if (!object["data"].get(data) && !data.empty()) *body.text += "\n" + std::string(data);
  SEXTANT_ASSIGN(body.from_ms, ReadTime(object, "when"));
  if (body.from_ms) *body.from_ms *= 1'000;
  body.to_ms.reset();
  return body;
}

template <typename Read>
Result<Body> Parse(const HttpRequest& request, Read read) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (auto error = parser.parse(simdjson::padded_string(request.body)).get_object().get(object))
    return Fail(Code::kInvalidArgument, "bad request data: {}", simdjson::error_message(error));
  return read(object);
}

void Write(core::JsonWriter& json, const Annotation& one) {
  bool has_dashboard = !one.dashboard_uid.empty();
  json.BeginObject().Key("id").Int(one.id).Key("alertId").Int(0).Key("alertName").String("");
  json.Key("dashboardId").Int(has_dashboard ? dashboards::NumericId(one.dashboard_uid) : 0);
  json.Key("dashboardUID").String(one.dashboard_uid).Key("panelId").Int(one.panel_id).Key("userId").Int(0);
  json.Key("newState").String("").Key("prevState").String("").Key("created").Int(one.created_ms);
  json.Key("updated").Int(one.updated_ms).Key("time").Int(one.from_ms).Key("timeEnd").Int(one.to_ms);
  json.Key("text").String(one.text).Key("tags").BeginArray();
  for (const std::string& tag : one.tags) json.String(tag);
  json.EndArray().Key("login").String(one.login).Key("email").String("").Key("avatarUrl").String("");
  json.Key("data").BeginObject().EndObject().EndObject();
}

Result<AnnotationFilter> ReadFilter(const net::QueryParams& params) {
  AnnotationFilter filter;
  for (const char* name : {"alertId", "alertUID", "dashboardId", "userId"}) {
    if (!params.Get(name).empty()) return Fail(Code::kInvalidArgument, "{} is not supported", name);
  }
  auto read = [&](const char* name, auto& target) -> core::Status {
    std::string_view text = params.Get(name);
    if (text.empty()) return {};
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
      return Fail(Code::kInvalidArgument, "{} must be a number", name);
    target = number;
    return {};
  };
  SEXTANT_TRY(read("from", filter.from_ms));
  SEXTANT_TRY(read("to", filter.to_ms));
  SEXTANT_TRY(read("panelId", filter.panel_id));
  filter.dashboard_uid = params.Get("dashboardUID");
  filter.tags = params.GetAll("tags");
  filter.any_tag = params.Get("matchAny") == "true";
  filter.limit = ReadLimitedPage(params, kFoundByDefault, kMostFound).size;
  return filter;
}

HttpResponse List(const Annotations& annotations, const HttpRequest& request) {
  net::QueryParams params = request.Query();
  auto filter = ReadFilter(params);
  if (!filter) return GrafanaError(filter.error());
  core::JsonWriter json;
  json.BeginArray();
  if (params.Get("type") != "alert") {  // those of alerts are in the alerts' own history
    for (const Annotation& one : annotations.List(*filter)) Write(json, one);
  }
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Get(const Annotations& annotations, const HttpRequest& request) {
  auto id = NumberOf(request, "id");
  if (!id) return GrafanaError(id.error());
  auto found = annotations.Find(*id);
  if (!found) return GrafanaError(found.error());
  core::JsonWriter json;
  Write(json, *found);
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Tags(const Annotations& annotations, const HttpRequest& request) {
  net::QueryParams params = request.Query();
  core::JsonWriter json;
  json.BeginObject().Key("result").BeginObject().Key("tags").BeginArray();
  size_t limit = ReadLimitedPage(params, kFoundByDefault, kMostFound).size;
  for (const auto& [tag, count] : annotations.Tags(params.Get("tag"), limit))
    json.BeginObject().Key("tag").String(tag).Key("count").Int(count).EndObject();
  json.EndArray().EndObject().EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Add(Annotations& annotations, const core::Clock& clock, const HttpRequest& request,
                 const Result<Body>& body, std::string_view done) {
  if (!body) return GrafanaError(body.error());
  Annotation annotation;
  annotation.from_ms = body->from_ms.value_or(clock.NowMs());
  annotation.to_ms = body->to_ms.value_or(annotation.from_ms);
  annotation.text = body->text.value_or("");
  annotation.tags = body->tags.value_or(std::vector<std::string>());
  annotation.dashboard_uid = body->dashboard_uid;
  annotation.panel_id = body->panel_id;
  annotation.login = request.user;
  auto id = annotations.Add(std::move(annotation));
  if (!id) return GrafanaError(id.error());
  core::JsonWriter json;
  json.BeginObject().Key("id").Int(*id).Key("message").String(done).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

// PUT replaces text, tags and times, PATCH what is named.
core::Status Change(Annotations& annotations, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  SEXTANT_ASSIGN(Body body, Parse(request, ReadBody));
  SEXTANT_ASSIGN(Annotation annotation, annotations.Find(id));
  bool is_whole = request.method == "PUT";
  if (is_whole || body.text) annotation.text = body.text.value_or("");
  if (is_whole || body.tags) annotation.tags = body.tags.value_or(std::vector<std::string>());
  if (body.from_ms) {
    bool is_moment = annotation.to_ms == annotation.from_ms;
    annotation.from_ms = *body.from_ms;
    if (is_whole || is_moment) annotation.to_ms = annotation.from_ms;
  }
  if (body.to_ms) annotation.to_ms = *body.to_ms;
  return annotations.Replace(std::move(annotation));
}

core::Status Remove(Annotations& annotations, const HttpRequest& request) {
  SEXTANT_ASSIGN(int64_t id, NumberOf(request, "id"));
  return annotations.Remove(id);
}

HttpResponse Done(const core::Status& status, std::string_view message) {
  return status ? GrafanaMessage(200, message) : GrafanaError(status.error());
}

}  // namespace

void AddAnnotationRoutes(net::Router& router, Annotations& annotations, const core::Clock& clock) {
  router.Add("GET", "/api/annotations",
             [&](const HttpRequest& request) { return List(annotations, request); });
  router.Add("GET", "/api/annotations/tags",
             [&](const HttpRequest& request) { return Tags(annotations, request); });
  router.Add("GET", "/api/annotations/{id}",
             [&](const HttpRequest& request) { return Get(annotations, request); });
  router.Add("POST", "/api/annotations", [&](const HttpRequest& request) {
    if (IsCrossSite(request)) return CrossSiteRefusal();
    return Add(annotations, clock, request, Parse(request, ReadBody), "Annotation added");
  });
  router.Add("POST", "/api/annotations/graphite", [&](const HttpRequest& request) {
    if (IsCrossSite(request)) return CrossSiteRefusal();
    return Add(annotations, clock, request, Parse(request, ReadGraphite), "Graphite annotation added");
  });
  for (const char* method : {"PUT", "PATCH"}) {
    router.Add(method, "/api/annotations/{id}", [&](const HttpRequest& request) {
      if (IsCrossSite(request)) return CrossSiteRefusal();
      return Done(Change(annotations, request),
                  request.method == "PUT" ? "Annotation updated" : "Annotation patched");
    });
  }
  router.Add("DELETE", "/api/annotations/{id}", [&](const HttpRequest& request) {
    if (IsCrossSite(request)) return CrossSiteRefusal();
    return Done(Remove(annotations, request), "Annotation deleted");
  });
}

}  // namespace sextant::api
