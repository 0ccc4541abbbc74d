#include "alerting/event_protobuf.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <protozero/pbf_writer.hpp>
#include <string>

#include "core/rfc3339.h"

namespace sextant::alerting {

namespace {

enum class Kind : uint8_t { kText, kNumber, kBool, kTime, kDuration, kMatcherType, kReason, kMessage };

struct Field;

// The fields of a message.
class Message {
 public:
  constexpr Message() = default;
  template <size_t N>
  constexpr Message(const Field (&fields)[N]) : fields_(fields), size_(N) {}

  const Field* begin() const { return fields_; }
  const Field* end() const;

 private:
  const Field* fields_ = nullptr;
  size_t size_ = 0;
};

// A field by its name in JSON; a list there is a repeated field here.
struct Field {
  std::string_view json;
  uint32_t number;
  Kind kind;
  Message message = {};  // of kMessage
};

const Field* Message::end() const { return fields_ + size_; }

constexpr Field kLabelPair[] = {{"key", 1, Kind::kText}, {"value", 2, Kind::kText}};
constexpr Field kLabelSet[] = {{"labels", 1, Kind::kMessage, kLabelPair}};
constexpr Field kAlert[] = {{"fingerprint", 1, Kind::kNumber},
                            {"name", 2, Kind::kText},
                            {"labels", 3, Kind::kMessage, kLabelSet},
                            {"annotations", 4, Kind::kMessage, kLabelSet},
                            {"startsAt", 5, Kind::kTime},
                            {"endsAt", 6, Kind::kTime},
                            {"resolved", 7, Kind::kBool}};
constexpr Field kGroupedAlert[] = {{"hash", 1, Kind::kNumber}, {"details", 2, Kind::kMessage, kAlert}};
constexpr Field kMatcher[] = {{"type", 1, Kind::kMatcherType},
                              {"name", 2, Kind::kText},
                              {"pattern", 3, Kind::kText},
                              {"rendered", 4, Kind::kText}};
constexpr Field kMatcherSet[] = {{"matchers", 1, Kind::kMessage, kMatcher}};
constexpr Field kGroupInfo[] = {{"groupKey", 1, Kind::kText},
                                {"groupLabels", 2, Kind::kMessage, kLabelSet},
                                {"groupId", 3, Kind::kText},
                                {"receiverName", 4, Kind::kText},
                                {"matchers", 5, Kind::kMessage, kMatcher},
                                {"groupUuid", 6, Kind::kText}};
constexpr Field kIntegration[] = {{"name", 1, Kind::kText}, {"index", 2, Kind::kNumber}};
constexpr Field kSilence[] = {{"id", 1, Kind::kText},        {"matchers", 2, Kind::kMessage, kMatcher},
                              {"startsAt", 4, Kind::kTime},  {"endsAt", 5, Kind::kTime},
                              {"updatedAt", 6, Kind::kTime}, {"createdBy", 7, Kind::kText},
                              {"comment", 8, Kind::kText},   {"matcherSets", 9, Kind::kMessage, kMatcherSet}};
constexpr Field kMutedAlert[] = {{"labels", 1, Kind::kMessage, kLabelSet}, {"fingerprint", 2, Kind::kNumber}};
constexpr Field kInhibitRule[] = {{"sourceMatchers", 1, Kind::kMessage, kMatcher},
                                  {"targetMatchers", 2, Kind::kMessage, kMatcher},
                                  {"equalLabels", 3, Kind::kText},
                                  {"name", 4, Kind::kText}};

constexpr Field kStartup[] = {{"version", 1, Kind::kText}, {"buildContext", 2, Kind::kText}};
constexpr Message kShutdown;
constexpr Field kCreated[] = {{"alert", 1, Kind::kMessage, kAlert}};
constexpr Field kGrouped[] = {{"alert", 1, Kind::kMessage, kGroupedAlert},
                              {"groupInfo", 2, Kind::kMessage, kGroupInfo}};
constexpr Field kNotification[] = {{"alerts", 1, Kind::kMessage, kGroupedAlert},
                                   {"firingAlerts", 2, Kind::kMessage, kGroupedAlert},
                                   {"resolvedAlerts", 3, Kind::kMessage, kGroupedAlert},
                                   {"mutedAlerts", 4, Kind::kMessage, kGroupedAlert},
                                   {"groupInfo", 5, Kind::kMessage, kGroupInfo},
                                   {"repeatInterval", 6, Kind::kDuration},
                                   {"reason", 7, Kind::kReason},
                                   {"flushId", 8, Kind::kNumber},
                                   {"integration", 9, Kind::kMessage, kIntegration}};
constexpr Field kSilenceChange[] = {{"silence", 1, Kind::kMessage, kSilence}};
constexpr Field kSilenceMuted[] = {{"silence", 1, Kind::kMessage, kSilence},
                                   {"mutedAlert", 2, Kind::kMessage, kMutedAlert}};
constexpr Field kInhibitionMuted[] = {{"inhibitRules", 1, Kind::kMessage, kInhibitRule},
                                      {"mutedAlert", 2, Kind::kMessage, kMutedAlert},
                                      {"inhibitingFingerprints", 3, Kind::kNumber}};
constexpr Field kData[] = {{"alertmanagerStartupEvent", 1, Kind::kMessage, kStartup},
                           {"alertmanagerShutdownEvent", 2, Kind::kMessage, kShutdown},
                           {"alertCreated", 3, Kind::kMessage, kCreated},
                           {"alertResolved", 4, Kind::kMessage, kGrouped},
                           {"alertGrouped", 5, Kind::kMessage, kGrouped},
                           {"notification", 6, Kind::kMessage, kNotification},
                           {"silenceCreated", 7, Kind::kMessage, kSilenceChange},
                           {"silenceUpdated", 8, Kind::kMessage, kSilenceChange},
                           {"silenceMutedAlert", 9, Kind::kMessage, kSilenceMuted},
                           {"inhibitionMutedAlert", 10, Kind::kMessage, kInhibitionMuted}};
constexpr Field kEvent[] = {
    {"@timestamp", 1, Kind::kTime}, {"instance", 2, Kind::kText}, {"data", 3, Kind::kMessage, kData}};

// Values of enumerations, by the places of their names.
constexpr std::array<std::string_view, 5> kMatcherTypes = {"TYPE_UNSPECIFIED", "TYPE_EQUAL", "TYPE_REGEXP",
                                                           "TYPE_NOT_EQUAL", "TYPE_NOT_REGEXP"};
constexpr std::array<std::string_view, 6> kReasons = {
    "NOTIFY_REASON_UNSPECIFIED",         "NOTIFY_REASON_FIRST_NOTIFICATION",
    "NOTIFY_REASON_NEW_ALERTS_IN_GROUP", "NOTIFY_REASON_NEW_RESOLVED_ALERTS",
    "NOTIFY_REASON_ALL_ALERTS_RESOLVED", "NOTIFY_REASON_REPEAT_INTERVAL_ELAPSED"};

using Json = simdjson::dom::element;
using protozero::pbf_writer;

std::string_view Text(const Json& value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// Numbers of 64 bits are texts in JSON.
uint64_t Number(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

template <size_t N>
void PutEnum(pbf_writer& out, uint32_t number, const std::array<std::string_view, N>& names,
             std::string_view name) {
  for (size_t i = 1; i < N; ++i) {
    if (names[i] == name) out.add_enum(number, static_cast<int32_t>(i));
  }
}

// google.protobuf's Timestamp and Duration alike.
void PutSeconds(pbf_writer& out, uint32_t number, int64_t seconds, int64_t nanos) {
  std::string bytes;
  pbf_writer message(bytes);
  if (seconds != 0) message.add_int64(1, seconds);
  if (nanos != 0) message.add_int32(2, static_cast<int32_t>(nanos));
  out.add_message(number, bytes);
}

// "2026-11-29T01:02:03.25Z"
void PutTime(pbf_writer& out, uint32_t number, std::string_view text) {
  const auto time_ms = core::ParseRfc3339(std::string(text));  // without the fraction
  if (!time_ms) return;
  int64_t nanos = 0;
  if (const size_t dot = text.find('.'); dot != std::string_view::npos) {
    constexpr size_t kDigits = 9;
    std::string fraction(text.substr(dot + 1, text.find_last_of("0123456789") - dot));
    fraction.resize(kDigits, '0');
    nanos = static_cast<int64_t>(Number(fraction));
  }
  PutSeconds(out, number, *time_ms / 1'000, nanos);
}

// "1.500s"
void PutDuration(pbf_writer& out, uint32_t number, std::string_view text) {
  const size_t dot = text.find('.');
  const uint64_t millis = dot == std::string_view::npos ? 0 : Number(text.substr(dot + 1));
  PutSeconds(out, number, static_cast<int64_t>(Number(text.substr(0, dot))),
             static_cast<int64_t>(millis) * 1'000'000);
}

std::string Encode(const Json& json, Message message);

// A single value, or one of a list; what is the default is left out unless it is one of a list.
void PutValue(pbf_writer& out, const Field& field, const Json& value, bool is_item) {
  switch (field.kind) {
    case Kind::kText:
      if (const std::string_view text = Text(value); is_item || !text.empty())
        out.add_string(field.number, text.data(), text.size());
      return;
    case Kind::kNumber:
      if (const uint64_t number = Number(Text(value)); number != 0) out.add_uint64(field.number, number);
      return;
    case Kind::kBool:
      if (value.is_bool() && bool(value)) out.add_bool(field.number, true);
      return;
    case Kind::kTime:
      return PutTime(out, field.number, Text(value));
    case Kind::kDuration:
      return PutDuration(out, field.number, Text(value));
    case Kind::kMatcherType:
      return PutEnum(out, field.number, kMatcherTypes, Text(value));
    case Kind::kReason:
      return PutEnum(out, field.number, kReasons, Text(value));
    case Kind::kMessage:
      out.add_message(field.number, Encode(value, field.message));
      return;
  }
}

void PutField(pbf_writer& out, const Field& field, const Json& value) {
  simdjson::dom::array items;
  if (value.get(items) != simdjson::SUCCESS) return PutValue(out, field, value, false);
  if (field.kind == Kind::kNumber) {
    protozero::packed_field_uint64 packed(out, field.number);
    for (const Json item : items) packed.add_element(Number(Text(item)));
    return;
  }
  for (const Json item : items) PutValue(out, field, item, true);
}

std::string Encode(const Json& json, Message message) {
  std::string bytes;
  pbf_writer out(bytes);
  for (const Field& field : message) {
    Json value;
    if (json[field.json].get(value) == simdjson::SUCCESS) PutField(out, field, value);
  }
  return bytes;
}

}  // namespace

std::string EventProtobuf(std::string_view line) {
  simdjson::dom::parser parser;
  Json json;
  if (parser.parse(line.data(), line.size()).get(json) != simdjson::SUCCESS) return {};
  return Encode(json, kEvent);
}

}  // namespace sextant::alerting
