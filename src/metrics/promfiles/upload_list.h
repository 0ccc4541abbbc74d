// The file in which who copies a store's blocks elsewhere says which are there: Thanos' thanos.shipper.json,
// `{"version": 1, "uploaded": ["01…", …]}`.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/result.h"

namespace sextant::promfiles {

// The names of the uploaded blocks. kInvalidArgument for anything but such an object.
core::Result<std::set<std::string>> ParseUploadList(std::string_view json);

// Of a file of at most 16 MiB.
core::Result<std::set<std::string>> ReadUploadList(core::FileSystem& fs, const std::string& path);

}  // namespace sextant::promfiles
