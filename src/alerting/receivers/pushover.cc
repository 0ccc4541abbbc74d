// A message for Pushover, all of it in the query.
// Specification: https://pushover.net/api
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/unicode.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

constexpr const char* kApiUrl = "https://api.pushover.net/1/messages.json";
constexpr size_t kMaxTitleRunes = 250;
constexpr size_t kMaxMessageRunes = 1024;
constexpr size_t kMaxUrlRunes = 512;

}  // namespace

ConversationPtr StartPushover(const Notification& notification, const PushoverConfig& pushover,
                              const MessageContext& context) {
  Draft draft(notification, context);
  const auto token = SecretOf(pushover.token, pushover.token_file);
  if (!token) return SayNothing(Verdict::GivenUp("read token_file: " + token.error().message()));
  const auto user = SecretOf(pushover.user_key, pushover.user_key_file);
  if (!user) return SayNothing(Verdict::GivenUp("read user_key_file: " + user.error().message()));
  net::QueryParams params;
  params.Add("token", draft.Text(*token));
  params.Add("user", draft.Text(*user));
  params.Add("title", TruncateRunes(draft.Text(pushover.title), kMaxTitleRunes));
  if (pushover.html) params.Add("html", "1");
  if (pushover.monospace) params.Add("monospace", "1");
  std::string message = TruncateRunes(
      pushover.html ? draft.Html(pushover.message) : draft.Text(pushover.message), kMaxMessageRunes);
  message = gotemplate::TrimSpace(message);
  if (message.empty()) message = "(no details)";  // Pushover refuses empty ones
  params.Add("message", std::move(message));
  params.Add("url", TruncateRunes(draft.Text(pushover.url), kMaxUrlRunes));
  params.Add("url_title", draft.Text(pushover.url_title));
  params.Add("priority", draft.Text(pushover.priority));
  params.Add("retry", fmt::format("{}", pushover.retry_ms / 1'000));
  params.Add("expire", fmt::format("{}", pushover.expire_ms / 1'000));
  params.Add("device", draft.Text(pushover.device));
  params.Add("sound", draft.Text(pushover.sound));
  if (pushover.ttl_ms >= 1'000) params.Add("ttl", fmt::format("{}", pushover.ttl_ms / 1'000));
  if (!draft.error().empty()) return SayNothing(Verdict::GivenUp(draft.error(), "clientError"));
  auto request = MakeRequest(draft, "POST", fmt::format("{}?{}", kApiUrl, params.Encode()), pushover.http, "",
                             "text/plain");
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {});
}

}  // namespace sextant::alerting
