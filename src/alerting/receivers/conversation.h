// How a notification is put to a service: which requests to send, one after the other, and what the answers
// mean. Most services take one request; some must be asked first (Jira: is there an issue already?).
//
//   ConversationPtr conversation = StartConversation(notification, context);
//   Step step = conversation->Begin();
//   while (step is a request) step = conversation->OnAnswer(send(request), now_ms);
//   // step is a Verdict now
//
// No I/O here but reading the secret files that a configuration names: whoever drives it sends. An attempt
// that is repeated begins a new conversation, so that rotated secrets are picked up. One thread at a time.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>

#include "alerting/dispatcher.h"
#include "core/clock.h"
#include "core/result.h"
#include "gotemplate/template.h"
#include "net/http_client.h"
#include "net/smtp_client.h"

namespace sextant::alerting {

// What services are remembered by between notifications: access tokens. Bounded: the oldest entry makes room.
// Thread-safe.
class ServiceMemory {
 public:
  // `clock` must outlive what it gives.
  explicit ServiceMemory(const core::Clock& clock) : clock_(clock) {}

  // What fetches and keeps the tokens of HTTP settings that are part of `config`; null when they need none.
  std::shared_ptr<net::RequestAuthorizer> AuthorizerOf(const std::shared_ptr<const Config>& config,
                                                       const config::HttpClientConfig& http);
  // What signs requests to a service of Amazon with settings that are part of `config`, and keeps their keys.
  std::shared_ptr<net::RequestAuthorizer> SignerOf(const std::shared_ptr<const Config>& config,
                                                   const config::SigV4Config& signing,
                                                   const std::string& service);

  // Empty when there is none, or it has expired.
  std::string Get(const std::string& key, core::TimestampMs now_ms) const;
  void Put(const std::string& key, std::string value, core::TimestampMs expires_ms);
  void Forget(const std::string& key);

 private:
  struct Entry {
    std::string value;
    core::TimestampMs expires_ms = 0;
  };
  // With the lock.
  void ForgetOthers(const std::shared_ptr<const Config>& config);

  const core::Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  // Those of one configuration, which they keep alive: its settings are told apart by their addresses.
  std::shared_ptr<const Config> authorized_;
  std::map<const void*, std::shared_ptr<net::RequestAuthorizer>> authorizers_;
};

// What messages are made with.
struct MessageContext {
  std::shared_ptr<const gotemplate::TemplateSet> templates = {};
  std::string external_url = {};
  core::TimestampMs now_ms = 0;
  std::shared_ptr<ServiceMemory> memory = {};
};

// What came of an attempt.
struct Verdict {
  bool delivered = false;
  bool may_retry = false;
  bool is_rate_limited = false;         // the service wants fewer requests, not only this one later
  core::DurationMs retry_after_ms = 0;  // the peer's wish
  std::string error = {};
  std::string reason = {};          // of the failure, as the label of alertmanager_notifications_failed_total
  ReceiverData receiver_data = {};  // of what was delivered; see Dispatcher::Finish

  static Verdict Delivered() { return {.delivered = true}; }
  static Verdict GivenUp(std::string error, std::string reason = "other") {
    return {.error = std::move(error), .reason = std::move(reason)};
  }
};

using Answer = core::Result<net::FetchResponse>;
using Step = std::variant<net::FetchRequest, net::MailRequest, Verdict>;

class Conversation {
 public:
  virtual ~Conversation() = default;
  virtual Step Begin() = 0;
  // After a FetchRequest; at the time the answer came, from which dates in it count.
  virtual Step OnAnswer(const Answer& answer, core::TimestampMs now_ms) = 0;
  // After a MailRequest.
  virtual Verdict OnMailAnswer(const core::Status& answer);

  // Of one request; 0: until the deadline.
  core::DurationMs timeout_ms = 0;
  // A template failed: the message says so in plain words instead of being lost.
  std::string template_error;

 protected:
  Conversation() = default;
};
using ConversationPtr = std::unique_ptr<Conversation>;

// By the notification's integration; not for kLog. The notification must outlive the conversation. A
// conversation that cannot even begin (a template or a secret file is broken) ends with its first step.
ConversationPtr StartConversation(const Notification& notification, const MessageContext& context);

}  // namespace sextant::alerting
