#include "config/value.h"

#include <algorithm>

namespace sextant::config {

namespace {

Value Copy(Node node, const std::shared_ptr<const std::string>& file) {
  Value value;
  value.kind = node.kind();
  value.text = node.text();
  value.is_plain = node.IsScalar() ? node.is_plain() : true;
  value.key = node.key();
  value.file = file;
  value.position = node.position();
  value.key_position = node.key_position();
  for (Node child : node.children()) value.children.push_back(Copy(child, file));
  return value;
}

}  // namespace

Value Value::Of(Node node) { return Copy(node, std::make_shared<std::string>(node.file())); }

const Value* Value::Find(std::string_view child_key) const {
  auto found = std::ranges::find(children, child_key, &Value::key);
  return IsMapping() && found != children.end() ? &*found : nullptr;
}

Value* Value::Find(std::string_view child_key) {
  return const_cast<Value*>(std::as_const(*this).Find(child_key));
}

void Value::Replace(Value other) {
  kind = other.kind;
  text = std::move(other.text);
  is_plain = other.is_plain;
  children = std::move(other.children);
}

tl::unexpected<core::Error> Value::Fail(std::string_view message) const {
  return core::Fail(core::Code::kInvalidArgument, "{}:{}:{}: {}", file == nullptr ? "" : *file, position.line,
                    position.column, message);
}

void Merge(Value& base, Value over) {
  if (!base.IsMapping() || !over.IsMapping()) {
    over.key = base.key;
    base = std::move(over);
    return;
  }
  for (Value& child : over.children) {
    if (Value* existing = base.Find(child.key)) {
      Merge(*existing, std::move(child));
    } else {
      base.children.push_back(std::move(child));
    }
  }
}

}  // namespace sextant::config
