#include "traceformats/thrift_reader.h"

#include <bit>

namespace sextant::traceformats {

namespace {

constexpr int kMaxDepth = 32;
constexpr uint32_t kBinaryVersion = 0x80010000;
constexpr uint32_t kBinaryVersionMask = 0xffff0000;
constexpr uint8_t kCompactId = 0x82;
constexpr uint8_t kCompactVersion = 1;

template <typename... Args>
[[noreturn]] void Fail(fmt::format_string<Args...> format, Args&&... args) {
  throw otlp::DecodeFailed{
      core::Error(core::Code::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...))};
}

// Of the compact protocol's type numbers; its bools are two.
ThriftType FromCompact(uint8_t type) {
  switch (type) {
    case 1:
    case 2:
      return ThriftType::kBool;
    case 3:
      return ThriftType::kByte;
    case 4:
      return ThriftType::kI16;
    case 5:
      return ThriftType::kI32;
    case 6:
      return ThriftType::kI64;
    case 7:
      return ThriftType::kDouble;
    case 8:
      return ThriftType::kString;
    case 9:
      return ThriftType::kList;
    case 10:
      return ThriftType::kSet;
    case 11:
      return ThriftType::kMap;
    case 12:
      return ThriftType::kStruct;
    default:
      Fail("malformed thrift: unknown type {}", type);
  }
}

}  // namespace

void ThriftReader::ThrowUnexpectedType() { Fail("malformed thrift: a list of another type"); }

std::string_view ThriftReader::Take(size_t bytes) {
  if (bytes > left_.size()) Fail("malformed thrift: unexpected end of message");
  std::string_view taken = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return taken;
}

uint8_t ThriftReader::Byte() { return static_cast<uint8_t>(Take(1)[0]); }

template <typename T>
T ThriftReader::BigEndian() {
  uint64_t value = 0;
  for (char c : Take(sizeof(T))) value = value << 8 | static_cast<uint8_t>(c);
  return static_cast<T>(value);
}

uint64_t ThriftReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t byte = Byte();
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  Fail("malformed thrift: a number is too long");
}

int64_t ThriftReader::ZigZag() {
  uint64_t value = Varint();
  return static_cast<int64_t>((value >> 1) ^ (0 - (value & 1)));
}

// Of what has elements of at least one byte.
size_t ThriftReader::CheckedSize(uint64_t size) const {
  if (size > left_.size()) Fail("malformed thrift: unexpected end of message");
  return static_cast<size_t>(size);
}

std::string_view ThriftReader::ReadMessageName() {
  if (is_compact()) {
    if (Byte() != kCompactId) Fail("not a message of thrift's compact protocol");
    if ((Byte() & 0x1f) != kCompactVersion) Fail("unknown version of thrift's compact protocol");
    Varint();  // the sequence number
    return Bytes();
  }
  uint32_t first = BigEndian<uint32_t>();
  if (first >> 31 != 0) {
    if ((first & kBinaryVersionMask) != kBinaryVersion) Fail("unknown version of thrift's binary protocol");
    std::string_view name = Bytes();
    I32();  // the sequence number
    return name;
  }
  // The older form, without a version.
  std::string_view name = Take(CheckedSize(first));
  Byte();  // the kind of message
  I32();   // the sequence number
  return name;
}

uint32_t ThriftReader::ReadFieldHeader(int16_t& last_id) {
  uint8_t head = Byte();
  if (!is_compact()) {
    if (head == 0) return 0;
    last_id = BigEndian<int16_t>();
    return Field(last_id, static_cast<ThriftType>(head));
  }
  uint8_t type = head & 0x0f;
  if (type == 0) return 0;
  int delta = head >> 4;
  last_id = static_cast<int16_t>(delta != 0 ? last_id + delta : ZigZag());
  if (type <= 2) field_bool_ = type == 1;
  return Field(last_id, FromCompact(type));
}

