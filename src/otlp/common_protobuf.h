// The messages that all signals share, from protobuf. Private to this module; throws what Decoded of
// message_reader.h ends.
#pragma once

#include <string_view>
#include <vector>

#include "otlp/attributes.h"
#include "otlp/decode_budget.h"
#include "otlp/ids.h"
#include "otlp/memory.h"

namespace sextant::otlp {

class CommonReader {
 public:
  // Both must outlive the reader.
  CommonReader(Memory& memory, DecodeBudget& budget) : memory_(memory), budget_(budget) {}

  // Attributes of one message come one by one, among other fields:
  //   size_t mark = reader.Mark();
  //   ... AddAttribute(bytes) ...
  //   span.attributes = reader.Take(mark);
  // Messages within the message may do the same in between.
  size_t Mark() const { return pending_.size(); }
  void AddAttribute(std::string_view bytes);
  Attributes Take(size_t mark);

  void ReadResource(std::string_view bytes, Resource& out);
  void ReadScope(std::string_view bytes, Scope& out);
  void ReadValue(std::string_view bytes, AnyValue& out) { ReadValue(bytes, 0, out); }

  // Ids have their length, or none.
  static void ReadTraceId(std::string_view bytes, TraceId& out);
  static void ReadSpanId(std::string_view bytes, SpanId& out);

 private:
  void ReadKeyValue(std::string_view bytes, int depth, KeyValue& out);
  void ReadValue(std::string_view bytes, int depth, AnyValue& out);
  void ReadItems(std::string_view bytes, bool has_keys, int depth, List<KeyValue>& out);
  void ReadEntityRef(std::string_view bytes, EntityRef& out);

  Memory& memory_;
  DecodeBudget& budget_;
  std::vector<KeyValue> pending_;
};

}  // namespace sextant::otlp
