// The messages that all signals share, as protobuf. Private to this module.
#pragma once

#include <ranges>

#include "otlp/attributes.h"
#include "otlp/ids.h"
#include "wire/reverse_writer.h"

namespace sextant::otlp {

void PutAttributes(wire::ReverseWriter& out, uint32_t field, const Attributes& attributes);
// An AnyValue as a field; nothing for an empty one.
void PutValueField(wire::ReverseWriter& out, uint32_t field, const AnyValue& value);
// Also when there is nothing in it.
void PutResource(wire::ReverseWriter& out, uint32_t field, const Resource& resource);
void PutScope(wire::ReverseWriter& out, uint32_t field, const Scope& scope);

template <size_t N>
void PutId(wire::ReverseWriter& out, uint32_t field, const Id<N>& id) {
  if (!id.IsEmpty()) out.PutBytesItem(field, id.view());
}

}  // namespace sextant::otlp
