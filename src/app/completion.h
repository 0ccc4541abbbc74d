// Shell completion of programs and flags.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::app {

// The script for a shell ("bash", "zsh", "fish"); kInvalidArgument for others.
core::Result<std::string> CompletionScript(std::string_view shell);

}  // namespace sextant::app
