#include "api/folders_api.h"

#include <simdjson.h>

#include <algorithm>

#include "api/grafana_json.h"
#include "api/page_of.h"
#include "api/params.h"
#include "core/json_writer.h"
#include "dashboards/document.h"

namespace sextant::api {

namespace {

using dashboards::Folder;
using dashboards::Library;
using net::HttpRequest;
using net::HttpResponse;

constexpr size_t kFoldersByDefault = 1'000;
constexpr size_t kMostFolders = 5'000;

void WriteFolder(core::JsonWriter& json, const Folder& folder) {
  std::string_view who = folder.is_provisioned ? "Provisioning" : "Anonymous";
  json.BeginObject().Key("id").Int(dashboards::NumericId(folder.uid)).Key("uid").String(folder.uid);
  json.Key("orgId").Int(1).Key("title").String(folder.title);
  json.Key("url").String(fmt::format("/dashboards/f/{}/{}", folder.uid, dashboards::Slug(folder.title)));
  json.Key("hasAcl").Bool(false).Key("canSave").Bool(!folder.is_provisioned);
  json.Key("canEdit").Bool(!folder.is_provisioned).Key("canAdmin").Bool(!folder.is_provisioned);
  json.Key("canDelete").Bool(!folder.is_provisioned);
  json.Key("createdBy").String(who).Key("created").String(FormatRfc3339(folder.created_ms));
  json.Key("updatedBy").String(who).Key("updated").String(FormatRfc3339(folder.updated_ms));
  json.Key("version").Int(folder.version).EndObject();
}

HttpResponse AnswerFolder(const core::Result<Folder>& folder) {
  if (!folder) return GrafanaError(folder.error());
  core::JsonWriter json;
  WriteFolder(json, *folder);
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse List(const Library& library, const HttpRequest& request) {
  net::QueryParams params = request.Query();
  ListPage page = ReadLimitedPage(params, kFoldersByDefault, kMostFolders);
  std::vector<Folder> folders = library.Folders();
  if (std::string_view parent = params.Get("parentUid"); !parent.empty()) {
    if (!library.FindFolder(parent)) return GrafanaMessage(404, "folder not found", "not-found");
    folders.clear();  // folders are not within folders here
  }
  core::JsonWriter json;
  json.BeginArray();
  for (const Folder& folder : page.Of(folders)) {
    json.BeginObject().Key("id").Int(dashboards::NumericId(folder.uid)).Key("uid").String(folder.uid);
    json.Key("title").String(folder.title).EndObject();
  }
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse FindById(const Library& library, const HttpRequest& request) {
  for (const Folder& folder : library.Folders()) {
    if (std::to_string(dashboards::NumericId(folder.uid)) == request.PathParam("id"))
      return AnswerFolder(folder);
  }
  return GrafanaMessage(404, "folder not found", "not-found");
}

struct FolderBody {
  std::string uid;
  std::string title;
  std::string parent_uid;
  int64_t version = -1;
  bool overwrite = false;
};

core::Result<FolderBody> ReadBody(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (auto error = parser.parse(simdjson::padded_string(body)).get_object().get(object))
    return core::Fail(core::Code::kInvalidArgument, "bad request data: {}", simdjson::error_message(error));
  FolderBody read;
  std::string_view text;
  if (!object["uid"].get(text)) read.uid = text;
  if (!object["title"].get(text)) read.title = text;
  if (!object["parentUid"].get(text)) read.parent_uid = text;
  if (object["version"].get(read.version)) read.version = -1;
  if (object["overwrite"].get(read.overwrite)) read.overwrite = false;
  return read;
}

HttpResponse Create(Library& library, const HttpRequest& request) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  auto body = ReadBody(request.body);
  if (!body) return GrafanaError(body.error());
  if (!body->parent_uid.empty())
    return GrafanaMessage(400, "parentUid: folders in folders are not supported");
  auto folder = library.CreateFolder(body->uid, body->title);
  if (!folder && folder.error().code() == core::Code::kAlreadyExists)
    return GrafanaMessage(409, folder.error().message());
  return AnswerFolder(folder);
}

HttpResponse Rename(Library& library, const HttpRequest& request) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  auto body = ReadBody(request.body);
  if (!body) return GrafanaError(body.error());
  return AnswerFolder(library.RenameFolder(request.PathParam("uid"), body->title,
                                           body->overwrite ? -1 : std::max<int64_t>(body->version, 0)));
}

HttpResponse Delete(Library& library, const HttpRequest& request) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  auto folder = library.DeleteFolder(request.PathParam("uid"));
  if (!folder) return GrafanaError(folder.error());
  core::JsonWriter json;
  json.BeginObject().Key("message").String("Folder deleted");
  json.Key("id").Int(dashboards::NumericId(folder->uid)).Key("title").String(folder->title).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

}  // namespace

void AddFolderRoutes(net::Router& router, Library& library) {
  router.Add("GET", "/api/folders", [&](const HttpRequest& request) { return List(library, request); });
  router.Add("POST", "/api/folders", [&](const HttpRequest& request) { return Create(library, request); });
  router.Add("GET", "/api/folders/{uid}", [&](const HttpRequest& request) {
    return AnswerFolder(library.FindFolder(request.PathParam("uid")));
  });
  router.Add("GET", "/api/folders/id/{id}",
             [&](const HttpRequest& request) { return FindById(library, request); });
  router.Add("PUT", "/api/folders/{uid}",
             [&](const HttpRequest& request) { return Rename(library, request); });
  router.Add("DELETE", "/api/folders/{uid}",
             [&](const HttpRequest& request) { return Delete(library, request); });
}

}  // namespace sextant::api
