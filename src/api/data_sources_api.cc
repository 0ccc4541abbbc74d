#include "api/data_sources_api.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <memory>

#include "api/grafana_json.h"
#include "core/json_writer.h"
#include "dashboards/document.h"

namespace sextant::api {

namespace {

using dashboards::DataSource;
using dashboards::DataSourcePtr;
using dashboards::SourceKind;
using net::HttpRequest;
using net::HttpResponse;
using net::ResponseWriter;

constexpr int kMaxProxied = 64;  // requests to other servers under way
constexpr size_t kMaxAnswerBytes = 64 << 20;

constexpr auto kMetricsAsked = std::to_array<std::string_view>(
    {"query", "query_range", "query_exemplars", "labels", "series", "format_query", "parse_query"});
constexpr auto kMetricsRead = std::to_array<std::string_view>(
    {"metadata", "rules", "alerts", "targets", "targets/metadata", "scrape_pools", "alertmanagers",
     "status/buildinfo", "status/flags", "status/runtimeinfo", "status/tsdb", "status/config"});
constexpr auto kAlertsRead =
    std::to_array<std::string_view>({"status", "receivers", "alerts", "alerts/groups", "silences"});

bool Has(const auto& list, std::string_view one) { return std::ranges::find(list, one) != list.end(); }

// "label/job/values" or "silence/1": one segment between.
bool HasOneBetween(std::string_view path, std::string_view before, std::string_view after) {
  if (!path.starts_with(before) || !path.ends_with(after) || path.size() <= before.size() + after.size())
    return false;
  std::string_view middle = path.substr(before.size(), path.size() - before.size() - after.size());
  return middle.find('/') == std::string_view::npos && middle != "." && middle != "..";
}

void WriteSource(core::JsonWriter& json, const DataSource& source) {
  json.BeginObject().Key("id").Int(dashboards::NumericId(source.uid)).Key("uid").String(source.uid);
  json.Key("orgId").Int(1).Key("name").String(source.name).Key("type").String(source.type);
  json.Key("typeName").String(source.type).Key("typeLogoUrl").String("").Key("access").String(source.access);
  json.Key("url").String(source.url).Key("user").String(source.user).Key("database").String(source.database);
  json.Key("basicAuth").Bool(source.basic_auth).Key("basicAuthUser").String(source.basic_auth_user);
  json.Key("withCredentials").Bool(source.with_credentials).Key("isDefault").Bool(source.is_default);
  json.Key("jsonData").Raw(source.json_data).Key("secureJsonFields").BeginObject();
  if (!source.basic_auth_password.empty()) json.Key("basicAuthPassword").Bool(true);
  if (!source.ca_pem.empty()) json.Key("tlsCACert").Bool(true);
  if (!source.key_pem.empty()) json.Key("tlsClientKey").Bool(true);
  for (size_t i = 0; i < source.headers.size(); ++i)
    json.Key(fmt::format("httpHeaderValue{}", i + 1)).Bool(true);
  json.EndObject().Key("version").Int(source.version).Key("readOnly").Bool(source.is_read_only);
  if (source.kind == SourceKind::kOwnMetrics) json.Key("own").Bool(true);  // ours: no need for the proxy
  if (source.kind == SourceKind::kUnsupported) json.Key("unsupported").String(source.why_unsupported);
  json.EndObject();
}

HttpResponse AnswerSource(const DataSourcePtr& source) {
  if (source == nullptr) return GrafanaMessage(404, "Data source not found");
  core::JsonWriter json;
  WriteSource(json, *source);
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse AnswerId(const DataSourcePtr& source) {
  if (source == nullptr) return GrafanaMessage(404, "Data source not found");
  core::JsonWriter json;
  json.BeginObject().Key("id").Int(dashboards::NumericId(source->uid)).EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

HttpResponse List(const dashboards::DataSources& sources) {
  core::JsonWriter json;
  json.BeginArray();
  for (const DataSourcePtr& source : sources.List()) WriteSource(json, *source);
  json.EndArray();
  return HttpResponse::Json(200, std::move(json).Take());
}

DataSourcePtr FindByIdText(const dashboards::DataSources& sources, std::string_view text) {
  int64_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc() && end == text.data() + text.size() ? sources.FindId(id) : nullptr;
}

// What of a request's target is for the source: what stands behind `segments` segments after the route's
// fixed part, still escaped.
std::string_view RestOfTarget(std::string_view target, std::string_view fixed) {
  target = target.substr(0, target.find('?'));
  size_t at = target.find(fixed);
  if (at == std::string_view::npos) return {};
  target.remove_prefix(at + fixed.size());
  size_t slash = target.find('/');
  if (slash == std::string_view::npos) return {};
  target.remove_prefix(slash + 1);
  return target;
}

class Proxy {
 public:
  explicit Proxy(const DataSourceApiDeps& deps)
      : deps_(deps),
        refused_(
            deps.registry.AddCounter("sextant_datasource_proxy_refused_total",
                                     "Requests to data sources refused because too many were under way.")) {}

  // `path` is decoded, `raw_path` as it was written; both without a slash in front.
  void Pass(const DataSourcePtr& source, HttpRequest request, std::string_view path, std::string raw_path,
            ResponseWriter writer) {
    if (source == nullptr) return writer.Send(GrafanaMessage(404, "Unable to find datasource"));
    if (source->kind == SourceKind::kUnsupported)
      return writer.Send(GrafanaMessage(501, source->why_unsupported));
    if (!IsPassedOn(source->kind, request.method, path)) {
      return writer.Send(GrafanaMessage(403, fmt::format("{} /{} is not passed on to data sources of type {}",
                                                         request.method, path, source->type)));
    }
    bool is_own = source->kind == SourceKind::kOwnMetrics || source->kind == SourceKind::kOwnAlerts;
    if (is_own) return AnswerHere(std::move(request), raw_path, std::move(writer));
    Fetch(source, request, raw_path, std::move(writer), HandOn);
  }

  // Whether the source answers, as a query tells.
  void CheckHealth(const DataSourcePtr& source, ResponseWriter writer) {
    if (source == nullptr) return writer.Send(GrafanaMessage(404, "Data source not found"));
    switch (source->kind) {
      case SourceKind::kUnsupported:
        return writer.Send(GrafanaMessage(400, source->why_unsupported, "ERROR"));
      case SourceKind::kOwnMetrics:
      case SourceKind::kOwnAlerts:
        return writer.Send(GrafanaMessage(200, "This server's own data.", "OK"));
      case SourceKind::kRemoteMetrics:
      case SourceKind::kRemoteAlerts:
        break;
    }
    bool is_metrics = source->kind == SourceKind::kRemoteMetrics;
    HttpRequest probe;
    probe.method = "GET";
    if (is_metrics) probe.query_string = "query=1%2B1";
    Fetch(source, probe, is_metrics ? "api/v1/query" : "api/v2/status", std::move(writer),
          [](core::Result<net::FetchResponse> fetched) {
            if (!fetched) return GrafanaMessage(400, fetched.error().message(), "ERROR");
            if (fetched->status != 200)
              return GrafanaMessage(400, fmt::format("It answered with HTTP {}.", fetched->status), "ERROR");
            return GrafanaMessage(200, "It answers.", "OK");
          });
  }

 private:
  using ToAnswer = HttpResponse (*)(core::Result<net::FetchResponse>);

  // What came from the source, handed on.
  static HttpResponse HandOn(core::Result<net::FetchResponse> fetched) {
    if (!fetched) return GrafanaMessage(502, fetched.error().message());
    HttpResponse response;
    response.status = fetched->status;
    std::string_view type = fetched->headers.Get("Content-Type");
    // What comes from elsewhere is data, never a page of ours.
    response.headers.Set("Content-Type", type.starts_with("application/json") ? type : "text/plain");
    response.headers.Set("X-Content-Type-Options", "nosniff");
    response.body = std::move(fetched->body);
    return response;
  }

  void AnswerHere(HttpRequest request, const std::string& raw_path, ResponseWriter writer) const {
    net::RouteMatch match = deps_.own_routes.Match(request.method, "/" + raw_path);
    if (match.route == nullptr)
      return writer.Send(GrafanaMessage(match.status == 204 ? 404 : match.status, "there is no such path"));
    request.path = std::move(match.path);
    request.path_params = std::move(match.path_params);
    if (match.route->kind == net::RouteKind::kWhole) return writer.Send(match.route->handler(request));
    match.route->stream_handler(std::move(request), std::move(writer));
  }

  static net::FetchRequest ToFetch(const DataSource& source, const HttpRequest& request,
                                   const std::string& raw_path) {
    net::FetchRequest fetch;
    fetch.method = request.method;
    std::string base = source.url;
    while (base.ends_with('/')) base.pop_back();
    fetch.url = base + "/" + raw_path;
    if (!request.query_string.empty()) fetch.url += "?" + request.query_string;
    for (const auto& [name, value] : source.headers) fetch.headers.Set(name, value);
    if (!request.body.empty()) {
      fetch.body = request.body;
      fetch.headers.Set("Content-Type", request.headers.Get("Content-Type"));
    }
    if (source.basic_auth) {
      fetch.basic_user = source.basic_auth_user;
      fetch.basic_password = source.basic_auth_password;
    }
    if (source.skips_verification || !source.ca_pem.empty() || !source.cert_pem.empty() ||
        !source.server_name.empty()) {
      auto tls = std::make_shared<net::TlsClientOptions>();
      tls->ca_pem = source.ca_pem;
      tls->cert_pem = source.cert_pem;
      tls->key_pem = source.key_pem;
      tls->server_name = source.server_name;
      tls->insecure_skip_verify = source.skips_verification;
      fetch.tls = std::move(tls);
    }
    fetch.timeout_ms = source.timeout_ms;
    fetch.follow_redirects = false;
    fetch.max_body_bytes = kMaxAnswerBytes;
    return fetch;
  }

  void Fetch(const DataSourcePtr& source, const HttpRequest& request, const std::string& raw_path,
             ResponseWriter writer, ToAnswer to_answer) {
    if (under_way_->fetch_add(1) >= kMaxProxied) {
      under_way_->fetch_sub(1);
      refused_.Increment();
      return writer.Send(GrafanaMessage(
          429, fmt::format("{} requests to data sources are under way; try again later", kMaxProxied)));
    }
    net::FetchRequest fetch = ToFetch(*source, request, raw_path);
    fetch.headers.Set("User-Agent", deps_.user_agent);
    auto answer = std::make_shared<ResponseWriter>(std::move(writer));
    net::FetchHandle handle = deps_.client.Fetch(
        std::move(fetch), {.executor = &deps_.executor, .priority = core::Priority::kQuery},
        [answer, to_answer, under_way = under_way_](core::Result<net::FetchResponse> fetched) {
          under_way->fetch_sub(1);
          answer->Send(to_answer(std::move(fetched)));
        });
    answer->OnCancelled([handle]() mutable { handle.Cancel(); });
  }

  const DataSourceApiDeps deps_;
  core::Counter& refused_;
  const std::shared_ptr<std::atomic<int>> under_way_ = std::make_shared<std::atomic<int>>(0);
};

HttpResponse Reload(const DataSourceApiDeps& deps, const HttpRequest& request, std::string_view what) {
  if (IsCrossSite(request)) return CrossSiteRefusal();
  deps.reload();
  return GrafanaMessage(200, fmt::format("{} config reloaded", what));
}

HttpResponse Problems(const std::vector<std::string>& problems) {
  core::JsonWriter json;
  json.BeginObject().Key("problems").BeginArray();
  for (const std::string& problem : problems) json.String(problem);
  json.EndArray().EndObject();
  return HttpResponse::Json(200, std::move(json).Take());
}

}  // namespace

bool IsPassedOn(SourceKind kind, std::string_view method, std::string_view path) {
  bool reads = method == "GET" || method == "HEAD";
  if (kind == SourceKind::kOwnMetrics || kind == SourceKind::kRemoteMetrics) {
    if (!path.starts_with("api/v1/")) return false;
    path.remove_prefix(7);
    if (Has(kMetricsAsked, path)) return reads || method == "POST";
    return reads && (Has(kMetricsRead, path) || HasOneBetween(path, "label/", "/values"));
  }
  if (kind == SourceKind::kOwnAlerts || kind == SourceKind::kRemoteAlerts) {
    if (!reads || !path.starts_with("api/v2/")) return false;
    path.remove_prefix(7);
    return Has(kAlertsRead, path) || HasOneBetween(path, "silence/", "");
  }
  return false;
}

void AddDataSourceRoutes(net::Router& router, const DataSourceApiDeps& deps) {
  const dashboards::DataSources& sources = deps.sources;
  router.Add("GET", "/api/datasources", [&](const HttpRequest&) { return List(sources); });
  router.Add("GET", "/api/datasources/{id}", [&](const HttpRequest& request) {
    return AnswerSource(FindByIdText(sources, request.PathParam("id")));
  });
  router.Add("GET", "/api/datasources/uid/{uid}", [&](const HttpRequest& request) {
    return AnswerSource(sources.FindUid(request.PathParam("uid")));
  });
  router.Add("GET", "/api/datasources/name/{name}", [&](const HttpRequest& request) {
    return AnswerSource(sources.FindName(request.PathParam("name")));
  });
  router.Add("GET", "/api/datasources/id/{name}", [&](const HttpRequest& request) {
    return AnswerId(sources.FindName(request.PathParam("name")));
  });
  auto proxy = std::make_shared<Proxy>(deps);
  router.AddStream("GET", "/api/datasources/uid/{uid}/health",
                   [&sources, proxy](HttpRequest request, ResponseWriter writer) {
                     proxy->CheckHealth(sources.FindUid(request.PathParam("uid")), std::move(writer));
                   });
  auto pass = [proxy](DataSourcePtr source, HttpRequest request, std::string_view fixed,
                      ResponseWriter writer) {
    std::string raw_path(RestOfTarget(request.target, fixed));
    std::string path(request.PathParam("*"));
    proxy->Pass(source, std::move(request), path, std::move(raw_path), std::move(writer));
  };
  for (const char* method : {"GET", "POST"}) {
    router.AddStream(method, "/api/datasources/proxy/uid/{uid}/*",
                     [&sources, pass](HttpRequest request, ResponseWriter writer) {
                       DataSourcePtr source = sources.FindUid(request.PathParam("uid"));
                       pass(source, std::move(request), "/api/datasources/proxy/uid/", std::move(writer));
                     });
    router.AddStream(method, "/api/datasources/uid/{uid}/resources/*",
                     [&sources, proxy](HttpRequest request, ResponseWriter writer) {
                       DataSourcePtr source = sources.FindUid(request.PathParam("uid"));
                       std::string_view rest = RestOfTarget(request.target, "/api/datasources/uid/");
                       std::string raw_path(rest.substr(rest.find('/') + 1));
                       std::string path(request.PathParam("*"));
                       proxy->Pass(source, std::move(request), path, std::move(raw_path), std::move(writer));
                     });
    router.AddStream(method, "/api/datasources/proxy/{id}/*",
                     [&sources, pass](HttpRequest request, ResponseWriter writer) {
                       DataSourcePtr source = FindByIdText(sources, request.PathParam("id"));
                       pass(source, std::move(request), "/api/datasources/proxy/", std::move(writer));
                     });
  }
  router.Add("POST", "/api/admin/provisioning/dashboards/reload",
             [deps](const HttpRequest& request) { return Reload(deps, request, "Dashboards"); });
  router.Add("POST", "/api/admin/provisioning/datasources/reload",
             [deps](const HttpRequest& request) { return Reload(deps, request, "Datasources"); });
  router.Add("GET", "/api/admin/provisioning/problems",
             [deps](const HttpRequest&) { return Problems(deps.problems()); });
}

}  // namespace sextant::api
