#include "api/consoles_api.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "config/node.h"
#include "config/paths.h"
#include "gotemplate/prometheus.h"
#include "model/labels.h"
#include "net/url.h"

namespace sextant::api {

namespace {

constexpr size_t kMaxTemplateBytes = 1 << 20;
constexpr size_t kMaxLibraries = 100;
constexpr size_t kMaxAssetBytes = 64 << 20;
// Of one page; each query has its own bounds.
constexpr size_t kMaxQueries = 1'000;
constexpr core::DurationMs kMaxPageMs = 120'000;

// The file of a path below a folder; nothing for one that leads elsewhere or is hidden.
std::optional<std::filesystem::path> FileBelow(const std::string& dir, std::string_view path) {
  std::filesystem::path file(dir);
  while (!path.empty()) {
    std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (part.empty()) continue;
    if (part.front() == '.' || part.find('\0') != std::string_view::npos) return std::nullopt;
    file /= part;
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return std::nullopt;
  return file;
}

net::HttpResponse NotFound(std::string_view path) {
  return net::HttpResponse::Text(404, fmt::format("open {}: no such file\n", path));
}

core::Result<std::vector<std::pair<std::string, std::string>>> ReadLibraries(const std::string& dir) {
  std::vector<std::pair<std::string, std::string>> libraries;
  SEXTANT_ASSIGN(std::vector<std::string> files, config::ExpandGlob(dir + "/*.lib"));
  if (files.size() > kMaxLibraries)
    return core::Fail(core::Code::kResourceExhausted, "{}: more than {} libraries", dir, kMaxLibraries);
  for (const std::string& file : files) {
    SEXTANT_ASSIGN(std::string text, config::ReadTextFile(file, kMaxTemplateBytes));
    libraries.emplace_back(std::filesystem::path(file).filename().string(), std::move(text));
  }
  return libraries;
}

core::Result<std::vector<gotemplate::QuerySample>> RunQuery(const ConsolesDeps& deps,
                                                            const std::string& expression,
                                                            core::TimestampMs time_ms,
                                                            const std::atomic<bool>* cancelled) {
  promql::QueryOptions options;
  options.cancelled = cancelled;
  auto outcome = deps.engine.Instant(deps.queryable, expression, time_ms, options);
  if (!outcome) return tl::unexpected(outcome.error().ToError());
  std::vector<gotemplate::QuerySample> samples;
  if (const auto* scalar = std::get_if<promql::ScalarResult>(&outcome->value)) {
    samples.push_back({{}, scalar->value, {}});
  } else if (const auto* vector = std::get_if<promql::VectorResult>(&outcome->value)) {
    for (const promql::VectorSample& sample : *vector) {
      std::map<std::string, std::string> labels;
      for (model::LabelView label : sample.labels) labels.emplace(label.name, label.value);
      samples.push_back({std::move(labels), sample.value, {}});
    }
  } else {
    return core::Fail(core::Code::kInvalidArgument, "query result is not a vector or scalar");
  }
  return samples;
}

net::HttpResponse HandleConsole(const ConsolesDeps& deps, const net::HttpRequest& request) {
  std::string path(request.PathParam("*"));
  auto file = FileBelow(deps.templates_dir, path);
  if (!file) return NotFound("/" + path);
  auto text = config::ReadTextFile(file->string(), kMaxTemplateBytes);
  if (!text) return net::HttpResponse::Text(500, text.error().message() + "\n");
  auto libraries = ReadLibraries(deps.libraries_dir);
  if (!libraries) return net::HttpResponse::Text(500, libraries.error().message() + "\n");
  gotemplate::ConsoleData data;
  net::QueryParams query = request.Query();
  for (const auto& [name, value] : query.pairs()) data.params[name].push_back(value);
  data.path = path;
  data.external_labels = deps.external_labels();
  gotemplate::PrometheusEnvironment environment;
  environment.now_ms = deps.clock.NowMs();
  size_t queries = 0;
  environment.query =
      [&](const std::string& expression) -> core::Result<std::vector<gotemplate::QuerySample>> {
    if (++queries > kMaxQueries || deps.clock.NowMs() > environment.now_ms + kMaxPageMs) {
      return core::Fail(core::Code::kResourceExhausted,
                        "the page makes more than {} queries, or takes more than {} s", kMaxQueries,
                        kMaxPageMs / 1000);
    }
    return RunQuery(deps, expression, environment.now_ms, request.cancelled.get());
  };
  environment.external_url = deps.external_url;
  if (auto url = net::ParseUrl(deps.external_url)) {
    environment.path_prefix = url->path;
    while (environment.path_prefix.ends_with('/')) environment.path_prefix.pop_back();
  }
  auto page = gotemplate::ExpandPrometheusConsole("__console_/" + path, *text, *libraries, data, environment);
  if (!page) return net::HttpResponse::Text(500, page.error().message() + "\n");
  return net::HttpResponse::Html(200, std::move(*page));
}

std::string_view ContentTypeOf(const std::filesystem::path& file) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".htm", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".json", "application/json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".ico", "image/x-icon"},
      {".txt", "text/plain; charset=utf-8"},
      {".woff2", "font/woff2"},
      {".pdf", "application/pdf"},
  };
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; });
  for (const auto& [known, type] : kTypes) {
    if (extension == known) return type;
  }
  return "application/octet-stream";
}

net::HttpResponse HandleUserAsset(const std::string& dir, const net::HttpRequest& request) {
  std::string path(request.PathParam("*"));
  auto file = FileBelow(dir, path.empty() || path.ends_with('/') ? path + "index.html" : path);
  if (!file) return NotFound("/" + path);
  auto text = config::ReadTextFile(file->string(), kMaxAssetBytes);
  if (!text) return net::HttpResponse::Text(500, text.error().message() + "\n");
  net::HttpResponse response;
  response.headers.Set("Content-Type", ContentTypeOf(*file));
  response.headers.Set("X-Content-Type-Options", "nosniff");
  response.body = std::move(*text);
  return response;
}

}  // namespace

void AddConsoleRoutes(net::Router& router, ConsolesDeps deps) {
  router.Add("GET", "/consoles/*", [deps = std::move(deps)](const net::HttpRequest& request) {
    return HandleConsole(deps, request);
  });
}

void AddUserAssetRoutes(net::Router& router, std::string dir) {
  if (dir.empty()) return;
  router.Add("GET", "/user/*", [dir = std::move(dir)](const net::HttpRequest& request) {
    return HandleUserAsset(dir, request);
  });
}

}  // namespace sextant::api
