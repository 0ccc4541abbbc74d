// Receives nothing: for configurations that need a receiver only in form.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType NopReceiverType();

}  // namespace sextant::pipeline
