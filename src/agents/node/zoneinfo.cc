// node_zoneinfo_*: zones of memory, /proc/zoneinfo.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Field {
  std::string_view key;
  std::string_view name;
  MetricType type = MetricType::kGauge;
};

constexpr Field kFields[] = {
    {"min", "node_zoneinfo_min_pages"},
    {"low", "node_zoneinfo_low_pages"},
    {"high", "node_zoneinfo_high_pages"},
    {"scanned", "node_zoneinfo_scanned_pages"},
    {"spanned", "node_zoneinfo_spanned_pages"},
    {"present", "node_zoneinfo_present_pages"},
    {"managed", "node_zoneinfo_managed_pages"},
    {"nr_free_pages", "node_zoneinfo_nr_free_pages"},
    {"nr_active_anon", "node_zoneinfo_nr_active_anon_pages"},
    {"nr_inactive_anon", "node_zoneinfo_nr_inactive_anon_pages"},
    {"nr_isolated_anon", "node_zoneinfo_nr_isolated_anon_pages"},
    {"nr_anon_pages", "node_zoneinfo_nr_anon_pages"},
    {"nr_anon_transparent_hugepages", "node_zoneinfo_nr_anon_transparent_hugepages"},
    {"nr_active_file", "node_zoneinfo_nr_active_file_pages"},
    {"nr_inactive_file", "node_zoneinfo_nr_inactive_file_pages"},
    {"nr_isolated_file", "node_zoneinfo_nr_isolated_file_pages"},
    {"nr_file_pages", "node_zoneinfo_nr_file_pages"},
    {"nr_slab_reclaimable", "node_zoneinfo_nr_slab_reclaimable_pages"},
    {"nr_slab_unreclaimable", "node_zoneinfo_nr_slab_unreclaimable_pages"},
    {"nr_mlock_stack", "node_zoneinfo_nr_mlock_stack_pages"},
    {"nr_kernel_stack", "node_zoneinfo_nr_kernel_stacks"},
    {"nr_mapped", "node_zoneinfo_nr_mapped_pages"},
    {"nr_dirty", "node_zoneinfo_nr_dirty_pages"},
    {"nr_writeback", "node_zoneinfo_nr_writeback_pages"},
    {"nr_unevictable", "node_zoneinfo_nr_unevictable_pages"},
    {"nr_shmem", "node_zoneinfo_nr_shmem_pages"},
    {"nr_dirtied", "node_zoneinfo_nr_dirtied_total", MetricType::kCounter},
    {"nr_written", "node_zoneinfo_nr_written_total", MetricType::kCounter},
    {"numa_hit", "node_zoneinfo_numa_hit_total", MetricType::kCounter},
    {"numa_miss", "node_zoneinfo_numa_miss_total", MetricType::kCounter},
    {"numa_foreign", "node_zoneinfo_numa_foreign_total", MetricType::kCounter},
    {"numa_interleave", "node_zoneinfo_numa_interleave_total", MetricType::kCounter},
    {"numa_local", "node_zoneinfo_numa_local_total", MetricType::kCounter},
    {"numa_other", "node_zoneinfo_numa_other_total", MetricType::kCounter},
};

// "protection: (0, 2039, 31932)".
core::Status AddProtection(std::string_view text, std::string_view node, std::string_view zone,
                           MetricSink& sink) {
  for (size_t i = 0; !text.empty(); ++i) {
    const size_t end = text.find_first_of(",)");
    SEXTANT_ASSIGN(const double value, ParseFloat(TrimSpace(text.substr(0, end))));
    sink.GetFamily(fmt::format("node_zoneinfo_protection_{}", i),
                   "Pages that a zone keeps from allocations for another zone.", MetricType::kGauge,
                   {"node", "zone"})
        .Add({node, zone}, value);
    if (end == std::string_view::npos || text[end] == ')') break;
    text.remove_prefix(end + 1);
  }
  return {};
}

// "Node 0, zone   Normal" heads the lines of a zone.
core::Status CollectZoneinfo(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("zoneinfo");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view node;
  std::string_view zone;
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.size() < 2) continue;
    if (fields[0] == "Node" && fields.size() >= 4) {
      node = fields[1].substr(0, fields[1].find(','));
      zone = fields[3];
      continue;
    }
    if (zone.empty()) continue;
    if (fields[0] == "protection:") {
      const size_t open = line.find('(');
      if (open == std::string_view::npos) continue;
      SEXTANT_TRY(
          AddProtection(line.substr(open + 1), node, zone, sink).map_error(core::AddContext("{}", path)));
    }
    for (const Field& field : kFields) {
      if (field.key != fields[0]) continue;
      SEXTANT_ASSIGN(const double value, ParseFloat(fields[1]).map_error(core::AddContext("{}", path)));
      sink.GetFamily(field.name, fmt::format("The field {} of a zone of memory.", field.key), field.type,
                     {"node", "zone"})
          .Add({node, zone}, value);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeZoneinfoCollector() {
  return std::make_unique<StatelessCollector>("zoneinfo", CollectZoneinfo);
}

}  // namespace sextant::node
