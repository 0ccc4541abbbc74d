// Reading the JSON that services answer with. Missing or odd values are nothing.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace sextant::alerting {

inline std::string TextIn(const simdjson::dom::element& json, std::string_view key) {
  std::string_view text;
  return json[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

inline int64_t IntIn(const simdjson::dom::element& json, std::string_view key, int64_t otherwise) {
  int64_t number = 0;
  return json[key].get(number) == simdjson::SUCCESS ? number : otherwise;
}

inline bool IsTrueIn(const simdjson::dom::element& json, std::string_view key) {
  bool truth = false;
  return json[key].get(truth) == simdjson::SUCCESS && truth;
}

// The texts of a list, with `separator` between them.
inline std::string TextsIn(const simdjson::dom::element& json, std::string_view key,
                           std::string_view separator) {
  std::string out;
  simdjson::dom::array list;
  if (json[key].get(list) != simdjson::SUCCESS) return out;
  for (const simdjson::dom::element item : list) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) continue;
    if (!out.empty()) out += separator;
    out += text;
  }
  return out;
}

}  // namespace sextant::alerting
