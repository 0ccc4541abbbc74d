#include "api/dashboards_api.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <variant>

#include "api/folders_api.h"
#include "api/grafana_json.h"
#include "api/page_of.h"
#include "api/params.h"
#include "core/json_writer.h"
#include "dashboards/document.h"
#include "users/role.h"

namespace sextant::api {

namespace {

using dashboards::Dashboard;
using dashboards::DashboardPtr;
using dashboards::Folder;
using dashboards::Library;
using dashboards::NumericId;
using dashboards::Origin;
using net::HttpRequest;
using net::HttpResponse;

constexpr size_t kFoundByDefault = 1'000;
constexpr size_t kMostFound = 5'000;
constexpr size_t kMostImportedBytes = 16 << 20;

std::string UrlOf(const Dashboard& dashboard) {
  return fmt::format("/d/{}/{}", dashboard.uid, dashboards::Slug(dashboard.title));
}

std::string FolderUrl(const Folder& folder) {
  return fmt::format("/dashboards/f/{}/{}", folder.uid, dashboards::Slug(folder.title));
}

// What a dashboard's answers say of its folder; none is the root, which Grafana calls General.
void WriteFolderOf(core::JsonWriter& json, const Library& library, const std::string& uid) {
  auto folder = uid.empty() ? core::Result<Folder>(Folder{}) : library.FindFolder(uid);
  bool has_folder = folder && !folder->uid.empty();
  json.Key("folderId").Int(has_folder ? NumericId(uid) : 0).Key("folderUid").String(has_folder ? uid : "");
  json.Key("folderTitle").String(has_folder ? folder->title : "General");
  json.Key("folderUrl").String(has_folder ? FolderUrl(*folder) : "");
}

// `may_change`: whether who asks may change anything at all.
HttpResponse Answer(const Library& library, const Dashboard& dashboard, bool may_change, bool is_home) {
  bool can_save = dashboard.can_save && may_change;
  std::string_view who = dashboard.origin == Origin::kSaved         ? "Anonymous"
                         : dashboard.origin == Origin::kProvisioned ? "Provisioning"
                                                                    : "Sextant";
  core::JsonWriter json;
  json.BeginObject().Key("meta").BeginObject().Key("type").String("db");
  if (is_home) json.Key("isHome").Bool(true);
  json.Key("canSave").Bool(can_save).Key("canEdit").Bool(can_save);
  json.Key("canAdmin").Bool(can_save).Key("canStar").Bool(false);
  json.Key("canDelete").Bool(dashboard.can_delete && may_change);
  json.Key("slug").String(dashboards::Slug(dashboard.title)).Key("url").String(UrlOf(dashboard));
  json.Key("expires")
      .String("0001-01-01T00:00:00Z")
      .Key("created")
      .String(FormatRfc3339(dashboard.created_ms));
  json.Key("updated").String(FormatRfc3339(dashboard.updated_ms)).Key("updatedBy").String(who);
  json.Key("createdBy").String(who).Key("version").Int(dashboard.version);
  json.Key("hasAcl").Bool(false).Key("isFolder").Bool(false);
  WriteFolderOf(json, library, dashboard.folder_uid);
  json.Key("provisioned").Bool(dashboard.origin == Origin::kProvisioned);
  json.Key("provisionedExternalId").String(dashboard.external_id).EndObject();
  json.Key("dashboard").Raw(dashboard.json).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Get(const Library& library, std::string_view uid, const HttpRequest& request,
                 bool is_home = false) {
  DashboardPtr dashboard = library.Find(uid);
  if (dashboard == nullptr) return GrafanaMessage(404, "Dashboard not found", "not-found");
  return Answer(library, *dashboard, request.role != users::RoleName(users::Role::kViewer), is_home);
}

// Where whoever asks begins: the dashboard of the own preferences is redirected to, else that of the server.
HttpResponse Home(const Library& library, std::string_view home_uid, const std::string& preferred_uid,
                  const HttpRequest& request) {
  DashboardPtr preferred = preferred_uid.empty() ? nullptr : library.Find(preferred_uid);
  if (preferred == nullptr) return Get(library, home_uid, request, true);
  core::JsonWriter json;
  json.BeginObject().Key("redirectUri").String(UrlOf(*preferred)).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

// The folder that a request names by uid or by number; the root when it names none.
core::Result<std::string> ReadFolder(const Library& library, const simdjson::dom::object& body) {
  std::string_view uid;
  if (!body["folderUid"].get(uid) && !uid.empty()) return std::string(uid == "general" ? "" : uid);
  int64_t id = 0;
  if (body["folderId"].get(id) || id == 0) return std::string();
  for (const Folder& folder : library.Folders()) {
    if (NumericId(folder.uid) == id) return folder.uid;
  }
  return core::Fail(core::Code::kNotFound, "folder not found");
}

core::Result<dashboards::SaveRequest> ReadSave(const Library& library, const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::object body;
  if (auto error = parser.parse(simdjson::padded_string(text)).get_object().get(body))
    return core::Fail(core::Code::kInvalidArgument, "bad request data: {}", simdjson::error_message(error));
  simdjson::dom::element dashboard;
  if (body["dashboard"].get(dashboard))
    return core::Fail(core::Code::kInvalidArgument, "bad request data: dashboard is missing");
  dashboards::SaveRequest request;
  request.json = simdjson::minify(dashboard);
  SEXTANT_ASSIGN(request.folder_uid, ReadFolder(library, body));
  std::string_view message;
  if (!body["message"].get(message)) request.message = message;
  if (body["overwrite"].get(request.overwrite)) request.overwrite = false;
  return request;
}

HttpResponse AnswerSaved(const core::Result<DashboardPtr>& saved) {
  if (!saved) return GrafanaError(saved.error());
  const Dashboard& dashboard = **saved;
  core::JsonWriter json;
  json.BeginObject().Key("folderUid").String(dashboard.folder_uid).Key("id").Int(NumericId(dashboard.uid));
  json.Key("slug").String(dashboards::Slug(dashboard.title)).Key("status").String("success");
  json.Key("uid").String(dashboard.uid).Key("url").String(UrlOf(dashboard));
  json.Key("version").Int(dashboard.version).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Save(Library& library, const HttpRequest& request) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  auto save = ReadSave(library, request.body);
  if (!save) return GrafanaError(save.error());
  return AnswerSaved(library.Save(std::move(*save)));
}

// `text` with `from` replaced everywhere.
core::Result<std::string> Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  while (true) {
    size_t at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += to;
    if (out.size() > kMostImportedBytes)
      return core::Fail(core::Code::kInvalidArgument, "with its inputs the dashboard is larger than {} bytes",
                        kMostImportedBytes);
    text.remove_prefix(at + from.size());
  }
}

// What a dashboard wants to be told when it is imported, filled in: ${DS_PROMETHEUS} becomes what the
// request's `inputs` say, a constant that they do not name its own value.
core::Result<std::string> FillInputs(const simdjson::dom::object& body,
                                     const simdjson::dom::object& dashboard) {
  std::string text = simdjson::minify(dashboard);
  simdjson::dom::array wanted;
  if (dashboard["__inputs"].get(wanted)) return text;
  simdjson::dom::array given;
  bool has_given = !body["inputs"].get(given);
  for (simdjson::dom::element input : wanted) {
    std::string_view name;
    std::string_view value;
    if (input["name"].get(name) || name.empty()) continue;
    bool is_known = !input["value"].get(value);
    for (size_t i = 0; has_given && i < given.size(); ++i) {
      std::string_view of;
      if (!given.at(i)["name"].get(of) && of == name && !given.at(i)["value"].get(value)) is_known = true;
    }
    if (!is_known) return core::Fail(core::Code::kInvalidArgument, "inputs: {} is missing", name);
    core::JsonWriter json;
    json.String(value);
    std::string escaped = std::move(json).Take();
    SEXTANT_ASSIGN(text, Replaced(text, fmt::format("${{{}}}", name),
                                  std::string_view(escaped).substr(1, escaped.size() - 2)));
  }
  return text;
}

// Saves a dashboard of somebody else's, as Grafana's import page and scripts do it.
HttpResponse Import(Library& library, const HttpRequest& request) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  auto save = ReadSave(library, request.body);
  if (!save) return GrafanaError(save.error());
  simdjson::dom::parser parser;
  simdjson::dom::object body;
  simdjson::dom::object document;
  if (parser.parse(simdjson::padded_string(request.body)).get_object().get(body) ||
      body["dashboard"].get(document))
    return GrafanaMessage(400, "bad request data: dashboard must be an object");
  auto filled = FillInputs(body, document);
  if (!filled) return GrafanaError(filled.error());
  save->json = std::move(*filled);
  auto saved = library.Save(std::move(*save));
  if (!saved) return GrafanaError(saved.error());
  const Dashboard& dashboard = **saved;
  core::JsonWriter json;
  json.BeginObject().Key("uid").String(dashboard.uid).Key("pluginId").String("");
  json.Key("title").String(dashboard.title).Key("imported").Bool(true);
  json.Key("importedUri").String("db/" + dashboards::Slug(dashboard.title));
  json.Key("importedUrl").String(UrlOf(dashboard)).Key("slug").String(dashboards::Slug(dashboard.title));
  json.Key("dashboardId").Int(NumericId(dashboard.uid)).Key("folderUid").String(dashboard.folder_uid);
  json.Key("importedRevision").Int(1).Key("revision").Int(1).Key("description").String("");
  json.Key("path").String("").Key("removed").Bool(false).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

// Makes an older version the present one: it is saved anew, so that nothing is lost.
HttpResponse Restore(Library& library, const HttpRequest& request) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  simdjson::dom::parser parser;
  simdjson::dom::object body;
  int64_t number = 0;
  if (parser.parse(simdjson::padded_string(request.body)).get_object().get(body) ||
      body["version"].get(number))
    return GrafanaMessage(400, "bad request data: version must be a number");
  std::string_view uid = request.PathParam("uid");
  DashboardPtr present = library.Find(uid);
  if (present == nullptr) return GrafanaMessage(404, "Dashboard not found", "not-found");
  auto version = library.Version(uid, number);
  if (!version) return GrafanaError(version.error());
  return AnswerSaved(library.Save({.json = version->json,
                                   .folder_uid = present->folder_uid,
                                   .message = fmt::format("Restored from version {}", number),
                                   .overwrite = true}));
}

HttpResponse Delete(Library& library, const HttpRequest& request) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  auto gone = library.Delete(request.PathParam("uid"));
  if (!gone) return GrafanaError(gone.error());
  core::JsonWriter json;
  json.BeginObject().Key("title").String((*gone)->title);
  json.Key("message").String(fmt::format("Dashboard {} deleted", (*gone)->title));
  json.Key("uid").String((*gone)->uid).Key("id").Int(NumericId((*gone)->uid)).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

void WriteVersion(core::JsonWriter& json, std::string_view uid, const dashboards::StoredVersion& version) {
  json.BeginObject().Key("id").Int(version.version).Key("dashboardId").Int(NumericId(uid));
  json.Key("uid").String(uid).Key("parentVersion").Int(version.version - 1);
  json.Key("version").Int(version.version).Key("created").String(FormatRfc3339(version.saved_ms));
  json.Key("createdBy").String("Anonymous").Key("message").String(version.message);
  if (!version.json.empty()) json.Key("data").Raw(version.json);
  json.EndObject();
}

HttpResponse Versions(const Library& library, const HttpRequest& request) {
  auto versions = library.Versions(request.PathParam("uid"));
  if (!versions) return GrafanaError(versions.error());
  core::JsonWriter json;
  json.BeginObject().Key("versions").BeginArray();
  for (const dashboards::StoredVersion& version : *versions)
    WriteVersion(json, request.PathParam("uid"), version);
  json.EndArray().EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse OneVersion(const Library& library, const HttpRequest& request) {
  int64_t number = 0;
  std::string_view text = request.PathParam("version");
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return GrafanaMessage(400, "version must be a number");
  auto version = library.Version(request.PathParam("uid"), number);
  if (!version) return GrafanaError(version.error());
  core::JsonWriter json;
  WriteVersion(json, request.PathParam("uid"), *version);
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Tags(const Library& library) {
  std::map<std::string, int64_t> counts;
  for (const DashboardPtr& dashboard : library.List()) {
    for (const std::string& tag : dashboard->tags) ++counts[tag];
  }
  core::JsonWriter json;
  json.BeginArray();
  for (const auto& [tag, count] : counts)
    json.BeginObject().Key("term").String(tag).Key("count").Int(count).EndObject();
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// What /api/search asks for.
struct Search {
  std::string query;
  std::vector<std::string> tags;
  std::vector<std::string> uids;
  std::vector<std::string> ids;
  std::vector<std::string> folder_uids;
  std::vector<std::string> folder_ids;
  bool wants_folders = true;
  bool wants_dashboards = true;
  bool wants_starred = false;
  bool is_backwards = false;
  ListPage page;

  bool IsInFolder(const std::string& uid) const {
    if (folder_uids.empty() && folder_ids.empty()) return true;
    auto has = [](const std::vector<std::string>& list, const std::string& one) {
      return std::ranges::find(list, one) != list.end();
    };
    if (uid.empty()) return has(folder_uids, "general") || has(folder_ids, "0");
    return has(folder_uids, uid) || has(folder_ids, std::to_string(NumericId(uid)));
  }
  bool Takes(const Dashboard& dashboard) const {
    if (Lower(dashboard.title).find(query) == std::string::npos || !IsInFolder(dashboard.folder_uid))
      return false;
    if (!uids.empty() && std::ranges::find(uids, dashboard.uid) == uids.end()) return false;
    if (!ids.empty() && std::ranges::find(ids, std::to_string(NumericId(dashboard.uid))) == ids.end())
      return false;
    return std::ranges::all_of(tags, [&](const std::string& tag) {
      return std::ranges::find(dashboard.tags, tag) != dashboard.tags.end();
    });
  }
  bool Takes(const Folder& folder) const {
    return tags.empty() && ids.empty() && folder_uids.empty() && folder_ids.empty() &&
           Lower(folder.title).find(query) != std::string::npos &&
           (uids.empty() || std::ranges::find(uids, folder.uid) != uids.end());
  }
};

core::Result<Search> ReadSearch(const net::QueryParams& params) {
  Search search;
  search.query = Lower(params.Get("query"));
  search.tags = params.GetAll("tag");
  search.uids = params.GetAll("dashboardUIDs");
  for (const std::string& uid : params.GetAll("dashboardUID")) search.uids.push_back(uid);
  search.ids = params.GetAll("dashboardIds");
  search.folder_uids = params.GetAll("folderUIDs");
  search.folder_ids = params.GetAll("folderIds");
  std::string_view type = params.Get("type");
  if (!type.empty() && type != "dash-db" && type != "dash-folder")
    return core::Fail(core::Code::kInvalidArgument, "type must be dash-db or dash-folder, not \"{}\"", type);
  search.wants_folders = type != "dash-db";
  search.wants_dashboards = type != "dash-folder";
  search.wants_starred = params.Get("starred") == "true";
  std::string_view sort = params.Get("sort");
  if (!sort.empty() && sort != "alpha-asc" && sort != "alpha-desc")
    return core::Fail(core::Code::kInvalidArgument, "sort must be alpha-asc or alpha-desc, not \"{}\"", sort);
  search.is_backwards = sort == "alpha-desc";
  search.page = ReadLimitedPage(params, kFoundByDefault, kMostFound);
  return search;
}

void WriteFound(core::JsonWriter& json, const Folder& folder) {
  json.BeginObject().Key("id").Int(NumericId(folder.uid)).Key("orgId").Int(1).Key("uid").String(folder.uid);
  json.Key("title").String(folder.title).Key("uri").String("db/" + dashboards::Slug(folder.title));
  json.Key("url").String(FolderUrl(folder)).Key("slug").String("").Key("type").String("dash-folder");
  json.Key("tags").BeginArray().EndArray().Key("isStarred").Bool(false).Key("sortMeta").Int(0);
  json.Key("isDeleted").Bool(false).EndObject();
}

void WriteFound(core::JsonWriter& json, const Dashboard& dashboard, const Library& library) {
  json.BeginObject()
      .Key("id")
      .Int(NumericId(dashboard.uid))
      .Key("orgId")
      .Int(1)
      .Key("uid")
      .String(dashboard.uid);
  json.Key("title").String(dashboard.title).Key("uri").String("db/" + dashboards::Slug(dashboard.title));
  json.Key("url").String(UrlOf(dashboard)).Key("slug").String("").Key("type").String("dash-db");
  json.Key("tags").BeginArray();
  for (const std::string& tag : dashboard.tags) json.String(tag);
  json.EndArray().Key("isStarred").Bool(false);
  if (!dashboard.folder_uid.empty()) WriteFolderOf(json, library, dashboard.folder_uid);
  json.Key("sortMeta").Int(0).Key("isDeleted").Bool(false).EndObject();
}

HttpResponse HandleSearch(const Library& library, const HttpRequest& request) {
  auto search = ReadSearch(request.Query());
  if (!search) return GrafanaError(search.error());
  using Found = std::variant<Folder, DashboardPtr>;
  std::vector<Found> found;
  if (search->wants_folders && !search->wants_starred) {
    for (Folder& folder : library.Folders()) {
      if (search->Takes(folder)) found.emplace_back(std::move(folder));
    }
  }
  size_t folders = found.size();
  if (search->wants_dashboards && !search->wants_starred) {
    for (DashboardPtr& dashboard : library.List()) {
      if (search->Takes(*dashboard)) found.emplace_back(std::move(dashboard));
    }
  }
  if (search->is_backwards) {  // folders come before dashboards either way
    std::reverse(found.begin(), found.begin() + static_cast<ptrdiff_t>(folders));
    std::reverse(found.begin() + static_cast<ptrdiff_t>(folders), found.end());
  }
  core::JsonWriter json;
  json.BeginArray();
  for (const Found& one : search->page.Of(found)) {
    if (const auto* folder = std::get_if<Folder>(&one)) WriteFound(json, *folder);
    if (const auto* dashboard = std::get_if<DashboardPtr>(&one)) WriteFound(json, **dashboard, library);
  }
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse Health(const std::string& version) {
  core::JsonWriter json;
  json.BeginObject().Key("commit").String("").Key("database").String("ok").Key("version").String(version);
  json.EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

// The one organisation that there is, in the form of Grafana's lists and of its own endpoint.
HttpResponse Org() {
  core::JsonWriter json;
  json.BeginObject().Key("id").Int(1).Key("name").String("Main Org.").Key("address").BeginObject();
  for (const char* part : {"address1", "address2", "city", "zipCode", "state", "country"})
    json.Key(part).String("");
  json.EndObject().EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

}  // namespace

void AddDashboardRoutes(net::Router& router, const DashboardApiDeps& deps) {
  Library& library = deps.library;
  router.Add("GET", "/api/health", [version = deps.version](const HttpRequest&) { return Health(version); });
  router.Add("GET", "/api/org", [](const HttpRequest&) { return Org(); });
  for (const char* path : {"/api/search", "/api/search/"}) {  // Grafana's documentation writes the latter
    router.Add("GET", path, [&](const HttpRequest& request) { return HandleSearch(library, request); });
  }
  router.Add("GET", "/api/dashboards/home",
             [&library, uid = deps.home_uid, preferred = deps.preferred_home](const HttpRequest& request) {
               return Home(library, uid, preferred ? preferred(request) : "", request);
             });
  router.Add("GET", "/api/dashboards/tags", [&](const HttpRequest&) { return Tags(library); });
  router.Add("POST", "/api/dashboards/db",
             [&](const HttpRequest& request) { return Save(library, request); });
  router.Add("POST", "/api/dashboards/import",
             [&](const HttpRequest& request) { return Import(library, request); });
  router.Add("POST", "/api/dashboards/uid/{uid}/restore",
             [&](const HttpRequest& request) { return Restore(library, request); });
  router.Add("GET", "/api/dashboards/uid/{uid}",
             [&](const HttpRequest& request) { return Get(library, request.PathParam("uid"), request); });
  router.Add("DELETE", "/api/dashboards/uid/{uid}",
             [&](const HttpRequest& request) { return Delete(library, request); });
  router.Add("GET", "/api/dashboards/uid/{uid}/versions",
             [&](const HttpRequest& request) { return Versions(library, request); });
  router.Add("GET", "/api/dashboards/uid/{uid}/versions/{version}",
             [&](const HttpRequest& request) { return OneVersion(library, request); });
  AddFolderRoutes(router, library);
}

}  // namespace sextant::api
