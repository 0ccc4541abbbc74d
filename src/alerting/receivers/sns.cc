// A message for Amazon's Simple Notification Service: a topic, a target or a telephone.
// Specification: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/unicode.h"
#include "httpclient/aws_credentials.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

using core::Result;

constexpr size_t kMaxMessageBytes = 256 << 10;
constexpr size_t kMaxSmsBytes = 1600;

// Region of the address and of the signature.
Result<std::string> Region(const config::SigV4Config& signing) {
  if (!signing.region.empty()) return signing.region;
  SEXTANT_ASSIGN(std::string region,
                 httpclient::FindAwsRegion(signing.profile, httpclient::ProcessEnvironment));
  if (!region.empty()) return region;
  return core::Fail(core::Code::kInvalidArgument,
                    "region not configured in sns.sigv4.region or in default credentials chain");
}

// Cut in the middle of a character it would be refused.
std::string Cut(std::string text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  text.resize(max_bytes);
  return text;
}

// What Amazon has to say stands in XML.
std::string Details(const net::FetchResponse& answer) {
  const size_t begin = answer.body.find("<Message>");
  const size_t end = answer.body.find("</Message>");
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return answer.body.substr(0, 512);
  return answer.body.substr(begin + 9, std::min<size_t>(end - begin - 9, 512));
}

class Publication {
 public:
  Publication(Draft& draft, const SnsConfig& sns) : draft_(draft), sns_(sns) {}

  Result<net::FetchRequest> Request() {
    SEXTANT_ASSIGN(const std::string api_url, Filled("api_url", sns_.api_url));
    params_.Add("Action", "Publish");
    params_.Add("Version", "2010-03-31");
    TextFields attributes;
    for (const auto& [name, text] : sns_.attributes) {
      SEXTANT_ASSIGN(std::string key, Filled("attributes", name));
      SEXTANT_ASSIGN(attributes[std::move(key)], Filled("attributes", text));
    }
    SEXTANT_TRY(AddTarget());
    SEXTANT_ASSIGN(std::string message, Filled("message", sns_.message));
    if (!gotemplate::IsValidUtf8(message))
      return core::Fail(core::Code::kInvalidArgument, "non utf8 encoded message string");
    const size_t max_bytes = sns_.phone_number.empty() ? kMaxMessageBytes : kMaxSmsBytes;
    if (message.size() > max_bytes) attributes["truncated"] = "true";
    params_.Add("Message", Cut(std::move(message), max_bytes));
    int entry = 0;
    for (const auto& [name, value] : attributes) {
      const std::string prefix = fmt::format("MessageAttributes.entry.{}.", ++entry);
      params_.Add(prefix + "Name", name);
      params_.Add(prefix + "Value.DataType", "String");
      params_.Add(prefix + "Value.StringValue", value);
    }
    if (!sns_.subject.empty()) {
      SEXTANT_ASSIGN(std::string subject, Filled("subject", sns_.subject));
      params_.Add("Subject", std::move(subject));
    }
    return Signed(api_url);
  }

 private:
  Result<std::string> Filled(std::string_view field, const std::string& text) {
    auto filled = draft_.Try(text);
    if (filled) return filled;
    return core::Fail(core::Code::kInvalidArgument, "execute '{}' template: {}", field,
                      filled.error().message());
  }

  core::Status AddTarget() {
    if (!sns_.topic_arn.empty()) {
      SEXTANT_ASSIGN(const std::string topic, Filled("topic_arn", sns_.topic_arn));
      params_.Add("TopicArn", topic);
      if (topic.ends_with(".fifo")) {
        params_.Add("MessageDeduplicationId", draft_.GroupHash());
        params_.Add("MessageGroupId", draft_.GroupHash());
      }
    }
    if (!sns_.phone_number.empty()) {
      SEXTANT_ASSIGN(std::string number, Filled("phone_number", sns_.phone_number));
      params_.Add("PhoneNumber", std::move(number));
    }
    if (!sns_.target_arn.empty()) {
      SEXTANT_ASSIGN(std::string target, Filled("target_arn", sns_.target_arn));
      params_.Add("TargetArn", std::move(target));
    }
    return {};
  }

  // Where AWS_CA_BUNDLE is set, the original asks as AWS' client does, too.
  Result<HttpOverride> HttpSettings() const {
    const httpclient::Environment environment = httpclient::ProcessEnvironment;
    if (!sns_.use_aws_http_client && environment("AWS_CA_BUNDLE").empty()) return sns_.http;
    config::HttpClientConfig http;
    SEXTANT_ASSIGN(http.tls.ca_file, httpclient::FindAwsCaBundle(sns_.sigv4.profile, environment));
    http.proxy.from_environment = true;
    return HttpOverride(std::move(http));
  }

  Result<net::FetchRequest> Signed(const std::string& api_url) {
    SEXTANT_ASSIGN(const std::string region, Region(sns_.sigv4));
    const std::string url = api_url.empty() ? fmt::format("https://sns.{}.amazonaws.com/", region) : api_url;
    SEXTANT_ASSIGN(const HttpOverride http, HttpSettings());
    SEXTANT_ASSIGN(net::FetchRequest request, MakeRequest(draft_, "POST", url, http, params_.Encode(),
                                                          "application/x-www-form-urlencoded"));
    request.authorizer = SignerOf(draft_, sns_.sigv4, "sns");
    return request;
  }

  Draft& draft_;
  const SnsConfig& sns_;
  net::QueryParams params_;
};

}  // namespace

ConversationPtr StartSns(const Notification& notification, const SnsConfig& sns,
                         const MessageContext& context) {
  Draft draft(notification, context);
  auto request = Publication(draft, sns).Request();
  if (!request) return SayNothing(Verdict::GivenUp(request.error().message(), "clientError"));
  return SayOnce(std::move(*request), {.details = Details});
}

}  // namespace sextant::alerting
