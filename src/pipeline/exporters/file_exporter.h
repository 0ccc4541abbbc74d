// Writes what reaches it into a file: a line of OTLP's JSON for each batch, or messages with their sizes in
// front.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType FileExporterType();

}  // namespace sextant::pipeline
