// The values a template works on: Go's basic kinds, lists, maps, structs, times and functions, with as much
// of Go's types as a template can notice (names in messages, methods, String, zero values of missing keys).
//
// A Value is a small handle; lists, maps and structs are shared and immutable, so copies are cheap and any
// thread may read them. A Type describes a named Go type: its methods, how it prints, what a missing key
// gives. Types are constant objects with static storage that the modules who own the data define (for example
// Alertmanager's KV).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/result.h"
#include "gotemplate/go_time.h"

namespace sextant::gotemplate {

class Value;
class Call;
struct Function;

// Go's integer types that templates meet. Duration, Month and Weekday print as words and have methods.
enum class IntType : uint8_t { kInt, kInt32, kInt64, kUint64, kDuration, kMonth, kWeekday };

enum class Kind : uint8_t {
  kMissing,  // no value at all: a key that is not there
  kNil,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kMap,
  kStruct,
  kTime,
  kFunction,
};

// What a text is known to be safe as; anything but kPlain comes from functions like safeHtml, and prints as
// it is where HTML is escaped.
enum class TextType : uint8_t { kPlain, kHtml, kUrl };

// A method: called with its receiver as the first argument.
struct Method {
  std::string_view name;
  const Function* function;
};

// A Go type as far as a template can tell it from others.
struct Type {
  std::string_view name;                   // "template.KV"
  std::string_view elem = "interface {}";  // type of elements, for messages
  std::span<const Method> methods = {};
  std::string (*to_string)(const Value&) = nullptr;  // its String method, which printing uses
  bool has_string_elems = false;                     // elements are strings: a missing key's zero value is ""
};

extern const Type kAnyListType;     // []interface {}
extern const Type kStringListType;  // []string
extern const Type kAnyMapType;      // map[string]interface {}
extern const Type kStringMapType;   // map[string]string

class List {
 public:
  List(const Type& type, std::vector<Value> items);
  const Type& type() const { return *type_; }
  const std::vector<Value>& items() const { return items_; }
  int depth() const { return depth_; }

 private:
  const Type* type_;
  std::vector<Value> items_;
  int depth_;  // of nesting, including this list
};

// Keys are strings, kept in byte order as Go's range and print do.
class Map {
 public:
  using Entries = std::map<std::string, Value, std::less<>>;
  Map(const Type& type, Entries entries);
  const Type& type() const { return *type_; }
  const Entries& entries() const { return entries_; }
  int depth() const { return depth_; }

 private:
  const Type* type_;
  Entries entries_;
  int depth_;
};

// A struct's field: its Go name and its name in JSON.
struct FieldSpec {
  std::string_view name;
  std::string_view json_name;
};

class Struct {
 public:
  // `values` has one value per field of `fields`, which has static storage.
  Struct(const Type& type, std::span<const FieldSpec> fields, std::vector<Value> values);
  const Type& type() const { return *type_; }
  std::span<const FieldSpec> fields() const { return fields_; }
  const std::vector<Value>& values() const { return values_; }
  const Value* Find(std::string_view name) const;
  int depth() const { return depth_; }

 private:
  const Type* type_;
  std::span<const FieldSpec> fields_;
  std::vector<Value> values_;
  int depth_;
};

class Value {
 public:
  Value() = default;  // missing
  static Value Nil();
  static Value Bool(bool value);
  static Value Int(int64_t value, IntType type = IntType::kInt);
  static Value Float(double value);
  static Value String(std::string value, TextType type = TextType::kPlain);
  static Value Duration(int64_t nanos) { return Int(nanos, IntType::kDuration); }
  static Value OfTime(Time value);
  static Value OfList(std::vector<Value> items, const Type& type = kAnyListType);
  static Value Strings(std::vector<std::string> items);
  static Value OfMap(Map::Entries entries, const Type& type = kAnyMapType);
  static Value OfStruct(const Type& type, std::span<const FieldSpec> fields, std::vector<Value> values);
  static Value OfFunction(std::shared_ptr<const Function> function);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool IsMissing() const { return kind() == Kind::kMissing; }
  bool IsNilOrMissing() const { return kind() <= Kind::kNil; }

