#include "agents/node/usage/process_reader.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>

namespace sextant::node {
namespace {

constexpr uint64_t kKernelThreadFlag = 0x00200000;  // PF_KTHREAD of the kernel's sched.h
constexpr size_t kCommBytes = 15;                   // what the kernel keeps of a command's name

// Positions in /proc/PID/stat behind the name.
enum StatField : size_t {
  kFlags = 6,
  kUserTime = 11,
  kSystemTime = 12,
  kThreads = 17,
  kStart = 19,
  kRss = 21
};

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  const int fd_;
};

// "PID/NAME" below /proc.
class ProcessPath {
 public:
  ProcessPath(int32_t pid, std::string_view name) {
    char* end = std::to_chars(text_, text_ + 16, pid).ptr;
    *end++ = '/';
    std::memcpy(end, name.data(), name.size());
    end[name.size()] = '\0';
  }
  const char* text() const { return text_; }

 private:
  char text_[32];
};

// Calls `take` with the number of each process, until it says no. Raw directory entries: readdir would
// allocate.
template <typename Take>
core::Status ListPids(int proc, const std::string& path, Take&& take) {
  alignas(8) char buffer[32'768];
  for (;;) {
    const long got = ::syscall(SYS_getdents64, proc, buffer, sizeof buffer);
    if (got < 0) return core::FailErrno(errno, path);
    if (got == 0) return {};
    for (long at = 0; at < got;) {
      // struct linux_dirent64: inode and offset of 8 bytes each, length of 2, type of 1, name.
      uint16_t length = 0;
      std::memcpy(&length, buffer + at + 16, sizeof length);
      const std::string_view name(buffer + at + 19);
      int32_t pid = 0;
      const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
      if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() && pid > 0) take(pid);
      at += length;
    }
  }
}

// What reading a process' file came to.
enum class Found { kText, kGone, kDenied };

core::Result<Found> ReadFile(int proc, const ProcessPath& path, std::span<char> buffer,
                             std::string_view& text) {
  const Fd file(::openat(proc, path.text(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  ssize_t got = -1;
  if (file.is_open()) got = ::read(file.get(), buffer.data(), buffer.size());
  if (got < 0) {
    if (errno == ENOENT || errno == ESRCH || errno == ENOTDIR) return Found::kGone;
    if (errno == EACCES || errno == EPERM) return Found::kDenied;
    return core::FailErrno(errno, path.text());
  }
  text = {buffer.data(), static_cast<size_t>(got)};
  return Found::kText;
}

void SetName(std::string_view name, ProcessSample& sample) {
  name = name.substr(0, kProcessNameBytes);
  std::memcpy(sample.name_bytes.data(), name.data(), name.size());
  sample.name_size = static_cast<uint8_t>(name.size());
}

// A name that the kernel has cut goes on as the program's file does.
void CompleteName(int proc, ProcessSample& sample) {
  if (sample.name_size != kCommBytes) return;
  char target[4'096];
  const ssize_t got = ::readlinkat(proc, ProcessPath(sample.pid, "exe").text(), target, sizeof target);
  if (got <= 0) return;
  std::string_view file(target, static_cast<size_t>(got));
  constexpr std::string_view kDeleted = " (deleted)";
  if (file.ends_with(kDeleted)) file.remove_suffix(kDeleted.size());
  file.remove_prefix(file.rfind('/') + 1);
  // A file in memory only has a name that is made up for each run.
  if (file.starts_with(sample.name()) && !file.starts_with("memfd:")) SetName(file, sample);
}

// Whether the process is there.
core::Result<bool> ReadProcess(int proc, bool with_io, ProcessSample& sample, ProcessSnapshot& snapshot) {
  char buffer[4'096];
  std::string_view text;
  SEXTANT_ASSIGN(const Found stat, ReadFile(proc, ProcessPath(sample.pid, "stat"), buffer, text));
  if (stat == Found::kDenied) ++snapshot.unreadable;
  if (stat != Found::kText || text.empty()) return false;
  SEXTANT_TRY(ParseProcessStat(text, sample).map_error(core::AddContext("{}/stat", sample.pid)));
  CompleteName(proc, sample);
  if (!with_io) return true;
  SEXTANT_ASSIGN(const Found io, ReadFile(proc, ProcessPath(sample.pid, "io"), buffer, text));
  if (io == Found::kDenied) sample.io = ProcessSample::Io::kDenied;
  if (io != Found::kText || text.empty()) return true;
  SEXTANT_TRY(ParseProcessIo(text, sample).map_error(core::AddContext("{}/io", sample.pid)));
  return true;
}

bool ParseNumber(std::string_view text, uint64_t& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

}  // namespace

core::Status ParseProcessStat(std::string_view text, ProcessSample& sample) {
  // "17 (a name) S 2 …": the name may hold anything, so what counts is between the outermost parentheses.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return core::Fail(core::Code::kInvalidArgument, "no name in parentheses");
  }
  std::string_view rest = TrimSpace(text.substr(close + 1));
  uint64_t flags = 0;
  uint64_t user = 0;
  uint64_t system = 0;
  uint64_t threads = 0;
  uint64_t rss_pages = 0;
  for (size_t i = 0; i <= kRss; ++i) {
    const std::string_view field = NextField(rest);
    uint64_t* target = nullptr;
    if (i == kFlags) target = &flags;
    if (i == kUserTime) target = &user;
    if (i == kSystemTime) target = &system;
    if (i == kThreads) target = &threads;
    if (i == kStart) target = &sample.start_ticks;
    if (i == kRss) target = &rss_pages;
    if (field.empty() || (target != nullptr && !ParseNumber(field, *target))) {
      return core::Fail(core::Code::kInvalidArgument, "field {} is missing or not a number", i + 3);
    }
  }
  sample.cpu_ticks = user + system;
  sample.threads = static_cast<uint32_t>(threads);
  sample.resident_bytes = rss_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::string_view name = text.substr(open + 1, close - open - 1);
  if ((flags & kKernelThreadFlag) != 0) name = name.substr(0, name.find_first_of("/:"));
  SetName(name, sample);
  return {};
}

core::Status ParseProcessIo(std::string_view text, ProcessSample& sample) {
  bool has_read = false;
  bool has_written = false;
  std::string_view line;
  while (NextLine(text, line)) {
    const bool is_read = line.starts_with("read_bytes: ");
    const bool is_written = line.starts_with("write_bytes: ");
    if (!is_read && !is_written) continue;
    uint64_t& target = is_read ? sample.read_bytes : sample.written_bytes;
    if (!ParseNumber(line.substr(line.find(' ') + 1), target)) {
      return core::Fail(core::Code::kInvalidArgument, "{} is not a number",
                        is_read ? "read_bytes" : "write_bytes");
    }
    (is_read ? has_read : has_written) = true;
  }
  if (!has_read || !has_written) {
    return core::Fail(core::Code::kInvalidArgument, "read_bytes or write_bytes is missing");
  }
  sample.io = ProcessSample::Io::kRead;
  return {};
}

core::Status ReadProcesses(const HostPaths& paths, bool with_io, ProcessSnapshot& snapshot, size_t limit) {
  snapshot.processes.clear();
  snapshot.overlooked = 0;
  snapshot.unreadable = 0;
  const Fd proc(::open(paths.procfs.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  if (!proc.is_open()) return core::FailErrno(errno, paths.procfs);
  std::optional<core::Error> failed;
  SEXTANT_TRY(ListPids(proc.get(), paths.procfs, [&](int32_t pid) {
    if (failed) return;
    if (snapshot.processes.size() >= limit) {
      ++snapshot.overlooked;
      return;
    }
    ProcessSample& sample = snapshot.processes.emplace_back();
    sample.pid = pid;
    auto is_there = ReadProcess(proc.get(), with_io, sample, snapshot);
    if (!is_there) failed = std::move(is_there).error();
    if (!is_there || !*is_there) snapshot.processes.pop_back();
  }));
  if (failed) return tl::unexpected(core::AddContext("{}", paths.procfs)(*std::move(failed)));
  // As procfs lists them; other file systems need not.
  const auto by_pid = [](const ProcessSample& sample) { return sample.pid; };
  if (!std::ranges::is_sorted(snapshot.processes, {}, by_pid))
    std::ranges::sort(snapshot.processes, {}, by_pid);
  return {};
}

}  // namespace sextant::node
