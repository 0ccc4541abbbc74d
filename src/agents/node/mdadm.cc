// node_md_*: software RAID, /proc/mdstat, and what sysfs adds for arrays that report there.
#include <algorithm>

#include "agents/node/collectors.h"
#include "agents/node/mdstat.h"

namespace sextant::node {
namespace {

constexpr std::string_view kStates[] = {"active", "inactive", "recovering", "resync", "check"};

double CountOf(std::string_view text, std::string_view word) {
  double count = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) {
    ++count;
  }
  return count;
}

bool Has(std::string_view text, std::string_view word) { return text.find(word) != std::string_view::npos; }

// "312319552 blocks super 1.2 [2/1] [U_]": the size, and of arrays with redundancy the disks that they need
// and have.
core::Status ParseStatus(std::string_view device_line, std::string_view status_line, MdArray& array) {
  std::string_view rest = status_line;
  SEXTANT_ASSIGN(array.blocks, ParseFloat(NextField(rest)));
  array.synced_blocks = array.blocks;
  if (Has(device_line, "raid0") || Has(device_line, "linear")) {
    array.active_disks = array.required_disks = CountOf(device_line, "[");
    return {};
  }
  if (Has(device_line, "inactive")) return {};
  const size_t open = status_line.find('[');
  const size_t slash = status_line.find('/', open);
  const size_t close = status_line.find(']', open);
  if (open == std::string_view::npos || slash == std::string_view::npos || close == std::string_view::npos ||
      slash > close) {
    return core::Fail(core::Code::kInvalidArgument, "no numbers of disks in {}", status_line.substr(0, 100));
  }
  SEXTANT_ASSIGN(array.required_disks, ParseFloat(status_line.substr(open + 1, slash - open - 1)));
  SEXTANT_ASSIGN(array.active_disks, ParseFloat(status_line.substr(slash + 1, close - slash - 1)));
  return {};
}

// "[=>....]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec" or "resync=DELAYED".
core::Status ParseSync(std::string_view line, MdArray& array) {
  if (Has(line, "recovery")) {
    array.state = "recovering";
  } else if (Has(line, "resync")) {
    array.state = "resync";
  } else if (Has(line, "check")) {
    array.state = "check";
  } else {
    return {};
  }
  if (Has(line, "PENDING") || Has(line, "DELAYED") || Has(line, "REMOTE")) {
    array.synced_blocks = 0;
    return {};
  }
  const size_t open = line.find('(');
  const size_t slash = line.find('/', open);
  if (open == std::string_view::npos || slash == std::string_view::npos) {
    return core::Fail(core::Code::kInvalidArgument, "no progress in {}", line.substr(0, 100));
  }
  SEXTANT_ASSIGN(array.synced_blocks, ParseFloat(line.substr(open + 1, slash - open - 1)));
  return {};
}

void CollectSysfs(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("block");
  for (const std::string& device : ListNumbered(base, "md")) {
    const AttributeFolder folder(base + "/" + device + "/md");
    if (const auto disks = folder.Number("raid_disks")) {
      sink.GetFamily("node_md_raid_disks", "Disks that an array consists of.", MetricType::kGauge, {"device"})
          .Add({device}, static_cast<double>(*disks));
    }
    // Levels without redundancy have no such file and cannot be degraded.
    const auto degraded = folder.Number("degraded");
    if (folder.exists()) {
      sink.GetFamily("node_md_degraded", "Disks that an array lacks.", MetricType::kGauge, {"device"})
          .Add({device}, static_cast<double>(degraded.value_or(0)));
    }
  }
}

core::Status CollectMdadm(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("mdstat");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  SEXTANT_ASSIGN(const std::vector<MdArray> arrays,
                 ParseMdstat(text).map_error(core::AddContext("{}", path)));
  for (const MdArray& array : arrays) {
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      sink.GetFamily(name, help, MetricType::kGauge, {"device"}).Add({array.name}, value);
    };
    add("node_md_disks_required", "Disks that an array needs.", array.required_disks);
    add("node_md_blocks", "Blocks of an array.", array.blocks);
    add("node_md_blocks_synced", "Blocks of an array that are in sync.", array.synced_blocks);
    auto& disks = sink.GetFamily("node_md_disks", "Disks of an array by their state.", MetricType::kGauge,
                                 {"device", "state"});
    disks.Add({array.name, "active"}, array.active_disks);
    disks.Add({array.name, "failed"}, array.failed_disks);
    disks.Add({array.name, "spare"}, array.spare_disks);
    auto& states = sink.GetFamily("node_md_state", "State of an array: 1 for the one it is in.",
                                  MetricType::kGauge, {"device", "state"});
    for (std::string_view state : kStates) states.Add({array.name, state}, state == array.state ? 1 : 0);
  }
  CollectSysfs(paths, sink);
  return {};
}

}  // namespace

core::Result<std::vector<MdArray>> ParseMdstat(std::string_view text) {
  std::vector<std::string_view> lines;
  std::string_view line;
  while (NextLine(text, line)) lines.push_back(line);
  const auto line_at = [&](size_t i) { return i < lines.size() ? lines[i] : std::string_view(); };
  std::vector<MdArray> arrays;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (TrimSpace(lines[i]).empty() || lines[i][0] == ' ' || lines[i][0] == '\t' ||
        lines[i].starts_with("Personalities") || lines[i].starts_with("unused")) {
      continue;
    }
    MdArray array;
    std::string_view rest = lines[i];  // "md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]"
    array.name = NextField(rest);
    NextField(rest);
    array.state = NextField(rest);
    if (array.state.empty()) {
      return core::Fail(core::Code::kInvalidArgument, "not an array: {}", lines[i].substr(0, 100));
    }
    array.failed_disks = CountOf(lines[i], "(F)");
    array.spare_disks = CountOf(lines[i], "(S)");
    SEXTANT_TRY(ParseStatus(lines[i], line_at(i + 1), array).map_error(core::AddContext("{}", array.name)));
    const size_t sync_line = Has(line_at(i + 2), "bitmap") ? i + 3 : i + 2;
    SEXTANT_TRY(ParseSync(line_at(sync_line), array).map_error(core::AddContext("{}", array.name)));
    arrays.push_back(std::move(array));
  }
  return arrays;
}

std::unique_ptr<Collector> MakeMdadmCollector() {
  return std::make_unique<StatelessCollector>("mdadm", CollectMdadm);
}

}  // namespace sextant::node
