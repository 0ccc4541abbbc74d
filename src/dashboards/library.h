// The dashboards that the server has, in Grafana's JSON model, by their uid.
//
// Filled at start, then read from any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::dashboards {

// A dashboard: its JSON as it was given, and what lists show of it.
struct Dashboard {
  std::string uid;
  std::string title;
  std::vector<std::string> tags;
  std::string json;
};

class Library {
 public:
  // Adds a dashboard. Errors: kInvalidArgument when it is not a JSON object with `uid` (1 to 40 of
  // [A-Za-z0-9_-]) and `title`, or larger than kMaxBytes; kAlreadyExists for a uid that is there.
  core::Status Add(std::string json);

  // The dashboard of a uid, or null. Valid as long as the library.
  const Dashboard* Find(std::string_view uid) const;

  // All, sorted by title.
  std::vector<const Dashboard*> List() const;

  static constexpr size_t kMaxBytes = 8 << 20;

 private:
  std::map<std::string, Dashboard, std::less<>> dashboards_;
};

}  // namespace sextant::dashboards
