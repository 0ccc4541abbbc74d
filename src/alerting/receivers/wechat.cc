// A message of a WeChat Work application, which needs an access token first; the token is kept.
// Specification: https://developer.work.weixin.qq.com/document/path/90236
#include "alerting/receivers/answer_json.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;

constexpr core::DurationMs kTokenLifeMs = 7'200'000;
constexpr int64_t kTokenExpired = 42001;

class WechatMessage final : public Conversation {
 public:
  WechatMessage(const Notification& notification, const WechatConfig& wechat, const MessageContext& context)
      : draft_(notification, context), wechat_(wechat), memory_(context.memory), now_ms_(context.now_ms) {}

  Step Begin() override {
    auto secret = SecretOf(wechat_.api_secret, wechat_.api_secret_file);
    if (!secret) return Verdict::GivenUp(secret.error().message());
    net::QueryParams params;
    params.Add("corpsecret", draft_.Text(*secret));
    params.Add("corpid", draft_.Text(wechat_.corp_id));
    if (!draft_.error().empty())
      return Verdict::GivenUp("templating error: " + draft_.error(), "clientError");
    const std::string address = AppendToPath(wechat_.api_url, "gettoken") + "?" + params.Encode();
    memory_key_ = "wechat " + address;
    token_ = memory_->Get(memory_key_, now_ms_);
    if (!token_.empty()) return Message();
    return Made(MakeRequest(draft_, "GET", address, wechat_.http, "", ""));
  }

  Step OnAnswer(const Answer& answer, core::TimestampMs now_ms) override {
    if (token_.empty()) return OnToken(answer, now_ms);
    return OnSent(answer, now_ms);
  }

 private:
  static Step Made(core::Result<net::FetchRequest> request) {
    if (!request) return Verdict::GivenUp(request.error().message());
    return std::move(*request);
  }

  Step OnToken(const Answer& answer, core::TimestampMs now_ms) {
    if (!answer) return JudgeAnswer(answer, now_ms);
    simdjson::dom::parser parser;
    simdjson::dom::element json;
    if (parser.parse(answer->body).get(json) != simdjson::SUCCESS) {
      if (answer->status / 100 != 2) return JudgeAnswer(answer, now_ms);
      return Verdict::GivenUp("the answer to gettoken is not JSON", FailureReason(answer->status));
    }
    token_ = TextIn(json, "access_token");
    if (token_.empty())
      return Verdict::GivenUp("invalid APISecret for CorpID: " + wechat_.corp_id, "authError");
    memory_->Put(memory_key_, token_, now_ms_ + kTokenLifeMs);
    return Message();
  }

  Step Message() {
    const std::string content = draft_.Text(wechat_.message);
    const bool is_markdown = wechat_.message_type == "markdown";
    JsonWriter json;
    json.BeginObject()
        .Key("text")
        .BeginObject()
        .Key("content")
        .String(is_markdown ? "" : content)
        .EndObject();
    WriteUnlessEmpty(json, "touser", draft_.Text(wechat_.to_user));
    WriteUnlessEmpty(json, "toparty", draft_.Text(wechat_.to_party));
    WriteUnlessEmpty(json, "totag", draft_.Text(wechat_.to_tag));
    WriteUnlessEmpty(json, "agentid", draft_.Text(wechat_.agent_id));
    json.Key("safe").String("0").Key("msgtype").String(wechat_.message_type);
    json.Key("markdown").BeginObject().Key("content").String(is_markdown ? content : "").EndObject();
    json.EndObject();
    if (!draft_.error().empty())
      return Verdict::GivenUp("templating error: " + draft_.error(), "clientError");
    const std::string url =
        AppendToPath(wechat_.api_url, "message/send") + "?access_token=" + net::QueryEscape(token_);
    return Made(MakeRequest(draft_, "POST", url, wechat_.http, std::move(json).Take() + "\n"));
  }

  Verdict OnSent(const Answer& answer, core::TimestampMs now_ms) {
    Verdict verdict = JudgeAnswer(answer, now_ms);
    if (!answer || answer->status != 200) {
      verdict.delivered = false;
      verdict.may_retry = true;
      if (answer) verdict.error = fmt::format("unexpected status code {}", answer->status);
      return verdict;
    }
    simdjson::dom::parser parser;
    simdjson::dom::element json;
    if (parser.parse(answer->body).get(json) != simdjson::SUCCESS)
      return {.may_retry = true, .error = "WeChat's answer is not JSON", .reason = "other"};
    const int64_t code = IntIn(json, "errcode", 0);
    if (code == 0) return verdict;
    if (code == kTokenExpired) memory_->Forget(memory_key_);
    return {.may_retry = code == kTokenExpired, .error = TextIn(json, "errmsg"), .reason = "other"};
  }

  Draft draft_;
  const WechatConfig& wechat_;
  std::shared_ptr<ServiceMemory> memory_;
  core::TimestampMs now_ms_;
  std::string memory_key_;
  std::string token_;
};

}  // namespace

ConversationPtr StartWechat(const Notification& notification, const WechatConfig& wechat,
                            const MessageContext& context) {
  return std::make_unique<WechatMessage>(notification, wechat, context);
}

}  // namespace sextant::alerting
