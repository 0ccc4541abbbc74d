#include "alerting/history_codec.h"

#include <unordered_map>

#include "alerting/record_bytes.h"

namespace sextant::alerting {
namespace {

constexpr std::string_view kMagic = "SXAH";
constexpr uint32_t kVersion = 1;

// Numbers things in the order in which they are first asked for.
template <typename T>
class Table {
 public:
  uint32_t IndexOf(const T* item) {
    const auto [found, is_new] = indexes_.try_emplace(item, static_cast<uint32_t>(items_.size()));
    if (is_new) items_.push_back(item);
    return found->second;
  }
  const std::vector<const T*>& items() const { return items_; }

 private:
  std::unordered_map<const T*, uint32_t> indexes_;
  std::vector<const T*> items_;
};

std::shared_ptr<const HistoryAlert> TakeAlert(RecordReader& in) {
  auto alert = std::make_shared<HistoryAlert>();
  model::LabelsBuilder labels;
  const auto count = in.Number<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok; ++i) {
    const std::string_view name = in.Text();
    const std::string_view value = in.Text();
    labels.Set(name, value);
    alert->bytes += name.size() + value.size();
  }
  alert->labels = labels.Build();
  alert->fingerprint = Fingerprint(alert->labels);
  return alert;
}

std::shared_ptr<const HistoryContext> TakeContext(RecordReader& in) {
  auto context = std::make_shared<HistoryContext>();
  context->notification = in.Number<uint64_t>();
  context->receiver = in.Text();
  context->integration = in.Text();
  context->detail = in.Text();
  return context;
}

template <typename T>
std::vector<T> TakeTable(RecordReader& in, T (*take)(RecordReader&)) {
  std::vector<T> items;
  const auto count = in.Number<uint32_t>();
  for (uint32_t i = 0; i < count && in.ok; ++i) items.push_back(take(in));
  return items;
}

}  // namespace

std::string EncodeHistory(const std::vector<const HistoryEvent*>& events) {
  Table<HistoryAlert> alerts;
  Table<HistoryContext> contexts;
  std::string body;
  for (const HistoryEvent* event : events) {
    PutNumber(body, event->id);
    PutNumber(body, event->time_ms);
    PutNumber(body, static_cast<uint8_t>(event->kind));
    PutNumber(body, static_cast<uint8_t>(event->is_about_end));
    PutNumber(body, alerts.IndexOf(event->alert.get()));
    PutNumber(body, contexts.IndexOf(event->context.get()));
  }
  std::string out(kMagic);
  PutNumber(out, kVersion);
  PutNumber(out, static_cast<uint32_t>(alerts.items().size()));
  for (const HistoryAlert* alert : alerts.items()) {
    PutNumber(out, static_cast<uint32_t>(alert->labels.size()));
    for (const model::LabelView label : alert->labels) {
      PutText(out, label.name);
      PutText(out, label.value);
    }
  }
  PutNumber(out, static_cast<uint32_t>(contexts.items().size()));
  for (const HistoryContext* context : contexts.items()) {
    PutNumber(out, context->notification);
    PutText(out, context->receiver);
    PutText(out, context->integration);
    PutText(out, context->detail);
  }
  PutNumber(out, static_cast<uint32_t>(events.size()));
  return out + body;
}

core::Result<std::vector<HistoryEvent>> DecodeHistory(std::string_view bytes) {
  const auto corrupt = [](std::string_view what) {
    return core::Fail(core::Code::kCorruption, "alert history: {}", what);
  };
  RecordReader in{bytes};
  if (in.Take(kMagic.size()) != kMagic) return corrupt("does not begin with SXAH");
  if (in.Number<uint32_t>() != kVersion) return corrupt("unknown version");
  const auto alerts = TakeTable(in, TakeAlert);
  const auto contexts = TakeTable(in, TakeContext);
  const auto count = in.Number<uint32_t>();
  std::vector<HistoryEvent> events;
  for (uint32_t i = 0; i < count && in.ok; ++i) {
    HistoryEvent event;
    event.id = in.Number<uint64_t>();
    event.time_ms = in.Number<core::TimestampMs>();
    const auto kind = in.Number<uint8_t>();
    event.is_about_end = in.Number<uint8_t>() != 0;
    const auto alert = in.Number<uint32_t>();
    const auto context = in.Number<uint32_t>();
    if (!in.ok) break;
    if (kind < 1 || kind > static_cast<uint8_t>(HistoryKind::kNotificationFailed))
      return corrupt("unknown kind of event");
    if (alert >= alerts.size() || context >= contexts.size())
      return corrupt("an event refers to what is not there");
    event.kind = static_cast<HistoryKind>(kind);
    event.alert = alerts[alert];
    event.context = contexts[context];
    events.push_back(std::move(event));
  }
  if (!in.ok) return corrupt("ends in the middle");
  if (!in.rest.empty()) return corrupt("more bytes than events");
  return events;
}

}  // namespace sextant::alerting
