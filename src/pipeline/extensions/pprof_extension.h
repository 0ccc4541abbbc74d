// Profiles of this process over HTTP, at the paths of Go's net/http/pprof: `pprof
// http://host:1777/debug/pprof/profile`.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType PprofExtensionType();

}  // namespace sextant::pipeline
