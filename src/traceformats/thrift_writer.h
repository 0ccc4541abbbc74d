// Thrift messages for this module's tests, in both protocols.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "traceformats/thrift_reader.h"

namespace sextant::traceformats {

class ThriftWriter {
 public:
  explicit ThriftWriter(ThriftProtocol protocol) : is_compact_(protocol == ThriftProtocol::kCompact) {}

  std::string Take() { return std::move(out_); }

  void Message(std::string_view name) {
    if (is_compact_) {
      out_ += "\x82\x81";
      Varint(7);
      return PutText(name);
    }
    Fixed(0x80010001, 4);
    PutText(name);
    Fixed(7, 4);
  }

  // Fields of structs; ids must rise within one, and each struct begins at 0 again.
  void BeginStruct() { last_ids_ += '\0'; }
  void EndStruct() {
    out_ += '\0';
    last_ids_.pop_back();
  }
  void StructField(int id) {
    Header(id, ThriftType::kStruct, 12);
    BeginStruct();
  }
  void ListField(int id, size_t size) {
    Header(id, ThriftType::kList, 9);
    List(size);
  }
  // Of structs.
  void List(size_t size) {
    if (!is_compact_) {
      out_ += '\x0c';
      return Fixed(size, 4);
    }
    if (size < 15) {
      out_ += static_cast<char>(size << 4 | 12);
    } else {
      out_ += '\xfc';
      Varint(size);
    }
  }
  void Bool(int id, bool value) {
    Header(id, ThriftType::kBool, value ? 1 : 2);
    if (!is_compact_) out_ += value ? '\1' : '\0';
  }
  void I16(int id, int16_t value) {
    Header(id, ThriftType::kI16, 4);
    Number(value, 2);
  }
  void I32(int id, int32_t value) {
    Header(id, ThriftType::kI32, 5);
    Number(value, 4);
  }
  void I64(int id, int64_t value) {
    Header(id, ThriftType::kI64, 6);
    Number(value, 8);
  }
  void Double(int id, double value) {
    Header(id, ThriftType::kDouble, 7);
    auto bits = std::bit_cast<uint64_t>(value);
    Fixed(is_compact_ ? __builtin_bswap64(bits) : bits, 8);
  }
  void Text(int id, std::string_view text) {
    Header(id, ThriftType::kString, 8);
    PutText(text);
  }

 private:
  void Header(int id, ThriftType type, int compact_type) {
    if (!is_compact_) {
      out_ += static_cast<char>(type);
      return Fixed(static_cast<uint64_t>(id), 2);
    }
    int delta = id - last_ids_.back();
    last_ids_.back() = static_cast<char>(id);
    out_ += static_cast<char>(delta << 4 | compact_type);
  }
  void Number(int64_t value, int bytes) {
    if (!is_compact_) return Fixed(static_cast<uint64_t>(value), bytes);
    Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void PutText(std::string_view text) {
    if (is_compact_) {
      Varint(text.size());
    } else {
      Fixed(text.size(), 4);
    }
    out_ += text;
  }
  void Fixed(uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out_ += static_cast<char>(value >> (8 * i));
  }
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }

  bool is_compact_;
  std::string out_;
  std::string last_ids_;
};

}  // namespace sextant::traceformats
