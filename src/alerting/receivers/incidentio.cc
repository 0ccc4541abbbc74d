// Alertmanager's JSON with a token, for incident.io's HTTP alert source.
// Specification: https://docs.incident.io/alerts/prometheus
#include "alerting/receivers/alert_json.h"
#include "alerting/receivers/answer_json.h"
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"

namespace sextant::alerting {
namespace {

constexpr size_t kMaxPayloadBytes = 512 << 10;  // the service refuses more

std::string Details(const net::FetchResponse& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (parser.parse(answer.body).get(json) != simdjson::SUCCESS) return {};
  std::string out;
  for (const std::string& part :
       {TextIn(json, "message"), TextIn(json, "error"), TextsIn(json, "errors", ", ")}) {
    if (!part.empty()) out += (out.empty() ? "" : ": ") + part;
  }
  return out;
}

core::Result<net::FetchRequest> Request(const Notification& notification, const IncidentioConfig& incidentio,
                                        const MessageContext& context) {
  Draft draft(notification, context, incidentio.max_alerts);
  SEXTANT_ASSIGN(std::string body, AlertJson(draft, "1"));
  // One alert is what makes an incident; the others are worth less than being heard at all.
  if (body.size() > kMaxPayloadBytes) {
    SEXTANT_ASSIGN(body, AlertJson(Draft(notification, context, 1), "1"));
  }
  SEXTANT_ASSIGN(std::string url, SecretOf(incidentio.url, incidentio.url_file));
  SEXTANT_ASSIGN(net::FetchRequest request,
                 MakeRequest(draft, "POST", std::move(url), incidentio.http, std::move(body)));
  SEXTANT_ASSIGN(std::string token,
                 SecretOf(incidentio.alert_source_token, incidentio.alert_source_token_file));
  if (!token.empty()) request.bearer_token = std::move(token);
  return request;
}

}  // namespace

ConversationPtr StartIncidentio(const Notification& notification, const IncidentioConfig& incidentio,
                                const MessageContext& context) {
  auto request = Request(notification, incidentio, context);
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {.details = Details}, incidentio.timeout_ms);
}

}  // namespace sextant::alerting