ThriftReader::ListHeader ThriftReader::ReadListHeader() {
  uint8_t head = Byte();
  if (!is_compact()) {
    int32_t size = I32();
    if (size < 0) Fail("malformed thrift: a negative size");
    return {static_cast<ThriftType>(head), CheckedSize(static_cast<uint64_t>(size))};
  }
  uint64_t size = head >> 4;
  if (size == 15) size = Varint();
  size_t checked = CheckedSize(size);
  return {checked == 0 ? ThriftType::kStop : FromCompact(head & 0x0f), checked};
}

bool ThriftReader::Bool() {
  if (field_bool_) {
    bool value = *field_bool_;
    field_bool_.reset();
    return value;
  }
  return Byte() == 1;
}

int16_t ThriftReader::I16() { return is_compact() ? static_cast<int16_t>(ZigZag()) : BigEndian<int16_t>(); }
int32_t ThriftReader::I32() { return is_compact() ? static_cast<int32_t>(ZigZag()) : BigEndian<int32_t>(); }
int64_t ThriftReader::I64() { return is_compact() ? ZigZag() : BigEndian<int64_t>(); }

double ThriftReader::Double() {
  uint64_t bits = BigEndian<uint64_t>();
  // The compact protocol has the other order of bytes.
  return std::bit_cast<double>(is_compact() ? __builtin_bswap64(bits) : bits);
}

std::string_view ThriftReader::Bytes() {
  if (is_compact()) return Take(CheckedSize(Varint()));
  int32_t size = I32();
  if (size < 0) Fail("malformed thrift: a negative size");
  return Take(CheckedSize(static_cast<uint64_t>(size)));
}

void ThriftReader::SkipMap(int depth) {
  uint64_t size = 0;
  uint8_t types = 0;
  ThriftType key = ThriftType::kStop;
  ThriftType value = ThriftType::kStop;
  if (is_compact()) {
    size = Varint();
    if (size == 0) return;
    types = Byte();
    key = FromCompact(types >> 4);
    value = FromCompact(types & 0x0f);
  } else {
    key = static_cast<ThriftType>(Byte());
    value = static_cast<ThriftType>(Byte());
    int32_t count = I32();
    if (count < 0) Fail("malformed thrift: a negative size");
    size = static_cast<uint64_t>(count);
  }
  for (size_t left = CheckedSize(size); left > 0; --left) {
    SkipValue(key, depth);
    SkipValue(value, depth);
  }
}

void ThriftReader::SkipValue(ThriftType type, int depth) {
  if (depth > kMaxDepth) Fail("malformed thrift: nested deeper than {}", kMaxDepth);
  switch (type) {
    case ThriftType::kBool:
      Bool();
      return;
    case ThriftType::kByte:
      Byte();
      return;
    case ThriftType::kDouble:
      Double();
      return;
    case ThriftType::kI16:
      I16();
      return;
    case ThriftType::kI32:
      I32();
      return;
    case ThriftType::kI64:
      I64();
      return;
    case ThriftType::kString:
      Bytes();
      return;
    case ThriftType::kStruct:
      ReadStruct([&](uint32_t field) { SkipValue(static_cast<ThriftType>(field & 0xff), depth + 1); });
      return;
    case ThriftType::kMap:
      return SkipMap(depth + 1);
    case ThriftType::kSet:
    case ThriftType::kList: {
      auto [element, size] = ReadListHeader();
      for (size_t i = 0; i < size; ++i) SkipValue(element, depth + 1);
      return;
    }
    case ThriftType::kStop:
      break;
  }
  Fail("malformed thrift: unknown type {}", static_cast<int>(type));
}

void CheckFields(uint32_t seen, uint32_t needed, std::string_view name) {
  uint32_t missing = needed & ~seen;
  if (missing != 0) Fail("malformed thrift: a {} without its field {}", name, std::countr_zero(missing));
}

}  // namespace sextant::traceformats
