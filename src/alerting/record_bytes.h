// The bytes of saved state: integers in little endian, texts behind their length as a u32. Private to this
// module.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sextant::alerting {

template <typename T>
void PutNumber(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
}

inline void PutText(std::string& out, std::string_view text) {
  PutNumber(out, static_cast<uint32_t>(text.size()));
  out += text;
}

// Reads from the front. After the first thing that is not there everything is zero or empty, and `ok` is
// false.
struct RecordReader {
  std::string_view rest;
  bool ok = true;

  std::string_view Take(size_t size) {
    if (size > rest.size()) {
      ok = false;
      rest = {};
      return {};
    }
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  }
  template <typename T>
  T Number() {
    const std::string_view bytes = Take(sizeof(T));
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i)
      value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return static_cast<T>(value);
  }
  std::string_view Text() { return Take(Number<uint32_t>()); }
};

}  // namespace sextant::alerting
