#include "agents/node/dbus_message.h"

#include <bit>
#include <cstring>

namespace sextant::node {
namespace {

// Codes of header fields.
enum : uint8_t {
  kPath = 1,
  kInterface = 2,
  kMember = 3,
  kErrorName = 4,
  kAnswerTo = 5,
  kDestination = 6,
  kSignature = 8
};

constexpr size_t kFixedHeaderSize = 16;  // up to the length of the array of header fields
constexpr int kDepthLimit = 32;

size_t AlignUp(size_t offset, size_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

size_t AlignmentOf(char type) {
  switch (type) {
    case 'n':
    case 'q':
      return 2;
    case 'b':
    case 'i':
    case 'u':
    case 'h':
    case 's':
    case 'o':
    case 'a':
      return 4;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
      return 8;
    default:
      return 1;
  }
}

// The first complete type of a signature; empty when there is none.
std::string_view FirstType(std::string_view signature) {
  size_t end = 0;
  while (end < signature.size() && signature[end] == 'a') ++end;
  if (end >= signature.size()) return {};
  if (signature[end] != '(' && signature[end] != '{') return signature.substr(0, end + 1);
  int depth = 0;
  for (; end < signature.size(); ++end) {
    if (signature[end] == '(' || signature[end] == '{') ++depth;
    if (signature[end] == ')' || signature[end] == '}') --depth;
    if (depth == 0) return signature.substr(0, end + 1);
  }
  return {};
}

void AddTextField(uint8_t code, std::string_view type, std::string_view value, DbusWriter& writer) {
  if (value.empty()) return;
  writer.Align(8);
  writer.Byte(code);
  writer.Signature(type);
  if (type == "g") {
    writer.Signature(value);
  } else {
    writer.String(value);
  }
}

void StartHeader(DbusMessageType type, size_t body_size, uint32_t serial, DbusWriter& writer) {
  writer.Byte('l');
  writer.Byte(static_cast<uint8_t>(type));
  writer.Byte(0);
  writer.Byte(1);
  writer.Uint32(static_cast<uint32_t>(body_size));
  writer.Uint32(serial);
}

}  // namespace

void DbusWriter::Uint32(uint32_t value) {
  Align(4);
  for (int shift = 0; shift < 32; shift += 8) text_ += static_cast<char>(value >> shift);
}

void DbusWriter::Uint64(uint64_t value) {
  Align(8);
  for (int shift = 0; shift < 64; shift += 8) text_ += static_cast<char>(value >> shift);
}

void DbusWriter::String(std::string_view value) {
  Uint32(static_cast<uint32_t>(value.size()));
  text_ += value;
  text_ += '\0';
}

void DbusWriter::Signature(std::string_view value) {
  Byte(static_cast<uint8_t>(value.size()));
  text_ += value;
  text_ += '\0';
}

size_t DbusWriter::StartArray() {
  Uint32(0);
  const size_t length_end = text_.size();
  Align(8);
  return length_end;
}

void DbusWriter::EndArray(size_t start) {
  // Without the padding in front of the elements, which in the arrays that we write are aligned to 8.
  const size_t length = text_.size() - AlignUp(start, 8);
  for (int i = 0; i < 4; ++i)
    text_[start - 4 + static_cast<size_t>(i)] = static_cast<char>(length >> (8 * i));
}

std::string_view DbusReader::Take(size_t size) {
  if (is_broken_ || size > text_.size() - at_) {
    is_broken_ = true;
    return {};
  }
  const std::string_view taken = text_.substr(at_, size);
  at_ += size;
  return taken;
}

void DbusReader::Align(size_t alignment) {
  const size_t aligned = AlignUp(at_, alignment);
  Take(aligned - at_);
}

uint64_t DbusReader::Integer(size_t size) {
  Align(size);
  const std::string_view bytes = Take(size);
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t place = is_big_endian_ ? bytes.size() - 1 - i : i;
    value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * place);
  }
  return value;
}

uint8_t DbusReader::Byte() { return static_cast<uint8_t>(Integer(1)); }
uint32_t DbusReader::Uint32() { return static_cast<uint32_t>(Integer(4)); }
uint64_t DbusReader::Uint64() { return Integer(8); }

std::string_view DbusReader::String() {
  const std::string_view text = Take(Uint32());
  Take(1);
  return is_broken_ ? std::string_view() : text;
}

std::string_view DbusReader::Signature() {
  const std::string_view text = Take(Byte());
  Take(1);
  return is_broken_ ? std::string_view() : text;
}

size_t DbusReader::Array(size_t element_alignment) {
  const size_t length = Uint32();
  Align(element_alignment);
  if (length > text_.size() - at_) is_broken_ = true;
  return is_broken_ ? 0 : at_ + length;
}

