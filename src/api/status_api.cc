#include "api/status_api.h"

#include <memory>
#include <thread>

#include "api/envelope.h"
#include "api/params.h"
#include "metrics/exposition/negotiation.h"
#include "metrics/promfiles/meta.h"

namespace sextant::api {

namespace {

using core::JsonWriter;

net::HttpResponse HandleBuildInfo(const StatusApiDeps& deps) {
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject()
        .Key("version")
        .String(deps.info.version)
        .Key("application")
        .String("sextant")
        .EndObject();
  });
}

net::HttpResponse HandleRuntimeInfo(const StatusApiDeps& deps) {
  auto stats = deps.db.GetStats(0);
  if (!stats) return ErrorResponse(ApiError::From(stats.error()));
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("startTime").String(FormatRfc3339(deps.info.start_ms));
    json.Key("CWD").String(deps.info.working_directory);
    json.Key("serverTime").String(FormatRfc3339(deps.clock.NowMs()));
    json.Key("timeSeriesCount").UInt(stats->series).Key("chunkCount").UInt(stats->chunks);
    json.Key("storageRetention").String(deps.info.storage_retention());
    json.Key("cpuCount").UInt(std::thread::hardware_concurrency());
    json.EndObject();
  });
}

net::HttpResponse HandleFlags(const StatusApiDeps& deps) {
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject();
    for (const auto& [name, value] : deps.info.flags) json.Key(name).String(value);
    json.EndObject();
  });
}

net::HttpResponse HandleConfig(const StatusApiDeps& deps) {
  return SuccessResponse(
      [&](JsonWriter& json) { json.BeginObject().Key("yaml").String(deps.config_yaml()).EndObject(); });
}

void WriteCounts(JsonWriter& json, std::string_view key, const std::vector<tsdb::StatCount>& counts) {
  json.Key(key).BeginArray();
  for (const tsdb::StatCount& count : counts) {
    json.BeginObject().Key("name").String(count.name).Key("value").UInt(count.count).EndObject();
  }
  json.EndArray();
}

constexpr size_t kDefaultTop = 10;
constexpr size_t kMaxTop = 10'000;

// `limit`: how many rows a list has.
ApiResult<size_t> TopParam(const net::QueryParams& params) {
  if (params.Get("limit").empty()) return kDefaultTop;
  auto limit = LimitParam(params);
  if (!limit || *limit == 0) {
    return tl::unexpected(ApiError::InvalidParameter("limit", "limit must be a positive number"));
  }
  if (*limit > kMaxTop) {
    return tl::unexpected(ApiError::InvalidParameter("limit", "limit must not exceed 10000"));
  }
  return *limit;
}

net::HttpResponse HandleTsdb(const StatusApiDeps& deps, const net::HttpRequest& request) {
  auto top = TopParam(request.Query());
  if (!top) return ErrorResponse(top.error());
  auto stats = deps.db.GetStats(*top);
  if (!stats) return ErrorResponse(ApiError::From(stats.error()));
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("headStats").BeginObject();
    json.Key("numSeries").UInt(stats->series).Key("numLabelPairs").UInt(stats->label_pairs);
    json.Key("chunkCount")
        .UInt(stats->chunks)
        .Key("minTime")
        .Int(stats->min_time_ms)
        .Key("maxTime")
        .Int(stats->max_time_ms);
    json.EndObject();
    WriteCounts(json, "seriesCountByMetricName", stats->series_by_metric);
    WriteCounts(json, "labelValueCountByLabelName", stats->values_by_label);
    WriteCounts(json, "memoryInBytesByLabelName", stats->bytes_by_label);
    WriteCounts(json, "seriesCountByLabelValuePair", stats->series_by_pair);
    json.EndObject();
  });
}

void WriteRows(JsonWriter& json, std::string_view key, std::string_view name_key, std::string_view value_key,
               double bytes_per_series, const std::vector<tsdb::Cardinality::Row>& rows) {
  json.Key(key).BeginArray();
  for (const tsdb::Cardinality::Row& row : rows) {
    json.BeginObject().Key(name_key).String(row.name);
    if (!value_key.empty()) json.Key(value_key).String(row.value);
    json.Key("series").UInt(row.series).Key("created").UInt(row.created);
    json.Key("bytes").UInt(static_cast<uint64_t>(static_cast<double>(row.series) * bytes_per_series));
    json.EndObject();
  }
  json.EndArray();
}

