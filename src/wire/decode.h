// Reading protobuf messages with protozero, whose exceptions end here. For wire and otlp.
//
// Fields are told apart by number and wire type, so that a known number with a type it does not have counts
// as a field that is not known and is skipped, as protobuf has it.
#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string_view>
#include <type_traits>

#include "core/result.h"

namespace sextant::wire {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// The tag of a field as pbf_reader::tag_and_type gives it.
constexpr uint32_t Varint(uint32_t field) { return protozero::tag_and_type(field, pbf_wire_type::varint); }
constexpr uint32_t Fixed64(uint32_t field) { return protozero::tag_and_type(field, pbf_wire_type::fixed64); }
constexpr uint32_t Fixed32(uint32_t field) { return protozero::tag_and_type(field, pbf_wire_type::fixed32); }
constexpr uint32_t Bytes(uint32_t field) {
  return protozero::tag_and_type(field, pbf_wire_type::length_delimited);
}

inline std::string_view View(pbf_reader& reader) {
  protozero::data_view view = reader.get_view();
  return {view.data(), view.size()};
}

inline pbf_reader ReaderOf(std::string_view bytes) { return pbf_reader(bytes.data(), bytes.size()); }

// Runs a decoder that may meet malformed bytes and returns what it returns, or kInvalidArgument:
// "malformed <message>: <what>".
template <typename Decode>
core::Status Guarded(std::string_view message, Decode&& decode) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Decode>>) {
      decode();
      return {};
    } else {
      return decode();
    }
  } catch (const protozero::end_of_buffer_exception&) {
    return core::Fail(core::Code::kInvalidArgument, "malformed {}: unexpected end of message", message);
  } catch (const protozero::varint_too_long_exception&) {
    return core::Fail(core::Code::kInvalidArgument, "malformed {}: a number is too long", message);
  } catch (const protozero::unknown_pbf_wire_type_exception&) {
    return core::Fail(core::Code::kInvalidArgument, "malformed {}: unknown wire type", message);
  } catch (const protozero::exception&) {
    return core::Fail(core::Code::kInvalidArgument, "malformed {}: not a protobuf message", message);
  }
}

}  // namespace sextant::wire
