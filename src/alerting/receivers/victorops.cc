// An alert for VictorOps' (Splunk On-Call's) REST endpoint.
// Specification: https://help.victorops.com/knowledge-base/rest-endpoint-integration-guide/
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

constexpr size_t kMaxMessageRunes = 20480;

std::string MessageType(const Draft& draft, std::string wanted) {
  if (!draft.is_firing()) return "RECOVERY";
  return wanted == "INFO" || wanted == "WARNING" || wanted == "CRITICAL" ? wanted : "CRITICAL";
}

}  // namespace

ConversationPtr StartVictorops(const Notification& notification, const VictoropsConfig& victorops,
                               const MessageContext& context) {
  Draft draft(notification, context);
  TextFields fields;
  fields["message_type"] = MessageType(draft, draft.Text(victorops.message_type));
  fields["entity_id"] = draft.GroupHash();
  fields["entity_display_name"] = draft.Text(victorops.entity_display_name);
  fields["state_message"] = TruncateRunes(draft.Text(victorops.state_message), kMaxMessageRunes);
  fields["monitoring_tool"] = draft.Text(victorops.monitoring_tool);
  for (const auto& [name, text] : victorops.custom_fields) fields[name] = draft.Text(text);
  const std::string routing_key = draft.Text(victorops.routing_key);
  if (!draft.error().empty())
    return SayNothing(Verdict::GivenUp("templating error: " + draft.error(), "clientError"));
  core::JsonWriter json;
  json.BeginObject();
  for (const auto& [name, value] : fields) json.Key(name).String(value);
  json.EndObject();
  const auto key = SecretOf(victorops.api_key, victorops.api_key_file);
  if (!key) {
    return SayNothing(Verdict::GivenUp("failed to read API key from file: " + key.error().message()));
  }
  std::string url =
      AppendToPath(victorops.api_url, net::PathEscape(*key) + "/" + net::PathEscape(routing_key));
  auto request = MakeRequest(draft, "POST", std::move(url), victorops.http, std::move(json).Take() + "\n");
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {});
}

}  // namespace sextant::alerting
