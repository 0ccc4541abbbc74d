#include "dashboards/document.h"

#include <simdjson.h>

#include <algorithm>

#include "core/json_writer.h"

namespace sextant::dashboards {

namespace {

using core::Code;
using core::Fail;

// FNV-1a: stable across programs and machines, which std::hash is not.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

}  // namespace

core::Result<Document> ReadDocument(std::string_view json) {
  if (json.size() > kMaxDocumentBytes) {
    return Fail(Code::kInvalidArgument, "a dashboard of {} bytes is too large (limit {})", json.size(),
                kMaxDocumentBytes);
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::padded_string padded(json);
  if (auto error = parser.parse(padded).get(root)) {
    return Fail(Code::kInvalidArgument, "not a dashboard in JSON: {}", simdjson::error_message(error));
  }
  simdjson::dom::object object;
  if (root.get(object)) return Fail(Code::kInvalidArgument, "not a dashboard in JSON: not an object");
  Document document;
  std::string_view text;
  simdjson::dom::element uid;
  if (!object["uid"].get(uid) && !uid.is_null()) {
    if (uid.get(text)) return Fail(Code::kInvalidArgument, "uid must be a text");
    if (text.size() > 40) return Fail(Code::kInvalidArgument, "uid too long, max 40 characters");
    if (!text.empty() && !IsUid(text)) return Fail(Code::kInvalidArgument, "uid contains illegal characters");
    document.uid = text;
  }
  if (object["title"].get(text) || text.find_first_not_of(' ') == std::string_view::npos)
    return Fail(Code::kInvalidArgument, "Dashboard title cannot be empty");
  document.title = text;
  simdjson::dom::array tags;
  if (!object["tags"].get(tags)) {
    for (simdjson::dom::element tag : tags) {
      if (!tag.get(text)) document.tags.emplace_back(text);
    }
  }
  if (object["version"].get(document.version)) document.version = 0;
  return document;
}

std::string WithIdentity(std::string_view json, int64_t id, std::string_view uid, int64_t version) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  simdjson::padded_string padded(json);
  SEXTANT_CHECK(!parser.parse(padded).get_object().get(object));
  core::JsonWriter out;
  out.BeginObject();
  for (auto [key, value] : object) {
    if (key != "id" && key != "uid" && key != "version") out.Key(key).Raw(simdjson::minify(value));
  }
  out.Key("id").Int(id).Key("uid").String(uid).Key("version").Int(version).EndObject();
  return std::move(out).Take();
}

bool IsUid(std::string_view text) {
  auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= 40 && std::ranges::all_of(text, is_allowed);
}

std::string DeriveUid(std::string_view text) { return fmt::format("s{:016x}", Hash(text)); }

int64_t NumericId(std::string_view uid) { return static_cast<int64_t>(Hash(uid) >> 12) + 1; }

std::string Slug(std::string_view title) {
  std::string slug;
  for (char c : title) {
    char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    bool stays = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (stays) {
      slug += lower;
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  if (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "-" : slug;
}

std::string Fingerprint(std::string_view text) { return fmt::format("{:016x}-{}", Hash(text), text.size()); }

}  // namespace sextant::dashboards
