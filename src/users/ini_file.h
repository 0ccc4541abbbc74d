// The syntax of grafana.ini: `[section]`, `key = value` (or `key: value`), comments that begin with ';' or
// '#' at the start of a line or inside it, values in """three quotes""" or `backquotes` that are taken as
// they are, and quotes around a value that are taken away. Of a key that comes twice in a section the last
// counts. Values that go on in the next line are refused.
//
// Pure: reads no file and no environment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::users {

struct IniEntry {
  std::string section;  // "" before the first one
  std::string key;
  std::string value;
  int line = 0;  // from 1
};

inline constexpr size_t kMaxIniBytes = 1 << 20;
inline constexpr size_t kMaxIniEntries = 10'000;

// In the order of the file. kInvalidArgument ("grafana.ini:7: …") for what is malformed, kResourceExhausted
// past the limits.
core::Result<std::vector<IniEntry>> ParseIni(std::string_view text, std::string_view file_name);

}  // namespace sextant::users