// What costs most: metrics, labels and targets by their series, now and new within the window. Bytes of
// series are their share of the memory that all of them take.
net::HttpResponse HandleCardinality(const StatusApiDeps& deps, const net::HttpRequest& request) {
  net::QueryParams params = request.Query();
  auto top = TopParam(params);
  if (!top) return ErrorResponse(top.error());
  std::string_view sort = params.Get("sort");
  if (!sort.empty() && sort != "series" && sort != "created") {
    return ErrorResponse(ApiError::InvalidParameter("sort", "sort must be series or created"));
  }
  auto order = sort == "created" ? tsdb::CardinalityOrder::kCreated : tsdb::CardinalityOrder::kSeries;
  auto found = deps.db.GetCardinality(*top, order);
  if (!found) return ErrorResponse(ApiError::From(found.error()));
  double bytes_per_series =
      found->series == 0 ? 0 : static_cast<double>(found->head_bytes) / static_cast<double>(found->series);
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("head").BeginObject();
    json.Key("series").UInt(found->series).Key("created").UInt(found->created);
    json.Key("windowSeconds").UInt(static_cast<uint64_t>(found->window_ms) / 1000);
    json.Key("labelPairs").UInt(found->label_pairs).Key("bytes").UInt(found->head_bytes);
    json.Key("seriesLimit").UInt(found->max_series).Key("bytesLimit").UInt(found->max_head_bytes);
    json.Key("refusedBySeriesLimit").UInt(found->refused_by_series);
    json.Key("refusedByBytesLimit").UInt(found->refused_by_memory).EndObject();
    WriteRows(json, "metrics", "metric", "", bytes_per_series, found->metrics);
    WriteRows(json, "labelPairs", "name", "value", bytes_per_series, found->pairs);
    WriteRows(json, "targets", "job", "instance", bytes_per_series, found->targets);
    json.Key("labels").BeginArray();
    for (const tsdb::Cardinality::LabelRow& label : found->labels) {
      json.BeginObject().Key("name").String(label.name).Key("values").UInt(label.values);
      json.Key("created").UInt(label.created).Key("bytes").UInt(label.value_bytes).EndObject();
    }
    json.EndArray().EndObject();
  });
}

// The blocks that are served, in the words of Prometheus' meta.json.
net::HttpResponse HandleBlocks(const StatusApiDeps& deps) {
  std::vector<tsdb::BlockInfo> blocks = deps.db.Blocks();
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("blocks").BeginArray();
    for (const tsdb::BlockInfo& block : blocks) {
      json.BeginObject().Key("ulid").String(block.name);
      json.Key("minTime").Int(block.start_ms).Key("maxTime").Int(block.end_ms);
      json.Key("stats").BeginObject().Key("numSamples").UInt(block.samples);
      json.Key("numSeries").UInt(block.series).Key("numChunks").UInt(block.chunks);
      if (block.deletions > 0) json.Key("numTombstones").UInt(block.deletions);
      json.EndObject().Key("compaction").BeginObject().Key("level").UInt(block.level);
      if (!block.sources.empty()) {
        json.Key("sources").BeginArray();
        for (const std::string& source : block.sources) json.String(source);
        json.EndArray();
      }
      if (!block.parents.empty()) {
        json.Key("parents").BeginArray();
        for (const tsdb::BlockParentInfo& parent : block.parents) {
          json.BeginObject().Key("ulid").String(parent.name);
          json.Key("minTime").Int(parent.start_ms).Key("maxTime").Int(parent.end_ms).EndObject();
        }
        json.EndArray();
      }
      if (block.is_out_of_order || block.is_stale_series) {
        json.Key("hints").BeginArray();
        if (block.is_out_of_order) json.String(promfiles::kHintFromOutOfOrder);
        if (block.is_stale_series) json.String("from-stale-series");
        json.EndArray();
      }
      json.EndObject().Key("version").UInt(1).EndObject();
    }
    json.EndArray().EndObject();
  });
}

