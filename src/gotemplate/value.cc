#include "gotemplate/value.h"

#include <algorithm>

namespace sextant::gotemplate {

const Type kAnyListType{.name = "[]interface {}"};
const Type kStringListType{.name = "[]string", .elem = "string", .has_string_elems = true};
const Type kAnyMapType{.name = "map[string]interface {}"};
const Type kStringMapType{.name = "map[string]string", .elem = "string", .has_string_elems = true};

namespace {

int DepthOf(const std::vector<Value>& values) {
  int depth = 0;
  for (const Value& value : values) depth = std::max(depth, value.depth());
  return depth + 1;
}

std::string_view IntTypeName(IntType type) {
  switch (type) {
    case IntType::kInt:
      return "int";
    case IntType::kInt32:
      return "int32";
    case IntType::kInt64:
      return "int64";
    case IntType::kUint64:
      return "uint64";
    case IntType::kDuration:
      return "time.Duration";
    case IntType::kMonth:
      return "time.Month";
    case IntType::kWeekday:
      return "time.Weekday";
  }
  return "int";
}

}  // namespace

List::List(const Type& type, std::vector<Value> items)
    : type_(&type), items_(std::move(items)), depth_(DepthOf(items_)) {}

Map::Map(const Type& type, Entries entries) : type_(&type), entries_(std::move(entries)), depth_(1) {
  for (const auto& [key, value] : entries_) depth_ = std::max(depth_, value.depth() + 1);
}

Struct::Struct(const Type& type, std::span<const FieldSpec> fields, std::vector<Value> values)
    : type_(&type), fields_(fields), values_(std::move(values)), depth_(DepthOf(values_)) {
  SEXTANT_CHECK(fields_.size() == values_.size());
}

const Value* Struct::Find(std::string_view name) const {
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].name == name) return &values_[i];
  }
  return nullptr;
}

Value Value::Nil() {
  Value value;
  value.data_ = NilTag{};
  return value;
}

Value Value::Bool(bool b) {
  Value value;
  value.data_ = b;
  return value;
}

Value Value::Int(int64_t i, IntType type) {
  Value value;
  value.data_ = Integer{i, type};
  return value;
}

Value Value::Float(double f) {
  Value value;
  value.data_ = f;
  return value;
}

Value Value::String(std::string s, TextType type) {
  Value value;
  value.data_ = std::make_shared<const Text>(Text{std::move(s), type});
  return value;
}

Value Value::OfTime(Time time) {
  Value value;
  value.data_ = std::make_shared<const Time>(std::move(time));
  return value;
}

Value Value::OfList(std::vector<Value> items, const Type& type) {
  Value value;
  value.data_ = std::make_shared<const List>(type, std::move(items));
  return value;
}

Value Value::Strings(std::vector<std::string> items) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (std::string& item : items) values.push_back(String(std::move(item)));
  return OfList(std::move(values), kStringListType);
}

Value Value::OfMap(Map::Entries entries, const Type& type) {
  Value value;
  value.data_ = std::make_shared<const Map>(type, std::move(entries));
  return value;
}

Value Value::OfStruct(const Type& type, std::span<const FieldSpec> fields, std::vector<Value> values) {
  Value value;
  value.data_ = std::make_shared<const Struct>(type, fields, std::move(values));
  return value;
}

Value Value::OfFunction(std::shared_ptr<const Function> function) {
  Value value;
  value.data_ = std::move(function);
  return value;
}

const Type* Value::type() const {
  switch (kind()) {
    case Kind::kList:
      return &AsList().type();
    case Kind::kMap:
      return &AsMap().type();
    case Kind::kStruct:
      return &AsStruct().type();
    default:
      return nullptr;
  }
}

std::string Value::TypeName() const {
  switch (kind()) {
    case Kind::kMissing:
    case Kind::kNil:
      return "interface {}";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return std::string(IntTypeName(int_type()));
    case Kind::kFloat:
      return "float64";
    case Kind::kString:
      return text_type() == TextType::kPlain  ? "string"
             : text_type() == TextType::kHtml ? "template.HTML"
                                              : "template.URL";
    case Kind::kTime:
      return "time.Time";
    case Kind::kFunction:
      return "func";
    default:
      return std::string(type()->name);
  }
}

int Value::depth() const {
  switch (kind()) {
    case Kind::kList:
      return AsList().depth();
    case Kind::kMap:
      return AsMap().depth();
    case Kind::kStruct:
      return AsStruct().depth();
    default:
      return 0;
  }
}

bool Value::IsTrue() const {
  switch (kind()) {
    case Kind::kMissing:
    case Kind::kNil:
      return false;
    case Kind::kBool:
      return AsBool();
    case Kind::kInt:
      return AsInt() != 0;
    case Kind::kFloat:
      return AsFloat() != 0;
    case Kind::kString:
      return !AsString().empty();
    case Kind::kList:
      return !AsList().items().empty();
    case Kind::kMap:
      return !AsMap().entries().empty();
    default:
      return true;
  }
}

std::string_view Param::TypeName() const {
  switch (kind) {
    case Kind::kAny:
      return "interface {}";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float64";
    case Kind::kString:
      return "string";
    case Kind::kStrings:
      return "[]string";
    case Kind::kTime:
      return "time.Time";
    case Kind::kDuration:
      return "time.Duration";
    case Kind::kTyped:
      return type->name;
  }
  return "interface {}";
}

const Function* FindMethod(const Value& receiver, std::string_view name) {
  if (const Type* type = receiver.type()) {
    for (const Method& method : type->methods) {
      if (method.name == name) return method.function;
    }
    return nullptr;
  }
  return FindTimeMethod(receiver, name);
}

}  // namespace sextant::gotemplate
