// What the tests of alerting share: the conformance folder, and JSON as the data that they need.
#pragma once

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "alerting/alert.h"
#include "alerting/config.h"
#include "gotemplate/go_time.h"

namespace sextant::alerting::testing {

inline std::filesystem::path ConformanceDir() {
  const char* dir = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return std::filesystem::path(dir != nullptr ? dir : SEXTANT_CONFORMANCE_DEFAULT) / "alerting";
}

inline std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::string Text(const simdjson::dom::element& json, std::string_view key) {
  std::string_view text;
  return json[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

inline std::map<std::string, std::string> StringMap(const simdjson::dom::element& json) {
  std::map<std::string, std::string> out;
  simdjson::dom::object object;
  if (json.get(object) != simdjson::SUCCESS) return out;
  for (const auto& [key, value] : object) {
    if (key != "$type") out.emplace(key, std::string(std::string_view(value)));
  }
  return out;
}

inline model::Labels LabelsOf(const std::map<std::string, std::string>& map) {
  model::LabelsBuilder builder;
  for (const auto& [name, value] : map) builder.Set(name, value);
  return builder.Build();
}

inline core::TimestampMs TimeOf(const std::string& rfc3339) {
  if (rfc3339.empty()) return kZeroTimeMs;
  return gotemplate::ParseTime("2006-01-02T15:04:05.999999999Z07:00", rfc3339).value().UnixMs();
}

// One alert of a POST to the API.
inline Alert AlertOf(const simdjson::dom::element& json) {
  Alert alert;
  alert.labels = LabelsOf(StringMap(json["labels"]));
  alert.annotations = StringMap(json["annotations"]);
  alert.starts_at_ms = TimeOf(Text(json, "startsAt"));
  alert.ends_at_ms = TimeOf(Text(json, "endsAt"));
  alert.generator_url = Text(json, "generatorURL");
  return alert;
}

inline std::shared_ptr<const Config> MustParse(const std::string& yaml) {
  auto config = ParseConfig(yaml, "alertmanager.yml");
  if (!config) {
    ADD_FAILURE() << config.error().message();
    return BuiltInConfig();
  }
  return *config;
}

}  // namespace sextant::alerting::testing
