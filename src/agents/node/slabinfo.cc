// node_slabinfo_*: the kernel's caches of objects, /proc/slabinfo (which only root may read).
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Column {
  std::string_view name;
  std::string_view help;
};

// Behind the name.
constexpr Column kColumns[] = {
    {"node_slabinfo_active_objects", "Objects in use."},
    {"node_slabinfo_objects", "Objects, in use or not."},
    {"node_slabinfo_object_size_bytes", "Size of an object."},
    {"node_slabinfo_objects_per_slab", "Objects in a slab."},
    {"node_slabinfo_pages_per_slab", "Pages of a slab."},
};

core::Status CollectSlabinfo(const NameFilter& slabs, const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("slabinfo");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    if (line.starts_with("slabinfo - version") || line.starts_with('#')) continue;
    SplitFields(line, fields);
    if (fields.size() <= std::size(kColumns)) {
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    }
    if (slabs.IsIgnored(fields[0])) continue;
    for (size_t i = 0; i < std::size(kColumns); ++i) {
      SEXTANT_ASSIGN(const double value, ParseFloat(fields[i + 1]).map_error(core::AddContext("{}", path)));
      sink.GetFamily(kColumns[i].name, kColumns[i].help, MetricType::kGauge, {"slab"})
          .Add({fields[0]}, value);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeSlabinfoCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "slabinfo", [slabs = options.slabinfo_slabs](const HostPaths& paths, MetricSink& sink) {
        return CollectSlabinfo(slabs, paths, sink);
      });
}

}  // namespace sextant::node
