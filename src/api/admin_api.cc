#include "api/admin_api.h"

#include <ctime>
#include <memory>
#include <optional>
#include <random>

#include "api/envelope.h"
#include "api/params.h"
#include "core/file.h"
#include "metrics/promql/parser.h"

namespace sextant::api {

namespace {

using Handler = net::HttpResponse (*)(const AdminApiDeps& deps, const net::QueryParams& params);

// The texts that Go's strconv.ParseBool takes.
std::optional<bool> ParseGoBool(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

net::HttpResponse NoContent() {
  net::HttpResponse response;
  response.status = 204;
  return response;
}

net::HttpResponse Internal(const core::Error& error, std::string_view context = "") {
  return ErrorResponse({ErrorType::kInternal, fmt::format("{}{}", context, error.message())});
}

net::HttpResponse HandleDeleteSeries(const AdminApiDeps& deps, const net::QueryParams& params) {
  std::vector<std::string> selectors = params.GetAll("match[]");
  if (selectors.empty()) return ErrorResponse(ApiError::BadData("no match[] parameter provided"));
  auto start = TimeParam(params, "start", kMinTimeMs);
  if (!start) return ErrorResponse(start.error());
  auto end = TimeParam(params, "end", kMaxTimeMs);
  if (!end) return ErrorResponse(end.error());
  std::vector<std::vector<model::Matcher>> sets;
  for (const std::string& selector : selectors) {
    auto matchers = promql::ParseMetricSelector(selector);
    if (!matchers) return ErrorResponse(ApiError::InvalidParameter("match[]", matchers.error().Message()));
    // As in Prometheus, a selector that says nothing selects nothing here: not all that there is.
    if (!matchers->empty()) sets.push_back(std::move(*matchers));
  }
  if (core::Status deleted = deps.db.DeleteSeries(sets, *start, *end); !deleted)
    return Internal(deleted.error());
  return NoContent();
}

net::HttpResponse HandleCleanTombstones(const AdminApiDeps& deps, const net::QueryParams&) {
  if (core::Status cleaned = deps.db.CleanTombstones(); !cleaned) return Internal(cleaned.error());
  return NoContent();
}

// Such as "20231114T221320Z-5577006791947779".
std::string SnapshotName(core::TimestampMs now_ms) {
  std::time_t seconds = now_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::random_device device;
  uint64_t random = (static_cast<uint64_t>(device()) << 32 | device()) >> 1;
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z-{:016x}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, random);
}

net::HttpResponse HandleSnapshot(const AdminApiDeps& deps, const net::QueryParams& params) {
  bool skip_head = false;
  if (std::string_view text = params.Get("skip_head"); !text.empty()) {
    std::optional<bool> value = ParseGoBool(text);
    if (!value) {
      return ErrorResponse(ApiError::InvalidParameter(
          "skip_head", fmt::format("unable to parse boolean: strconv.ParseBool: parsing {}: invalid syntax",
                                   model::QuoteGo(text))));
    }
    skip_head = *value;
  }
  std::string name = SnapshotName(deps.clock.NowMs());
  std::string dir = core::JoinPath(core::JoinPath(deps.data_dir, "snapshots"), name);
  if (core::Status made = deps.db.Snapshot(dir, /*with_head=*/!skip_head); !made)
    return Internal(made.error(), "create snapshot: ");
  return SuccessResponse(
      [&](core::JsonWriter& json) { json.BeginObject().Key("name").String(name).EndObject(); });
}

}  // namespace

void AddAdminRoutes(net::Router& router, AdminApiDeps given) {
  auto deps = std::make_shared<const AdminApiDeps>(std::move(given));
  constexpr std::pair<const char*, Handler> kRoutes[] = {
      {"/api/v1/admin/tsdb/delete_series", HandleDeleteSeries},
      {"/api/v1/admin/tsdb/clean_tombstones", HandleCleanTombstones},
      {"/api/v1/admin/tsdb/snapshot", HandleSnapshot},
  };
  for (const auto& [path, handler] : kRoutes) {
    for (const char* method : {"POST", "PUT"}) {
      router.Add(method, path,
                 [deps, run = handler](const net::HttpRequest& request) {
                   if (!deps->is_enabled)
                     return ErrorResponse({ErrorType::kUnavailable, "admin APIs disabled"});
                   auto params = request.Form();
                   if (!params) {
                     return ErrorResponse(
                         ApiError::BadData("error parsing form values: " + params.error().message()));
                   }
                   return run(*deps, *params);
                 },
                 {.priority = core::Priority::kBackground});
    }
  }
}

}  // namespace sextant::api
