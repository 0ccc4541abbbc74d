// Names of users, accounts and tokens: lines of bounded length that count without case. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace sextant::users {

// ASCII letters in lower case.
inline std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// At most `max_bytes` without control characters.
inline bool IsLine(std::string_view text, size_t max_bytes) {
  return text.size() <= max_bytes &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace sextant::users
