// Thrift's binary and compact protocols, read without a schema compiler. Errors are thrown and end at
// otlp::Decoded. Private to this module. Specifications: thrift-binary-protocol.md and
// thrift-compact-protocol.md of Apache Thrift.
//
//   reader.ReadStruct([&](uint32_t field) {
//     switch (field) {
//       case Field(1, ThriftType::kString): name = reader.Bytes(); break;
//       default: reader.Skip(field);
//     }
//   });
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "otlp/message_reader.h"

namespace sextant::traceformats {

// The binary protocol's numbers.
enum class ThriftType : uint8_t {
  kStop = 0,
  kBool = 2,
  kByte = 3,
  kDouble = 4,
  kI16 = 6,
  kI32 = 8,
  kI64 = 10,
  kString = 11,
  kStruct = 12,
  kMap = 13,
  kSet = 14,
  kList = 15,
};

// A field's number and type, so that a known number with another type counts as not known, as Thrift's own
// code has it.
constexpr uint32_t Field(int16_t id, ThriftType type) {
  return static_cast<uint32_t>(static_cast<uint16_t>(id)) << 8 | static_cast<uint32_t>(type);
}

enum class ThriftProtocol : uint8_t { kBinary, kCompact };

class ThriftReader {
 public:
  ThriftReader(ThriftProtocol protocol, std::string_view bytes) : protocol_(protocol), left_(bytes) {}

  // The name of the method that a message calls; its arguments follow as a struct.
  std::string_view ReadMessageName();

  // Calls read(field) for each field, which must read or skip it. Gives the fields that were there: bit N for
  // the number N below 32.
  template <typename Read>
  uint32_t ReadStruct(Read&& read) {
    uint32_t seen = 0;
    int16_t last_id = 0;
    while (true) {
      uint32_t field = ReadFieldHeader(last_id);
      if (field == 0) return seen;
      if (last_id >= 0 && last_id < 32) seen |= 1u << last_id;
      read(field);
    }
  }
  // Calls read() for each element of a list; a list of another type is an error.
  template <typename Read>
  void ReadList(ThriftType type, Read&& read) {
    auto [element, size] = ReadListHeader();
    if (size > 0 && element != type) ThrowUnexpectedType();
    for (size_t i = 0; i < size; ++i) read();
  }

  bool Bool();
  int16_t I16();
  int32_t I32();
  int64_t I64();
  double Double();
  std::string_view Bytes();
  void Skip(uint32_t field) { SkipValue(static_cast<ThriftType>(field & 0xff), 0); }

 private:
  struct ListHeader {
    ThriftType element;
    size_t size;
  };

  [[noreturn]] static void ThrowUnexpectedType();
  bool is_compact() const { return protocol_ == ThriftProtocol::kCompact; }
  // 0 at the end of the struct.
  uint32_t ReadFieldHeader(int16_t& last_id);
  ListHeader ReadListHeader();
  void SkipValue(ThriftType type, int depth);
  void SkipMap(int depth);
  size_t CheckedSize(uint64_t size) const;
  uint8_t Byte();
  std::string_view Take(size_t bytes);
  template <typename T>
  T BigEndian();
  uint64_t Varint();
  int64_t ZigZag();

  ThriftProtocol protocol_;
  std::string_view left_;
  std::optional<bool> field_bool_;  // compact: a bool's value is in its field's header
};

// Fails when a struct lacks one of the fields of `needed` (bits as ReadStruct gives them).
void CheckFields(uint32_t seen, uint32_t needed, std::string_view name);

}  // namespace sextant::traceformats
