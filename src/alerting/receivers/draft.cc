#include "alerting/receivers/draft.h"

#include <openssl/sha.h>

#include <algorithm>

#include "config/node.h"
#include "gotemplate/unicode.h"
#include "httpclient/settings.h"
#include "httpclient/sigv4.h"
#include "net/retry_after.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

using core::DurationMs;
using core::Result;

constexpr size_t kMaxSecretBytes = 64 << 10;
constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kShownAnswerBytes = 512;
constexpr size_t kMaxMemories = 20'000;
// What services see of who sends; some of them tell senders apart by it.
constexpr const char* kUserAgent = "Alertmanager/0.34.1";

// Our client's errors begin with the request: `Post "https://host/secret": dial tcp …`.
std::string WithoutUrl(const std::string& error) {
  const size_t begin = error.find('"');
  const size_t end = error.find('"', begin + 1);
  if (begin == std::string::npos || end == std::string::npos || error.compare(end, 2, "\":") != 0)
    return error;
  return error.substr(0, begin + 1) + "<redacted>" + error.substr(end);
}

Verdict JudgeTransportError(const core::Error& error) {
  const core::Code code = error.code();
  return {.may_retry = code != core::Code::kInvalidArgument && code != core::Code::kCancelled,
          .error = WithoutUrl(error.message()),
          .reason = code == core::Code::kDeadlineExceeded ? "contextDeadlineExceeded"
                    : code == core::Code::kCancelled      ? "contextCanceled"
                                                          : "other"};
}

class OneRequest final : public Conversation {
 public:
  OneRequest(net::FetchRequest request, AnswerRules rules)
      : request_(std::move(request)), rules_(std::move(rules)) {}
  Step Begin() override { return std::move(request_); }
  Step OnAnswer(const Answer& answer, core::TimestampMs now_ms) override {
    return JudgeAnswer(answer, now_ms, rules_);
  }

 private:
  net::FetchRequest request_;
  AnswerRules rules_;
};

class NoRequest final : public Conversation {
 public:
  explicit NoRequest(Verdict verdict) : verdict_(std::move(verdict)) {}
  Step Begin() override { return verdict_; }
  Step OnAnswer(const Answer&, core::TimestampMs) override { return verdict_; }

 private:
  Verdict verdict_;
};

}  // namespace

std::string ServiceMemory::Get(const std::string& key, core::TimestampMs now_ms) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() || found->second.expires_ms <= now_ms ? std::string() : found->second.value;
}

void ServiceMemory::Put(const std::string& key, std::string value, core::TimestampMs expires_ms) {
  std::lock_guard lock(mutex_);
  if (entries_.size() >= kMaxMemories && !entries_.contains(key)) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.second.expires_ms < b.second.expires_ms;
    }));
  }
  entries_[key] = {std::move(value), expires_ms};
}

std::shared_ptr<net::RequestAuthorizer> ServiceMemory::AuthorizerOf(
    const std::shared_ptr<const Config>& config, const config::HttpClientConfig& http) {
  if (!http.oauth2) return nullptr;
  std::lock_guard lock(mutex_);
  ForgetOthers(config);
  std::shared_ptr<net::RequestAuthorizer>& authorizer = authorizers_[&http];
  if (authorizer == nullptr) authorizer = httpclient::MakeAuthorizer(http, clock_);
  return authorizer;
}

std::shared_ptr<net::RequestAuthorizer> ServiceMemory::SignerOf(const std::shared_ptr<const Config>& config,
                                                                const config::SigV4Config& signing,
                                                                const std::string& service) {
  std::lock_guard lock(mutex_);
  ForgetOthers(config);
  std::shared_ptr<net::RequestAuthorizer>& signer = authorizers_[&signing];
  if (signer == nullptr) {
    config::SigV4Config of_service = signing;
    of_service.service_name = service;
    signer = httpclient::MakeSigV4Authorizer(of_service, clock_);
  }
  return signer;
}

void ServiceMemory::ForgetOthers(const std::shared_ptr<const Config>& config) {
  if (authorized_ == config) return;
  authorizers_.clear();
  authorized_ = config;
}

void ServiceMemory::Forget(const std::string& key) {
  std::lock_guard lock(mutex_);
  entries_.erase(key);
}

Verdict Conversation::OnMailAnswer(const core::Status& answer) {
  if (answer) return Verdict::Delivered();
  return JudgeTransportError(answer.error());
}

Draft::Draft(const Notification& notification, const MessageContext& context, size_t max_alerts)
    : notification_(notification),
      context_(context),
      data_(DescribeNotification(notification, context.external_url, max_alerts)),
      value_(ToTemplateValue(data_)) {
  environment_.now_ms = context.now_ms;
  environment_.route_labels = data_.route_labels;
}

std::string Draft::Fill(const std::string& text, bool as_html) {
  if (!error_.empty() || text.empty()) return {};
  // Most texts of a receiver are plain. HTML may lose its comments, so it is never plain.
  if (!as_html && text.find("{{") == std::string::npos) return text;
  auto filled = as_html ? context_.templates->ExecuteHtmlText("", text, value_, &environment_)
                        : context_.templates->ExecuteText("", text, value_, &environment_);
  if (filled) return std::move(*filled);
  error_ = filled.error().message();
  return {};
}

Result<std::string> Draft::Try(const std::string& text) {
  std::string filled = Text(text);
  if (!error_.empty()) return core::Fail(core::Code::kInvalidArgument, "{}", error_);
  return filled;
}

Result<gotemplate::Value> Draft::Fill(const gotemplate::Value& value) {
  return FillAnyValue(value, [this](const std::string& text) { return Try(text); });
}

