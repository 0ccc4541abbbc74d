#include "agents/node/host_tables.h"

namespace sextant::node {

using core::Code;
using core::Fail;

core::Result<MeminfoLine> ParseMeminfoLine(std::string_view line) {
  MeminfoLine parsed;
  parsed.key = NextField(line);
  if (parsed.key.empty()) return parsed;
  if (!parsed.key.ends_with(':')) return Fail(Code::kInvalidArgument, "no key in {}", parsed.key);
  parsed.key.remove_suffix(1);
  SEXTANT_ASSIGN(parsed.value, ParseFloat(NextField(line)).map_error(core::AddContext("{}", parsed.key)));
  parsed.is_size = NextField(line) == "kB";
  if (parsed.is_size) parsed.value *= 1'024;
  return parsed;
}

core::Status ForEachDisk(
    std::string_view text,
    const std::function<core::Status(const std::vector<std::string_view>& fields)>& take) {
  std::string_view line;
  std::vector<std::string_view> fields;
  while (NextLine(text, line)) {
    SplitFields(line, fields);
    if (fields.empty()) continue;
    if (fields.size() < 4) return Fail(Code::kInvalidArgument, "a line with {} fields", fields.size());
    const std::string_view device = fields[2];
    // A name is a path component of sysfs; the kernel writes '!' for a slash in it.
    if (device.find('/') != std::string_view::npos || device == "..") {
      return Fail(Code::kInvalidArgument, "bad device name {}", device);
    }
    SEXTANT_TRY(take(fields));
  }
  return {};
}

core::Status ForEachNetDev(
    std::string_view text,
    const std::function<void(std::string_view device, const NetDevColumns& columns)>& take) {
  std::string_view line;
  NextLine(text, line);  // two lines of heading, then "  eth0: 1 2 3 ..."
  NextLine(text, line);
  while (NextLine(text, line)) {
    const size_t colon = line.rfind(':');  // an alias has a colon in its name
    if (colon == std::string_view::npos) return Fail(Code::kInvalidArgument, "a line without device");
    const std::string_view device = TrimSpace(line.substr(0, colon));
    std::string_view fields = line.substr(colon + 1);
    NetDevColumns columns = {};
    for (double& value : columns) {
      SEXTANT_ASSIGN(value, ParseFloat(NextField(fields)).map_error(core::AddContext("{}", device)));
    }
    take(device, columns);
  }
  return {};
}

core::Result<std::vector<SwapLine>> ParseSwaps(std::string_view text) {
  std::vector<SwapLine> swaps;
  std::string_view line;
  std::vector<std::string_view> fields;
  NextLine(text, line);  // a heading, then "/dev/zram0  partition  8388604  76  100", sizes in KiB
  while (NextLine(text, line)) {
    SplitFields(line, fields);
    if (fields.size() < 5) return Fail(Code::kInvalidArgument, "a line with {} fields", fields.size());
    SwapLine swap{.device = fields[0], .type = fields[1]};
    SEXTANT_ASSIGN(swap.size_bytes, ParseFloat(fields[2]));
    SEXTANT_ASSIGN(swap.used_bytes, ParseFloat(fields[3]));
    SEXTANT_ASSIGN(swap.priority, ParseFloat(fields[4]));
    swap.size_bytes *= 1'024;
    swap.used_bytes *= 1'024;
    swaps.push_back(swap);
  }
  return swaps;
}

core::Result<std::array<double, 3>> ParseLoadAverages(std::string_view text) {
  std::string_view rest = TrimSpace(text);
  std::array<double, 3> loads = {};
  for (double& load : loads) {
    SEXTANT_ASSIGN(load, ParseFloat(NextField(rest)));
  }
  return loads;
}

core::Result<ProcessFields> SplitProcessStat(std::string_view text, size_t least) {
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return Fail(Code::kInvalidArgument, "no name in parentheses");
  }
  ProcessFields process;
  process.name = text.substr(open + 1, close - open - 1);
  SplitFields(TrimSpace(text.substr(close + 1)), process.fields);
  if (process.fields.size() < least) return Fail(Code::kInvalidArgument, "too short");
  return process;
}

}  // namespace sextant::node
