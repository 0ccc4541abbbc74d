// A configuration as a tree that can be changed: read from a document, merged with others, expanded, and made
// a document again, in which every value still knows the file and place it came from.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"

namespace sextant::config {

struct Value {
  NodeKind kind = NodeKind::kNull;
  std::string text;      // of scalars
  bool is_plain = true;  // of scalars: without quotes
  std::string key;       // in a mapping
  std::vector<Value> children;

  std::shared_ptr<const std::string> file;
  Position position;
  Position key_position;

  // A copy of a node and all below it.
  static Value Of(Node node);

  bool IsMapping() const { return kind == NodeKind::kMapping; }
  // The child of a mapping; null when there is none.
  const Value* Find(std::string_view child_key) const;
  Value* Find(std::string_view child_key);
  // What the value is now, without losing where it stands.
  void Replace(Value other);

  // "file:line:column: message".
  tl::unexpected<core::Error> Fail(std::string_view message) const;
};

// Puts `over` on `base`: mappings are merged key by key, everything else is replaced.
void Merge(Value& base, Value over);

}  // namespace sextant::config
