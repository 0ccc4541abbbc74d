// How often somebody failed to log in, by name and by address: five failures of either within five minutes
// keep it out until the oldest of them is over. The table is bounded; when it is full, the entry that failed
// longest ago makes room.
//
// Not thread-safe: its user checks one password at a time, which makes the count exact.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"

namespace sextant::users {

class Attempts {
 public:
  static constexpr size_t kMaxFailures = 5;
  static constexpr core::DurationMs kWindowMs = 5 * 60'000;
  static constexpr size_t kMaxEntries = 20'000;

  explicit Attempts(const core::Clock& clock) : clock_(clock) {}

  // Milliseconds until another attempt may be made; 0: now. The login counts without case.
  core::DurationMs WaitMs(std::string_view login, std::string_view address);
  void Fail(std::string_view login, std::string_view address);
  // Forgets the login's failures. The address's stay: whoever has one password could otherwise go on guessing
  // others.
  void Succeed(std::string_view login);

  size_t size() const { return failures_.size(); }

 private:
  core::DurationMs WaitOf(const std::string& key);
  void FailOf(const std::string& key);

  const core::Clock& clock_;
  // When, oldest first, at most kMaxFailures; on the monotonic clock, in milliseconds.
  std::unordered_map<std::string, std::deque<int64_t>> failures_;
};

}  // namespace sextant::users
