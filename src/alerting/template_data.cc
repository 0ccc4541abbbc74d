#include "alerting/template_data.h"

#include <algorithm>
#include <set>

#include "gotemplate/call.h"

namespace sextant::alerting {
namespace {

using core::Result;
using gotemplate::Call;
using gotemplate::FieldSpec;
using gotemplate::Function;
using gotemplate::Method;
using gotemplate::Param;
using gotemplate::Type;
using gotemplate::Value;
using Args = std::span<const Value>;

extern const Type kPairType;
extern const Type kPairsType;
extern const Type kKvType;
extern const Type kAlertsType;
extern const Type kNamesType;

constexpr FieldSpec kPairFields[] = {{"Name", ""}, {"Value", ""}};
constexpr FieldSpec kAlertFields[] = {{"Status", "status"},           {"Labels", "labels"},
                                      {"Annotations", "annotations"}, {"StartsAt", "startsAt"},
                                      {"EndsAt", "endsAt"},           {"GeneratorURL", "generatorURL"},
                                      {"Fingerprint", "fingerprint"}};
constexpr FieldSpec kDataFields[] = {{"Receiver", "receiver"},
                                     {"Status", "status"},
                                     {"Alerts", "alerts"},
                                     {"NotificationReason", "notification_reason"},
                                     {"GroupLabels", "groupLabels"},
                                     {"CommonLabels", "commonLabels"},
                                     {"CommonAnnotations", "commonAnnotations"},
                                     {"RouteLabels", "routeLabels"},
                                     {"ExternalURL", "externalURL"}};

const Type kPairType{.name = "template.Pair"};
const Type kAlertType{.name = "template.Alert"};
const Type kDataType{.name = "*template.Data"};

// Names and values come as lists of text that can join themselves.
Value TextList(std::vector<std::string> items) {
  std::vector<Value> values;
  for (std::string& item : items) values.push_back(Value::String(std::move(item)));
  return Value::OfList(std::move(values), kNamesType);
}

// The pairs of a map, alertname first, then by name.
Value SortedPairs(const Value& kv) {
  const auto& entries = kv.AsMap().entries();
  std::vector<Value> pairs;
  const auto add = [&](const std::string& name, const Value& value) {
    pairs.push_back(Value::OfStruct(kPairType, kPairFields, {Value::String(name), value}));
  };
  const auto alertname = entries.find("alertname");
  if (alertname != entries.end()) add(alertname->first, alertname->second);
  for (const auto& [name, value] : entries) {
    if (name != "alertname") add(name, value);
  }
  return Value::OfList(std::move(pairs), kPairsType);
}

// One column of pairs: 0 the names, 1 the values.
Value Column(const Value& pairs, size_t column) {
  std::vector<std::string> texts;
  for (const Value& pair : pairs.AsList().items())
    texts.push_back(pair.AsStruct().values()[column].AsString());
  return TextList(std::move(texts));
}

std::string PairsText(const Value& pairs) {
  std::string out;
  for (const Value& pair : pairs.AsList().items()) {
    if (!out.empty()) out += ", ";
    out += pair.AsStruct().values()[0].AsString() + "=" + pair.AsStruct().values()[1].AsString();
  }
  return out;
}

std::string KvText(const Value& kv) { return PairsText(SortedPairs(kv)); }

Value WithoutKeys(const Value& kv, const Value& keys) {
  std::set<std::string_view> removed;
  for (const Value& key : keys.AsList().items()) removed.insert(key.AsString());
  gotemplate::Map::Entries entries;
  for (const auto& [name, value] : kv.AsMap().entries()) {
    if (!removed.contains(name)) entries.emplace(name, value);
  }
  return Value::OfMap(std::move(entries), kKvType);
}

Value WithStatus(const Value& alerts, std::string_view status) {
  std::vector<Value> out;
  for (const Value& alert : alerts.AsList().items()) {
    if (alert.AsStruct().values()[0].AsString() == status) out.push_back(alert);
  }
  return Value::OfList(std::move(out), kAlertsType);
}

// A method without parameters.
template <typename Read>
Function Reads(Read read) {
  return {{}, false, [read](Call&, Args args) -> Result<Value> { return read(args[0]); }};
}

const Function kPairsNames = Reads([](const Value& pairs) { return Column(pairs, 0); });
const Function kPairsValues = Reads([](const Value& pairs) { return Column(pairs, 1); });
const Function kPairsString = Reads([](const Value& pairs) { return Value::String(PairsText(pairs)); });
const Function kKvSortedPairs = Reads(SortedPairs);
const Function kKvNames = Reads([](const Value& kv) { return Column(SortedPairs(kv), 0); });
const Function kKvValues = Reads([](const Value& kv) { return Column(SortedPairs(kv), 1); });
const Function kKvString = Reads([](const Value& kv) { return Value::String(KvText(kv)); });
const Function kKvRemove = {{Param::Strings()}, false, [](Call&, Args args) -> Result<Value> {
                              return WithoutKeys(args[0], args[1]);
                            }};
const Function kAlertsFiring = Reads([](const Value& alerts) { return WithStatus(alerts, "firing"); });
const Function kAlertsResolved = Reads([](const Value& alerts) { return WithStatus(alerts, "resolved"); });
const Function kNamesJoin = {{Param::String()}, false, [](Call& call, Args args) -> Result<Value> {
                               gotemplate::BoundedText out(call.max_text_bytes());
                               bool first = true;
                               for (const Value& item : args[0].AsList().items()) {
                                 if (!first) out.Append(args[1].AsString());
                                 first = false;
                                 out.Append(item.AsString());
                               }
                               return gotemplate::FinishText(out);
                             }};

const Method kPairsMethods[] = {
    {"Names", &kPairsNames}, {"Values", &kPairsValues}, {"String", &kPairsString}};
const Method kKvMethods[] = {{"SortedPairs", &kKvSortedPairs},
                             {"Names", &kKvNames},
                             {"Values", &kKvValues},
                             {"Remove", &kKvRemove},
                             {"String", &kKvString}};
const Method kAlertsMethods[] = {{"Firing", &kAlertsFiring}, {"Resolved", &kAlertsResolved}};
const Method kNamesMethods[] = {{"Join", &kNamesJoin}};

const Type kPairsType{
    .name = "template.Pairs", .elem = "template.Pair", .methods = kPairsMethods, .to_string = PairsText};
const Type kKvType{.name = "template.KV",
                   .elem = "string",
                   .methods = kKvMethods,
                   .to_string = KvText,
                   .has_string_elems = true};
const Type kAlertsType{.name = "template.Alerts", .elem = "template.Alert", .methods = kAlertsMethods};
const Type kNamesType{
    .name = "[]string", .elem = "string", .methods = kNamesMethods, .has_string_elems = true};

Value Kv(const TextMap& map) {
  gotemplate::Map::Entries entries;
  for (const auto& [name, value] : map) entries.emplace(name, Value::String(value));
  return Value::OfMap(std::move(entries), kKvType);
}

Value AlertValue(const AlertData& alert) {
  return Value::OfStruct(kAlertType, kAlertFields,
                         {Value::String(alert.status), Kv(alert.labels), Kv(alert.annotations),
                          Value::OfTime(gotemplate::Time::FromUnixMs(alert.starts_at_ms)),
                          Value::OfTime(gotemplate::Time::FromUnixMs(alert.ends_at_ms)),
                          Value::String(alert.generator_url), Value::String(alert.fingerprint)});
}

TextMap ToMap(const model::Labels& labels) {
  TextMap map;
  for (const model::LabelView label : labels) map.emplace(label.name, label.value);
  return map;
}

// Keeps of `common` what `other` has too.
void Intersect(TextMap& common, const TextMap& other) {
  std::erase_if(common, [&](const auto& entry) {
    const auto found = other.find(entry.first);
    return (found == other.end() ? std::string_view() : std::string_view(found->second)) != entry.second;
  });
}

// regexp.QuoteMeta.
std::string QuoteMeta(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

MessageData DescribeNotification(const Notification& notification, const std::string& external_url,
                                 size_t max_alerts) {
  MessageData data;
  data.receiver = QuoteMeta(notification.receiver_name);
  data.reason = ReasonText(notification.reason);
  data.group_labels = ToMap(notification.group_labels);
  data.route_labels = notification.route_labels;
  data.external_url = external_url;
  data.status = "resolved";
  for (const Alert& alert : notification.alerts) {
    if (max_alerts != 0 && data.alerts.size() == max_alerts) break;
    const bool is_firing = alert.ends_at_ms == kZeroTimeMs;
    if (is_firing) data.status = "firing";
    data.alerts.push_back({is_firing ? "firing" : "resolved", ToMap(alert.labels), alert.annotations,
                           alert.starts_at_ms, alert.ends_at_ms, alert.generator_url,
                           FingerprintText(Fingerprint(alert.labels))});
  }
  if (data.alerts.empty()) return data;
  data.common_labels = data.alerts[0].labels;
  data.common_annotations = data.alerts[0].annotations;
  for (const AlertData& alert : data.alerts) {
    Intersect(data.common_labels, alert.labels);
    Intersect(data.common_annotations, alert.annotations);
  }
  return data;
}

Value ToTemplateValue(const MessageData& data) {
  std::vector<Value> alerts;
  for (const AlertData& alert : data.alerts) alerts.push_back(AlertValue(alert));
  return Value::OfStruct(kDataType, kDataFields,
                         {Value::String(data.receiver), Value::String(data.status),
                          Value::OfList(std::move(alerts), kAlertsType), Value::String(data.reason),
                          Kv(data.group_labels), Kv(data.common_labels), Kv(data.common_annotations),
                          Kv(data.route_labels), Value::String(data.external_url)});
}

}  // namespace sextant::alerting
