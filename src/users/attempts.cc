#include "users/attempts.h"

#include <algorithm>

namespace sextant::users {

namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr size_t kMaxKeyBytes = 200;

std::string LoginKey(std::string_view login) {
  std::string key = "l:" + std::string(login.substr(0, kMaxKeyBytes));
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return key;
}

std::string AddressKey(std::string_view address) { return "a:" + std::string(address); }

}  // namespace

core::DurationMs Attempts::WaitOf(const std::string& key) {
  auto found = failures_.find(key);
  if (found == failures_.end()) return 0;
  int64_t now_ms = clock_.MonotonicNs() / kNsPerMs;
  std::deque<int64_t>& times = found->second;
  while (!times.empty() && now_ms - times.front() >= kWindowMs) times.pop_front();
  if (times.empty()) {
    failures_.erase(found);
    return 0;
  }
  return times.size() < kMaxFailures ? 0 : times.front() + kWindowMs - now_ms;
}

core::DurationMs Attempts::WaitMs(std::string_view login, std::string_view address) {
  return std::max(WaitOf(LoginKey(login)), WaitOf(AddressKey(address)));
}

void Attempts::FailOf(const std::string& key) {
  if (!failures_.contains(key) && failures_.size() >= kMaxEntries) {
    auto oldest =
        std::ranges::min_element(failures_, {}, [](const auto& entry) { return entry.second.back(); });
    failures_.erase(oldest);
  }
  std::deque<int64_t>& times = failures_[key];
  times.push_back(clock_.MonotonicNs() / kNsPerMs);
  if (times.size() > kMaxFailures) times.pop_front();
}

void Attempts::Fail(std::string_view login, std::string_view address) {
  FailOf(LoginKey(login));
  FailOf(AddressKey(address));
}

void Attempts::Succeed(std::string_view login) { failures_.erase(LoginKey(login)); }

}  // namespace sextant::users
