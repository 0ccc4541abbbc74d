#include "kube/exec_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <simdjson.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <thread>

#include "core/json_writer.h"

namespace sextant::kube {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxOutputBytes = 1 << 20;
constexpr size_t kShownErrorBytes = 512;
// Credentials are fetched anew a little before they expire, and after this time when they do not say.
constexpr core::DurationMs kExpiryMarginMs = 10'000;
constexpr core::DurationMs kUnstatedLifeMs = 600'000;

// "2026-11-29T01:02:03Z", also with fractions and offsets; 0 when it is none.
core::TimestampMs ParseTime(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return 0;
  core::TimestampMs time_ms = static_cast<core::TimestampMs>(timegm(&parts)) * 1000;
  if (*rest == '.') {
    ++rest;
    while (*rest >= '0' && *rest <= '9') ++rest;
  }
  int hours = 0;
  int minutes = 0;
  char sign = 0;
  if (std::sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-')) {
    core::DurationMs offset_ms = (hours * 60LL + minutes) * 60'000;
    return sign == '+' ? time_ms - offset_ms : time_ms + offset_ms;
  }
  return *rest == 'Z' ? time_ms : 0;
}

std::string ExecInfo(const ExecPlugin& plugin) {
  core::JsonWriter json;
  json.BeginObject().Key("kind").String("ExecCredential").Key("apiVersion").String(plugin.api_version);
  json.Key("spec").BeginObject();
  if (!plugin.cluster_info.empty()) json.Key("cluster").Raw(plugin.cluster_info);
  json.Key("interactive").Bool(false).EndObject().EndObject();
  return std::move(json).Take();
}

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
  core::Status Start(const ExecPlugin& plugin);
  // Reads both outputs to their ends and waits; kills it at the deadline.
  core::Status Wait(core::DurationMs timeout_ms);

  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }
  int status() const { return status_; }

 private:
  static std::vector<std::string> Environment(const ExecPlugin& plugin);
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

