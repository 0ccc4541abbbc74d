// node_bcache_*: /sys/fs/bcache, a folder per cache set with its caches and the devices behind them.
#include <cmath>

#include "agents/node/attribute_metrics.h"
#include "agents/node/bcache_numbers.h"
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr AttributeMetric kSetMetrics[] = {
    {"average_key_size", "node_bcache_average_key_size_sectors", "Data per key of the B-tree on average."},
    {"cache_available_percent", "node_bcache_cache_available_percent",
     "Part of the cache without dirty data, which writeback can still use."},
    {"congested", "node_bcache_congested", "Congestion of the cache device."},
    {"root_usage_percent", "node_bcache_root_usage_percent",
     "Part of the B-tree's root in use; the tree grows deeper when it is full."},
    {"tree_depth", "node_bcache_tree_depth", "Depth of the B-tree."},
    {"internal/active_journal_entries", "node_bcache_active_journal_entries",
     "Journal entries newer than the index."},
    {"internal/btree_nodes", "node_bcache_btree_nodes", "Nodes of the B-tree."},
    {"internal/btree_read_average_duration_us", "node_bcache_btree_read_average_duration_seconds",
     "Average time of a read from the B-tree.", MetricType::kGauge, 1e9},
    {"internal/cache_read_races", "node_bcache_cache_read_races_total",
     "Reads from the cache whose bucket was reused meanwhile and that were repeated.", MetricType::kCounter},
};

struct TextMetric {
  const char* file;
  std::string_view name;
  std::string_view help;
};

// Numbers as bcache writes them for people, of a backing device.
constexpr TextMetric kTotals[] = {
    {"stats_total/bypassed", "node_bcache_bypassed_bytes_total", "Bytes that went around the cache."},
    {"stats_total/cache_bypass_hits", "node_bcache_cache_bypass_hits_total",
     "Hits of requests that were to go around the cache."},
    {"stats_total/cache_bypass_misses", "node_bcache_cache_bypass_misses_total",
     "Misses of requests that were to go around the cache."},
    {"stats_total/cache_hits", "node_bcache_cache_hits_total", "Hits, counted per request."},
    {"stats_total/cache_miss_collisions", "node_bcache_cache_miss_collisions_total",
     "Misses whose data another request had put into the cache meanwhile."},
    {"stats_total/cache_misses", "node_bcache_cache_misses_total", "Misses, counted per request."},
    {"stats_total/cache_readaheads", "node_bcache_cache_readaheads_total", "Read-ahead requests."},
};

// Lines of writeback_rate_debug.
constexpr TextMetric kWriteback[] = {
    {"target", "node_bcache_dirty_target_bytes", "Dirty data that writeback aims at."},
    {"rate", "node_bcache_writeback_rate", "Current rate of writeback in bytes per second."},
    {"proportional", "node_bcache_writeback_rate_proportional_term",
     "Proportional part of the writeback controller."},
    {"integral", "node_bcache_writeback_rate_integral_term", "Integral part of the writeback controller."},
    {"change", "node_bcache_writeback_change", "Last change of the writeback rate."},
};

void AddText(const AttributeFolder& folder, const TextMetric& metric, MetricType type,
             std::string_view device, std::string_view uuid, MetricSink& sink) {
  const auto text = folder.Text(metric.file);
  if (!text) return;
  const auto value = ParseBcacheNumber(*text);
  if (value) {
    sink.GetFamily(metric.name, metric.help, type, {"backing_device", "uuid"}).Add({device, uuid}, *value);
  }
}

