#include "alerting/event_webhook.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "httpclient/settings.h"

namespace sextant::alerting {

namespace {

constexpr size_t kMaxWaiting = 1'024;
constexpr core::DurationMs kMaxBackoffMs = 30'000;
constexpr size_t kMaxAnswerBytes = 1 << 20;

// Zeros mean these.
EventWebhookConfig WithDefaults(EventWebhookConfig config) {
  const auto set = [](auto& value, auto otherwise) {
    if (value <= 0) value = otherwise;
  };
  set(config.timeout_ms, 10'000);
  set(config.workers, 4);
  set(config.max_retries, 3);
  set(config.retry_backoff_ms, 500);
  set(config.batch_max_events, 100);
  set(config.batch_max_bytes, 1 << 20);
  set(config.batch_flush_interval_ms, 100);
  return config;
}

}  // namespace

EventWebhook::EventWebhook(EventOutputServices services, EventWebhookConfig config)
    : services_(std::move(services)),
      config_(WithDefaults(std::move(config))),
      name_(OutputName(config_)),
      drops_(DroppedEvents(services_.registry, name_)),
      timer_(std::in_place, services_.io, services_.executor, core::Priority::kBackground) {
  if (config_.http) httpclient::ApplyHttpConfig(*config_.http, services_.clock, request_);
  request_.method = "POST";
  request_.url = config_.url;
  request_.timeout_ms = config_.timeout_ms;
  request_.max_body_bytes = kMaxAnswerBytes;
  request_.headers.Set("Content-Type", "application/json");
}

void EventWebhook::Drop(int64_t events) { drops_.Increment(static_cast<double>(events)); }

void EventWebhook::Send(std::string event) {
  {
    std::lock_guard lock(mutex_);
    if (is_closed_ || waiting_.size() >= kMaxWaiting) return Drop(1);
    if (waiting_.empty())
      list_due_ns_ = services_.clock.MonotonicNs() + config_.batch_flush_interval_ms * 1'000'000;
    waiting_bytes_ += event.size();
    waiting_.push_back(std::move(event));
  }
  Work();
}

bool EventWebhook::HasWholeList(int64_t now_ns) const {
  return is_closed_ || now_ns >= list_due_ns_ ||
         waiting_.size() >= static_cast<size_t>(config_.batch_max_events) ||
         waiting_bytes_ >= static_cast<size_t>(config_.batch_max_bytes);
}

// Null: nothing may be sent now.
EventWebhook::DeliveryPtr EventWebhook::NextDelivery(int64_t now_ns) {
  const auto due = std::ranges::find_if(
      retries_, [&](const DeliveryPtr& delivery) { return is_closed_ || delivery->due_ns <= now_ns; });
  if (due != retries_.end()) {
    DeliveryPtr delivery = std::move(*due);
    retries_.erase(due);
    return delivery;
  }
  if (waiting_.empty() || (config_.batch && !HasWholeList(now_ns))) return nullptr;
  auto delivery = std::make_shared<Delivery>();
  const auto most_events = config_.batch ? static_cast<size_t>(config_.batch_max_events) : 1;
  const auto most_bytes = static_cast<size_t>(config_.batch_max_bytes);
  while (!waiting_.empty() && static_cast<size_t>(delivery->events) < most_events) {
    std::string& event = waiting_.front();
    if (delivery->events > 0 && delivery->body.size() + event.size() + 2 > most_bytes) break;
    if (config_.batch) delivery->body += delivery->events == 0 ? '[' : ',';
    delivery->body += event;
    waiting_bytes_ -= event.size();
    waiting_.pop_front();
    ++delivery->events;
  }
  if (config_.batch) delivery->body += ']';
  list_due_ns_ = now_ns + config_.batch_flush_interval_ms * 1'000'000;
  return delivery;
}

std::vector<EventWebhook::DeliveryPtr> EventWebhook::TakeReady() {
  std::vector<DeliveryPtr> ready;
  if (is_given_up_) return ready;
  const int64_t now_ns = services_.clock.MonotonicNs();
  while (active_.size() < static_cast<size_t>(config_.workers)) {
    DeliveryPtr delivery = NextDelivery(now_ns);
    if (delivery == nullptr) break;
    active_.push_back(delivery);
    ready.push_back(std::move(delivery));
  }
  Arm(now_ns);
  return ready;
}

// Wakes up for the next list or attempt; answers wake up by themselves.
void EventWebhook::Arm(int64_t now_ns) {
  if (!timer_ || active_.size() >= static_cast<size_t>(config_.workers)) return;
  int64_t next_ns = std::numeric_limits<int64_t>::max();
  for (const DeliveryPtr& delivery : retries_) next_ns = std::min(next_ns, delivery->due_ns);
  if (!waiting_.empty()) next_ns = std::min(next_ns, list_due_ns_);
  if (next_ns == std::numeric_limits<int64_t>::max()) return;
  const core::DurationMs delay_ms = std::max<int64_t>(next_ns - now_ns, 0) / 1'000'000 + 1;
  timer_->StartAfter(delay_ms, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Work();
  });
}

void EventWebhook::Work() {
  std::vector<DeliveryPtr> ready;
  {
    std::lock_guard lock(mutex_);
    ready = TakeReady();
  }
  for (const DeliveryPtr& delivery : ready) Post(delivery);
}

void EventWebhook::Post(const DeliveryPtr& delivery) {
  net::FetchRequest request = request_;
  request.body = delivery->body;
  if (config_.http) {
    if (const core::Status read = httpclient::ReadSecretFiles(*config_.http, request); !read)
      return OnAnswer(delivery, tl::unexpected(read.error()));
  }
  net::FetchHandle handle = services_.client.Fetch(
      std::move(request), {.executor = &services_.executor, .priority = core::Priority::kBackground},
      [self = shared_from_this(), delivery](const core::Result<net::FetchResponse>& answer) {
        self->OnAnswer(delivery, answer);
        self->Work();
      });
  bool is_given_up = false;
  {
    std::lock_guard lock(mutex_);
    delivery->handle = handle;
    is_given_up = is_given_up_;
  }
  if (is_given_up) handle.Cancel();
}

void EventWebhook::OnAnswer(const DeliveryPtr& delivery, const core::Result<net::FetchResponse>& answer) {
  std::lock_guard lock(mutex_);
  std::erase(active_, delivery);
  const bool is_good = answer && answer->status / 100 == 2;
  if (!is_good) {
    const std::string error =
        answer ? fmt::format("the answer was {}", answer->status) : answer.error().message();
    if (delivery->attempts == 0)
      services_.logger.Warn("events could not be sent", {{"output", name_}, {"err", error}});
    ++delivery->attempts;
    if (is_given_up_ || delivery->attempts >= config_.max_retries) {
      services_.logger.Error("events are dropped after all attempts",
                             {{"output", name_}, {"events", delivery->events}, {"err", error}});
      Drop(delivery->events);
    } else {
      const auto doublings = std::min<int64_t>(delivery->attempts - 1, 20);
      const core::DurationMs pause_ms = std::min(config_.retry_backoff_ms << doublings, kMaxBackoffMs);
      delivery->due_ns = services_.clock.MonotonicNs() + pause_ms * 1'000'000;
      retries_.push_back(delivery);
    }
  }
  Arm(services_.clock.MonotonicNs());
  if (is_idle()) idle_.notify_all();
}

void EventWebhook::Close() {
  {
    std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  Work();
}

bool EventWebhook::IsDone() {
  std::lock_guard lock(mutex_);
  return is_idle();
}

void EventWebhook::Stop(core::DurationMs within_ms) {
  std::vector<DeliveryPtr> under_way;
  {
    std::unique_lock lock(mutex_);
    if (!timer_) return;
    idle_.wait_for(lock, std::chrono::milliseconds(within_ms), [this] { return is_idle(); });
    is_given_up_ = true;
    Drop(static_cast<int64_t>(waiting_.size()));
    waiting_.clear();
    for (const DeliveryPtr& delivery : retries_) Drop(delivery->events);
    retries_.clear();
    under_way = active_;
  }
  for (const DeliveryPtr& delivery : under_way) delivery->handle.Cancel();
  timer_->Cancel();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return is_idle(); });
  timer_.reset();
}

}  // namespace sextant::alerting