void DbusReader::Skip(std::string_view& signature, int depth) {
  const std::string_view type = FirstType(signature);
  if (type.empty() || depth > kDepthLimit) is_broken_ = true;
  if (is_broken_) return;
  signature.remove_prefix(type.size());
  if (type[0] == 'a') {
    const std::string_view element = type.substr(1);
    const size_t end = Array(AlignmentOf(element[0]));
    Take(end >= at_ ? end - at_ : 0);
  } else if (type[0] == '(' || type[0] == '{') {
    Align(8);
    std::string_view members = type.substr(1, type.size() - 2);
    while (!members.empty() && !is_broken_) Skip(members, depth + 1);
  } else if (type[0] == 'v') {
    std::string_view inner = Signature();
    Skip(inner, depth + 1);
  } else if (type[0] == 's' || type[0] == 'o') {
    String();
  } else if (type[0] == 'g') {
    Signature();
  } else {
    Integer(AlignmentOf(type[0]));
  }
}

std::string EncodeDbusCall(const DbusCall& call, uint32_t serial) {
  DbusWriter body;
  std::string signature;
  for (std::string_view argument : call.arguments) {
    if (argument.empty()) break;
    body.String(argument);
    signature += 's';
  }
  DbusWriter writer;
  StartHeader(DbusMessageType::kCall, body.text().size(), serial, writer);
  const size_t fields = writer.StartArray();
  AddTextField(kPath, "o", call.path, writer);
  AddTextField(kInterface, "s", call.interface, writer);
  AddTextField(kMember, "s", call.member, writer);
  AddTextField(kDestination, "s", call.destination, writer);
  AddTextField(kSignature, "g", signature, writer);
  writer.EndArray(fields);
  writer.Align(8);
  return writer.text() + body.text();
}

std::string EncodeDbusAnswer(uint32_t answer_to, std::string_view signature, std::string_view body) {
  DbusWriter writer;
  StartHeader(DbusMessageType::kAnswer, body.size(), /*serial=*/1, writer);
  const size_t fields = writer.StartArray();
  writer.Byte(kAnswerTo);
  writer.Signature("u");
  writer.Uint32(answer_to);
  AddTextField(kSignature, "g", signature, writer);
  writer.EndArray(fields);
  writer.Align(8);
  return writer.text() + std::string(body);
}

core::Result<std::optional<size_t>> DbusMessageLength(std::string_view bytes) {
  if (bytes.size() < kFixedHeaderSize) return std::optional<size_t>();
  const bool is_big_endian = bytes[0] == 'B';
  if ((bytes[0] != 'l' && !is_big_endian) || bytes[3] != 1) {
    return core::Fail(core::Code::kCorruption, "not a D-Bus message");
  }
  DbusReader reader(bytes.substr(0, kFixedHeaderSize), is_big_endian);
  reader.Uint32();
  const size_t body = reader.Uint32();
  reader.Uint32();
  const size_t fields = reader.Uint32();
  if (body > kDbusMessageLimit || fields > kDbusMessageLimit) {
    return core::Fail(core::Code::kResourceExhausted, "a D-Bus message of {} bytes", body + fields);
  }
  return std::optional<size_t>(AlignUp(kFixedHeaderSize + fields, 8) + body);
}

core::Result<DbusMessage> DecodeDbusMessage(std::string_view bytes) {
  SEXTANT_ASSIGN(const std::optional<size_t> length, DbusMessageLength(bytes));
  if (!length || *length > bytes.size()) return core::Fail(core::Code::kCorruption, "a cut D-Bus message");
  DbusMessage message;
  message.is_big_endian = bytes[0] == 'B';
  message.type = static_cast<DbusMessageType>(bytes[1]);
  DbusReader reader(bytes.substr(0, *length), message.is_big_endian);
  reader.Uint32();
  const size_t body_size = reader.Uint32();
  reader.Uint32();
  const size_t end = reader.Array(8);
  while (reader.at() < end && !reader.IsBroken()) {
    reader.Align(8);
    const uint8_t code = reader.Byte();
    std::string_view type = reader.Signature();
    if (code == kAnswerTo && type == "u") {
      message.answer_to = reader.Uint32();
    } else if (code == kErrorName && type == "s") {
      message.error_name = reader.String();
    } else if (code == kSignature && type == "g") {
      message.signature = reader.Signature();
    } else {
      reader.Skip(type);
    }
  }
  if (reader.IsBroken()) return core::Fail(core::Code::kCorruption, "a broken D-Bus message");
  message.body = bytes.substr(*length - body_size, body_size);
  return message;
}

}  // namespace sextant::node
