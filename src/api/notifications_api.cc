#include "api/notifications_api.h"

#include <utility>

#include "api/envelope.h"
#include "api/params.h"
#include "core/json_writer.h"

namespace sextant::api {

namespace {

void WriteNotification(core::JsonWriter& json, const Notification& notification) {
  json.BeginObject().Key("text").String(notification.text);
  json.Key("date").String(FormatRfc3339(notification.time_ms));
  json.Key("active").Bool(notification.is_active).EndObject();
}

std::string AsJson(const Notification& notification) {
  core::JsonWriter json;
  WriteNotification(json, notification);
  return std::move(json).Take();
}

}  // namespace

NotificationBoard::NotificationBoard(const core::Clock& clock, core::Registry& registry,
                                     size_t max_subscribers)
    : clock_(clock),
      max_subscribers_(max_subscribers),
      subscribers_count_(registry.AddGauge("prometheus_api_notification_active_subscribers",
                                           "Clients that follow the notifications.")),
      sent_(registry.AddCounter("prometheus_api_notification_updates_sent_total",
                                "Notifications that were sent to clients that follow them.")),
      dropped_(registry.AddCounter("prometheus_api_notification_updates_dropped_total",
                                   "Notifications that a client was too slow to take.")) {}

void NotificationBoard::Show(std::string_view text) {
  std::lock_guard lock(mutex_);
  Notification& notification = active_[std::string(text)];
  notification = {std::string(text), clock_.NowMs(), true};
  Publish(notification);
}

void NotificationBoard::Withdraw(std::string_view text) {
  std::lock_guard lock(mutex_);
  auto found = active_.find(text);
  if (found == active_.end()) return;
  Notification gone = std::move(found->second);
  active_.erase(found);
  gone.time_ms = clock_.NowMs();
  gone.is_active = false;
  Publish(gone);
}

std::vector<Notification> NotificationBoard::List() const {
  std::vector<Notification> list;
  std::lock_guard lock(mutex_);
  for (const auto& [text, notification] : active_) list.push_back(notification);
  return list;
}

void NotificationBoard::Publish(const Notification& notification) {
  std::string data = AsJson(notification);
  for (const auto& [number, subscriber] : subscribers_) {
    (subscriber->Send("", data) ? sent_ : dropped_).Increment();
  }
}

void NotificationBoard::Subscribe(net::ResponseWriter writer) {
  std::shared_ptr<net::SseWriter> subscriber;
  uint64_t number = 0;
  {
    std::lock_guard lock(mutex_);
    if (subscribers_.size() >= max_subscribers_) {
      writer.Send(net::HttpResponse{.status = 204, .headers = {}, .body = "", .static_body = {}});
      return;
    }
    subscriber = std::make_shared<net::SseWriter>(std::move(writer));
    for (const auto& [text, notification] : active_) {
      (subscriber->Send("", AsJson(notification)) ? sent_ : dropped_).Increment();
    }
    number = next_subscriber_++;
    subscribers_.emplace(number, subscriber);
    subscribers_count_.Set(static_cast<double>(subscribers_.size()));
  }
  // It may be called at once, and from then on until the answer has ended.
  subscriber->OnCancelled([this, number] {
    std::shared_ptr<net::SseWriter> gone;
    std::lock_guard lock(mutex_);
    auto found = subscribers_.find(number);
    if (found == subscribers_.end()) return;
    gone = std::move(found->second);
    subscribers_.erase(found);
    subscribers_count_.Set(static_cast<double>(subscribers_.size()));
  });
}

void AddNotificationRoutes(net::Router& router, NotificationBoard& board) {
  router.Add("GET", "/api/v1/notifications", [&board](const net::HttpRequest&) {
    return SuccessResponse([&](core::JsonWriter& json) {
      json.BeginArray();
      for (const Notification& notification : board.List()) WriteNotification(json, notification);
      json.EndArray();
    });
  });
  router.AddStream(
      "GET", "/api/v1/notifications/live",
      [&board](net::HttpRequest, net::ResponseWriter writer) { board.Subscribe(std::move(writer)); });
}

}  // namespace sextant::api
