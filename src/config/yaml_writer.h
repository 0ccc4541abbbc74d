// Writes YAML in the plain block style of Prometheus' own dumps (lists are not indented under their key).
//
//   YamlWriter out;
//   out.BeginMapping();
//   out.Key("job_name"); out.Text("node");
//   out.EndMapping();
//   std::string text = std::move(out).Finish();
//
// The caller opens and closes what it opens; the writer puts indentation, dashes and quotes. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::config {

class YamlWriter {
 public:
  void BeginMapping() { Begin(Kind::kMapping); }
  void EndMapping() { End("{}"); }
  void BeginSequence() { Begin(Kind::kSequence); }
  void EndSequence() { End("[]"); }

  // The next value's key; inside a mapping only.
  void Key(std::string_view key);
  // A text, quoted when it would read back as something else.
  void Text(std::string_view text);
  void Bool(bool value) { Raw(value ? "true" : "false"); }
  void Int(int64_t value);
  void Uint(uint64_t value);
  void Float(double value);
  void Null() { Raw("null"); }

  std::string Finish() && { return std::move(out_); }

 private:
  enum class Kind { kMapping, kSequence };
  struct Level {
    Kind kind;
    int indent;  // of its items
    bool is_empty = true;
  };

  void Begin(Kind kind);
  void End(std::string_view when_empty);
  void Raw(std::string_view text);
  // What stands before a scalar or an empty collection.
  void StartInline();
  void StartItem();

  std::string out_;
  std::vector<Level> levels_;
  bool after_key_ = false;
  bool after_dash_ = false;
};

}  // namespace sextant::config
