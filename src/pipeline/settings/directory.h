// Directories that components make, with `directory_permissions`.
#pragma once

#include <string>

#include "core/file.h"
#include "core/result.h"

namespace sextant::pipeline {

// An octal number as "0750"; kInvalidArgument for anything else, and for bits beyond 0777.
core::Result<unsigned> ParsePermissions(const std::string& text);

// Makes a directory and the missing ones above it; a new one gets these permissions (the ones above it what
// the umask leaves).
core::Status MakeDirectory(core::FileSystem& fs, const std::string& path, unsigned permissions);

}  // namespace sextant::pipeline
