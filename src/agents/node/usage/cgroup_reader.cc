#include "agents/node/usage/cgroup_reader.h"

#include <dirent.h>

#include <algorithm>
#include <map>
#include <memory>

#include "agents/node/usage/cgroup_names.h"

namespace sextant::node {
namespace {

constexpr size_t kFolderLimit = 20'000;  // looked into in one tree

// Names of the folders in a folder, sorted; none when it has gone.
std::vector<std::string> Subfolders(const std::string& path) {
  const auto close = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close)> directory(::opendir(path.c_str()), close);
  std::vector<std::string> names;
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (!IsPathComponent(name) || names.size() >= kFolderLimit) continue;
    const bool is_folder = entry->d_type == DT_DIR ||
                           (entry->d_type == DT_UNKNOWN && IsDirectory(path + "/" + std::string(name)));
    if (is_folder) names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

// Reads one group's files into its sample.
using ReadGroup = core::Status (*)(const std::string& path, const AttributeFolder& folder,
                                   CgroupSample& sample);

core::Status ReadUnified(const std::string& path, const AttributeFolder& folder, CgroupSample& sample) {
  if (const auto text = folder.Text("cpu.stat")) SEXTANT_TRY(ParseCgroupCpuStat(*text, sample.usage));
  // A line per device: more than a page on large machines.
  if (const auto text = ReadAttribute(path + "/io.stat")) SEXTANT_TRY(ParseCgroupIoStat(*text, sample.usage));
  if (const auto bytes = folder.Number("memory.current"))
    sample.level.memory_bytes = static_cast<double>(*bytes);
  if (const auto count = folder.Number("pids.current")) sample.level.threads = static_cast<double>(*count);
  return {};
}

core::Status ReadCpuacct(const std::string&, const AttributeFolder& folder, CgroupSample& sample) {
  if (const auto ns = folder.Number("cpuacct.usage")) sample.usage.cpu_us = *ns / 1'000;
  return {};
}

core::Status ReadMemory(const std::string&, const AttributeFolder& folder, CgroupSample& sample) {
  if (const auto bytes = folder.Number("memory.usage_in_bytes")) {
    sample.level.memory_bytes = static_cast<double>(*bytes);
  }
  return {};
}

core::Status ReadBlkio(const std::string& path, const AttributeFolder&, CgroupSample& sample) {
  auto text = ReadAttribute(path + "/blkio.throttle.io_service_bytes_recursive");
  if (!text) text = ReadAttribute(path + "/blkio.throttle.io_service_bytes");
  return text ? ParseCgroupServiceBytes(*text, sample.usage) : core::Status();
}

core::Status ReadPids(const std::string&, const AttributeFolder& folder, CgroupSample& sample) {
  if (const auto count = folder.Number("pids.current")) sample.level.threads = static_cast<double>(*count);
  return {};
}

class TreeReader {
 public:
  explicit TreeReader(size_t limit) : limit_(limit) {}

  // The groups of one tree are added to those known.
  core::Status Read(const std::string& base, ReadGroup read) {
    base_ = base;
    read_ = read;
    folders_ = 0;
    CgroupSample root;
    SEXTANT_TRY(ReadOne("", root));
    snapshot_.whole += root.usage;
    return Descend("", 1);
  }

  CgroupSnapshot Finish() {
    for (auto& [path, sample] : groups_) snapshot_.groups.push_back(std::move(sample));
    return std::move(snapshot_);
  }

 private:
  core::Status ReadOne(const std::string& path, CgroupSample& sample) {
    const AttributeFolder folder(base_ + path);
    return read_(base_ + path, folder, sample).map_error(core::AddContext("{}", base_ + path));
  }

