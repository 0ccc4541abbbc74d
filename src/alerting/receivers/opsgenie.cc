// An alert for OpsGenie: created, changed on request, closed when all is resolved.
// Specification: https://docs.opsgenie.com/docs/alert-api
#include <deque>

#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/unicode.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;
using core::Result;
using core::Status;

constexpr size_t kMaxMessageRunes = 130;

// "a,b,,c" → a, b, c.
std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  text = gotemplate::TrimSpace(text);
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

void WriteList(JsonWriter& json, std::string_view key, const std::vector<std::string>& items) {
  if (items.empty()) return;
  json.Key(key).BeginArray();
  for (const std::string& item : items) json.String(item);
  json.EndArray();
}

void WriteResponders(JsonWriter& json, Draft& draft, const OpsgenieConfig& opsgenie) {
  JsonWriter list;
  list.BeginArray();
  for (const OpsgenieResponder& responder : opsgenie.responders) {
    const std::string id = draft.Text(responder.id);
    const std::string name = draft.Text(responder.name);
    const std::string username = draft.Text(responder.username);
    const std::string type = draft.Text(responder.type);
    // Responders may come from labels that an alert does not have.
    if ((id + name + username + type).empty()) continue;
    if (type == "teams") {
      for (const std::string& team : Split(name))
        list.BeginObject().Key("name").String(team).Key("type").String("team").EndObject();
      continue;
    }
    list.BeginObject();
    WriteUnlessEmpty(list, "id", id);
    WriteUnlessEmpty(list, "name", name);
    WriteUnlessEmpty(list, "username", username);
    list.Key("type").String(type).EndObject();
  }
  const std::string text = std::move(list.EndArray()).Take();
  if (text != "[]") json.Key("responders").Raw(text);
}

std::string ObjectOf(std::string_view key, const std::string& value) {
  JsonWriter json;
  json.BeginObject();
  WriteUnlessEmpty(json, key, value);
  json.EndObject();
  return std::move(json).Take() + "\n";
}

// Requests one after the other, until one fails.
class OpsgenieAlert final : public Conversation {
 public:
  explicit OpsgenieAlert(std::deque<net::FetchRequest> requests) : requests_(std::move(requests)) {}
  Step Begin() override { return Next(); }
  Step OnAnswer(const Answer& answer, core::TimestampMs now_ms) override {
    Verdict verdict = JudgeAnswer(answer, now_ms);
    if (!verdict.delivered || requests_.empty()) return verdict;
    return Next();
  }

 private:
  net::FetchRequest Next() {
    net::FetchRequest request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }

  std::deque<net::FetchRequest> requests_;
};

class Writer {
 public:
  Writer(Draft& draft, const OpsgenieConfig& opsgenie)
      : draft_(draft), opsgenie_(opsgenie), alias_(draft.GroupHash()) {}

  Result<std::deque<net::FetchRequest>> Requests() {
    SEXTANT_TRY(draft_.is_firing() ? Create() : Close());
    auto key = SecretOf(opsgenie_.api_key, opsgenie_.api_key_file);
    if (!key)
      return core::Fail(core::Code::kInvalidArgument, "read key_file error: {}", key.error().message());
    const std::string filled = draft_.Text(*key);
    if (!draft_.error().empty())
      return core::Fail(core::Code::kInvalidArgument, "templating error: {}", draft_.error());
    for (net::FetchRequest& request : requests_) request.headers.Set("Authorization", "GenieKey " + filled);
    return std::move(requests_);
  }

 private:
  Status Close() {
    JsonWriter json;
    json.BeginObject().Key("source").String(draft_.Text(opsgenie_.source)).EndObject();
    return Add("POST", "/close", std::move(json).Take() + "\n");
  }

  Status Create() {
    const std::string message = TruncateRunes(draft_.Text(opsgenie_.message), kMaxMessageRunes);
    const std::string description = draft_.Text(opsgenie_.description);
    TextFields details(draft_.data().common_labels.begin(), draft_.data().common_labels.end());
    for (const auto& [name, text] : opsgenie_.details) details[name] = draft_.Text(text);
    JsonWriter json;
    json.BeginObject().Key("alias").String(alias_).Key("message").String(message);
    WriteUnlessEmpty(json, "description", description);
    json.Key("details").BeginObject();
    for (const auto& [name, value] : details) json.Key(name).String(value);
    json.EndObject();
    json.Key("source").String(draft_.Text(opsgenie_.source));
    WriteResponders(json, draft_, opsgenie_);
    WriteList(json, "tags", Split(draft_.Text(opsgenie_.tags)));
    WriteUnlessEmpty(json, "note", draft_.Text(opsgenie_.note));
    WriteUnlessEmpty(json, "priority", draft_.Text(opsgenie_.priority));
    WriteUnlessEmpty(json, "entity", draft_.Text(opsgenie_.entity));
    WriteList(json, "actions", Split(draft_.Text(opsgenie_.actions)));
    json.EndObject();
    SEXTANT_TRY(AddTo(AppendToPath(opsgenie_.api_url, "v2/alerts"), "POST", std::move(json).Take() + "\n"));
    if (!opsgenie_.update_alerts) return {};
    SEXTANT_TRY(Add("PUT", "/message", ObjectOf("message", message)));
    return Add("PUT", "/description", ObjectOf("description", description));
  }

  Status Add(const char* method, std::string_view action, std::string body) {
    return AddTo(AppendToPath(opsgenie_.api_url, fmt::format("v2/alerts/{}{}", alias_, action)) +
                     "?identifierType=alias",
                 method, std::move(body));
  }

  Status AddTo(std::string url, const char* method, std::string body) {
    SEXTANT_ASSIGN(net::FetchRequest request,
                   MakeRequest(draft_, method, std::move(url), opsgenie_.http, std::move(body)));
    requests_.push_back(std::move(request));
    return {};
  }

  Draft& draft_;
  const OpsgenieConfig& opsgenie_;
  const std::string alias_;
  std::deque<net::FetchRequest> requests_;
};

}  // namespace

ConversationPtr StartOpsgenie(const Notification& notification, const OpsgenieConfig& opsgenie,
                              const MessageContext& context) {
  Draft draft(notification, context);
  auto requests = Writer(draft, opsgenie).Requests();
  if (!requests) return SayNothing(requests.error());
  return std::make_unique<OpsgenieAlert>(std::move(*requests));
}

}  // namespace sextant::alerting
