#include "alerting/receivers/alert_json.h"

#include "gotemplate/format.h"

namespace sextant::alerting {

core::Result<std::string> AlertJson(const Draft& draft, const char* version) {
  gotemplate::BoundedText body(kMaxMessageBytes);
  gotemplate::AppendJson(body, draft.value());
  if (body.exceeded()) {
    return core::Fail(core::Code::kResourceExhausted, "message exceeds {} bytes; set max_alerts",
                      kMaxMessageBytes);
  }
  std::string text = body.Take();
  text.pop_back();  // the object goes on
  text += fmt::format(",\"version\":\"{}\",\"groupKey\":", version);
  core::AppendJsonString(text, draft.notification().group_key);
  text += fmt::format(",\"truncatedAlerts\":{}}}\n",
                      draft.notification().alerts.size() - draft.data().alerts.size());
  return text;
}

}  // namespace sextant::alerting
