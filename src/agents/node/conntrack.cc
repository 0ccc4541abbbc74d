// node_nf_conntrack_*: how full the connection tracking table is, and what was dropped for it.
#include <map>

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

// /proc/net/stat/nf_conntrack: a heading, then one line of hexadecimal numbers per CPU.
core::Result<std::map<std::string_view, uint64_t>> SumColumns(std::string_view text) {
  std::string_view line;
  std::vector<std::string_view> names;
  std::vector<std::string_view> fields;
  if (NextLine(text, line)) SplitFields(line, names);
  std::map<std::string_view, uint64_t> sums;
  for (std::string_view name : names) sums[name] = 0;
  while (NextLine(text, line)) {
    SplitFields(line, fields);
    for (size_t i = 0; i < fields.size() && i < names.size(); ++i) {
      SEXTANT_ASSIGN(const uint64_t value, ParseUnsigned(fields[i], 16));
      sums[names[i]] += value;
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
    const auto found = sums.find(column.column);
    sink.Gauge(column.name, column.help, found == sums.end() ? 0 : static_cast<double>(found->second));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeConntrackCollector() {
  return std::make_unique<FileCollector>("conntrack", CollectConntrack);
}

}  // namespace sextant::node
