// A message of a Telegram bot.
// Specification: https://core.telegram.org/bots/api#sendmessage
#include <charconv>

#include "alerting/receivers/answer_json.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "alerting/receivers/telegram_text.h"

namespace sextant::alerting {
namespace {

constexpr size_t kMaxMessageSizeBytes = 1 << 15;  // before Telegram reads its markup
constexpr size_t kMaxMessageRunes = 4096;         // after
constexpr core::DurationMs kMaxRetryAfterMs = 3'600'000;

// What Telegram has to say stands in the body, whatever the status.
Verdict Judge(const Answer& answer, core::TimestampMs now_ms) {
  if (!answer) return JudgeAnswer(answer, now_ms);
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (parser.parse(answer->body).get(json) != simdjson::SUCCESS) {
    Verdict verdict = JudgeAnswer(answer, now_ms);
    if (!verdict.delivered) verdict.may_retry = true;
    return verdict;
  }
  if (IsTrueIn(json, "ok")) return Verdict::Delivered();
  const int64_t code = IntIn(json, "error_code", answer->status);
  int64_t retry_after_s = 0;
  if (json["parameters"]["retry_after"].get(retry_after_s) != simdjson::SUCCESS) retry_after_s = 0;
  return {.may_retry = true,
          .is_rate_limited = code == 429,
          .retry_after_ms = std::clamp<core::DurationMs>(retry_after_s, 0, kMaxRetryAfterMs / 1'000) * 1'000,
          .error = fmt::format("telegram: {} ({})", TextIn(json, "description"), code),
          .reason = FailureReason(static_cast<int>(code))};
}

class TelegramMessage final : public Conversation {
 public:
  explicit TelegramMessage(net::FetchRequest request) : request_(std::move(request)) {}
  Step Begin() override { return std::move(request_); }
  Step OnAnswer(const Answer& answer, core::TimestampMs now_ms) override { return Judge(answer, now_ms); }

 private:
  net::FetchRequest request_;
};

core::Result<std::string> ChatId(const TelegramConfig& telegram) {
  if (telegram.chat_id_file.empty()) return fmt::format("{}", telegram.chat_id);
  SEXTANT_ASSIGN(std::string text, SecretOf(std::string(), telegram.chat_id_file));
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) {
    return core::Fail(core::Code::kInvalidArgument, "could not parse chat_id from {}", telegram.chat_id_file);
  }
  return text;
}

core::Result<net::FetchRequest> Request(Draft& draft, const TelegramConfig& telegram) {
  std::string text;
  if (telegram.parse_mode == "HTML") {
    text = draft.Html(telegram.message);
    // Cut markup would be refused.
    if (text.size() > kMaxMessageSizeBytes || CountTelegramRunes(text) > kMaxMessageRunes)
      text = kTelegramTooLong;
  } else {
    text = TruncateRunes(draft.Text(telegram.message), kMaxMessageRunes);
  }
  if (!draft.error().empty()) return core::Fail(core::Code::kInvalidArgument, "{}", draft.error());
  SEXTANT_ASSIGN(const std::string token, SecretOf(telegram.bot_token, telegram.bot_token_file));
  SEXTANT_ASSIGN(const std::string chat, ChatId(telegram));
  core::JsonWriter json;
  json.BeginObject().Key("chat_id").String(chat);
  if (telegram.disable_notifications) json.Key("disable_notification").String("true");
  json.Key("disable_web_page_preview").String("true");
  if (telegram.message_thread_id != 0)
    json.Key("message_thread_id").String(fmt::format("{}", telegram.message_thread_id));
  WriteUnlessEmpty(json, "parse_mode", telegram.parse_mode);
  json.Key("text").String(text).EndObject();
  return MakeRequest(draft, "POST", JoinUrl(telegram.api_url, fmt::format("bot{}/sendMessage", token)),
                     telegram.http, std::move(json).Take() + "\n");
}

}  // namespace

ConversationPtr StartTelegram(const Notification& notification, const TelegramConfig& telegram,
                              const MessageContext& context) {
  Draft draft(notification, context);
  auto request = Request(draft, telegram);
  if (!request) return SayNothing(request.error());
  auto conversation = std::make_unique<TelegramMessage>(std::move(*request));
  conversation->timeout_ms = telegram.timeout_ms;
  return conversation;
}

}  // namespace sextant::alerting
