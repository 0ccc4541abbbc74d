// The process as the operating system sees it: crash reports, termination signals, and its own resource
// metrics.
#pragma once

#include <functional>

#include "core/metrics.h"
#include "core/result.h"

namespace sextant::core {

// From now on a crash (SIGSEGV, SIGABRT, …) prints the signal and a stack trace to standard error, then ends
// the process the way the signal would have. Call once, from main.
void InstallCrashHandler();

// Signals that ask the process to do something, taken synchronously by one thread instead of by handlers.
class SignalWaiter {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts later: make it before any thread.
  SignalWaiter();

  // Waits for the next of those signals and returns its number.
  int Wait() const;

  // After this, a second SIGTERM or SIGINT ends the process at once: for a user who does not want to wait for
  // the graceful shutdown.
  void LetNextSignalKill() const;
};

// Sends a signal to this process, as if from outside: for a SignalWaiter of another thread.
void SignalSelf(int number);

// Registers process_* (CPU seconds, resident and virtual bytes, open and maximum file descriptors, threads,
// start time) under client_golang's names. Values are read when the registry renders.
void RegisterProcessMetrics(Registry& registry);

}  // namespace sextant::core
