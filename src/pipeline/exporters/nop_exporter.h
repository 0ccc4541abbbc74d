// Takes everything and does nothing with it.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType NopExporterType();

}  // namespace sextant::pipeline
