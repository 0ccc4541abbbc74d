#include "pipeline/component.h"

#include <algorithm>

#include "config/text.h"

namespace sextant::pipeline {

namespace {

// The collector's rule for both parts of an id.
bool IsTypeName(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text[0])) return false;
  return std::ranges::all_of(text,
                             [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view KindName(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::kReceiver:
      return "receiver";
    case ComponentKind::kProcessor:
      return "processor";
    case ComponentKind::kExporter:
      return "exporter";
    case ComponentKind::kConnector:
      return "connector";
    case ComponentKind::kExtension:
      return "extension";
  }
  return "";
}

core::Result<ComponentId> ComponentId::Parse(std::string_view text) {
  auto fail = [&](std::string_view what) {
    return core::Fail(core::Code::kInvalidArgument, "in \"{}\" id: {}", text, what);
  };
  size_t slash = text.find('/');
  std::string_view type = Trim(text.substr(0, slash));
  if (type.empty()) {
    return slash == std::string_view::npos ? core::Fail(core::Code::kInvalidArgument, "id must not be empty")
                                           : fail("the part before / should not be empty");
  }
  if (!IsTypeName(type)) {
    return fail("invalid character(s) in type: a letter, then letters, digits and underscores, at most 63");
  }
  ComponentId id{std::string(type), ""};
  if (slash == std::string_view::npos) return id;
  std::string_view name = Trim(text.substr(slash + 1));
  if (name.empty()) return fail("the part after / should not be empty");
  if (name.size() > 1024) return fail("the part after / is longer than 1024 bytes");
  id.name = name;
  return id;
}

const ComponentType* FindType(ComponentKind kind, std::string_view name) {
  for (const ComponentType& type : ComponentTypes()) {
    if (type.kind != kind) continue;
    if (type.name == name || std::ranges::find(type.aliases, name) != type.aliases.end()) return &type;
  }
  return nullptr;
}

}  // namespace sextant::pipeline
