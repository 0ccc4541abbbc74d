#include "agents/node/mounts.h"

#include "model/labels.h"

namespace sextant::node {
namespace {

constexpr size_t kMountLimit = 10'000;

// The octal escapes of mountinfo: \040 for a space and so on.
std::string Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      const auto code = ParseUnsigned(text.substr(i + 1, 3), 8);
      if (code && *code < 256) {
        out += static_cast<char>(*code);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

bool HasOption(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    options.remove_prefix(comma == std::string_view::npos ? options.size() : comma + 1);
  }
  return false;
}

// A line of mountinfo, see proc_pid_mountinfo(5):
// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
core::Result<Mount> ParseMount(std::string_view line) {
  std::vector<std::string_view> fields;
  SplitFields(line, fields);
  size_t dash = 6;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + 2 >= fields.size()) {
    return core::Fail(core::Code::kInvalidArgument, "not a mount: {}", model::QuoteGo(line.substr(0, 200)));
  }
  Mount mount;
  const size_t colon = fields[2].find(':');
  mount.device_major = fields[2].substr(0, colon);
  if (colon != std::string_view::npos) mount.device_minor = fields[2].substr(colon + 1);
  mount.mount_point = Unescape(fields[4]);
  mount.type = fields[dash + 1];
  mount.device = Unescape(fields[dash + 2]);
  const std::string_view super_options = dash + 3 < fields.size() ? fields[dash + 3] : std::string_view();
  // ext4 stays "rw" when an error has made it read-only (since Linux 6.12), and says so since 6.15.
  mount.is_read_only = HasOption(fields[5], "ro") || HasOption(super_options, "ro") ||
                       HasOption(super_options, "emergency_ro");
  return mount;
}

void StripRoot(const std::string& rootfs, std::string& mount_point) {
  if (rootfs == "/" || !mount_point.starts_with(rootfs)) return;
  mount_point.erase(0, rootfs.size());
  if (mount_point.empty()) mount_point = "/";
}

}  // namespace

// Process 1 sees the host's mounts, unlike us in a container; without the right to look, our own have to do.
core::Result<std::string> ReadMountInfo(OpenFiles& files, const HostPaths& paths) {
  constexpr auto kAnyLength = OpenFiles::Records::kAnyLength;  // the options of an overlay
  auto text = files.Read(paths.Proc("1/mountinfo"), kAnyLength);
  if (!text) text = files.Read(paths.Proc("self/mountinfo"), kAnyLength);
  return text;
}

core::Result<std::vector<Mount>> ParseMountInfo(std::string_view rest, const HostPaths& paths) {
  std::vector<Mount> mounts;
  std::string_view line;
  while (NextLine(rest, line)) {
    SEXTANT_ASSIGN(Mount mount, ParseMount(line));
    StripRoot(paths.rootfs, mount.mount_point);
    if (mounts.size() >= kMountLimit) {
      return core::Fail(core::Code::kResourceExhausted, "more than {} mounts", kMountLimit);
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

core::Result<std::vector<Mount>> ReadMounts(const HostPaths& paths) {
  OpenFiles files;
  SEXTANT_ASSIGN(const std::string text, ReadMountInfo(files, paths));
  return ParseMountInfo(text, paths);
}

}  // namespace sextant::node
