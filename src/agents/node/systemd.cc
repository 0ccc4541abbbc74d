// node_systemd_*: units and the state of systemd, over D-Bus.
#include <limits>

#include "agents/node/collectors.h"
#include "agents/node/dbus.h"

namespace sextant::node {
namespace {

constexpr std::string_view kService = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr std::string_view kManager = "org.freedesktop.systemd1.Manager";
constexpr std::string_view kProperties = "org.freedesktop.DBus.Properties";
constexpr core::DurationMs kTimeoutMs = 1'500;
constexpr std::string_view kUnitStates[] = {"active", "activating", "deactivating", "inactive", "failed"};

struct Unit {
  std::string name;
  std::string load_state;
  std::string active_state;
  std::string path;
};

// What a property holds: a text or a number.
struct Value {
  std::string text;
  double number = 0;
};

std::optional<Value> ReadProperty(const DbusMessage& message) {
  if (message.type != DbusMessageType::kAnswer || message.signature != "v") return std::nullopt;
  DbusReader reader = message.Reader();
  const std::string_view type = reader.Signature();
  Value value;
  if (type == "s") {
    value.text = reader.String();
  } else if (type == "u" || type == "b") {
    value.number = reader.Uint32();
  } else if (type == "t") {
    const uint64_t number = reader.Uint64();
    if (number == std::numeric_limits<uint64_t>::max()) return std::nullopt;  // "not set", "no limit"
    value.number = static_cast<double>(number);
  } else {
    return std::nullopt;
  }
  if (reader.IsBroken()) return std::nullopt;
  return value;
}

// a(ssssssouso): name, description, load state, active state, sub state, followed unit, path, job.
core::Result<std::vector<Unit>> ReadUnits(const DbusMessage& message) {
  if (message.signature != "a(ssssssouso)") {
    return core::Fail(core::Code::kCorruption, "systemd lists units as {}", message.signature.substr(0, 100));
  }
  std::vector<Unit> units;
  DbusReader reader = message.Reader();
  const size_t end = reader.Array(8);
  while (reader.at() < end && !reader.IsBroken()) {
    reader.Align(8);
    Unit& unit = units.emplace_back();
    unit.name = reader.String();
    reader.String();
    unit.load_state = reader.String();
    unit.active_state = reader.String();
    reader.String();
    reader.String();
    unit.path = reader.String();
    reader.Uint32();
    reader.String();
    reader.String();
  }
  if (reader.IsBroken()) return core::Fail(core::Code::kCorruption, "systemd's list of units is cut");
  return units;
}

// "252.39-1~deb12u1" → 252.39: the first number of three digits or more, with its fraction.
double VersionNumber(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (end - i < 3) {
      i = end + 1;
      continue;
    }
    size_t fraction = end;
    if (fraction < text.size() && text[fraction] == '.') {
      ++fraction;
      while (fraction < text.size() && text[fraction] >= '0' && text[fraction] <= '9') ++fraction;
      if (fraction > end + 1) end = fraction;
    }
    return ParseFloat(text.substr(i, end - i)).value_or(0);
  }
  return 0;
}

// A property of units whose name has this ending, as a metric.
struct UnitMetric {
  std::string_view ending;  // of the unit's name
  std::string_view interface;
  std::string_view property;
  std::string_view name;
  std::string_view help;
  MetricType type;
  double divisor;
  bool NodeOptions::* enabled;  // null: always
};

constexpr UnitMetric kUnitMetrics[] = {
    {".service", "org.freedesktop.systemd1.Service", "NRestarts", "node_systemd_service_restart_total",
     "Restarts of a service.", MetricType::kCounter, 1, &NodeOptions::systemd_restarts},
    {".service", "org.freedesktop.systemd1.Service", "TasksCurrent", "node_systemd_unit_tasks_current",
     "Tasks of a service.", MetricType::kGauge, 1, &NodeOptions::systemd_tasks},
    {".service", "org.freedesktop.systemd1.Service", "TasksMax", "node_systemd_unit_tasks_max",
     "Most tasks that a service may have.", MetricType::kGauge, 1, &NodeOptions::systemd_tasks},
    {".timer", "org.freedesktop.systemd1.Timer", "LastTriggerUSec", "node_systemd_timer_last_trigger_seconds",
     "When a timer last fired, in seconds since 1970.", MetricType::kGauge, 1e6, nullptr},
    {".socket", "org.freedesktop.systemd1.Socket", "NAccepted",
     "node_systemd_socket_accepted_connections_total", "Connections that a socket accepted.",
     MetricType::kCounter, 1, nullptr},
    {".socket", "org.freedesktop.systemd1.Socket", "NConnections", "node_systemd_socket_current_connections",
     "Connections of a socket now.", MetricType::kGauge, 1, nullptr},
    {".socket", "org.freedesktop.systemd1.Socket", "NRefused",
     "node_systemd_socket_refused_connections_total", "Connections that a socket refused.",
     MetricType::kGauge, 1, nullptr},
};

class SystemdCollector final : public Collector {
 public:
  explicit SystemdCollector(const NodeOptions& options) : options_(options) {}

