// The event loops: a few threads that wait for sockets and timers and never block or compute long. The HTTP
// server, the HTTP client and timers live on them; work goes to a core::Executor.
//
//   IoContext io({.threads = 1});
//   Timer timer(io);
//   timer.StartAt(clock.MonotonicNs() + 5'000'000'000, [&] { scrape.Begin(); });
//
// Every loop is one thread; a connection or timer belongs to one loop for its life, so its callbacks never
// run at the same time as each other. An IoContext must outlive everything made with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/clock.h"
#include "core/executor.h"

namespace sextant::net {

struct IoOptions {
  size_t threads = 1;  // loops; 1 serves tens of thousands of small requests per second
};

class IoContext {
 public:
  explicit IoContext(IoOptions options = {});
  ~IoContext();  // stops
  IoContext(const IoContext&) = delete;
  IoContext& operator=(const IoContext&) = delete;

  // Runs `callback` soon on the first loop's thread. Thread-safe. After Stop the callback is destroyed unrun.
  void Post(std::function<void()> callback);

  // Ends the loops: callbacks under way finish, pending ones are destroyed unrun, threads are joined. Stop
  // servers, clients and timers first. May be called again; not from a loop's own thread.
  void Stop();

  // For the other parts of this module only.
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Calls back once, at a time of the system's monotonic clock (core::SystemClock::MonotonicNs). Restart it
// from its own callback for a rhythm without drift. Thread-safe.
class Timer {
 public:
  // The callback runs on a loop's thread, so it must be short.
  explicit Timer(IoContext& io);
  // The callback runs on `executor`, which must outlive the timer. If its queue is full the timer tries again
  // every 100 ms rather than lose the call.
  Timer(IoContext& io, core::Executor& executor, core::Priority priority);
  ~Timer();  // cancels
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Calls `callback` at or just after a monotonic time in nanoseconds; a time that has passed means soon.
  // Replaces what was started before.
  void StartAt(int64_t monotonic_ns, std::function<void()> callback);
  // The same, `delay_ms` from now.
  void StartAfter(core::DurationMs delay_ms, std::function<void()> callback);

  // After it returns the callback is neither running nor will it run; so do not hold a lock that the callback
  // takes. Called from inside the callback it only prevents later runs.
  void Cancel();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sextant::net
