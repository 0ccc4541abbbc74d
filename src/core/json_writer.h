// Writes JSON text into a string, as fast as appending goes, with the escapes of Go's encoding/json (also of
// <, > and &), so that answers are the bytes that users of the originals know.
//
//   JsonWriter json;
//   json.BeginObject().Key("status").String("success").Key("data").BeginArray().Int(1).EndArray().EndObject();
//   std::string text = std::move(json).Take();
//
// Commas are put where they belong. Nesting is the caller's job and checked by SEXTANT_CHECK at Take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sextant::core {

class JsonWriter {
 public:
  JsonWriter() = default;
  // Appends to `buffer`, whose capacity is used.
  explicit JsonWriter(std::string buffer) : out_(std::move(buffer)) {}

  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view key);
  JsonWriter& String(std::string_view value);
  JsonWriter& Int(int64_t value);
  JsonWriter& UInt(uint64_t value);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  // A finite number as Go's encoding/json writes it; NaN and infinities become null.
  JsonWriter& Double(double value);
  // Text that is already JSON.
  JsonWriter& Raw(std::string_view json);
  // The same, appended by append(std::string&) in place.
  template <typename Append>
  JsonWriter& RawWith(Append&& append) {
    Separate();
    append(out_);
    return *this;
  }

  size_t size() const { return out_.size(); }
  // What was written so far, to be sent in pieces; clears it and goes on.
  std::string TakePiece();
  // The finished text.
  std::string Take() &&;

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string out_;
  int depth_ = 0;
  bool needs_comma_ = false;
};

// Appends `text` as a JSON string with quotes; invalid UTF-8 becomes U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);

}  // namespace sextant::core