// The names are such that no escaping changes them.
net::HttpResponse HandleMetrics(const core::Registry& registry, const net::HttpRequest& request) {
  net::HttpResponse response;
  response.headers.Set("Content-Type", exposition::ContentTypeOf(exposition::Negotiate(
                                           request.headers.Get("Accept"), /*has_protobuf=*/false)));
  response.body = registry.RenderText();
  return response;
}

net::HttpResponse HandleWalReplay(const tsdb::ReplayProgress& replay) {
  std::string_view state = "waiting";
  if (replay.state == tsdb::ReplayProgress::State::kInProgress) state = "in progress";
  if (replay.state == tsdb::ReplayProgress::State::kDone) state = "done";
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("min").UInt(replay.min).Key("max").UInt(replay.max);
    json.Key("current").UInt(replay.current).Key("state").String(state).EndObject();
  });
}

net::HttpResponse HandleHealthy(const net::HttpRequest&) {
  return net::HttpResponse::Text(200, "Sextant is Healthy.\n");
}

net::HttpResponse HandleUnavailable(const net::HttpRequest&) {
  return net::HttpResponse::Text(503, "Service Unavailable\n");
}

void AddReplayRoute(net::Router& router, std::shared_ptr<const tsdb::ReplayProgress> replay) {
  router.Add("GET", "/api/v1/status/walreplay",
             [replay = std::move(replay)](const net::HttpRequest&) { return HandleWalReplay(*replay); });
}

}  // namespace

void AddStartRoutes(net::Router& router, const core::Registry& registry,
                    std::shared_ptr<const tsdb::ReplayProgress> replay) {
  AddReplayRoute(router, std::move(replay));
  router.Add("GET", "/metrics",
             [&registry](const net::HttpRequest& request) { return HandleMetrics(registry, request); });
  router.Add("GET", "/-/healthy", HandleHealthy, {.run_inline = true});
  constexpr const char* kName = "/* while opening";
  router.Add("GET", "/*", HandleUnavailable, {.run_inline = true, .metric_name = kName});
  // Not inline, where bodies with a Content-Encoding are refused as wrong: a sender of remote write would not
  // come again with them.
  router.Add("POST", "/*", HandleUnavailable,
             {.priority = core::Priority::kIngest, .passed_encodings = {"snappy"}, .metric_name = kName});
}

void AddStatusRoutes(net::Router& router, StatusApiDeps given) {
  auto deps = std::make_shared<const StatusApiDeps>(std::move(given));
  router.Add("GET", "/api/v1/status/buildinfo",
             [deps](const net::HttpRequest&) { return HandleBuildInfo(*deps); });
  router.Add("GET", "/api/v1/status/runtimeinfo",
             [deps](const net::HttpRequest&) { return HandleRuntimeInfo(*deps); });
  router.Add("GET", "/api/v1/status/flags", [deps](const net::HttpRequest&) { return HandleFlags(*deps); });
  router.Add("GET", "/api/v1/status/config", [deps](const net::HttpRequest&) { return HandleConfig(*deps); });
  if (!deps->is_agent) {
    router.Add("GET", "/api/v1/status/tsdb",
               [deps](const net::HttpRequest& request) { return HandleTsdb(*deps, request); });
    router.Add("GET", "/api/v1/status/tsdb/blocks",
               [deps](const net::HttpRequest&) { return HandleBlocks(*deps); });
    router.Add("GET", "/api/v1/status/cardinality",
               [deps](const net::HttpRequest& request) { return HandleCardinality(*deps, request); });
  }
  router.Add("GET", "/metrics",
             [deps](const net::HttpRequest& request) { return HandleMetrics(deps->registry, request); });
  AddReplayRoute(router, deps->replay);
  router.Add("GET", "/-/healthy", HandleHealthy, {.run_inline = true});
  router.Add("GET", "/-/ready",
             [deps](const net::HttpRequest& request) {
               return deps->is_ready ? net::HttpResponse::Text(200, "Sextant is Ready.\n")
                                     : HandleUnavailable(request);
             },
             {.run_inline = true});
}

}  // namespace sextant::api
