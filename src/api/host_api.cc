#include "api/host_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "api/envelope.h"

namespace sextant::api {

namespace {

using core::JsonWriter;
using net::HttpRequest;
using net::HttpResponse;

// Answers of several clients within this time are of the same look.
constexpr core::DurationMs kFreshMs = 2'000;
constexpr uint64_t kDefaultRows = 20;
constexpr uint64_t kMaxRows = 100;
constexpr uint64_t kDefaultSeconds = 300;
constexpr size_t kShownProcesses = 10;  // of a window
constexpr std::string_view kProcessMetric = "process_cpu";

ApiResult<uint64_t> CountParam(const net::QueryParams& params, std::string_view name, uint64_t otherwise,
                               uint64_t most) {
  if (!params.Has(name)) return otherwise;
  const std::string_view text = params.Get(name);
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1 || count > most) {
    return tl::unexpected(
        ApiError::InvalidParameter(name, fmt::format("it must be a number from 1 to {}", most)));
  }
  return count;
}

void WriteNow(JsonWriter& json, const node::UsageNow& now) {
  json.Key("cpuCores").Double(now.cpu_cores).Key("memoryBytes").Double(now.memory_bytes);
  json.Key("readBytesPerSecond").Double(now.read_bytes_per_second);
  json.Key("writtenBytesPerSecond").Double(now.written_bytes_per_second);
}

void WriteIdentity(JsonWriter& json, const node::CgroupIdentity& identity) {
  json.Key("kind").String(identity.kind).Key("name").String(node::PrintableText(identity.name));
  json.Key("id").String(identity.id).Key("pod").String(identity.pod);
}

void WriteProcesses(JsonWriter& json, node::HostWatch& watch, const node::ProcessUsage::Picture& picture) {
  json.Key("topProcesses").BeginArray();
  for (const node::ProcessUsage::Process& process : picture.top_processes) {
    json.BeginObject().Key("pid").Int(process.pid).Key("name").String(process.name);
    json.Key("threads").UInt(process.threads).Key("ioKnown").Bool(process.is_io_known);
    WriteNow(json, process.now);
    if (const auto group = watch.cgroups().FindProcess(process.pid)) {
      json.Key("group").BeginObject();
      WriteIdentity(json, *group);
      json.EndObject();
    }
    json.EndObject();
  }
  json.EndArray().Key("topNames").BeginArray();
  for (const node::ProcessUsage::Group& group : picture.top_groups) {
    json.BeginObject().Key("name").String(group.name).Key("processes").UInt(group.processes);
    json.Key("threads").UInt(group.threads);
    WriteNow(json, group.now);
    json.EndObject();
  }
  json.EndArray();
}

void WriteGroups(JsonWriter& json, const node::CgroupUsage::Picture& picture) {
  json.Key("groupIntervalSeconds").Double(picture.interval_seconds);
  json.Key("groups").UInt(picture.groups).Key("groupsOverlooked").UInt(picture.overlooked);
  json.Key("topGroups").BeginArray();
  for (const node::CgroupUsage::Group& group : picture.top) {
    json.BeginObject().Key("path").String(group.path);
    WriteIdentity(json, group.identity);
    json.Key("threads").Double(group.threads);
    WriteNow(json, group.now);
    json.EndObject();
  }
  json.EndArray();
}

HttpResponse AnswerProcesses(node::HostWatch& watch, const HttpRequest& request) {
  const ApiResult<uint64_t> limit = CountParam(request.Query(), "limit", kDefaultRows, kMaxRows);
  if (!limit) return ErrorResponse(limit.error());
  if (const core::Status looked = watch.processes().LookAgainAfter(kFreshMs); !looked) {
    return ErrorResponse(ApiError::From(looked.error()));
  }
  std::vector<std::string> warnings;
  // A machine without control groups has processes all the same.
  if (const core::Status looked = watch.cgroups().LookAgainAfter(kFreshMs);
      !looked && looked.error().code() != core::Code::kNotFound) {
    warnings.push_back(looked.error().message());
  }
  const node::ProcessUsage::Picture picture = watch.processes().Greatest(*limit);
  const node::CgroupUsage::Picture groups = watch.cgroups().Greatest(*limit);
  return SuccessResponse(
      [&](JsonWriter& json) {
        json.BeginObject().Key("timeMs").Int(picture.time_ms);
        json.Key("cpus").UInt(std::max(1u, std::thread::hardware_concurrency()));
        json.Key("intervalSeconds").Double(picture.interval_seconds);
        json.Key("ioIntervalSeconds").Double(picture.io_interval_seconds);
        json.Key("processes").UInt(picture.processes).Key("threads").UInt(picture.threads);
        json.Key("processesOverlooked").UInt(picture.overlooked).Key("ioDenied").UInt(picture.io_denied);
        WriteProcesses(json, watch, picture);
        WriteGroups(json, groups);
        json.EndObject();
      },
      warnings);
}

void WriteValue(JsonWriter& json, float value) {
  if (std::isfinite(value)) {
    // More digits than a float has would only be noise.
    json.RawWith([&](std::string& out) { fmt::format_to(std::back_inserter(out), "{:.7g}", value); });
  } else {
    json.Null();
  }
}

void BeginSeries(JsonWriter& json, const node::RecentName& name) {
  json.BeginObject().Key("metric").String(name.metric).Key("labels").BeginObject();
  if (!name.label.empty()) json.Key(name.label).String(node::PrintableText(name.value));
  json.EndObject().Key("values").BeginArray();
}

// Slots of the greatest processes as a series per name, those with most CPU first.
void WriteProcessSeries(JsonWriter& json, const std::vector<node::RecentRing::Processes>& slots) {
  std::map<std::string, std::vector<float>> by_name;
  for (size_t i = 0; i < slots.size(); ++i) {
    for (const node::RecentRing::ProcessShare& share : slots[i]) {
      if (share.cpu_cores <= 0) continue;
      std::vector<float>& values = by_name[node::PrintableText(share.name())];
      values.resize(slots.size());
      values[i] += share.cpu_cores;
    }
  }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, values] : by_name) {
    double sum = 0;
    for (const float value : values) sum += value;
    order.emplace_back(-sum, name);
  }
  std::ranges::sort(order);
  if (order.size() > kShownProcesses) order.resize(kShownProcesses);
  for (const auto& [sum, name] : order) {
    BeginSeries(json, {std::string(kProcessMetric), "name", name});
    // Where a process is not among the greatest it is not known how much it used.
    for (const float value : by_name[name])
      value > 0 ? WriteValue(json, value) : static_cast<void>(json.Null());
    json.EndArray().EndObject();
  }
}

