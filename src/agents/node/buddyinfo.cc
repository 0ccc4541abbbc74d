// node_buddyinfo_blocks: /proc/buddyinfo, free blocks of memory by their size.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// "Node 0, zone   Normal   4381   1093 ..."
core::Status CollectBuddyinfo(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("buddyinfo");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  auto& blocks = sink.GetFamily("node_buddyinfo_blocks", "Free blocks of 2^size pages.", MetricType::kGauge,
                                {"node", "size", "zone"});
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.size() < 4 || !fields[1].ends_with(',')) {
      return core::Fail(core::Code::kInvalidArgument, "{}: a line with {} fields", path, fields.size());
    }
    const std::string_view node = fields[1].substr(0, fields[1].size() - 1);
    for (size_t i = 4; i < fields.size(); ++i) {
      SEXTANT_ASSIGN(const double count, ParseFloat(fields[i]).map_error(core::AddContext("{}", path)));
      blocks.Add({node, std::to_string(i - 4), fields[3]}, count);
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeBuddyinfoCollector() {
  return std::make_unique<StatelessCollector>("buddyinfo", CollectBuddyinfo);
}

}  // namespace sextant::node
