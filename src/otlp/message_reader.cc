#include "otlp/message_reader.h"

namespace sextant::otlp {

void ThrowEndOfMessage() { throw protozero::end_of_buffer_exception(); }
void ThrowNumberTooLong() { throw protozero::varint_too_long_exception(); }
void ThrowBadTag() { throw protozero::invalid_tag_exception(); }
void ThrowOutOfBudget() {
  throw DecodeFailed{
      core::Error(core::Code::kResourceExhausted, "the message takes too much memory for its size")};
}

uint64_t MessageReader::LongVarint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ == end_) ThrowEndOfMessage();
    uint8_t byte = *at_++;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  ThrowNumberTooLong();
}

void MessageReader::Skip() {
  switch (static_cast<wire::pbf_wire_type>(tag_ & 7)) {
    case wire::pbf_wire_type::varint:
      Varint();
      return;
    case wire::pbf_wire_type::fixed64:
      Fixed64();
      return;
    case wire::pbf_wire_type::length_delimited:
      View();
      return;
    case wire::pbf_wire_type::fixed32:
      Fixed32();
      return;
    default:
      throw protozero::unknown_pbf_wire_type_exception();
  }
}

size_t CountFields(std::string_view bytes, uint32_t tag) {
  size_t count = 0;
  MessageReader reader(bytes);
  while (uint32_t next = reader.Next()) {
    count += next == tag ? 1 : 0;
    reader.Skip();
  }
  return count;
}

}  // namespace sextant::otlp
