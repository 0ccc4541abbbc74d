// An event for PagerDuty: version 2 of its interface with a routing key, version 1 with a service key.
// Specification: https://developer.pagerduty.com/docs/events-api-v2/overview/
#include "alerting/receivers/answer_json.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/format.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;
using core::Result;

constexpr const char* kV1Url = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
constexpr size_t kMaxEventBytes = 512'000;
constexpr size_t kMaxDescriptionRunes = 1024;
constexpr const char* kRemovedDetails =
    R"({"error":"Custom details have been removed because the original event exceeds the maximum size of 512KB"})";

// What PagerDuty has against an event.
std::string Details(const net::FetchResponse& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (answer.status != 400 || parser.parse(answer.body).get(json) != simdjson::SUCCESS) return {};
  return fmt::format("{}: {}", TextIn(json, "message"), TextsIn(json, "errors", ","));
}

Result<std::string> DetailsJson(Draft& draft, const PagerdutyConfig& pagerduty) {
  auto details = draft.Fill(pagerduty.details);
  if (!details) {
    return core::Fail(core::Code::kInvalidArgument, "failed to render details: {}",
                      details.error().message());
  }
  gotemplate::BoundedText out(32 << 20);
  if (!gotemplate::AppendJson(out, *details) || out.exceeded())
    return core::Fail(core::Code::kInvalidArgument, "details cannot be written as JSON");
  return out.Take();
}

struct Event {
  std::string key;
  std::string description;
  std::string client;
  std::string client_url;
};

std::string V1Body(const Draft& draft, const Event& event, const std::string& details) {
  JsonWriter json;
  json.BeginObject().Key("service_key").String(event.key);
  json.Key("incident_key").String(draft.GroupHash());
  json.Key("event_type").String(draft.is_firing() ? "trigger" : "resolve");
  WriteUnlessEmpty(json, "description", event.description);
  json.Key("event_action").String("").Key("payload").Null();
  if (draft.is_firing()) {
    WriteUnlessEmpty(json, "client", event.client);
    WriteUnlessEmpty(json, "client_url", event.client_url);
  }
  json.Key("details").Raw(details).EndObject();
  return std::move(json).Take() + "\n";
}

void WriteImages(JsonWriter& json, Draft& draft, const PagerdutyConfig& pagerduty) {
  JsonWriter images;
  images.BeginArray();
  for (const PagerdutyImage& image : pagerduty.images) {
    const std::string src = draft.Text(image.src);
    if (src.empty()) continue;
    images.BeginObject().Key("src").String(src).Key("alt").String(draft.Text(image.alt));
    images.Key("href").String(draft.Text(image.href)).EndObject();
  }
  const std::string text = std::move(images.EndArray()).Take();
  if (text != "[]") json.Key("images").Raw(text);
}

void WriteLinks(JsonWriter& json, Draft& draft, const PagerdutyConfig& pagerduty) {
  JsonWriter links;
  links.BeginArray();
  for (const PagerdutyLink& link : pagerduty.links) {
    const std::string href = draft.Text(link.href);
    if (href.empty()) continue;
    links.BeginObject().Key("href").String(href).Key("text").String(draft.Text(link.text)).EndObject();
  }
  const std::string text = std::move(links.EndArray()).Take();
  if (text != "[]") json.Key("links").Raw(text);
}

std::string V2Body(Draft& draft, const PagerdutyConfig& pagerduty, const Event& event,
                   const std::string& details) {
  JsonWriter json;
  json.BeginObject().Key("routing_key").String(event.key);
  json.Key("dedup_key").String(draft.GroupHash());
  json.Key("event_action").String(draft.is_firing() ? "trigger" : "resolve");
  json.Key("payload").BeginObject().Key("summary").String(event.description);
  json.Key("source").String(draft.Text(pagerduty.source));
  json.Key("severity").String(draft.Text(pagerduty.severity.empty() ? "error" : pagerduty.severity));
  WriteUnlessEmpty(json, "class", draft.Text(pagerduty.class_name));
  WriteUnlessEmpty(json, "component", draft.Text(pagerduty.component));
  WriteUnlessEmpty(json, "group", draft.Text(pagerduty.group));
  json.Key("custom_details").Raw(details).EndObject();
  WriteUnlessEmpty(json, "client", event.client);
  WriteUnlessEmpty(json, "client_url", event.client_url);
  WriteImages(json, draft, pagerduty);
  WriteLinks(json, draft, pagerduty);
  json.EndObject();
  return std::move(json).Take() + "\n";
}

Result<net::FetchRequest> Request(Draft& draft, const PagerdutyConfig& pagerduty, bool is_v1) {
  SEXTANT_ASSIGN(std::string details, DetailsJson(draft, pagerduty));
  SEXTANT_ASSIGN(const std::string key, is_v1 ? SecretOf(pagerduty.service_key, pagerduty.service_key_file)
                                              : SecretOf(pagerduty.routing_key, pagerduty.routing_key_file));
  const Event event{draft.Text(key), TruncateRunes(draft.Text(pagerduty.description), kMaxDescriptionRunes),
                    draft.Text(pagerduty.client), draft.Text(pagerduty.client_url)};
  const auto write = [&] {
    return is_v1 ? V1Body(draft, event, details) : V2Body(draft, pagerduty, event, details);
  };
  std::string body = write();
  if (!draft.error().empty()) {
    return core::Fail(core::Code::kInvalidArgument, "failed to template PagerDuty {} message: {}",
                      is_v1 ? "v1" : "v2", draft.error());
  }
  if (event.key.empty())
    return core::Fail(core::Code::kInvalidArgument, "{} key cannot be empty", is_v1 ? "service" : "routing");
  if (body.size() > kMaxEventBytes) {
    details = kRemovedDetails;
    body = write();
  }
  return MakeRequest(draft, "POST", is_v1 ? kV1Url : pagerduty.url, pagerduty.http, std::move(body));
}

}  // namespace

ConversationPtr StartPagerduty(const Notification& notification, const PagerdutyConfig& pagerduty,
                               const MessageContext& context) {
  const bool is_v1 = !pagerduty.service_key.empty() || !pagerduty.service_key_file.empty();
  Draft draft(notification, context);
  auto request = Request(draft, pagerduty, is_v1);
  if (!request) return SayNothing(request.error());
  // Version 1 says 403 when it is asked too often.
  return SayOnce(std::move(*request),
                 {.retry_codes = is_v1 ? std::vector<int>{403} : std::vector<int>{}, .details = Details},
                 pagerduty.timeout_ms);
}

}  // namespace sextant::alerting
