// What the services' messages are made with: a notification's data, templates filled in with it, requests
// with a receiver's HTTP settings, and the rules by which answers are judged.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/any_value.h"
#include "alerting/receivers/conversation.h"
#include "alerting/template_data.h"
#include "core/json_writer.h"
#include "gotemplate/alertmanager.h"

namespace sextant::alerting {

// A notification being written down. Templates may fail: the first error is kept and later texts come out
// empty, so that a message is checked once at its end.
class Draft {
 public:
  Draft(const Notification& notification, const MessageContext& context, size_t max_alerts = 0);

  // A template filled in, as text or with HTML's escapes.
  std::string Text(const std::string& text) { return Fill(text, false); }
  std::string Html(const std::string& text) { return Fill(text, true); }
  std::string Text(const config::Secret& text) { return Text(text.Reveal()); }
  // The same with the error in hand.
  core::Result<std::string> Try(const std::string& text);
  // Free-form fields with all their templates filled in.
  core::Result<gotemplate::Value> Fill(const gotemplate::Value& value);
  core::Result<gotemplate::Value> Fill(const AnyFields& fields);

  const std::string& error() const { return error_; }

  const MessageData& data() const { return data_; }
  const gotemplate::Value& value() const { return value_; }
  const Notification& notification() const { return notification_; }
  const Config& config() const { return *notification_.config; }
  const MessageContext& context() const { return context_; }
  bool is_firing() const { return data_.status == "firing"; }
  // SHA-256 of the group's key: what services tell the group's messages by.
  std::string GroupHash() const;

 private:
  std::string Fill(const std::string& text, bool as_html);

  const Notification& notification_;
  const MessageContext context_;
  MessageData data_;
  gotemplate::Value value_;
  gotemplate::AlertmanagerEnvironment environment_;
  std::string error_;
};

// "key":"value", unless the value is empty.
void WriteUnlessEmpty(core::JsonWriter& json, std::string_view key, const std::string& value);

// A secret that stands in the configuration, else in a file (without the space around it).
core::Result<std::string> SecretOf(const std::string& value, const std::string& file);
core::Result<std::string> SecretOf(const config::Secret& value, const std::string& file);

// What signs a message to a service of Amazon.
std::shared_ptr<net::RequestAuthorizer> SignerOf(const Draft& draft, const config::SigV4Config& signing,
                                                 const std::string& service);

// A request with the receiver's HTTP settings, or the global ones. A body is JSON unless told otherwise.
core::Result<net::FetchRequest> MakeRequest(const Draft& draft, std::string method, std::string url,
                                            const HttpOverride& http, std::string body,
                                            std::string_view content_type = "application/json");

// The path of `url` followed by `path`, with exactly one slash between them.
std::string JoinUrl(const std::string& url, std::string_view path);
// `path` appended to the path of `url` as it is.
std::string AppendToPath(const std::string& url, std::string_view path);

// How a service's answers are judged. 2xx means delivered, unless `judge_success` finds otherwise; 5xx and
// 429 may be repeated, and so may `retry_codes`.
struct AnswerRules {
  std::vector<int> retry_codes = {};
  std::string prefix = {};  // of errors: `channel "#x": `
  // What to say about a failure beside its status; by default the answer's body.
  std::function<std::string(const net::FetchResponse&)> details = nullptr;
  std::function<Verdict(const net::FetchResponse&)> judge_success = nullptr;
};
Verdict JudgeAnswer(const Answer& answer, core::TimestampMs now_ms, const AnswerRules& rules = {});
// The label `reason` for an HTTP status.
std::string FailureReason(int status);

// One request, and its answer's verdict.
ConversationPtr SayOnce(net::FetchRequest request, AnswerRules rules, core::DurationMs timeout_ms = 0);
// Nothing to send.
ConversationPtr SayNothing(Verdict verdict);
ConversationPtr SayNothing(const core::Error& error);

// The first `max_runes` characters, the last of them an ellipsis when the text was longer; 3 or fewer without
// one.
std::string TruncateRunes(std::string text, size_t max_runes);
// The same counted in bytes, never in the middle of a character.
std::string TruncateBytes(std::string text, size_t max_bytes);

}  // namespace sextant::alerting