void CollectBackingDevice(const std::string& set, std::string_view uuid, const std::string& device,
                          MetricSink& sink) {
  const AttributeFolder folder(set + "/" + device);
  for (const TextMetric& metric : kTotals) AddText(folder, metric, MetricType::kCounter, device, uuid, sink);
  AddText(folder, {"dirty_data", "node_bcache_dirty_data_bytes", "Dirty data of the device in the cache."},
          MetricType::kGauge, device, uuid, sink);
  const auto debug = folder.Text("writeback_rate_debug");
  if (!debug) return;
  std::string_view rest = *debug;
  std::string_view line;
  while (NextLine(rest, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view text = TrimSpace(line.substr(colon + 1));
    text = text.substr(0, text.find('/'));  // "321.5k/sec"
    const auto value = ParseBcacheNumber(text);
    for (const TextMetric& metric : kWriteback) {
      if (!value || metric.file != TrimSpace(line.substr(0, colon))) continue;
      sink.GetFamily(metric.name, metric.help, MetricType::kGauge, {"backing_device", "uuid"})
          .Add({device, uuid}, *value);
    }
  }
}

// "Unused:  99%".
void AddPriorityPercent(std::string_view text, std::string_view key, std::string_view name,
                        std::string_view help, std::string_view cache, std::string_view uuid,
                        MetricSink& sink) {
  std::string_view line;
  while (NextLine(text, line)) {
    if (!line.starts_with(key)) continue;
    std::string_view value = TrimSpace(line.substr(key.size()));
    if (value.ends_with('%')) value.remove_suffix(1);
    if (const auto percent = ParseUnsigned(value)) {
      sink.GetFamily(name, help, MetricType::kGauge, {"cache_device", "uuid"})
          .Add({cache, uuid}, static_cast<double>(*percent));
    }
  }
}

void CollectCache(const std::string& set, std::string_view uuid, const std::string& cache,
                  bool with_priorities, MetricSink& sink) {
  const AttributeFolder folder(set + "/" + cache);
  const auto add = [&](const char* file, std::string_view name, std::string_view help, MetricType type) {
    const auto text = folder.Text(file);
    if (!text) return;
    if (const auto value = ParseBcacheNumber(*text)) {
      sink.GetFamily(name, help, type, {"cache_device", "uuid"}).Add({cache, uuid}, *value);
    }
  };
  add("io_errors", "node_bcache_io_errors", "Errors of the cache device, halved at a set interval.",
      MetricType::kGauge);
  add("metadata_written", "node_bcache_metadata_written_bytes_total",
      "Bytes written to the cache device that were no data.", MetricType::kCounter);
  add("written", "node_bcache_written_bytes_total", "Bytes of data written to the cache device.",
      MetricType::kCounter);
  if (!with_priorities) return;  // the kernel sorts all buckets for this file
  const std::string priorities = folder.Text("priority_stats").value_or("");
  AddPriorityPercent(priorities, "Unused:", "node_bcache_priority_stats_unused_percent",
                     "Part of the cache without data.", cache, uuid, sink);
  AddPriorityPercent(priorities, "Metadata:", "node_bcache_priority_stats_metadata_percent",
                     "Part of the cache that bcache itself uses.", cache, uuid, sink);
}

core::Status CollectBcache(bool with_priorities, const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("fs/bcache");
  const auto sets = ListDirectory(base);
  if (!sets) return {};  // no bcache here
  for (const std::string& uuid : *sets) {
    if (uuid.find('-') == std::string::npos) continue;  // the other files have no dash
    const std::string set = base + "/" + uuid;
    const AttributeFolder folder(set);
    AddAttributes(folder, kSetMetrics, "uuid", uuid, sink);
    const auto cache_size = ParseBcacheNumber(folder.Text("btree_cache_size").value_or(""));
    if (cache_size) {
      sink.GetFamily("node_bcache_btree_cache_size_bytes", "Memory that the B-tree's cache uses.",
                     MetricType::kGauge, {"uuid"})
          .Add({uuid}, *cache_size);
    }
    for (const std::string& device : ListNumbered(set, "bdev")) {
      CollectBackingDevice(set, uuid, device, sink);
    }
    for (const std::string& cache : ListNumbered(set, "cache")) {
      CollectCache(set, uuid, cache, with_priorities, sink);
    }
  }
  return {};
}

}  // namespace

std::optional<double> ParseBcacheNumber(std::string_view text) {
  text = TrimSpace(text);
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  int shift = 0;
  static constexpr std::string_view kUnits = "kMGTPEZY";
  if (!text.empty()) {
    if (const size_t unit = kUnits.find(text.back()); unit != std::string_view::npos) {
      shift = 10 * static_cast<int>(unit + 1);
      text.remove_suffix(1);
    }
  }
  const size_t dot = text.find('.');
  const auto whole = ParseUnsigned(text.substr(0, dot));
  if (!whole) return std::nullopt;
  double value = std::ldexp(static_cast<double>(*whole), shift);
  if (dot != std::string_view::npos) {
    // The kernel writes thousandths of the unit, of which the unit below has 1024.
    const std::string_view digits = text.substr(dot + 1);
    const auto fraction = ParseFloat(fmt::format("0.{}", digits.substr(0, 16)));
    if (!fraction || shift == 0) return std::nullopt;
    value += std::ldexp(std::round(*fraction * 1'000), shift - 10);
  }
  return is_negative ? -value : value;
}

std::unique_ptr<Collector> MakeBcacheCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "bcache", [with_priorities = options.bcache_priority_stats](const HostPaths& paths, MetricSink& sink) {
        return CollectBcache(with_priorities, paths, sink);
      });
}

}  // namespace sextant::node