  core::Status Descend(const std::string& path, size_t depth) {
    for (const std::string& name : Subfolders(base_ + path)) {
      const std::string child = path + "/" + name;
      if (++folders_ > kFolderLimit || depth > kCgroupDepthLimit) {
        ++snapshot_.overlooked;
        continue;
      }
      if (!IsCgroupWhole(child) && !Subfolders(base_ + child).empty()) {
        SEXTANT_TRY(Descend(child, depth + 1));
        continue;
      }
      SEXTANT_TRY(Emit(child));
    }
    return {};
  }

  core::Status Emit(const std::string& path) {
    if (groups_.size() >= limit_ && !groups_.contains(path)) {
      ++snapshot_.overlooked;
      return {};
    }
    CgroupSample& sample = groups_[path];
    sample.path = path;
    return ReadOne(path, sample);
  }

  const size_t limit_;
  std::string base_;
  ReadGroup read_ = nullptr;
  size_t folders_ = 0;
  CgroupSnapshot snapshot_;
  std::map<std::string, CgroupSample> groups_;
};

core::Status ParseCount(std::string_view text, std::string_view name, int64_t& value) {
  SEXTANT_ASSIGN(value, ParseSigned(text).map_error(core::AddContext("{}", name)));
  if (value >= 0) return {};
  return core::Fail(core::Code::kInvalidArgument, "{}: {} is less than 0", name, value);
}

}  // namespace

core::Status ParseCgroupCpuStat(std::string_view text, Usage& usage) {
  std::string_view line;
  while (NextLine(text, line)) {
    if (NextField(line) == "usage_usec") return ParseCount(NextField(line), "usage_usec", usage.cpu_us);
  }
  return core::Fail(core::Code::kInvalidArgument, "cpu.stat: usage_usec is missing");
}

core::Status ParseCgroupIoStat(std::string_view text, Usage& usage) {
  std::string_view line;
  while (NextLine(text, line)) {
    NextField(line);  // the device
    for (std::string_view field = NextField(line); !field.empty(); field = NextField(line)) {
      const bool is_read = field.starts_with("rbytes=");
      if (!is_read && !field.starts_with("wbytes=")) continue;
      int64_t bytes = 0;
      SEXTANT_TRY(ParseCount(field.substr(7), "io.stat", bytes));
      (is_read ? usage.read_bytes : usage.written_bytes) += bytes;
    }
  }
  return {};
}

core::Status ParseCgroupServiceBytes(std::string_view text, Usage& usage) {
  std::string_view line;
  while (NextLine(text, line)) {
    NextField(line);  // the device; of the last line "Total"
    const std::string_view operation = NextField(line);
    if (operation != "Read" && operation != "Write") continue;
    int64_t bytes = 0;
    SEXTANT_TRY(ParseCount(NextField(line), "io_service_bytes", bytes));
    (operation == "Read" ? usage.read_bytes : usage.written_bytes) += bytes;
  }
  return {};
}

core::Result<CgroupSnapshot> ReadCgroups(const HostPaths& paths, size_t limit) {
  const std::string base = paths.Sys("fs/cgroup");
  TreeReader reader(limit);
  if (ReadAttribute(base + "/cgroup.controllers")) {
    SEXTANT_TRY(reader.Read(base, ReadUnified));
    return reader.Finish();
  }
  struct Controller {
    std::vector<std::string> folders;
    ReadGroup read;
  };
  const Controller controllers[] = {{{"cpu,cpuacct", "cpuacct,cpu", "cpuacct"}, ReadCpuacct},
                                    {{"memory"}, ReadMemory},
                                    {{"blkio"}, ReadBlkio},
                                    {{"pids"}, ReadPids}};
  bool has_any = false;
  for (const Controller& controller : controllers) {
    const auto found = std::ranges::find_if(
        controller.folders, [&](const std::string& folder) { return IsDirectory(base + "/" + folder); });
    if (found == controller.folders.end()) continue;
    SEXTANT_TRY(reader.Read(base + "/" + *found, controller.read));
    has_any = true;
  }
  if (!has_any) return core::Fail(core::Code::kNotFound, "{}: no control groups", base);
  return reader.Finish();
}

}  // namespace sextant::node
