// The processor `group_by_attrs` (`groupbyattrs`): brings what has the same values of certain attributes
// under one resource, which gets these attributes. Without any, it joins equal resources and scopes.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

ComponentType GroupByAttrsProcessorType();

}  // namespace sextant::pipeline
