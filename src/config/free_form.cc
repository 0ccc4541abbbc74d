#include "config/free_form.h"

#include <cmath>

#include "core/json_writer.h"

namespace sextant::config {

namespace {

void AppendScalar(Node node, core::JsonWriter& json) {
  std::string text(node.text());
  if (!node.is_plain()) {
    json.String(text);
  } else if (auto number = node.AsInt()) {
    json.Int(*number);
  } else if (auto real = node.AsFloat(); real && std::isfinite(*real)) {
    json.Double(*real);
  } else if (auto truth = node.AsBool()) {
    json.Bool(*truth);
  } else {
    json.String(text);
  }
}

void Append(Node node, core::JsonWriter& json) {
  switch (node.kind()) {
    case NodeKind::kNull:
      json.Null();
      return;
    case NodeKind::kScalar:
      AppendScalar(node, json);
      return;
    case NodeKind::kSequence:
      json.BeginArray();
      for (Node child : node.children()) Append(child, json);
      json.EndArray();
      return;
    case NodeKind::kMapping:
      json.BeginObject();
      for (Node child : node.children()) {
        json.Key(child.key());
        Append(child, json);
      }
      json.EndObject();
      return;
  }
}

// JSON is YAML, so that what was read is written through the same tree.
void Write(Node node, YamlWriter& out) {
  switch (node.kind()) {
    case NodeKind::kNull:
      return out.Null();
    case NodeKind::kScalar:
      if (!node.is_plain()) return out.Text(node.text());
      if (auto number = node.AsInt()) return out.Int(*number);
      if (auto real = node.AsFloat()) return out.Float(*real);
      if (auto truth = node.AsBool()) return out.Bool(*truth);
      return out.Text(node.text());
    case NodeKind::kSequence:
      out.BeginSequence();
      for (Node child : node.children()) Write(child, out);
      return out.EndSequence();
    case NodeKind::kMapping:
      out.BeginMapping();
      for (Node child : node.children()) {
        out.Key(child.key());
        Write(child, out);
      }
      return out.EndMapping();
  }
}

}  // namespace

std::string JsonOf(Node node) {
  core::JsonWriter json;
  Append(node, json);
  return std::move(json).Take();
}

CodecFor<std::string> JsonObject() {
  return Custom<std::string>(
      [](Node node) -> core::Result<std::string> {
        if (!node.IsMapping()) return node.Fail("it must be a mapping, but is {}", node.Describe());
        return node.size() == 0 ? std::string() : JsonOf(node);
      },
      [](const std::string& json, YamlWriter& out) {
        auto document = Document::Parse(json, "");
        if (!document) return out.Null();
        Write(document->root(), out);
      },
      [](const std::string& json) { return json.empty(); });
}

}  // namespace sextant::config
