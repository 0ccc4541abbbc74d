#include "metrics/promfiles/upload_list.h"

#include <simdjson.h>

namespace sextant::promfiles {

using core::Code;
using core::Fail;
using core::Result;

namespace {

constexpr uint64_t kMaxBytes = 16 << 20;

}  // namespace

Result<std::set<std::string>> ParseUploadList(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(json)).get(object) != simdjson::SUCCESS) {
    return Fail(Code::kInvalidArgument, "it is not a JSON object");
  }
  std::set<std::string> names;
  simdjson::dom::element uploaded;
  if (object["uploaded"].get(uploaded) != simdjson::SUCCESS || uploaded.is_null()) return names;
  if (!uploaded.is_array()) return Fail(Code::kInvalidArgument, "`uploaded` is not a list");
  for (simdjson::dom::element one : uploaded.get_array()) {
    std::string_view name;
    if (one.get(name) != simdjson::SUCCESS) {
      return Fail(Code::kInvalidArgument, "`uploaded` has something that is not a text");
    }
    names.emplace(name);
  }
  return names;
}

Result<std::set<std::string>> ReadUploadList(core::FileSystem& fs, const std::string& path) {
  SEXTANT_ASSIGN(std::string json, core::ReadFile(fs, path, kMaxBytes));
  return ParseUploadList(json).map_error(core::AddContext("{}", path));
}

}  // namespace sextant::promfiles
