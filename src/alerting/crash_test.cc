// A process that notifies is killed with SIGKILL between any two steps of its work: before and after every
// operation on its files, and at every stage of a request. Whatever the step, nothing that was to be said is
// lost, and at most the message that was in flight is said twice.
//
// The process is this test program again (CrashChild), which posts an alert, sees it told, posts its end and
// sees that told; then it, or what comes after it, is started on the same folder. The receiver lives in the
// parent.
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include "alerting/alertmanager.h"
#include "alerting/test_util.h"
#include "core/file.h"
#include "net/http_server.h"

extern char** environ;

namespace sextant::alerting {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// How long the sender of an alert vouches for it.
constexpr core::DurationMs kValidMs = 400;

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// --- the process that is killed ---

// Kills this process at the n-th step; a step is before or after something that changes a file.
class Killer {
 public:
  explicit Killer(uint64_t at) : at_(at) {}
  void Step() {
    if (++steps_ == at_) kill(getpid(), SIGKILL);
  }
  uint64_t steps() const { return steps_; }

 private:
  const uint64_t at_;
  std::atomic<uint64_t> steps_ = 0;
};

class KillingFile final : public core::File {
 public:
  KillingFile(std::unique_ptr<core::File> file, Killer& killer) : file_(std::move(file)), killer_(killer) {}

  const std::string& path() const override { return file_->path(); }
  core::Status Append(std::string_view bytes) override {
    // Also between two halves of a write.
    killer_.Step();
    SEXTANT_TRY(file_->Append(bytes.substr(0, bytes.size() / 2)));
    killer_.Step();
    const core::Status done = file_->Append(bytes.substr(bytes.size() / 2));
    killer_.Step();
    return done;
  }
  core::Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) const override {
    return file_->ReadAt(offset, buffer, size);
  }
  core::Status SyncData() override { return Around(file_->SyncData()); }
  core::Status Sync() override { return Around(file_->Sync()); }
  core::Status Truncate(uint64_t size) override {
    killer_.Step();
    return Around(file_->Truncate(size));
  }
  core::Result<uint64_t> Size() const override { return file_->Size(); }

 private:
  core::Status Around(core::Status done) {
    killer_.Step();
    return done;
  }

  std::unique_ptr<core::File> file_;
  Killer& killer_;
};

class KillingFiles final : public core::FileSystem {
 public:
  explicit KillingFiles(Killer& killer) : killer_(killer) {}

  core::Result<std::unique_ptr<core::File>> Open(const std::string& path, core::OpenMode mode) override {
    auto file = base_.Open(path, mode);
    if (mode != core::OpenMode::kRead) killer_.Step();
    if (!file) return file;
    return std::make_unique<KillingFile>(*std::move(file), killer_);
  }
  core::Result<std::unique_ptr<core::MappedFile>> MapReadOnly(const std::string& path) override {
    return base_.MapReadOnly(path);
  }
  core::Result<std::unique_ptr<core::FileLock>> Lock(const std::string& path) override {
    return base_.Lock(path);
  }
  core::Status Rename(const std::string& from, const std::string& to) override {
    killer_.Step();
    return After(base_.Rename(from, to));
  }
  core::Status Link(const std::string& from, const std::string& to) override { return base_.Link(from, to); }
  core::Status Remove(const std::string& path) override { return After(base_.Remove(path)); }
  core::Status MakeDirectories(const std::string& path) override {
    return After(base_.MakeDirectories(path));
  }
  core::Status SyncDirectory(const std::string& path) override { return After(base_.SyncDirectory(path)); }
  core::Result<std::vector<core::FileInfo>> List(const std::string& path) const override {
    return base_.List(path);
  }
  core::Result<core::FileInfo> Stat(const std::string& path) const override { return base_.Stat(path); }
  core::Result<core::DiskSpace> Space(const std::string& path) const override { return base_.Space(path); }

 private:
  core::Status After(core::Status done) {
    killer_.Step();
    return done;
  }

  core::PosixFileSystem base_;
  Killer& killer_;
};

