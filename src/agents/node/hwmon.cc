// node_hwmon_*: sensors of temperature, fans, voltage and so on, /sys/class/hwmon. A file is named after a
// sensor and one of its properties: temp1_input, temp1_max, fan2_alarm.
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <map>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

constexpr std::string_view kSensorTypes[] = {
    "vrm",  "beep_enable", "update_interval", "in",     "cpu",      "fan",       "pwm",
    "temp", "curr",        "power",           "energy", "humidity", "intrusion", "freq"};

// Values of a sensor by property; "" is the sensor's own file, without property.
using Properties = std::map<std::string, std::string, std::less<>>;

struct Sensor {
  std::string_view type;  // one of kSensorTypes
  Properties properties;
};
using Sensors = std::map<std::string, Sensor>;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view KnownType(std::string_view type) {
  for (std::string_view known : kSensorTypes) {
    if (known == type) return known;
  }
  return {};
}

// Lower case, with '_' for what cannot be in a metric's name, none of it at the ends.
std::string CleanName(std::string_view text) {
  std::string name;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    const bool is_fine = IsDigit(c) || (c >= 'a' && c <= 'z') || c == ':' || c == '_';
    name += is_fine ? c : '_';
  }
  const size_t start = name.find_first_not_of('_');
  if (start == std::string::npos) return "";
  return name.substr(start, name.find_last_not_of('_') - start + 1);
}

// Takes "temp12_crit_alarm" apart.
bool ParseFileName(std::string_view file, std::string_view& type, std::string& number,
                   std::string_view& property) {
  size_t at = 0;
  while (at < file.size() && !IsDigit(file[at])) ++at;
  type = file.substr(0, at);
  if (at == file.size()) {
    number = "0";  // the whole is a type: "beep_enable"
    property = {};
    return true;
  }
  const size_t digits = at;
  while (at < file.size() && IsDigit(file[at])) ++at;
  const auto index = ParseUnsigned(file.substr(digits, at - digits));
  if (!index) return false;
  number = std::to_string(*index);
  if (at == file.size()) {
    property = {};
    return true;
  }
  if (file[at] != '_' || at + 1 == file.size()) return false;
  property = file.substr(at + 1);
  return true;
}

void ReadSensors(const std::string& path, Sensors& sensors) {
  const auto files = ListDirectory(path);
  if (!files) return;
  const AttributeFolder folder(path);
  for (const std::string& file : *files) {
    std::string_view type;
    std::string number;
    std::string_view property;
    if (!ParseFileName(file, type, number, property)) continue;
    const std::string_view known = KnownType(type);
    if (known.empty()) continue;
    auto value = folder.Text(file.c_str());
    if (!value) continue;  // a driver that cannot say now
    Sensor& sensor = sensors[std::string(type) + number];
    sensor.type = known;
    sensor.properties[std::string(property)] = *std::move(value);
  }
}

struct Metric {
  std::string name;
  MetricType type = MetricType::kGauge;
  double value = 0;
};

// The metric of a property, with the unit of its kind of sensor.
Metric MakeMetric(std::string_view type, std::string_view property, std::string name, double value) {
  if (property == "fault" || property == "alarm") return {std::move(name), MetricType::kGauge, value};
  if (property == "beep") return {name + "_enabled", MetricType::kGauge, value};
  if (type == "in" || type == "cpu") return {name + "_volts", MetricType::kGauge, value * 0.001};
  if (type == "temp" && property != "type") return {name + "_celsius", MetricType::kGauge, value * 0.001};
  if (type == "curr") return {name + "_amps", MetricType::kGauge, value * 0.001};
  if (type == "energy") return {name + "_joule_total", MetricType::kCounter, value / 1e6};
  if (type == "power" && property == "accuracy") return {std::move(name), MetricType::kGauge, value / 1e6};
  if (type == "power" && property.starts_with("average_interval")) {
    return {name + "_seconds", MetricType::kGauge, value * 0.001};
  }
  if (type == "power") return {name + "_watt", MetricType::kGauge, value / 1e6};
  if (type == "humidity") return {std::move(name), MetricType::kGauge, value / 1e6};
  if (type == "fan" &&
      (property == "input" || property == "min" || property == "max" || property == "target")) {
    return {name + "_rpm", MetricType::kGauge, value};
  }
  return {std::move(name), MetricType::kGauge, value};
}

struct Chip {
  std::string path;
  std::string device_name;  // of the device that it measures, if known
  std::string own_name;     // from its file "name", if any
  std::string name;         // how it is called in metrics
};

class HwmonCollector final : public Collector {
 public:
  explicit HwmonCollector(const NodeOptions& options)
      : chips_(options.hwmon_chips), sensors_(options.hwmon_sensors) {}

  std::string_view name() const override { return "hwmon"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    SEXTANT_ASSIGN(const std::vector<Chip> chips, FindChips(paths.Sys("class/hwmon")));
    for (const Chip& chip : chips) {
      if (!chips_.IsIgnored(chip.name)) CollectChip(chip, sink);
    }
    return {};
  }

