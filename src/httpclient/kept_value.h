// Something that takes a while to get (a token, temporary keys): got when it is first needed, kept while it
// is good, and got once for all who wait for it meanwhile.
//
// Any thread. Owned by a shared_ptr, since what is under way outlives its user.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::httpclient {

template <typename T>
class KeptValue : public std::enable_shared_from_this<KeptValue<T>> {
 public:
  struct Got {
    T value;
    core::DurationMs life_ms = 0;  // how long it may be used; 0 or less: by those who wait now
  };
  using Store = std::function<void(core::Result<Got> got)>;
  using Use = std::function<void(const core::Result<T>& value)>;

  // `clock` must outlive it.
  explicit KeptValue(const core::Clock& clock) : clock_(clock) {}

  // What is kept and still good.
  std::optional<T> Good() const {
    std::lock_guard lock(mutex_);
    return IsGood() ? value_ : std::nullopt;
  }

  // Calls `use` once, with what is good or will have been got; from inside or later, in the thread that
  // stores. `get` is called, from inside, when nobody is getting it yet; it must call its argument once.
  void Wait(const std::function<void(Store store)>& get, Use use) {
    {
      std::unique_lock lock(mutex_);
      if (IsGood()) {
        core::Result<T> good = *value_;
        lock.unlock();
        return use(good);
      }
      waiting_.push_back(std::move(use));
      if (is_getting_) return;
      is_getting_ = true;
    }
    get([self = this->shared_from_this()](core::Result<Got> got) { self->Take(std::move(got)); });
  }

  // What is kept, or under way, is not good any more.
  void Drop() {
    std::lock_guard lock(mutex_);
    value_.reset();
    is_outdated_ = is_getting_;
  }

 private:
  bool IsGood() const { return value_ && clock_.MonotonicNs() < good_until_ns_; }

  void Take(core::Result<Got> got) {
    // Ten years: what does not expire, without an overflow.
    constexpr core::DurationMs kMaxLifeMs = 10LL * 365 * 86'400'000;
    std::vector<Use> waiting;
    {
      std::lock_guard lock(mutex_);
      is_getting_ = false;
      if (got && got->life_ms > 0 && !is_outdated_) {
        value_ = got->value;
        good_until_ns_ = clock_.MonotonicNs() + std::min(got->life_ms, kMaxLifeMs) * 1'000'000;
      }
      is_outdated_ = false;
      waiting.swap(waiting_);
    }
    core::Result<T> value = std::move(got).map([](Got one) { return std::move(one.value); });
    for (Use& use : waiting) use(value);
  }

  const core::Clock& clock_;

  mutable std::mutex mutex_;  // guards what follows
  std::optional<T> value_;
  int64_t good_until_ns_ = 0;
  bool is_getting_ = false;
  bool is_outdated_ = false;  // what is under way is not to be kept
  std::vector<Use> waiting_;
};

}  // namespace sextant::httpclient