  std::string_view name() const override { return "systemd"; }

  core::Status Collect(const HostPaths&, MetricSink& sink) override {
    SEXTANT_ASSIGN(const auto bus, Connect());
    SEXTANT_TRY(CollectManager(*bus, sink));
    SEXTANT_ASSIGN(const DbusMessage list, bus->Call({kService, kManagerPath, kManager, "ListUnits"}));
    SEXTANT_ASSIGN(std::vector<Unit> units, ReadUnits(list));
    CollectSummary(units, sink);
    std::erase_if(units, [this](const Unit& unit) {
      return unit.load_state != "loaded" || options_.systemd_units.IsIgnored(unit.name);
    });
    SEXTANT_TRY(CollectStates(*bus, units, sink));
    SEXTANT_TRY(CollectStartTimes(*bus, units, sink));
    for (const UnitMetric& metric : kUnitMetrics) {
      if (metric.enabled == nullptr || options_.*metric.enabled) {
        SEXTANT_TRY(CollectMetric(*bus, metric, units, sink));
      }
    }
    return {};
  }

 private:
  static DbusCall GetProperty(const std::string& path, std::string_view interface,
                              std::string_view property) {
    return {kService, path, kProperties, "Get", {interface, property}};
  }

  static core::Status CollectManager(DbusConnection& bus, MetricSink& sink) {
    const DbusCall calls[] = {GetProperty(kManagerPath, kManager, "Version"),
                              GetProperty(kManagerPath, kManager, "Virtualization"),
                              GetProperty(kManagerPath, kManager, "SystemState")};
    SEXTANT_ASSIGN(const std::vector<DbusMessage> answers, bus.CallAll(calls));
    if (const auto version = ReadProperty(answers[0])) {
      sink.GetFamily("node_systemd_version", "Version of systemd.", MetricType::kGauge, {"version"})
          .Add({version->text}, VersionNumber(version->text));
    }
    const auto virtualization = ReadProperty(answers[1]);
    sink.GetFamily("node_systemd_virtualization_info", "What kind of virtual machine this is; always 1.",
                   MetricType::kGauge, {"virtualization_type"})
        .Add({virtualization && !virtualization->text.empty() ? virtualization->text : "none"}, 1);
    if (const auto state = ReadProperty(answers[2])) {
      sink.Gauge("node_systemd_system_running", "Whether the system runs without failed units (0 or 1).",
                 state->text == "running" ? 1 : 0);
    }
    return {};
  }

  static void CollectSummary(const std::vector<Unit>& units, MetricSink& sink) {
    auto& counts =
        sink.GetFamily("node_systemd_units", "Units by their state.", MetricType::kGauge, {"state"});
    for (std::string_view state : kUnitStates) {
      double count = 0;
      for (const Unit& unit : units) count += unit.active_state == state ? 1 : 0;
      counts.Add({state}, count);
    }
  }