Result<gotemplate::Value> Draft::Fill(const AnyFields& fields) {
  gotemplate::Map::Entries entries;
  for (const auto& [name, value] : fields) {
    SEXTANT_ASSIGN(entries[name], Fill(value));
  }
  return gotemplate::Value::OfMap(std::move(entries));
}

std::string Draft::GroupHash() const {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  const std::string& key = notification_.group_key;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

void WriteUnlessEmpty(core::JsonWriter& json, std::string_view key, const std::string& value) {
  if (!value.empty()) json.Key(key).String(value);
}

Result<std::string> SecretOf(const std::string& value, const std::string& file) {
  if (file.empty()) return value;
  SEXTANT_ASSIGN(const std::string text, config::ReadTextFile(file, kMaxSecretBytes));
  return std::string(gotemplate::TrimSpace(text));
}

Result<std::string> SecretOf(const config::Secret& value, const std::string& file) {
  return SecretOf(value.Reveal(), file);
}

Result<net::FetchRequest> MakeRequest(const Draft& draft, std::string method, std::string url,
                                      const HttpOverride& http, std::string body,
                                      std::string_view content_type) {
  net::FetchRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.headers.Set("User-Agent", kUserAgent);
  if (!content_type.empty()) request.headers.Set("Content-Type", std::string(content_type));
  request.body = std::move(body);
  request.max_body_bytes = kMaxAnswerBytes;
  const config::HttpClientConfig& settings = http ? *http : draft.config().global.http;
  // Tokens outlive a message.
  httpclient::ApplyHttpConfig(
      settings, draft.context().memory->AuthorizerOf(draft.notification().config, settings), request);
  SEXTANT_TRY(httpclient::ReadSecretFiles(settings, request));
  return request;
}

std::shared_ptr<net::RequestAuthorizer> SignerOf(const Draft& draft, const config::SigV4Config& signing,
                                                 const std::string& service) {
  return draft.context().memory->SignerOf(draft.notification().config, signing, service);
}

std::string JoinUrl(const std::string& url, std::string_view path) {
  auto parsed = net::ParseUrl(url);
  if (!parsed) return url;
  while (parsed->path.ends_with('/')) parsed->path.pop_back();
  parsed->path += '/';
  parsed->path += path.starts_with('/') ? path.substr(1) : path;
  return parsed->ToString();
}

std::string AppendToPath(const std::string& url, std::string_view path) {
  auto parsed = net::ParseUrl(url);
  if (!parsed) return url;
  parsed->path += path;
  return parsed->ToString();
}

std::string FailureReason(int status) {
  if (status == 401 || status == 403) return "authError";
  if (status == 429) return "rateLimited";
  if (status / 100 == 4) return "clientError";
  if (status / 100 == 5) return "serverError";
  return "other";
}

Verdict JudgeAnswer(const Answer& answer, core::TimestampMs now_ms, const AnswerRules& rules) {
  if (!answer) return JudgeTransportError(answer.error());
  const int status = answer->status;
  if (status / 100 == 2) {
    if (rules.judge_success == nullptr) return Verdict::Delivered();
    Verdict verdict = rules.judge_success(*answer);
    if (!verdict.delivered) verdict.error = rules.prefix + verdict.error;
    return verdict;
  }
  std::string error = fmt::format("{}unexpected status code {}", rules.prefix, status);
  const std::string details =
      rules.details ? rules.details(*answer) : answer->body.substr(0, kShownAnswerBytes);
  if (!details.empty()) error += ": " + details;
  const bool is_listed = std::ranges::find(rules.retry_codes, status) != rules.retry_codes.end();
  return {.may_retry = status / 100 == 5 || status == 429 || is_listed,
          .is_rate_limited = status == 429,
          .retry_after_ms = net::RetryAfterMs(answer->headers.Get("Retry-After"), now_ms),
          .error = std::move(error),
          .reason = FailureReason(status)};
}

ConversationPtr SayOnce(net::FetchRequest request, AnswerRules rules, DurationMs timeout_ms) {
  auto conversation = std::make_unique<OneRequest>(std::move(request), std::move(rules));
  conversation->timeout_ms = timeout_ms;
  return conversation;
}

ConversationPtr SayNothing(Verdict verdict) { return std::make_unique<NoRequest>(std::move(verdict)); }

ConversationPtr SayNothing(const core::Error& error) {
  return SayNothing(Verdict::GivenUp(error.message(), "other"));
}

std::string TruncateRunes(std::string text, size_t max_runes) {
  if (gotemplate::CountRunes(text) <= max_runes) return text;
  const bool has_ellipsis = max_runes > 3;
  size_t end = 0;
  for (size_t i = 0; i < (has_ellipsis ? max_runes - 1 : max_runes); ++i) {
    end += gotemplate::DecodeRune(std::string_view(text).substr(end)).size;
  }
  text.resize(end);
  if (has_ellipsis) text += "…";
  return text;
}

std::string TruncateBytes(std::string text, size_t max_bytes) {
  constexpr std::string_view kEllipsis = "…";
  if (text.size() <= max_bytes) return text;
  if (max_bytes < kEllipsis.size()) return std::string(max_bytes, '.');
  size_t cut = 0;
  while (cut < text.size()) {
    const size_t next = cut + gotemplate::DecodeRune(std::string_view(text).substr(cut)).size;
    if (next > max_bytes - kEllipsis.size()) break;
    cut = next;
  }
  return text.substr(0, cut) + std::string(kEllipsis);
}

}  // namespace sextant::alerting
