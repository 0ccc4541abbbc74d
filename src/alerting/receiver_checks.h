// What the tables of receivers and of their defaults check alike. Any thread may call.
#pragma once

#include <string>
#include <string_view>

#include "config/node.h"
#include "config/paths.h"
#include "core/result.h"

namespace sextant::alerting {

// An HTTP address, or nothing.
core::Status CheckUrl(const std::string& url, config::Node node, std::string_view field);

// "host:port" of a mail server, or nothing.
core::Status CheckSmarthost(const std::string& smarthost, config::Node node, std::string_view field);

// A value and the file that it may stand in instead.
template <typename T>
core::Status AtMostOne(const T& value, const std::string& file, config::Node node, std::string_view name) {
  if (!value.empty() && !file.empty())
    return node.Fail("at most one of {} & {}_file must be configured", name, name);
  return {};
}

inline void MakeRelative(config::Node node, std::string& path) {
  path = config::JoinDirectory(config::DirectoryOf(node.file()), path);
}

}  // namespace sextant::alerting
