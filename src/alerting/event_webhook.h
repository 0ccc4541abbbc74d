// One webhook of the event recorder: events, one by one or as lists, by POST; a few requests at a time, a few
// attempts each. At most 1,024 events wait; further ones are dropped and counted.
//
// Thread-safe, but for Stop.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "alerting/event_output.h"
#include "alerting/event_recorder_config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::alerting {

class EventWebhook final : public EventOutput, public std::enable_shared_from_this<EventWebhook> {
 public:
  EventWebhook(EventOutputServices services, EventWebhookConfig config);

  const std::string& name() const override { return name_; }
  EventFormat format() const override { return EventFormat::kJson; }
  void Send(std::string event) override;
  void Close() override;
  bool IsDone() override;
  void Stop(core::DurationMs within_ms) override;

 private:
  struct Delivery {
    std::string body;
    int64_t events = 0;
    int64_t attempts = 0;
    int64_t due_ns = 0;  // of the next attempt
    net::FetchHandle handle;
  };
  using DeliveryPtr = std::shared_ptr<Delivery>;

  // All with the lock held.
  std::vector<DeliveryPtr> TakeReady();
  DeliveryPtr NextDelivery(int64_t now_ns);
  bool HasWholeList(int64_t now_ns) const;
  void Drop(int64_t events);
  void Arm(int64_t now_ns);
  bool is_idle() const { return waiting_.empty() && retries_.empty() && active_.empty(); }

  void Work();
  void Post(const DeliveryPtr& delivery);
  void OnAnswer(const DeliveryPtr& delivery, const core::Result<net::FetchResponse>& answer);

  const EventOutputServices services_;
  const EventWebhookConfig config_;  // without zeros
  const std::string name_;
  net::FetchRequest request_;
  core::Counter& drops_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::optional<net::Timer> timer_;  // gone after Stop
  std::deque<std::string> waiting_;  // guarded by mutex_, as what follows
  size_t waiting_bytes_ = 0;
  int64_t list_due_ns_ = 0;  // when what waits goes out although the list is not whole
  std::vector<DeliveryPtr> retries_;
  std::vector<DeliveryPtr> active_;
  bool is_closed_ = false;
  bool is_given_up_ = false;
};

}  // namespace sextant::alerting
