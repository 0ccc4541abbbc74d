// node_nf_conntrack_*: how full the connection tracking table is, and what was dropped for it.
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

struct StatColumn {
  std::string_view column;
  std::string_view name;
  std::string_view help;
};

constexpr StatColumn kStatColumns[] = {
    {"found", "node_nf_conntrack_stat_found", "Number of searched entries which were successful."},
    {"invalid", "node_nf_conntrack_stat_invalid", "Number of packets seen which can not be tracked."},
    {"ignore", "node_nf_conntrack_stat_ignore",
     "Number of packets seen which are already connected to a conntrack entry."},
    {"insert", "node_nf_conntrack_stat_insert", "Number of entries inserted into the list."},
    {"insert_failed", "node_nf_conntrack_stat_insert_failed",
     "Number of entries for which list insertion was attempted but failed."},
    {"drop", "node_nf_conntrack_stat_drop", "Number of packets dropped due to conntrack failure."},
    {"early_drop", "node_nf_conntrack_stat_early_drop",
     "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached."},
    {"search_restart", "node_nf_conntrack_stat_search_restart",
     "Number of conntrack table lookups which had to be restarted due to hashtable resizes."},
};

struct Sums {
  std::vector<std::string_view> names;
  std::vector<uint64_t> values;  // of the names

  uint64_t Get(std::string_view name) const {
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return values[i];
    }
    return 0;  // this kernel does not count it
  }
};

// /proc/net/stat/nf_conntrack: a heading, then one line of hexadecimal numbers per CPU.
core::Result<Sums> SumColumns(std::string_view text) {
  std::string_view line;
  Sums sums;
  if (NextLine(text, line)) SplitFields(line, sums.names);
  sums.values.resize(sums.names.size());
  while (NextLine(text, line)) {
    for (uint64_t& sum : sums.values) {
      const std::string_view field = NextField(line);
      if (field.empty()) break;
      SEXTANT_ASSIGN(const uint64_t value, ParseUnsigned(field, 16));
      sum += value;
    }
  }
  return sums;
}

core::Status CollectSetting(OpenFiles& files, const std::string& path, std::string_view name,
                            std::string_view help, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  SEXTANT_ASSIGN(const double value, ParseFloat(TrimSpace(text)).map_error(core::AddContext("{}", path)));
  sink.Gauge(name, help, value);
  return {};
}

core::Status CollectConntrack(OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
  SEXTANT_TRY(CollectSetting(files, paths.Proc("sys/net/netfilter/nf_conntrack_count"),
                             "node_nf_conntrack_entries",
                             "Number of currently allocated flow entries for connection tracking.", sink));
  SEXTANT_TRY(CollectSetting(files, paths.Proc("sys/net/netfilter/nf_conntrack_max"),
                             "node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.",
                             sink));
  const std::string path = paths.Proc("net/stat/nf_conntrack");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  SEXTANT_ASSIGN(const auto sums, SumColumns(text).map_error(core::AddContext("{}", path)));
  for (const StatColumn& column : kStatColumns) {
    sink.Gauge(column.name, column.help, static_cast<double>(sums.Get(column.column)));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeConntrackCollector() {
  return std::make_unique<FileCollector>("conntrack", CollectConntrack);
}

}  // namespace sextant::node
