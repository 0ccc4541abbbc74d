#include "pipeline/extensions/cpu_profile.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <string_view>

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

// ---- The format.

class Message {
 public:
  void Number(uint32_t field, uint64_t value) {
    if (value == 0) return;
    Varint(uint64_t{field} << 3);
    Varint(value);
  }
  void Bytes(uint32_t field, std::string_view bytes) {
    Varint(uint64_t{field} << 3 | 2);
    Varint(bytes.size());
    out_ += bytes;
  }
  void Packed(uint32_t field, std::span<const uint64_t> values) {
    Message inner;
    for (uint64_t value : values) inner.Varint(value);
    Bytes(field, inner.out_);
  }
  const std::string& bytes() const { return out_; }

 private:
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      out_ += static_cast<char>(value | 0x80);
      value >>= 7;
    }
    out_ += static_cast<char>(value);
  }
  std::string out_;
};

struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;
  std::string file;
};

// The parts of the address space that hold code, from /proc/self/maps.
std::vector<Mapping> CodeMappings() {
  std::vector<Mapping> mappings;
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long long start = 0;
    unsigned long long end = 0;
    unsigned long long offset = 0;
    char flags[5] = {};
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx %4s %llx %*s %*s %n", &start, &end, flags, &offset, &path_at) <
        4) {
      continue;
    }
    if (flags[2] != 'x') continue;
    std::string file = path_at > 0 ? line.substr(static_cast<size_t>(path_at)) : "";
    mappings.push_back({start, end, offset, std::move(file)});
  }
  return mappings;
}

std::string Demangled(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string out = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return out;
}

class ProfileWriter {
 public:
  ProfileWriter() : mappings_(CodeMappings()) { Text(""); }

  std::string Write(std::span<const StackSample> samples, const CpuProfileInfo& info) {
    profile_.Bytes(1, ValueType("samples", "count"));
    profile_.Bytes(1, ValueType("cpu", "nanoseconds"));
    for (const StackSample& sample : samples) AddSample(sample, info.period_ns);
    for (size_t i = 0; i < mappings_.size(); ++i) AddMapping(i);
    profile_.Number(9, static_cast<uint64_t>(info.started_ms) * 1'000'000);
    profile_.Number(10, static_cast<uint64_t>(info.duration_ms) * 1'000'000);
    profile_.Bytes(11, ValueType("cpu", "nanoseconds"));
    profile_.Number(12, static_cast<uint64_t>(info.period_ns));
    for (const std::string& text : texts_) profile_.Bytes(6, text);
    return profile_.bytes();
  }

 private:
  uint64_t Text(const std::string& text) {
    auto [place, is_new] = text_ids_.try_emplace(text, texts_.size());
    if (is_new) texts_.push_back(text);
    return place->second;
  }

  std::string ValueType(const std::string& type, const std::string& unit) {
    Message message;
    message.Number(1, Text(type));
    message.Number(2, Text(unit));
    return message.bytes();
  }

  void AddSample(const StackSample& sample, int64_t period_ns) {
    std::vector<uint64_t> locations;
    for (size_t i = 0; i < sample.frames.size(); ++i) {
      // All but the innermost are addresses of return: the call is before.
      locations.push_back(Location(sample.frames[i] - (i == 0 ? 0 : 1)));
    }
    Message message;
    message.Packed(1, locations);
    const uint64_t values[] = {static_cast<uint64_t>(sample.count),
                               static_cast<uint64_t>(sample.count * period_ns)};
    message.Packed(2, values);
    profile_.Bytes(2, message.bytes());
  }

  uint64_t Location(uintptr_t address) {
    auto [place, is_new] = locations_.try_emplace(address, locations_.size() + 1);
    if (!is_new) return place->second;
    Message message;
    message.Number(1, place->second);
    for (size_t i = 0; i < mappings_.size(); ++i) {
      if (address >= mappings_[i].start && address < mappings_[i].end) message.Number(2, i + 1);
    }
    message.Number(3, address);
    if (uint64_t function = Function(address); function != 0) {
      Message line;
      line.Number(1, function);
      message.Bytes(4, line.bytes());
    }
    profile_.Bytes(4, message.bytes());
    return place->second;
  }

  // The id of the function that an address is in, or 0 when no symbol says so.
  uint64_t Function(uintptr_t address) {
    Dl_info found{};
    // NOLINTNEXTLINE: an address of code is asked for as a pointer.
    if (::dladdr(reinterpret_cast<void*>(address), &found) == 0 || found.dli_sname == nullptr) return 0;
    auto [place, is_new] = functions_.try_emplace(found.dli_sname, functions_.size() + 1);
    if (!is_new) return place->second;
    Message message;
    message.Number(1, place->second);
    message.Number(2, Text(Demangled(found.dli_sname)));
    message.Number(3, Text(found.dli_sname));
    profile_.Bytes(5, message.bytes());
    return place->second;
  }

  void AddMapping(size_t index) {
    const Mapping& mapping = mappings_[index];
    Message message;
    message.Number(1, index + 1);
    message.Number(2, mapping.start);
    message.Number(3, mapping.end);
    message.Number(4, mapping.offset);
    message.Number(5, Text(mapping.file));
    profile_.Bytes(3, message.bytes());
  }

  const std::vector<Mapping> mappings_;
  Message profile_;
  std::vector<std::string> texts_;
  std::map<std::string, uint64_t> text_ids_;
  std::map<uintptr_t, uint64_t> locations_;
  std::map<std::string, uint64_t> functions_;
};

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
  std::vector<StackSample> samples;
  for (const auto& [frames, count] : stacks) samples.push_back({frames, count});
  return EncodeCpuProfile(samples, {.started_ms = started_ms_,
                                    .duration_ms = (clock_.MonotonicNs() - started_ns_) / 1'000'000,
                                    .period_ns = 1'000'000'000 / kSamplesPerSecond});
}

std::string EncodeCpuProfile(std::span<const StackSample> samples, const CpuProfileInfo& info) {
  return ProfileWriter().Write(samples, info);
}

}  // namespace sextant::pipeline
