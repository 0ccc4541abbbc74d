// The messages that all signals share, from protobuf. Private to this module; may throw protozero's
// exceptions, which wire::Guarded ends.
#pragma once

#include <string_view>

#include "core/result.h"
#include "otlp/attributes.h"
#include "otlp/decode_budget.h"

namespace sextant::otlp {

core::Status ReadKeyValue(std::string_view bytes, DecodeBudget& budget, int depth, KeyValue& out);
// Appends a KeyValue to a list.
core::Status AddAttribute(std::string_view bytes, DecodeBudget& budget, Attributes& out);
core::Status ReadResource(std::string_view bytes, DecodeBudget& budget, Resource& out);
core::Status ReadScope(std::string_view bytes, DecodeBudget& budget, Scope& out);

}  // namespace sextant::otlp
