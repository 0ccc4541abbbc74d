// Which devices, interfaces, mount points or processes a scraper looks at: `include` and `exclude` with names
// that match strictly or as regular expressions.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/decode.h"

namespace sextant::pipeline {

struct HostFilter {
  std::vector<std::string> names;  // empty: the filter says nothing
  bool is_regexp = false;
  std::vector<std::shared_ptr<const re2::RE2>> expressions;  // of names, when they are such

  bool IsSet() const { return !names.empty(); }
  // A regular expression may match any part of the name.
  bool Matches(std::string_view name) const;
};

// `list`: the key of the names ("devices").
config::CodecFor<HostFilter> FilterOf(std::string list);

// Whether a name passes both.
inline bool IsIncluded(const HostFilter& include, const HostFilter& exclude, std::string_view name) {
  return (!include.IsSet() || include.Matches(name)) && !(exclude.IsSet() && exclude.Matches(name));
}

}  // namespace sextant::pipeline