HttpResponse AnswerRecent(const node::HostWatch& watch, const core::Clock& clock,
                          const HttpRequest& request) {
  const net::QueryParams params = request.Query();
  const ApiResult<uint64_t> seconds =
      CountParam(params, "seconds", kDefaultSeconds, static_cast<uint64_t>(node::kRecentSlots));
  if (!seconds) return ErrorResponse(seconds.error());
  const std::vector<std::string> metrics = params.GetAll("metric[]");
  const auto wants = [&](std::string_view metric) {
    return metrics.empty() || std::ranges::find(metrics, metric) != metrics.end();
  };
  const core::TimestampMs from_ms = clock.NowMs() - static_cast<core::DurationMs>(*seconds) * 1'000;
  const node::RecentRing::Window window = watch.recent().ring().Copy(from_ms, wants, wants(kProcessMetric));
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginObject().Key("resolutionSeconds").Int(1).Key("keptSeconds").UInt(node::kRecentSlots);
    json.Key("bytes").UInt(watch.recent().ring().MemoryBytes());
    json.Key("droppedSamples").UInt(window.dropped_samples);
    json.Key("timesMs").BeginArray();
    for (const core::TimestampMs time_ms : window.times_ms) json.Int(time_ms);
    json.EndArray().Key("series").BeginArray();
    for (const node::RecentRing::Series& series : window.series) {
      BeginSeries(json, series.name);
      for (const float value : series.values) WriteValue(json, value);
      json.EndArray().EndObject();
    }
    WriteProcessSeries(json, window.processes);
    json.EndArray().EndObject();
  });
}

}  // namespace

void AddHostRoutes(net::Router& router, node::HostWatch& watch, const core::Clock& clock) {
  router.Add("GET", "/api/v1/host/processes",
             [&watch](const HttpRequest& request) { return AnswerProcesses(watch, request); });
  router.Add("GET", "/api/v1/host/recent",
             [&watch, &clock](const HttpRequest& request) { return AnswerRecent(watch, clock, request); });
}

}  // namespace sextant::api