  static core::Status CollectStates(DbusConnection& bus, const std::vector<Unit>& units, MetricSink& sink) {
    std::vector<DbusCall> calls;
    std::vector<size_t> asked(units.size(), 0);  // number of the call, from 1
    for (size_t i = 0; i < units.size(); ++i) {
      const bool is_service = units[i].name.ends_with(".service");
      if (!is_service && !units[i].name.ends_with(".mount")) continue;
      calls.push_back(GetProperty(
          units[i].path, is_service ? "org.freedesktop.systemd1.Service" : "org.freedesktop.systemd1.Mount",
          "Type"));
      asked[i] = calls.size();
    }
    SEXTANT_ASSIGN(const std::vector<DbusMessage> answers, bus.CallAll(calls));
    auto& states = sink.GetFamily("node_systemd_unit_state", "State of a unit: 1 for the one it is in.",
                                  MetricType::kGauge, {"name", "state", "type"});
    for (size_t i = 0; i < units.size(); ++i) {
      std::string type;
      if (asked[i] > 0) {
        if (auto value = ReadProperty(answers[asked[i] - 1])) type = std::move(value->text);
      }
      for (std::string_view state : kUnitStates) {
        states.Add({units[i].name, state, type}, units[i].active_state == state ? 1 : 0);
      }
    }
    return {};
  }

  // systemd itself, over the bus or at its own socket, which only root may use.
  core::Result<std::unique_ptr<DbusConnection>> Connect() const {
    if (!options_.systemd_private) return DbusConnection::Open(options_.dbus_socket, kTimeoutMs);
    return DbusConnection::Open(options_.systemd_socket, kTimeoutMs, DbusConnection::Peer::kProgram);
  }

  // Of all units; 0 for those that are not active.
  core::Status CollectStartTimes(DbusConnection& bus, const std::vector<Unit>& units,
                                 MetricSink& sink) const {
    if (!options_.systemd_start_times) return {};
    std::vector<DbusCall> calls;
    for (const Unit& unit : units) {
      calls.push_back(GetProperty(unit.path, "org.freedesktop.systemd1.Unit", "ActiveEnterTimestamp"));
    }
    SEXTANT_ASSIGN(const std::vector<DbusMessage> answers, bus.CallAll(calls));
    auto& times =
        sink.GetFamily("node_systemd_unit_start_time_seconds",
                       "When a unit was started, in seconds since 1970.", MetricType::kGauge, {"name"});
    for (size_t i = 0; i < units.size(); ++i) {
      const auto value = ReadProperty(answers[i]);
      if (value) times.Add({units[i].name}, units[i].active_state == "active" ? value->number / 1e6 : 0);
    }
    return {};
  }

  static core::Status CollectMetric(DbusConnection& bus, const UnitMetric& metric,
                                    const std::vector<Unit>& units, MetricSink& sink) {
    std::vector<DbusCall> calls;
    std::vector<std::string_view> names;
    for (const Unit& unit : units) {
      if (!unit.name.ends_with(metric.ending)) continue;
      calls.push_back(GetProperty(unit.path, metric.interface, metric.property));
      names.push_back(unit.name);
    }
    SEXTANT_ASSIGN(const std::vector<DbusMessage> answers, bus.CallAll(calls));
    auto& family = sink.GetFamily(metric.name, metric.help, metric.type, {"name"});
    for (size_t i = 0; i < names.size(); ++i) {
      // Older versions of systemd lack some of these.
      if (const auto value = ReadProperty(answers[i])) family.Add({names[i]}, value->number / metric.divisor);
    }
    return {};
  }

  const NodeOptions options_;
};

}  // namespace

std::unique_ptr<Collector> MakeSystemdCollector(const NodeOptions& options) {
  return std::make_unique<SystemdCollector>(options);
}

}  // namespace sextant::node
