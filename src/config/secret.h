// A text that must not be seen: it is never formatted, logged or written into a configuration dump.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sextant::config {

// What stands in a dump where a secret was.
inline constexpr std::string_view kHiddenSecret = "<secret>";

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  // The text itself; for whoever sends it to where it belongs.
  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

}  // namespace sextant::config
