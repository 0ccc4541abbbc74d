// Shows what reaches it: counts, a line for each item, or everything.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType DebugExporterType();

}  // namespace sextant::pipeline
