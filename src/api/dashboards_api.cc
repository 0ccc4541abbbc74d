#include "api/dashboards_api.h"

#include "core/json_writer.h"

namespace sextant::api {

namespace {

net::HttpResponse HandleGet(const dashboards::Library& library, const net::HttpRequest& request) {
  const dashboards::Dashboard* dashboard = library.Find(request.PathParam("uid"));
  core::JsonWriter json;
  if (dashboard == nullptr) {
    json.BeginObject().Key("message").String("Dashboard not found").EndObject();
    return net::HttpResponse::Json(404, std::move(json).Take());
  }
  json.BeginObject().Key("dashboard").Raw(dashboard->json).Key("meta").BeginObject();
  json.Key("slug")
      .String(dashboard->uid)
      .Key("url")
      .String("/d/" + dashboard->uid)
      .Key("provisioned")
      .Bool(true);
  json.Key("canEdit").Bool(false).Key("canSave").Bool(false).EndObject().EndObject();
  return net::HttpResponse::Json(200, std::move(json).Take());
}

net::HttpResponse HandleSearch(const dashboards::Library& library, const net::HttpRequest& request) {
  std::string query(request.Query().Get("query"));
  core::JsonWriter json;
  json.BeginArray();
  for (const dashboards::Dashboard* dashboard : library.List()) {
    if (dashboard->title.find(query) == std::string::npos) continue;
    json.BeginObject().Key("uid").String(dashboard->uid).Key("title").String(dashboard->title);
    json.Key("url").String("/d/" + dashboard->uid).Key("type").String("dash-db").Key("tags").BeginArray();
    for (const std::string& tag : dashboard->tags) json.String(tag);
    json.EndArray().EndObject();
  }
  json.EndArray();
  return net::HttpResponse::Json(200, std::move(json).Take());
}

}  // namespace

void AddDashboardRoutes(net::Router& router, const dashboards::Library& library) {
  router.Add("GET", "/api/dashboards/uid/{uid}",
             [&](const net::HttpRequest& request) { return HandleGet(library, request); });
  router.Add("GET", "/api/search",
             [&](const net::HttpRequest& request) { return HandleSearch(library, request); });
}

}  // namespace sextant::api
