#include "pipeline/extensions/cpu_profile.h"

#include <execinfo.h>
#include <signal.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <map>

#include "pipeline/extensions/profile_format.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxFrames = 64;
// Enough for a minute of eight busy threads.
constexpr size_t kMaxSamples = 48'000;
// Of the signal's handler itself.
constexpr int kOwnFrames = 2;

struct RawSample {
  int size = 0;
  std::array<void*, kMaxFrames> frames;
};

}  // namespace

struct CpuProfiler::Samples {
  std::vector<RawSample> all = std::vector<RawSample>(kMaxSamples);
  std::atomic<size_t> used{0};
};

namespace {

// Where the handler of the signal puts samples: it has no argument of ours, and there is one per process.
std::atomic<CpuProfiler::Samples*> current_samples{nullptr};

void OnProfileSignal(int) {
  int saved_errno = errno;
  if (CpuProfiler::Samples* samples = current_samples.load(std::memory_order_acquire)) {
    size_t index = samples->used.fetch_add(1, std::memory_order_relaxed);
    if (index < kMaxSamples) {
      RawSample& sample = samples->all[index];
      sample.size = ::backtrace(sample.frames.data(), kMaxFrames);
    }
  }
  errno = saved_errno;
}

void SetTimer(int64_t interval_us) {
  itimerval timer{};
  timer.it_interval.tv_usec = interval_us;
  timer.it_value = timer.it_interval;
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

}  // namespace

Result<std::unique_ptr<CpuProfiler>> CpuProfiler::Start(const core::Clock& clock) {
  auto samples = std::make_unique<Samples>();
  // The first call loads a library, which a signal's handler may not do.
  void* frame = nullptr;
  static_cast<void>(::backtrace(&frame, 1));
  Samples* none = nullptr;
  if (!current_samples.compare_exchange_strong(none, samples.get())) {
    return Fail(Code::kUnavailable, "cpu profiling already in use");
  }
  struct sigaction action{};
  action.sa_handler = &OnProfileSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGPROF, &action, nullptr);
  SetTimer(1'000'000 / kSamplesPerSecond);
  return std::unique_ptr<CpuProfiler>(new CpuProfiler(clock, std::move(samples)));
}

CpuProfiler::CpuProfiler(const core::Clock& clock, std::unique_ptr<Samples> samples)
    : clock_(clock),
      started_ms_(clock.NowMs()),
      started_ns_(clock.MonotonicNs()),
      samples_(std::move(samples)) {}

CpuProfiler::~CpuProfiler() {
  if (is_running_) static_cast<void>(Finish());
}

std::string CpuProfiler::Finish() {
  is_running_ = false;
  SetTimer(0);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPROF, &ignore, nullptr);
  current_samples.store(nullptr);
  // A handler may be running on another thread still; it takes microseconds.
  constexpr timespec kPause{0, 20'000'000};
  ::nanosleep(&kPause, nullptr);
  std::map<std::vector<uintptr_t>, int64_t> stacks;
  size_t used = std::min(samples_->used.load(), kMaxSamples);
  for (size_t i = 0; i < used; ++i) {
    const RawSample& sample = samples_->all[i];
    std::vector<uintptr_t> frames;
    for (int j = kOwnFrames; j < sample.size; ++j) {
      frames.push_back(reinterpret_cast<uintptr_t>(sample.frames[static_cast<size_t>(j)]));
    }
    if (!frames.empty()) ++stacks[std::move(frames)];
  }
  constexpr int64_t kPeriodNs = 1'000'000'000 / kSamplesPerSecond;
  ProfileInfo info = {.columns = {{"samples", "count"}, {"cpu", "nanoseconds"}},
                      .period_of = {"cpu", "nanoseconds"},
                      .period = kPeriodNs,
                      .started_ms = started_ms_,
                      .duration_ms = (clock_.MonotonicNs() - started_ns_) / 1'000'000};
  std::vector<ProfileSample> samples;
  for (const auto& [frames, count] : stacks) samples.push_back({frames, {count, count * kPeriodNs}});
  return EncodeProfile(samples, info);
}

}  // namespace sextant::pipeline
