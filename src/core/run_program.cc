#include "core/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace sextant::core {

namespace {

constexpr size_t kMaxOutputBytes = 1 << 20;
constexpr size_t kShownErrorBytes = 512;

// A descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Set(int fd) { fd_ = fd; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// A running program with pipes from its two outputs.
class Child {
 public:
  Status Start(const Program& program);
  // Reads both outputs to their ends and waits; kills it at the deadline.
  Status Wait(DurationMs timeout_ms);

  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }
  int status() const { return status_; }

 private:
  static std::vector<std::string> Environment(const Program& program);
  // False when the pipe has ended; takes no more than the limit.
  static bool Read(Descriptor& pipe, std::string& text);
  void Kill() {
    kill(-pid_, SIGKILL);
    waitpid(pid_, &status_, 0);
  }

  Descriptor out_pipe_;
  Descriptor err_pipe_;
  std::string out_;
  std::string err_;
  pid_t pid_ = -1;
  int status_ = 0;
};

std::vector<std::string> Child::Environment(const Program& program) {
  std::vector<std::string> all;
  auto set = [&](const std::string& name, const std::string& value) {
    std::erase_if(all, [&](const std::string& one) { return one.starts_with(name + "="); });
    all.push_back(name + "=" + value);
  };
  for (char** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
  for (const auto& [name, value] : program.environment) set(name, value);
  return all;
}

Status Child::Start(const Program& program) {
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0) return FailErrno(errno, "pipe");
  out_pipe_.Set(out[0]);
  Descriptor out_end(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return FailErrno(errno, "pipe");
  err_pipe_.Set(err[0]);
  Descriptor err_end(err[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_end.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own, so that what it has started ends with it; and no signal of ours is blocked.
  sigset_t no_signals;
  sigemptyset(&no_signals);
  posix_spawnattr_setsigmask(&attributes, &no_signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);

  std::vector<std::string> words = program.arguments;
  words.insert(words.begin(), program.command);
  std::vector<std::string> environment = Environment(program);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : environment) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  int error = posix_spawnp(&pid_, program.command.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return FailErrno(error, fmt::format("executable {}", program.command));
  return {};
}

bool Child::Read(Descriptor& pipe, std::string& text) {
  char buffer[16 << 10];
  ssize_t size = read(pipe.get(), buffer, sizeof buffer);
  if (size < 0 && errno == EINTR) return true;
  if (size <= 0) {
    pipe.Close();
    return false;
  }
  text.append(buffer, static_cast<size_t>(size));
  return true;
}

Status Child::Wait(DurationMs timeout_ms) {
  SystemClock clock;
  int64_t deadline_ns = clock.MonotonicNs() + timeout_ms * 1'000'000;
  while (out_pipe_.get() >= 0 || err_pipe_.get() >= 0) {
    int64_t left_ms = (deadline_ns - clock.MonotonicNs()) / 1'000'000;
    // Descriptors below 0 are passed over.
    pollfd wanted[2] = {{out_pipe_.get(), POLLIN, 0}, {err_pipe_.get(), POLLIN, 0}};
    if (left_ms <= 0 || poll(wanted, 2, static_cast<int>(std::min<int64_t>(left_ms, 1'000))) < 0) {
      if (left_ms > 0 && errno == EINTR) continue;
      Kill();
      return Fail(Code::kDeadlineExceeded, "it ran for more than {} ms", timeout_ms);
    }
    if (wanted[0].revents != 0) Read(out_pipe_, out_);
    if (wanted[1].revents != 0) Read(err_pipe_, err_);
    if (out_.size() > kMaxOutputBytes || err_.size() > kMaxOutputBytes) {
      Kill();
      return Fail(Code::kUnavailable, "it printed more than {} bytes", kMaxOutputBytes);
    }
  }
  while (true) {
    pid_t ended = waitpid(pid_, &status_, WNOHANG);
    if (ended == pid_) return {};
    if (clock.MonotonicNs() > deadline_ns || (ended < 0 && errno != EINTR)) {
      Kill();
      return Fail(Code::kDeadlineExceeded, "it ran for more than {} ms", timeout_ms);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

Result<ProgramOutput> RunProgram(const Program& program, DurationMs timeout_ms) {
  Child child;
  SEXTANT_TRY(child.Start(program));
  SEXTANT_TRY(child.Wait(timeout_ms));
  if (!WIFEXITED(child.status()) || WEXITSTATUS(child.status()) != 0) {
    int code = WIFEXITED(child.status()) ? WEXITSTATUS(child.status()) : 128 + WTERMSIG(child.status());
    return Fail(Code::kUnavailable, "executable {} failed with exit code {}: {}", program.command, code,
                child.err().substr(0, kShownErrorBytes));
  }
  return ProgramOutput{child.out(), child.err()};
}

}  // namespace sextant::core
