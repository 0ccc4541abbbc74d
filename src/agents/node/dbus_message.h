// Messages of D-Bus in its wire format (the D-Bus specification, "Message Protocol"). Stateless.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::node {

inline constexpr size_t kDbusMessageLimit = 16 << 20;

// Writes values one after the other, each aligned from the start of the text, in the little-endian form.
class DbusWriter {
 public:
  void Align(size_t alignment) { text_.resize((text_.size() + alignment - 1) / alignment * alignment, '\0'); }
  void Byte(uint8_t value) { text_ += static_cast<char>(value); }
  void Uint32(uint32_t value);
  void Uint64(uint64_t value);
  void String(std::string_view value);  // also an object path
  void Signature(std::string_view value);
  // Space for the length of an array of structures, and the length once its elements are written.
  size_t StartArray();
  void EndArray(size_t start);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Reads values one after the other. After the first that is not there all are zero or empty, and IsBroken.
class DbusReader {
 public:
  DbusReader(std::string_view text, bool is_big_endian) : text_(text), is_big_endian_(is_big_endian) {}

  bool IsBroken() const { return is_broken_; }
  bool IsAtEnd() const { return at_ >= text_.size(); }
  size_t at() const { return at_; }

  void Align(size_t alignment);
  uint8_t Byte();
  uint32_t Uint32();
  uint64_t Uint64();
  std::string_view String();  // also an object path
  std::string_view Signature();
  // The offset behind an array's last element; elements follow.
  size_t Array(size_t element_alignment);
  // Goes over a value of this one complete type.
  void Skip(std::string_view& signature, int depth = 0);

 private:
  std::string_view Take(size_t size);
  uint64_t Integer(size_t size);

  std::string_view text_;
  size_t at_ = 0;
  const bool is_big_endian_;
  bool is_broken_ = false;
};

enum class DbusMessageType : uint8_t { kCall = 1, kAnswer = 2, kError = 3, kSignal = 4 };

struct DbusMessage {
  DbusMessageType type = DbusMessageType::kSignal;
  bool is_big_endian = false;
  uint32_t answer_to = 0;  // the serial of the call
  std::string error_name;
  std::string signature;  // of the body
  std::string body;

  DbusReader Reader() const { return {body, is_big_endian}; }
};

struct DbusCall {
  std::string_view destination;
  std::string path;
  std::string_view interface;
  std::string_view member;
  std::string_view arguments[2] = {};  // texts; an empty one ends them
};

// A call as bytes.
std::string EncodeDbusCall(const DbusCall& call, uint32_t serial);
// An answer as bytes, as a bus sends it.
std::string EncodeDbusAnswer(uint32_t answer_to, std::string_view signature, std::string_view body);

// The length of the message at the start of the bytes; nothing as long as they are too few to know it.
// kCorruption for what is no message, kResourceExhausted for one above kDbusMessageLimit.
core::Result<std::optional<size_t>> DbusMessageLength(std::string_view bytes);
// A whole message.
core::Result<DbusMessage> DecodeDbusMessage(std::string_view bytes);

}  // namespace sextant::node