// The work of a process: CRASH_MODE says which part of the alert's life it sees.
//   whole   the alert begins and ends
//   ends    it goes on for a while, then ends
//   over    it has ended; its sender says nothing any more
TEST(CrashChild, DISABLED_Serves) {
  const std::string mode = Env("CRASH_MODE");
  const std::string folder = Env("CRASH_FOLDER");
  Killer killer(std::strtoull(Env("CRASH_AT").c_str(), nullptr, 10));
  core::SystemClock clock;
  core::Registry registry;
  KillingFiles files(killer);
  core::Executor executor{{.threads = 2}};
  net::IoContext io;
  net::HttpClient client{io, registry};
  auto alertmanager = Alertmanager::Start(
      testing::MustParse(
          "route: {receiver: r, group_by: [alertname], group_wait: 30ms, group_interval: 60ms}\n"
          "receivers: [{name: r, webhook_configs: [{url: '" +
          Env("CRASH_HOOK") + "'}]}]\n"),
      {io, executor, client, clock, registry, files, core::Logger::Discard()},
      {.data_dir = folder, .maintenance_ms = 100, .first_retry_ms = 10});
  ASSERT_TRUE(alertmanager);
  Alert alert;
  alert.labels = testing::LabelsOf({{"alertname", "Disk"}});
  alert.starts_at_ms = clock.NowMs();
  const auto report = [&](core::TimestampMs ends_at_ms) {
    alert.ends_at_ms = ends_at_ms;
    EXPECT_EQ((*alertmanager)->Put(std::span(&alert, 1)).accepted, 1u);
  };
  // Waits until a message of this kind is over.
  const auto wait_for = [&](Reason reason) {
    const auto is_over = [&] {
      for (const DeliveryView& view : (*alertmanager)->Deliveries())
        if (view.delivered && view.reason == ReasonText(reason)) return true;
      return false;
    };
    for (int i = 0; i < 5'000 && !is_over(); ++i) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_TRUE(is_over());
  };
  if (mode == "whole") {
    report(clock.NowMs() + kValidMs);
    wait_for(Reason::kFirst);
  } else if (mode == "ends") {
    for (int i = 0; i < 3; ++i) {
      report(clock.NowMs() + kValidMs);
      std::this_thread::sleep_for(milliseconds(100));
    }
  }
  if (mode != "over") {
    std::ofstream(folder + "/is_ending") << "x";
    report(clock.NowMs());
    wait_for(Reason::kAllResolved);
  } else {
    std::this_thread::sleep_for(milliseconds(kValidMs + 400));
  }
  std::this_thread::sleep_for(milliseconds(150));  // a maintenance more
  (*alertmanager)->Stop();
  std::ofstream(folder + "/steps") << killer.steps();
}

// --- the parent ---

// The service that is told; it can kill who tells it, at a stage of the n-th request.
class Hook {
 public:
  enum class Stage { kNever, kBeforeAnswer, kAfterAnswer };

  Hook() {
    net::Router router;
    router.AddStream("POST", "/", [this](net::HttpRequest request, net::ResponseWriter writer) {
      Take(request.body, std::move(writer));
    });
    server_ = net::HttpServer::Start(io_, executor_, clock_, registry_, core::Logger::Discard(),
                                     std::move(router), {.listen = {"127.0.0.1:0"}})
                  .value();
  }
  ~Hook() { server_->Stop(0); }

  std::string url() const { return "http://" + server_->bound_address() + "/"; }
  void Reset(Stage stage, size_t request) {
    const std::lock_guard lock(mutex_);
    told_.clear();
    stage_ = stage;
    kill_at_ = request;
  }
  void SetVictim(pid_t pid) { victim_ = pid; }
  // The statuses of all messages, in order.
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  void Take(const std::string& body, net::ResponseWriter writer) {
    bool is_time = false;
    Stage stage = Stage::kNever;
    {
      const std::lock_guard lock(mutex_);
      told_.push_back(body.find("\"status\":\"firing\",\"alerts\"") != std::string::npos ? "firing"
                                                                                         : "resolved");
      is_time = stage_ != Stage::kNever && told_.size() == kill_at_;
      stage = stage_;
    }
    if (is_time && stage == Stage::kBeforeAnswer) Kill();
    writer.Send(net::HttpResponse::Text(200, ""));
    if (is_time && stage == Stage::kAfterAnswer) Kill();
  }
  void Kill() {
    for (int i = 0; i < 1'000 && victim_ == 0; ++i) std::this_thread::sleep_for(milliseconds(1));
    if (victim_ > 0) kill(victim_, SIGKILL);
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 2}};
  net::IoContext io_;
  std::mutex mutex_;
  std::vector<std::string> told_;
  Stage stage_ = Stage::kNever;
  size_t kill_at_ = 0;
  std::atomic<pid_t> victim_ = 0;
  std::unique_ptr<net::HttpServer> server_;
};

class CrashTest : public ::testing::Test {
 protected:
  CrashTest() {
    std::string pattern = (fs::temp_directory_path() / "alerting_crash_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~CrashTest() override { fs::remove_all(folder_); }

  // Runs a process on the folder; whether it came to its end.
  bool Run(const std::string& mode, uint64_t kill_at, core::DurationMs kill_after_ms = 0) {
    std::vector<std::string> variables = {"CRASH_MODE=" + mode, "CRASH_FOLDER=" + folder_,
                                          "CRASH_HOOK=" + hook_.url(), fmt::format("CRASH_AT={}", kill_at)};
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    std::string program = fs::read_symlink("/proc/self/exe").string();
    std::vector<std::string> words = {program, "--gtest_filter=CrashChild.DISABLED_Serves",
                                      "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    hook_.SetVictim(0);
    EXPECT_EQ(posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments.data(), environment.data()), 0);
    hook_.SetVictim(pid);
    if (kill_after_ms > 0) {
      std::this_thread::sleep_for(milliseconds(kill_after_ms));
      kill(pid, SIGKILL);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    hook_.SetVictim(-1);
    const bool was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    EXPECT_TRUE(was_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
    return !was_killed;
  }

  // What the receiver heard over two lives, of which the first was killed somewhere.
  void CheckBothLives(const std::string& where) {
    const bool is_ending = fs::exists(folder_ + "/is_ending");
    Run(is_ending ? "over" : "ends", 0);
    const std::vector<std::string> told = hook_.told();
    SCOPED_TRACE(where + (is_ending ? " (ending)" : "") + ": " + ::testing::PrintToString(told));
    const auto firing = static_cast<size_t>(std::count(told.begin(), told.end(), "firing"));
    ASSERT_GE(firing, 1u);
    const size_t resolved = told.size() - firing;
    EXPECT_GE(resolved, 1u);
    EXPECT_LE(told.size(), 3u);                             // one message was in flight
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));  // first all of one, then of the other
  }

  void Begin(Hook::Stage stage = Hook::Stage::kNever, size_t request = 0) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    hook_.Reset(stage, request);
  }

  std::string folder_;
  Hook hook_;
};

TEST_F(CrashTest, KilledBetweenAnyTwoFileOperationsNothingIsLost) {
  Begin();
  ASSERT_TRUE(Run("whole", 0));
  EXPECT_EQ(hook_.told(), (std::vector<std::string>{"firing", "resolved"}));
  size_t killed = 0;
  for (uint64_t step = 1;; ++step) {
    Begin();
    if (Run("whole", step)) break;
    ++killed;
    CheckBothLives(fmt::format("step {}", step));
    if (HasFailure()) return;
  }
  EXPECT_GE(killed, 30u);
  RecordProperty("kills", static_cast<int>(killed));
}

TEST_F(CrashTest, KilledAtAnyStageOfARequestNothingIsLost) {
  for (const Hook::Stage stage : {Hook::Stage::kBeforeAnswer, Hook::Stage::kAfterAnswer}) {
    for (const size_t request : {size_t{1}, size_t{2}}) {
      Begin(stage, request);
      ASSERT_FALSE(Run("whole", 0));
      CheckBothLives(fmt::format("stage {} of request {}", static_cast<int>(stage), request));
    }
  }
}

// Where neither a file nor a request is touched: while groups wait, timers run, answers travel.
TEST_F(CrashTest, KilledAtAnyMomentNothingIsLost) {
  for (core::DurationMs after_ms = 5; after_ms < 400; after_ms += 13) {
    Begin();
    if (Run("whole", 0, after_ms)) continue;
    CheckBothLives(fmt::format("after {} ms", after_ms));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sextant::alerting
