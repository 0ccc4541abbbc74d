// node_zfs_*: what ZFS counts, /proc/spl/kstat/zfs.
#include <unistd.h>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Subsystem {
  std::string_view prefix;
  std::string_view file;
};

constexpr Subsystem kSubsystems[] = {
    {"node_zfs_abd_", "abdstats"},
    {"node_zfs_arc_", "arcstats"},
    {"node_zfs_dbuf_", "dbufstats"},
    {"node_zfs_dmu_tx_", "dmu_tx"},
    {"node_zfs_dnode_", "dnodestats"},
    {"node_zfs_fm_", "fm"},
    {"node_zfs_vdev_cache_", "vdev_cache_stats"},
    {"node_zfs_vdev_mirror_", "vdev_mirror_stats"},
    {"node_zfs_xuio_", "xuio_stats"},
    {"node_zfs_zfetch_", "zfetchstats"},
    {"node_zfs_zil_", "zil"},
};

constexpr std::string_view kPoolStates[] = {"online",  "degraded", "faulted",  "offline",
                                            "removed", "unavail",  "suspended"};

// Types in the second column of a kstat file.
constexpr std::string_view kSigned = "3";
constexpr std::string_view kUnsigned = "4";

std::string MetricName(std::string_view prefix, std::string_view field) {
  std::string name(prefix);
  for (char c : field) name += c == '-' ? '_' : c;
  return name;
}

// Lines "name type value" behind the heading of these words.
template <typename OnField>
core::Status ForFields(const std::string& path, OnField on_field) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  bool is_behind_heading = false;
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (!is_behind_heading) {
      is_behind_heading =
          fields.size() == 3 && fields[0] == "name" && fields[1] == "type" && fields[2] == "data";
    } else if (fields.size() >= 3) {
      SEXTANT_TRY(on_field(fields, line).map_error(core::AddContext("{}", path)));
    }
  }
  if (!is_behind_heading) return core::Fail(core::Code::kInvalidArgument, "{}: no heading", path);
  return {};
}

core::Result<double> ParseValue(std::string_view type, std::string_view text) {
  if (type == kSigned) {
    SEXTANT_ASSIGN(const int64_t value, ParseSigned(text));
    return static_cast<double>(value);
  }
  SEXTANT_ASSIGN(const uint64_t value, ParseUnsigned(text));
  return static_cast<double>(value);
}

core::Status CollectSubsystem(const Subsystem& subsystem, const std::string& base, MetricSink& sink) {
  const std::string path = fmt::format("{}/{}", base, subsystem.file);
  if (::access(path.c_str(), R_OK) != 0) return {};  // each version has its own files
  return ForFields(path, [&](const std::vector<std::string_view>& fields, std::string_view) -> core::Status {
    if (fields[1] != kSigned && fields[1] != kUnsigned) return {};
    SEXTANT_ASSIGN(const double value, ParseValue(fields[1], fields[2]));
    sink.GetFamily(MetricName(subsystem.prefix, fields[0]),
                   fmt::format("The value {} of {}.", fields[0], subsystem.file), MetricType::kUntyped)
        .Add(value);
    return {};
  });
}

// A line of names that starts with "nread", then one of values.
core::Status CollectPoolIo(const std::string& path, std::string_view pool, MetricSink& sink) {
  const auto text = ReadHostFile(path);
  if (!text) return {};  // newer versions have none
  std::string_view rest = *text;
  std::string_view line;
  std::vector<std::string_view> names;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (names.empty()) {
      if (fields.size() >= 12 && fields[0] == "nread") names = fields;
      continue;
    }
    for (size_t i = 0; i < names.size() && i < fields.size(); ++i) {
      SEXTANT_ASSIGN(const uint64_t value, ParseUnsigned(fields[i]).map_error(core::AddContext("{}", path)));
      sink.GetFamily(MetricName("node_zfs_zpool_", names[i]),
                     fmt::format("The value {} of a pool.", names[i]), MetricType::kUntyped, {"zpool"})
          .Add({pool}, static_cast<double>(value));
    }
  }
  return {};
}

core::Status CollectDataset(const std::string& path, std::string_view pool, MetricSink& sink) {
  std::string dataset;
  return ForFields(
      path, [&](const std::vector<std::string_view>& fields, std::string_view line) -> core::Status {
        if (fields[0] == "dataset_name") {
          dataset =
              TrimSpace(line.substr(static_cast<size_t>(fields[2].data() - line.data())));  // may hold blanks
        } else if (fields[1] == kUnsigned) {
          SEXTANT_ASSIGN(const double value, ParseValue(fields[1], fields[2]));
          sink.GetFamily(MetricName("node_zfs_zpool_dataset_", fields[0]),
                         fmt::format("The value {} of a dataset.", fields[0]), MetricType::kUntyped,
                         {"dataset", "zpool"})
              .Add({dataset, pool}, value);
        }
        return {};
      });
}

void CollectPoolState(const std::string& path, std::string_view pool, MetricSink& sink) {
  auto text = ReadAttribute(path);
  if (!text) return;
  for (char& c : *text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  auto& states = sink.GetFamily("node_zfs_zpool_state", "State of a pool: 1 for the one it is in.",
                                MetricType::kGauge, {"state", "zpool"});
  for (std::string_view state : kPoolStates) states.Add({state, pool}, state == *text ? 1 : 0);
}

core::Status CollectZfs(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Proc("spl/kstat/zfs");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  for (const Subsystem& subsystem : kSubsystems) SEXTANT_TRY(CollectSubsystem(subsystem, base, sink));
  for (const std::string& pool : names) {
    const std::string folder = base + "/" + pool;
    if (!IsDirectory(folder)) continue;
    SEXTANT_TRY(CollectPoolIo(folder + "/io", pool, sink));
    for (const std::string& file : ListDirectory(folder).value_or(std::vector<std::string>())) {
      if (!file.starts_with("objset-")) continue;
      const core::Status status = CollectDataset(folder + "/" + file, pool, sink);
      if (!status && status.error().code() != core::Code::kNotFound) return status;
    }
    CollectPoolState(folder + "/state", pool, sink);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeZfsCollector() {
  return std::make_unique<StatelessCollector>("zfs", CollectZfs);
}

}  // namespace sextant::node
