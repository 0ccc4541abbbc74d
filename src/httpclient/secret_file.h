// A secret that stands in a file of its own.
#pragma once

#include <string>

#include "core/result.h"

namespace sextant::httpclient {

// The file's text without white space at its end; at most 1 MiB. `unable to read file …` otherwise.
core::Result<std::string> ReadSecretFile(const std::string& path);

}  // namespace sextant::httpclient
