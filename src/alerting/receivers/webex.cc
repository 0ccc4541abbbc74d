// A message in a Webex room.
// Specification: https://developer.webex.com/docs/api/v1/messages/create-a-message
#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"

namespace sextant::alerting {
namespace {

constexpr size_t kMaxMessageSizeBytes = 7439;

}  // namespace

ConversationPtr StartWebex(const Notification& notification, const WebexConfig& webex,
                           const MessageContext& context) {
  Draft draft(notification, context);
  core::JsonWriter json;
  json.BeginObject().Key("markdown").String(TruncateBytes(draft.Text(webex.message), kMaxMessageSizeBytes));
  WriteUnlessEmpty(json, "roomId", draft.Text(webex.room_id));
  json.EndObject();
  if (!draft.error().empty()) return SayNothing(Verdict::GivenUp(draft.error(), "clientError"));
  auto request = MakeRequest(draft, "POST", webex.api_url, webex.http, std::move(json).Take() + "\n");
  if (!request) return SayNothing(request.error());
  return SayOnce(std::move(*request), {});
}

}  // namespace sextant::alerting
