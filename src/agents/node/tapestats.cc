// node_tape_*: SCSI tape drives, /sys/class/scsi_tape.
#include "agents/node/attribute_metrics.h"
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr double kNanoseconds = 1e9;

constexpr AttributeMetric kStatistics[] = {
    {"stats/in_flight", "node_tape_io_now", "Requests in progress."},
    {"stats/io_ns", "node_tape_io_time_seconds_total", "Time of all requests, with those that only move.",
     MetricType::kCounter, kNanoseconds},
    {"stats/other_cnt", "node_tape_io_others_total", "Requests that are neither reads nor writes.",
     MetricType::kCounter},
    {"stats/read_byte_cnt", "node_tape_read_bytes_total", "Bytes read.", MetricType::kCounter},
    {"stats/read_ns", "node_tape_read_time_seconds_total", "Time of reads.", MetricType::kCounter,
     kNanoseconds},
    {"stats/read_cnt", "node_tape_reads_completed_total", "Reads.", MetricType::kCounter},
    {"stats/resid_cnt", "node_tape_residual_total", "Requests that got less or more than asked for.",
     MetricType::kCounter},
    {"stats/write_ns", "node_tape_write_time_seconds_total", "Time of writes.", MetricType::kCounter,
     kNanoseconds},
    {"stats/write_cnt", "node_tape_writes_completed_total", "Writes.", MetricType::kCounter},
    {"stats/write_byte_cnt", "node_tape_written_bytes_total", "Bytes written.", MetricType::kCounter},
};

core::Status CollectTapes(const Pattern& ignored, const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("class/scsi_tape");
  SEXTANT_TRY(ListDirectory(base));
  for (const std::string& device : ListNumbered(base, "st")) {
    // st0a, st0l and st0m are the same drive in other modes.
    if (!ParseUnsigned(std::string_view(device).substr(2)) || ignored.Matches(device)) continue;
    AddAttributes(AttributeFolder(base + "/" + device), kStatistics, "device", device, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeTapestatsCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "tapestats", [ignored = options.tapestats_ignored](const HostPaths& paths, MetricSink& sink) {
        return CollectTapes(ignored, paths, sink);
      });
}

}  // namespace sextant::node