std::vector<std::string> Child::Environment(const ExecPlugin& plugin) {
  std::vector<std::string> all;
  auto set = [&](const std::string& name, const std::string& value) {
    std::erase_if(all, [&](const std::string& one) { return one.starts_with(name + "="); });
    all.push_back(name + "=" + value);
  };
  for (char** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
  for (const auto& [name, value] : plugin.environment) set(name, value);
  set("KUBERNETES_EXEC_INFO", ExecInfo(plugin));
  return all;
}

core::Status Child::Start(const ExecPlugin& plugin) {
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0) return core::FailErrno(errno, "pipe");
  out_pipe_.Set(out[0]);
  Descriptor out_end(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return core::FailErrno(errno, "pipe");
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

  std::vector<std::string> words = plugin.arguments;
  words.insert(words.begin(), plugin.command);
  std::vector<std::string> environment = Environment(plugin);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : environment) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  int error = posix_spawnp(&pid_, plugin.command.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return core::FailErrno(error, fmt::format("exec: executable {}", plugin.command));
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

core::Status Child::Wait(core::DurationMs timeout_ms) {
  core::SystemClock clock;
  int64_t deadline_ns = clock.MonotonicNs() + timeout_ms * 1'000'000;
  while (out_pipe_.get() >= 0 || err_pipe_.get() >= 0) {
    int64_t left_ms = (deadline_ns - clock.MonotonicNs()) / 1'000'000;
    // Descriptors below 0 are passed over.
    pollfd wanted[2] = {{out_pipe_.get(), POLLIN, 0}, {err_pipe_.get(), POLLIN, 0}};
    if (left_ms <= 0 || poll(wanted, 2, static_cast<int>(std::min<int64_t>(left_ms, 1'000))) < 0) {
      if (left_ms > 0 && errno == EINTR) continue;
      Kill();
      return Fail(Code::kDeadlineExceeded, "exec: it ran for more than {} ms", timeout_ms);
    }
    if (wanted[0].revents != 0) Read(out_pipe_, out_);
    if (wanted[1].revents != 0) Read(err_pipe_, err_);
    if (out_.size() > kMaxOutputBytes || err_.size() > kMaxOutputBytes) {
      Kill();
      return Fail(Code::kUnavailable, "exec: it printed more than {} bytes", kMaxOutputBytes);
    }
  }
  while (true) {
    pid_t ended = waitpid(pid_, &status_, WNOHANG);
    if (ended == pid_) return {};
    if (clock.MonotonicNs() > deadline_ns || (ended < 0 && errno != EINTR)) {
      Kill();
      return Fail(Code::kDeadlineExceeded, "exec: it ran for more than {} ms", timeout_ms);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

class ExecAuthorizer final : public net::RequestAuthorizer {
 public:
  ExecAuthorizer(ExecPlugin plugin, const core::Clock& clock) : plugin_(std::move(plugin)), clock_(clock) {}
  ~ExecAuthorizer() override {
    if (thread_.joinable()) thread_.join();
  }

  void Authorize(net::FetchRequest request, const Send&, Done done) override {
    std::optional<ExecCredential> good;
    std::thread ended;
    {
      std::lock_guard lock(mutex_);
      if (credential_ && clock_.NowMs() < good_until_ms_) {
        good = credential_;
      } else {
        waiting_.push_back({std::move(request), std::move(done)});
        if (is_running_) return;
        is_running_ = true;
        ended = std::move(thread_);
        thread_ = std::thread([this] { Run(); });
      }
    }
    if (ended.joinable()) ended.join();
    if (!good) return;
    Use(*good, request);
    done(std::move(request));
  }

 private:
  struct Waiting {
    net::FetchRequest request;
    Done done;
  };

  static void Use(const ExecCredential& credential, net::FetchRequest& request) {
    if (!credential.token.empty()) request.bearer_token = credential.token;
    if (credential.cert_pem.empty()) return;
    net::TlsClientOptions tls = request.tls ? *request.tls : net::TlsClientOptions();
    tls.cert_pem = credential.cert_pem;
    tls.key_pem = credential.key_pem;
    request.tls = std::make_shared<const net::TlsClientOptions>(std::move(tls));
  }

  void Run() {
    Result<ExecCredential> credential = RunExecPlugin(plugin_);
    std::vector<Waiting> waiting;
    {
      std::lock_guard lock(mutex_);
      if (credential) {
        credential_ = *credential;
        good_until_ms_ = credential->expires_ms == 0 ? clock_.NowMs() + kUnstatedLifeMs
                                                     : credential->expires_ms - kExpiryMarginMs;
      }
      is_running_ = false;
      waiting.swap(waiting_);
    }
    for (Waiting& one : waiting) {
      if (!credential) {
        one.done(tl::unexpected(credential.error().WithContext("getting credentials")));
        continue;
      }
      Use(*credential, one.request);
      one.done(std::move(one.request));
    }
  }

  const ExecPlugin plugin_;
  const core::Clock& clock_;

  std::mutex mutex_;  // guards what follows
  std::thread thread_;
  std::optional<ExecCredential> credential_;
  core::TimestampMs good_until_ms_ = 0;
  bool is_running_ = false;
  std::vector<Waiting> waiting_;
};

}  // namespace

Result<ExecCredential> ParseExecCredential(std::string_view json, const std::string& api_version) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return Fail(Code::kInvalidArgument, "exec: decoding stdout: it is not a JSON object");
  }
  auto text = [](simdjson::dom::element object, std::string_view key) {
    std::string_view value;
    return object[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  if (text(root, "kind") != "ExecCredential") {
    return Fail(Code::kInvalidArgument, "exec: decoding stdout: it is no ExecCredential");
  }
  if (text(root, "apiVersion") != api_version) {
    return Fail(Code::kInvalidArgument,
                "exec plugin is configured to use API version {}, plugin returned version {}", api_version,
                text(root, "apiVersion"));
  }
  simdjson::dom::element status;
  if (root["status"].get(status) != simdjson::SUCCESS || !status.is_object()) {
    return Fail(Code::kInvalidArgument, "exec plugin didn't return a status field");
  }
  ExecCredential credential{text(status, "token"), text(status, "clientCertificateData"),
                            text(status, "clientKeyData"), 0};
  if (credential.token.empty() && credential.cert_pem.empty() && credential.key_pem.empty()) {
    return Fail(Code::kInvalidArgument, "exec plugin didn't return a token or cert/key pair");
  }
  if (credential.cert_pem.empty() != credential.key_pem.empty()) {
    return Fail(Code::kInvalidArgument, "exec plugin returned only certificate or key, not both");
  }
  if (std::string expires = text(status, "expirationTimestamp"); !expires.empty()) {
    credential.expires_ms = ParseTime(expires);
    if (credential.expires_ms == 0) {
      return Fail(Code::kInvalidArgument, "exec: decoding stdout: \"{}\" is no time", expires);
    }
  }
  return credential;
}

Result<ExecCredential> RunExecPlugin(const ExecPlugin& plugin, core::DurationMs timeout_ms) {
  Child child;
  SEXTANT_TRY(child.Start(plugin));
  SEXTANT_TRY(child.Wait(timeout_ms));
  if (!WIFEXITED(child.status()) || WEXITSTATUS(child.status()) != 0) {
    int code = WIFEXITED(child.status()) ? WEXITSTATUS(child.status()) : 128 + WTERMSIG(child.status());
    return Fail(Code::kUnavailable, "exec: executable {} failed with exit code {}: {}", plugin.command, code,
                child.err().substr(0, kShownErrorBytes));
  }
  return ParseExecCredential(child.out(), plugin.api_version);
}

std::shared_ptr<net::RequestAuthorizer> MakeExecAuthorizer(ExecPlugin plugin, const core::Clock& clock) {
  return std::make_shared<ExecAuthorizer>(std::move(plugin), clock);
}

}  // namespace sextant::kube
