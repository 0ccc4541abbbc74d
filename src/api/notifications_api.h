// What the server has to tell whoever operates it (a reload that failed, that it is starting or ending), at
// /api/v1/notifications and, as server-sent events, at /api/v1/notifications/live.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/metrics.h"
#include "net/response_writer.h"
#include "net/router.h"

namespace sextant::api {

struct Notification {
  std::string text;
  core::TimestampMs time_ms = 0;  // of its last change
  bool is_active = true;
};

// The notifications that hold now, and who follows them. Thread-safe; never waits for a client. Must outlive
// the server that has its routes.
class NotificationBoard {
 public:
  // At most so many clients follow at once.
  NotificationBoard(const core::Clock& clock, core::Registry& registry, size_t max_subscribers);
  NotificationBoard(const NotificationBoard&) = delete;
  NotificationBoard& operator=(const NotificationBoard&) = delete;

  // Puts a notification up; one that is up gets a new time.
  void Show(std::string_view text);
  // Takes it down, if it is up.
  void Withdraw(std::string_view text);
  // Those that are up, in the order of their texts.
  std::vector<Notification> List() const;

  // Sends all that is up, and every change from then on. With too many subscribers it answers 204.
  void Subscribe(net::ResponseWriter writer);

 private:
  void Publish(const Notification& notification);  // with the lock

  const core::Clock& clock_;
  const size_t max_subscribers_;
  core::Gauge& subscribers_count_;
  core::Counter& sent_;
  core::Counter& dropped_;
  mutable std::mutex mutex_;
  std::map<std::string, Notification, std::less<>> active_;          // guarded by mutex_, as what follows
  std::map<uint64_t, std::shared_ptr<net::SseWriter>> subscribers_;  // by a number of their own
  uint64_t next_subscriber_ = 0;
};

void AddNotificationRoutes(net::Router& router, NotificationBoard& board);

}  // namespace sextant::api
