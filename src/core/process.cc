#include "core/process.h"

#include <execinfo.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace sextant::core {

namespace {

constexpr int kCrashSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// Runs in a broken process: only async-signal-safe calls.
void OnCrash(int signal_number) {
  auto write_text = [](const char* text) {
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, text, strlen(text));
  };
  write_text("sextant: crashed by signal ");
  write_text(sigabbrev_np(signal_number));
  write_text("; stack (resolve with addr2line -Cfe sextant ADDRESS):\n");
  void* frames[64];
  backtrace_symbols_fd(frames, backtrace(frames, std::size(frames)), STDERR_FILENO);
  // The handler was reset when it was entered: the default action follows.
  raise(signal_number);
}

sigset_t TerminationSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

// A field of /proc/self/stat by its number in proc(5), from 4 on: what is after the command's name and state.
double StatField(size_t number) {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  size_t end = text.rfind(')');
  if (end == std::string::npos || end + 4 > text.size()) return 0;
  std::istringstream rest(text.substr(end + 4));
  const std::vector<double> fields{std::istream_iterator<double>(rest), std::istream_iterator<double>()};
  return number - 4 < fields.size() ? fields[number - 4] : 0;
}

// A column of /proc/self/statm, in pages: 0 is the size of the address space, 1 what of it is resident.
double PagesOfMemory(size_t column) {
  const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[128];
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (got <= 0) return 0;
  text[got] = '\0';
  char* at = text;
  double pages = 0;
  for (size_t i = 0; i <= column; ++i) pages = static_cast<double>(std::strtoull(at, &at, 10));
  return pages;
}

// A folder has as many links as it has folders in it, and two: one of a thread each.
double Threads() {
  struct stat info{};
  return ::stat("/proc/self/task", &info) == 0 ? static_cast<double>(info.st_nlink) - 2 : 0;
}

double StartTimeSeconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) {
      return std::stod(line.substr(6)) + StatField(22) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
  }
  return 0;
}

double OpenFiles() {
  // Since Linux 6.2 the folder's size is the number of its entries.
  struct stat info{};
  if (::stat("/proc/self/fd", &info) == 0 && info.st_size > 0) return static_cast<double>(info.st_size);
  std::error_code error;
  std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(files, std::filesystem::directory_iterator()));
}

}  // namespace

void InstallCrashHandler() {
  // The first call of backtrace loads libgcc, which is not safe in a handler.
  void* frame = nullptr;
  backtrace(&frame, 1);
  struct sigaction action{};
  action.sa_handler = OnCrash;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (int number : kCrashSignals) sigaction(number, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

SignalWaiter::SignalWaiter() {
  sigset_t set = TerminationSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int SignalWaiter::Wait() const {
  sigset_t set = TerminationSignals();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  return number;
}

void SignalWaiter::LetNextSignalKill() const {
  sigset_t set = TerminationSignals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalSelf(int number) { kill(getpid(), number); }

void RegisterProcessMetrics(Registry& registry) {
  const auto page_size = static_cast<double>(sysconf(_SC_PAGE_SIZE));
  registry.AddCounterCallback(
      "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        auto seconds = [](const timeval& time) {
          return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
        };
        return seconds(usage.ru_utime) + seconds(usage.ru_stime);
      });
  registry.AddGaugeCallback("process_resident_memory_bytes", "Resident memory size in bytes.",
                            [=] { return PagesOfMemory(1) * page_size; });
  registry.AddGaugeCallback("process_virtual_memory_bytes", "Virtual memory size in bytes.",
                            [=] { return PagesOfMemory(0) * page_size; });
  registry.AddGaugeCallback("process_threads", "Number of OS threads.", Threads);
  registry.AddGaugeCallback("process_open_fds", "Number of open file descriptors.", OpenFiles);
  registry.AddGaugeCallback("process_max_fds", "Maximum number of open file descriptors.", [] {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<double>(limit.rlim_cur);
  });
  registry.AddGauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
      .Set(StartTimeSeconds());
}

}  // namespace sextant::core