 private:
  static core::Result<std::vector<Chip>> FindChips(const std::string& base) {
    SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
    std::vector<Chip> chips;
    std::map<std::string, int> chips_of_device;
    for (const std::string& name : names) {
      if (!IsDirectory(base + "/" + name)) continue;
      Chip& chip = chips.emplace_back();
      chip.path = base + "/" + name;
      chip.device_name = DeviceName(chip.path);
      chip.own_name = CleanName(ReadAttribute(chip.path + "/name").value_or(""));
      chip.name = name;
      ++chips_of_device[chip.device_name];
    }
    for (Chip& chip : chips) {
      if (!chip.device_name.empty()) {
        // A device with several chips has them told apart by their own names.
        const bool is_shared = chips_of_device[chip.device_name] > 1 && !chip.own_name.empty();
        chip.name = is_shared ? chip.device_name + "_" + chip.own_name : chip.device_name;
      } else if (!chip.own_name.empty()) {
        chip.name = chip.own_name;
      } else {
        chip.name = CleanName(chip.name);
      }
    }
    return chips;
  }

  // "platform_coretemp_0": the last two parts of where `device` points to. Unlike the chip's number, it does
  // not depend on the order in which drivers are loaded.
  static std::string DeviceName(const std::string& path) {
    char resolved[PATH_MAX];
    if (::realpath((path + "/device").c_str(), resolved) == nullptr) return "";
    const std::string_view target = resolved;
    const size_t slash = target.rfind('/');
    const std::string_view parent = target.substr(0, slash);
    const std::string name = CleanName(target.substr(slash + 1));
    const std::string bus = CleanName(parent.substr(parent.rfind('/') + 1));
    return bus.empty() || name.empty() ? name : bus + "_" + name;
  }

  void CollectChip(const Chip& chip, MetricSink& sink) const {
    Sensors sensors;
    ReadSensors(chip.path, sensors);
    ReadSensors(chip.path + "/device", sensors);  // where older drivers have them
    if (!chip.own_name.empty()) {
      sink.GetFamily("node_hwmon_chip_names", "The name that a chip has for people; always 1.",
                     MetricType::kGauge, {"chip", "chip_name"})
          .Add({chip.name, chip.own_name}, 1);
    }
    for (const auto& [sensor_name, sensor] : sensors) {
      if (!sensors_.IsIgnored(chip.name + ";" + sensor_name)) {
        CollectSensor(chip.name, sensor_name, sensor, sink);
      }
    }
  }

  static void CollectSensor(std::string_view chip, std::string_view sensor_name, const Sensor& sensor,
                            MetricSink& sink) {
    const auto add = [&](std::string_view name, std::string_view help, MetricType type, double value) {
      sink.GetFamily(name, help, type, {"chip", "sensor"}).Add({chip, sensor_name}, value);
    };
    const auto label = sensor.properties.find("label");
    if (label != sensor.properties.end()) {
      sink.GetFamily("node_hwmon_sensor_label", "The label that a chip gives its sensor; always 1.",
                     MetricType::kGauge, {"chip", "label", "sensor"})
          .Add({chip, label->second, sensor_name}, 1);
    }
    const auto own = sensor.properties.find("");
    const std::string_view own_text = own == sensor.properties.end() ? std::string_view() : own->second;
    if (sensor.type == "beep_enable") {
      return add("node_hwmon_beep_enabled", "Whether the chip may beep.", MetricType::kGauge,
                 own_text == "1" ? 1 : 0);
    }
    if (sensor.type == "vrm" || sensor.type == "update_interval") {
      const auto value = ParseFloat(own_text);
      if (!value) return;
      if (sensor.type == "vrm") {
        return add("node_hwmon_voltage_regulator_version", "Version of the voltage regulator.",
                   MetricType::kGauge, *value);
      }
      return add("node_hwmon_update_interval_seconds", "How often the chip updates its sensors.",
                 MetricType::kGauge, *value * 0.001);
    }
    for (const auto& [property, text] : sensor.properties) {
      const auto value = ParseFloat(text);
      if (!value || property == "label") continue;
      if (sensor.type == "freq" && property == "input") {
        if (label != sensor.properties.end()) AddFrequency(chip, label->second, *value, sink);
        continue;
      }
      std::string name = fmt::format("node_hwmon_{}", sensor.type);
      if (property == "input") {
        if (own != sensor.properties.end()) name += "_input";
      } else if (!property.empty()) {
        name += "_" + CleanName(property);
      }
      const Metric metric = MakeMetric(sensor.type, property, std::move(name), *value);
      add(metric.name,
          fmt::format("What sensors of type {} say of their {}.", sensor.type,
                      property.empty() ? "input" : property),
          metric.type, metric.value);
    }
  }

  static void AddFrequency(std::string_view chip, std::string_view label, double hertz, MetricSink& sink) {
    sink.GetFamily("node_hwmon_freq_freq_mhz", "Frequency of a graphics processor in MHz.",
                   MetricType::kGauge, {"chip", "sensor"})
        .Add({chip, CleanName(label)}, hertz / 1e6);
  }

  const NameFilter chips_;
  const NameFilter sensors_;
};

}  // namespace

std::unique_ptr<Collector> MakeHwmonCollector(const NodeOptions& options) {
  return std::make_unique<HwmonCollector>(options);
}

}  // namespace sextant::node
