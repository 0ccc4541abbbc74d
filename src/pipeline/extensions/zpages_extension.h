// Pages that show what this collector is made of: its pipelines, its extensions, its version.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType ZpagesExtensionType();

}  // namespace sextant::pipeline
