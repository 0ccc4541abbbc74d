#include "metrics/discovery/refresh_discoverer.h"

#include <mutex>

namespace sextant::discovery {

struct RefreshDiscoverer::State : public std::enable_shared_from_this<State> {
  State(const Services& services, RefreshOptions refresh_options, Refresh refresh_function)
      : options(std::move(refresh_options)),
        refresh(std::move(refresh_function)),
        clock(services.clock),
        logger(services.logger.With("discovery", options.mechanism).With("config", options.set)),
        timer(services.io, *options.executor, core::Priority::kBackground),
        failures(services.registry.AddCounter("prometheus_sd_refresh_failures_total",
                                              "Number of refresh failures for the given SD mechanism.",
                                              {{"mechanism", options.mechanism}, {"config", options.set}})),
        duration(services.registry.AddHistogram("prometheus_sd_refresh_duration_histogram_seconds",
                                                "The duration of a refresh for the given SD mechanism.",
                                                {.01, .1, 1, 10}, {{"mechanism", options.mechanism}})) {}

  void Begin() {
    {
      std::lock_guard lock(mutex);
      if (is_stopped) return;
    }
    begun_ns = clock.MonotonicNs();
    refresh([self = shared_from_this()](core::Result<std::vector<TargetGroup>> groups) {
      self->Finish(std::move(groups));
    });
  }

  void Finish(core::Result<std::vector<TargetGroup>> groups) {
    duration.Observe(static_cast<double>(clock.MonotonicNs() - begun_ns) / 1e9);
    std::lock_guard lock(mutex);
    if (is_stopped) return;
    if (groups) {
      sink(std::move(*groups));
    } else {
      failures.Increment();
      logger.Error("unable to refresh target groups", {{"error", groups.error()}});
    }
    // In the rhythm of the beginnings, as long as a refresh takes less than an interval.
    int64_t next_ns = std::max(begun_ns + options.interval_ms * 1'000'000, clock.MonotonicNs());
    timer.StartAt(next_ns, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->Begin();
    });
  }

  const RefreshOptions options;
  const Refresh refresh;
  const core::Clock& clock;
  const core::Logger logger;
  net::Timer timer;
  core::Counter& failures;
  core::Histogram& duration;
  int64_t begun_ns = 0;  // of the refresh under way

  std::mutex mutex;  // also held over `sink`, so that none is called after Stop
  Sink sink;
  bool is_stopped = false;
};

RefreshDiscoverer::RefreshDiscoverer(const Services& services, RefreshOptions options, Refresh refresh)
    : state_(std::make_shared<State>(services, std::move(options), std::move(refresh))) {}

RefreshDiscoverer::~RefreshDiscoverer() { Stop(); }

void RefreshDiscoverer::Start(Sink sink) {
  {
    std::lock_guard lock(state_->mutex);
    state_->sink = std::move(sink);
  }
  state_->timer.StartAfter(0, [weak = std::weak_ptr<State>(state_)] {
    if (auto self = weak.lock()) self->Begin();
  });
}

void RefreshDiscoverer::Stop() {
  std::lock_guard lock(state_->mutex);
  state_->is_stopped = true;
}

}  // namespace sextant::discovery
