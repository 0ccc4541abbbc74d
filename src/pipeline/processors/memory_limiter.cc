#include "pipeline/processors/memory_limiter.h"

#include <atomic>

#include "core/heap.h"
#include "core/memory_budget.h"
#include "pipeline/fields.h"
#include "pipeline/ticker.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Status;

constexpr uint64_t kMib = 1 << 20;

class MemoryLimiter final : public Processor {
 public:
  MemoryLimiter(const ComponentSettings& settings, const MemoryLimiterConfig& config, Signal signal,
                Consumer& next, std::function<uint64_t()> used_bytes)
      : environment_(settings.environment),
        logger_(settings.logger),
        check_interval_ms_(config.check_interval_ms),
        limits_(LimitsOf(config, core::DetectMemoryLimitBytes())),
        next_(next),
        used_bytes_(std::move(used_bytes)),
        accepted_(Counter(settings, "accepted", "Items that were let through.", signal)),
        refused_(Counter(settings, "refused", "Items that were refused for lack of memory.", signal)),
        ticker_(environment_.io, environment_.executor) {}

  Status Start() override {
    logger_.Info("memory limiter configured",
                 {{"limit_mib", limits_.hard_bytes / kMib},
                  {"spike_limit_mib", (limits_.hard_bytes - limits_.soft_bytes) / kMib}});
    Check();
    ticker_.Start(check_interval_ms_, [this] { Check(); });
    return {};
  }
  void Shutdown() override { ticker_.Stop(); }

  void Consume(Telemetry batch, Done done) override {
    auto items = static_cast<double>(batch.CountItems());
    if (refuses_.load(std::memory_order_relaxed)) {
      refused_.Increment(items);
      return done(Refuse("data refused due to high memory usage"));
    }
    accepted_.Increment(items);
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  static core::Counter& Counter(const ComponentSettings& settings, std::string_view what,
                                std::string_view help, Signal signal) {
    return settings.environment.telemetry.AddCounter(
        fmt::format("otelcol_processor_{}_{}", what, ItemsName(signal)), help,
        {{"processor", settings.id.Text()}});
  }

  void Check() {
    uint64_t used = used_bytes_();
    if (used > limits_.hard_bytes) {
      core::ReleaseFreeMemory();
      used = used_bytes_();
    }
    bool refuses = used > limits_.soft_bytes;
    if (refuses != refuses_.exchange(refuses, std::memory_order_relaxed)) {
      if (refuses) {
        logger_.Warn("memory usage is above soft limit. Refusing data.", {{"cur_mem_mib", used / kMib}});
      } else {
        logger_.Info("memory usage back within limits. Resuming normal operation.",
                     {{"cur_mem_mib", used / kMib}});
      }
    }
  }

  Environment& environment_;
  const core::Logger logger_;
  const core::DurationMs check_interval_ms_;
  const MemoryLimits limits_;
  Consumer& next_;
  const std::function<uint64_t()> used_bytes_;
  core::Counter& accepted_;
  core::Counter& refused_;
  std::atomic<bool> refuses_{false};
  Ticker ticker_;
};

Status Finish(MemoryLimiterConfig& limiter, Node node) {
  if (limiter.check_interval_ms <= 0) return node.Fail("'check_interval' must be greater than zero");
  if (limiter.limit_mib == 0 && limiter.limit_percentage == 0) {
    return node.Fail("'limit_mib' or 'limit_percentage' must be greater than zero");
  }
  if (limiter.limit_percentage > 100 || limiter.spike_limit_percentage > 100) {
    return node.Fail(
        "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to "
        "hundred");
  }
  if (limiter.limit_mib > 0 && limiter.limit_mib <= limiter.spike_limit_mib) {
    return node.Fail("'spike_limit_mib' must be smaller than 'limit_mib'");
  }
  if (limiter.limit_percentage > 0 && limiter.limit_percentage <= limiter.spike_limit_percentage) {
    return node.Fail("'spike_limit_percentage' must be smaller than 'limit_percentage'");
  }
  return {};
}

Made<Processor> Make(const ComponentSettings& settings, const MemoryLimiterConfig& config, Signal signal,
                     Consumer& next) {
  return MakeMemoryLimiter(settings, config, signal, next, &core::AllocatedBytes);
}

}  // namespace

const config::Struct& FieldsOf(const MemoryLimiterConfig*) {
  using namespace config;
  using C = MemoryLimiterConfig;
  constexpr const char* kNoCollector = "there is no garbage collector here";
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::check_interval_ms>("check_interval", GoDuration()),
          Member<&C::limit_mib>("limit_mib"),
          Member<&C::spike_limit_mib>("spike_limit_mib"),
          Member<&C::limit_percentage>("limit_percentage"),
          Member<&C::spike_limit_percentage>("spike_limit_percentage"),
          NotYet("min_gc_interval_when_soft_limited", kNoCollector).Allowing({"10s"}),
          NotYet("min_gc_interval_when_hard_limited", kNoCollector).Allowing({"0", "0s"}),
          NotYet("max_gc_interval_when_soft_limited", kNoCollector),
          NotYet("max_gc_interval_when_hard_limited", kNoCollector),
      },
      &Finish);
  return kFields;
}

MemoryLimits LimitsOf(const MemoryLimiterConfig& config, uint64_t total_bytes) {
  MemoryLimits limits;
  uint64_t spike = 0;
  if (config.limit_mib > 0) {
    limits.hard_bytes = config.limit_mib * kMib;
    spike = config.spike_limit_mib * kMib;
  } else {
    limits.hard_bytes = total_bytes / 100 * config.limit_percentage;
    spike = total_bytes / 100 * config.spike_limit_percentage;
  }
  if (spike == 0) spike = limits.hard_bytes / 5;
  limits.soft_bytes = limits.hard_bytes - spike;
  return limits;
}

std::unique_ptr<Processor> MakeMemoryLimiter(const ComponentSettings& settings,
                                             const MemoryLimiterConfig& config, Signal signal, Consumer& next,
                                             std::function<uint64_t()> used_bytes) {
  return std::make_unique<MemoryLimiter>(settings, config, signal, next, std::move(used_bytes));
}

ComponentType MemoryLimiterType() {
  return ProcessorType<MemoryLimiterConfig>("memory_limiter", {},
                                            {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &Make);
}

}  // namespace sextant::pipeline
