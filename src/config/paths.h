// Where files named in a configuration are: relative paths count from the folder of the file that names them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::config {

// The folder of a file: "/etc/a.yml" → "/etc", "a.yml" → ".".
std::string DirectoryOf(std::string_view file);

// `path` seen from `directory`; absolute and empty paths stay as they are.
std::string JoinDirectory(std::string_view directory, std::string_view path);

// Files that match a shell pattern (`*`, `?`, `[…]`), sorted; none is no error. kInvalidArgument for a bad
// pattern, kIo when a folder cannot be read.
core::Result<std::vector<std::string>> ExpandGlob(const std::string& pattern);

}  // namespace sextant::config