  // Each may only be called on a value of its kind.
  bool AsBool() const { return std::get<bool>(data_); }
  int64_t AsInt() const { return std::get<Integer>(data_).value; }
  IntType int_type() const { return std::get<Integer>(data_).type; }
  double AsFloat() const { return std::get<double>(data_); }
  const std::string& AsString() const { return std::get<StringRef>(data_)->value; }
  TextType text_type() const { return std::get<StringRef>(data_)->type; }
  const List& AsList() const { return *std::get<std::shared_ptr<const List>>(data_); }
  const Map& AsMap() const { return *std::get<std::shared_ptr<const Map>>(data_); }
  const Struct& AsStruct() const { return *std::get<std::shared_ptr<const Struct>>(data_); }
  const Time& AsTime() const { return *std::get<std::shared_ptr<const Time>>(data_); }
  const Function& AsFunction() const { return *std::get<std::shared_ptr<const Function>>(data_); }

  // The named type of a list, map or struct; null for other kinds.
  const Type* type() const;
  // The Go type's name, as %T prints it.
  std::string TypeName() const;
  // Nesting of lists, maps and structs; 0 for scalars.
  int depth() const;
  // Go's template truth: false, 0, "", nil and empty collections are false.
  bool IsTrue() const;

 private:
  struct MissingTag {};
  struct NilTag {};
  struct Integer {
    int64_t value;
    IntType type;
  };
  struct Text {
    std::string value;
    TextType type;
  };
  using StringRef = std::shared_ptr<const Text>;
  std::variant<MissingTag, NilTag, bool, Integer, double, StringRef, std::shared_ptr<const List>,
               std::shared_ptr<const Map>, std::shared_ptr<const Struct>, std::shared_ptr<const Time>,
               std::shared_ptr<const Function>>
      data_;
};

// What a function's parameter accepts. Constants in a template adapt to it as in Go; other values must have
// the type.
struct Param {
  enum class Kind : uint8_t { kAny, kBool, kInt, kFloat, kString, kStrings, kTime, kDuration, kTyped };
  Kind kind = Kind::kAny;
  const Type* type = nullptr;  // of kTyped

  static constexpr Param Any() { return {Kind::kAny, nullptr}; }
  static constexpr Param Bool() { return {Kind::kBool, nullptr}; }
  static constexpr Param Int() { return {Kind::kInt, nullptr}; }
  static constexpr Param Float() { return {Kind::kFloat, nullptr}; }
  static constexpr Param String() { return {Kind::kString, nullptr}; }
  static constexpr Param Strings() { return {Kind::kStrings, nullptr}; }
  static constexpr Param OfTime() { return {Kind::kTime, nullptr}; }
  static constexpr Param Duration() { return {Kind::kDuration, nullptr}; }
  static constexpr Param Of(const Type& type) { return {Kind::kTyped, &type}; }

  std::string_view TypeName() const;
};

// A function or method. The arguments that `body` gets have been checked against `params`; a method's
// receiver comes before them.
struct Function {
  std::vector<Param> params;
  bool is_variadic = false;  // the last parameter takes any number
  std::function<core::Result<Value>(Call& call, std::span<const Value> args)> body;
};

// Function names to functions. Names are checked when a template is parsed.
using FunctionMap = std::map<std::string, Function, std::less<>>;

// The methods of time.Time, time.Duration, time.Month and time.Weekday; null when there is none of this name.
const Function* FindTimeMethod(const Value& receiver, std::string_view name);
// The method of a value's type; null when there is none.
const Function* FindMethod(const Value& receiver, std::string_view name);

}  // namespace sextant::gotemplate
