// YAML to typed structs by declarative field tables, and back.
//
// A struct declares its table beside itself, in its own namespace, as a function that is found by its
// argument:
//
//   struct GroupConfig {
//     std::string name;
//     core::DurationMs interval_ms = 60'000;       // defaults are the members' initial values
//     std::vector<RuleConfig> rules;               // RuleConfig has a table of its own
//     std::optional<std::string> source;
//   };
//   const config::Struct& FieldsOf(const GroupConfig*);
//
//   const config::Struct& FieldsOf(const GroupConfig*) {       // in the .cc file
//     using namespace config;
//     static const Struct kFields = Struct::Of<GroupConfig>({
//         Member<&GroupConfig::name>("name").Required(),
//         Member<&GroupConfig::interval_ms>("interval", Duration()),
//         Member<&GroupConfig::rules>("rules"),
//         Member<&GroupConfig::source>("source"),
//         NotYet("labels", "put them on the rules"),
//     }, [](GroupConfig& group, Node node) -> core::Status { ... what holds between fields ... });
//     return kFields;
//   }
//
//   SEXTANT_ASSIGN(auto document, Document::Load(path));
//   SEXTANT_ASSIGN(auto group, Decode<GroupConfig>(document.root()));
//
// A member may be a bool, an integer, a double, std::string, Secret, a struct with a table, or a std::vector,
// std::map<std::string, …>, std::optional, std::unique_ptr or std::shared_ptr of those. A codec behind the
// name says how a value is written where its type does not (Duration(), ByteSize(), Regex(), Enum(...),
// Tagged(...), Custom(...)); it reaches into vectors, maps and optionals by itself.
//
// Unknown fields, wrong types, bad values, repeated fields and fields that are not supported yet are errors
// that say "file:line:column: path: what", with a suggestion for a misspelt name. A field that is there but
// null gets its type's zero value, as in Go's yaml.v2 (or keeps its default, where the document was read so);
// a null struct keeps its defaults.
//
// Tables are immutable once made and may be used from any thread. Decoding touches nothing but its target.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

#include "config/node.h"
#include "config/secret.h"
#include "config/yaml_writer.h"
#include "core/result.h"

namespace sextant::config {

class Struct;

// Reads and writes the values of one C++ type, which it sees as untyped memory; the typed faces are below.
class Codec {
 public:
  virtual ~Codec() = default;
  // Reads a node that is not null into the value at `out`.
  virtual core::Status Read(Node node, void* out) const = 0;
  // Makes the value at `out` what a null node means.
  virtual void SetNull(void* out) const = 0;
  // Whether null says something, also where fields without a value keep their defaults.
  virtual bool TakesNull() const { return false; }
  virtual void Write(const void* value, YamlWriter& out) const = 0;
  // Whether the value is left out of a dump.
  virtual bool IsEmpty(const void* value) const = 0;

 protected:
  Codec() = default;
  Codec(const Codec&) = default;
  Codec& operator=(const Codec&) = default;
};

// A codec that is made when it is first asked for, so that tables may contain themselves.
using CodecGetter = const Codec& (*)();

// A codec of values of type T, shared by the tables that use it.
template <typename T>
struct CodecFor {
  std::shared_ptr<const Codec> codec;
};

namespace internal {

const Codec& BoolCodec();
const Codec& TextCodec();
const Codec& SecretCodec();
const Codec& FloatCodec();
// For int32_t, int64_t, uint32_t, uint64_t, by size and sign.
const Codec& IntegerCodec(size_t size_bytes, bool is_signed);

struct SequenceOps {
  void (*clear)(void* sequence);
  void* (*append)(void* sequence);  // a new element
  size_t (*size)(const void* sequence);
  const void* (*at)(const void* sequence, size_t index);
};
struct MapOps {
  void (*clear)(void* map);
  void* (*insert)(void* map, std::string key);  // a new value
  void (*for_each)(const void* map, const std::function<void(const std::string&, const void*)>& visit);
};
struct OptionalOps {
  void (*reset)(void* optional);
  void* (*emplace)(void* optional);
  const void* (*get)(const void* optional);  // or nullptr
};

// What an element is read with: a getter (by its type) or a codec given for it.
struct CodecRef {
  CodecGetter getter = nullptr;
  std::shared_ptr<const Codec> codec;
  const Codec& operator*() const { return codec ? *codec : getter(); }
};

std::shared_ptr<const Codec> MakeSequenceCodec(SequenceOps ops, CodecRef element);
std::shared_ptr<const Codec> MakeMapCodec(MapOps ops, CodecRef value);
std::shared_ptr<const Codec> MakeOptionalCodec(OptionalOps ops, CodecRef value);

template <typename T>
const Codec& GetCodec();

template <typename T>
struct Container : std::false_type {};

template <typename E>
struct Container<std::vector<E>> : std::true_type {
  using Element = E;
  static std::shared_ptr<const Codec> Make(CodecRef element) {
    using V = std::vector<E>;
    return MakeSequenceCodec(
        {[](void* v) { static_cast<V*>(v)->clear(); },
         [](void* v) -> void* { return &static_cast<V*>(v)->emplace_back(); },
         [](const void* v) { return static_cast<const V*>(v)->size(); },
         [](const void* v, size_t i) -> const void* { return &(*static_cast<const V*>(v))[i]; }},
        std::move(element));
  }
};

template <typename E>
struct Container<std::map<std::string, E>> : std::true_type {
  using Element = E;
  static std::shared_ptr<const Codec> Make(CodecRef value) {
    using M = std::map<std::string, E>;
    return MakeMapCodec(
        {[](void* m) { static_cast<M*>(m)->clear(); },
         [](void* m, std::string key) -> void* { return &(*static_cast<M*>(m))[std::move(key)]; },
         [](const void* m, const std::function<void(const std::string&, const void*)>& visit) {
           for (const auto& [key, item] : *static_cast<const M*>(m)) visit(key, &item);
         }},
        std::move(value));
  }
};

template <typename O, typename E>
struct OptionalContainer : std::true_type {
  using Element = E;
  static std::shared_ptr<const Codec> Make(CodecRef value) {
    return MakeOptionalCodec({[](void* o) { static_cast<O*>(o)->reset(); },
                              [](void* o) -> void* {
                                if constexpr (requires(O x) { x.emplace(); }) {
                                  return &static_cast<O*>(o)->emplace();
                                } else if constexpr (requires(O x) { x.use_count(); }) {
                                  auto made = std::make_shared<std::remove_const_t<E>>();
                                  void* raw = made.get();
                                  *static_cast<O*>(o) = std::move(made);
                                  return raw;
                                } else {
                                  *static_cast<O*>(o) = std::make_unique<E>();
                                  return static_cast<O*>(o)->get();
                                }
                              },
                              [](const void* o) -> const void* {
                                const O& optional = *static_cast<const O*>(o);
                                return optional ? &*optional : nullptr;
                              }},
                             std::move(value));
  }
};
template <typename E>
struct Container<std::optional<E>> : OptionalContainer<std::optional<E>, E> {};
template <typename E>
struct Container<std::unique_ptr<E>> : OptionalContainer<std::unique_ptr<E>, E> {};
template <typename E>
struct Container<std::shared_ptr<E>> : OptionalContainer<std::shared_ptr<E>, E> {};

// The codec of a type that needs no telling.
template <typename T>
const Codec& GetCodec() {
  if constexpr (std::is_same_v<T, bool>) {
    return BoolCodec();
  } else if constexpr (std::is_integral_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    return IntegerCodec(sizeof(T), std::is_signed_v<T>);
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(std::is_same_v<T, double>);
    return FloatCodec();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return TextCodec();
  } else if constexpr (std::is_same_v<T, Secret>) {
    return SecretCodec();
  } else if constexpr (Container<T>::value) {
    static const std::shared_ptr<const Codec> kCodec =
        Container<T>::Make({&GetCodec<std::remove_const_t<typename Container<T>::Element>>, nullptr});
    return *kCodec;
  } else {
    return FieldsOf(static_cast<const T*>(nullptr));
  }
}

// Carries a codec of U up to T, which is U or a container (of containers) of U.
template <typename T, typename U>
std::shared_ptr<const Codec> Lift(CodecFor<U> codec) {
  if constexpr (std::is_same_v<T, U>) {
    return codec.codec;
  } else {
    static_assert(Container<T>::value, "this codec is for another type than the member has");
    return Container<T>::Make(
        {nullptr, Lift<std::remove_const_t<typename Container<T>::Element>>(std::move(codec))});
  }
}

template <auto M>
struct MemberOf;
template <typename S, typename T, T S::* M>
struct MemberOf<M> {
  using Object = S;
  using Type = T;
};

}  // namespace internal

// One row of a table. Made by Member, Inline and NotYet.
class Field {
 public:
  // An error when the field is absent.
  Field Required() &&;
  // Written into dumps even when it has its type's zero value.
  Field AlwaysWritten() &&;
  // What the value must satisfy; `check` gets the node for its error (`return node.Fail("must not be …")`).
  // Not called for null.
  template <typename T>
  Field Check(core::Status (*check)(const T& value, Node node)) &&;
  // For a field that is not supported yet: values that ask for what we do anyway, and so may stand.
  Field Allowing(std::vector<std::string> texts) &&;
  // For lists of structs: the error for an item that is null, in place of "must not be empty".
  Field NullItem(std::string message) &&;

 private:
  friend class Struct;
  template <auto M>
  friend Field Member(std::string name);
  template <auto M, typename U>
  friend Field Member(std::string name, CodecFor<U> codec);
  template <auto M>
  friend Field Inline();
  friend Field NotYet(std::string name, std::string advice);

  enum class Kind { kMember, kInline, kNotYet };

  template <auto M>
  static Field Of(std::string name, internal::CodecRef codec) {
    using Object = typename internal::MemberOf<M>::Object;
    Field field;
    field.name_ = std::move(name);
    field.member_ = [](void* object) -> void* { return &(static_cast<Object*>(object)->*M); };
    field.codec_ = std::move(codec);
    field.type_ = &typeid(typename internal::MemberOf<M>::Type);
    return field;
  }

  Kind kind_ = Kind::kMember;
  std::string name_;
  void* (*member_)(void* object) = nullptr;
  internal::CodecRef codec_;
  const std::type_info* type_ = nullptr;
  bool is_required_ = false;
  bool is_always_written_ = false;
  std::vector<std::string> allowed_;
  std::string text_;  // advice, or the message for null items
  std::function<core::Status(const void* value, Node node)> check_;
};

// The table of one struct: which fields it has, and what must hold between them.
class Struct final : public Codec {
 public:
  // `finish` is called after all fields have been read (also when there were none): the place for validation
  // across fields and for defaults that depend on others.
  template <typename T>
  static Struct Of(std::vector<Field> fields, core::Status (*finish)(T& value, Node node) = nullptr);

  core::Status Read(Node node, void* out) const override;
  void SetNull(void*) const override {}
  void Write(const void* value, YamlWriter& out) const override;
  bool IsEmpty(const void* value) const override;

  // For codecs that put more into the same mapping: reads all keys but one, and writes the fields alone.
  core::Status ReadExcept(Node node, void* out, std::string_view skipped) const;
  void WriteFields(const void* value, YamlWriter& out) const;

 private:
  explicit Struct(std::vector<Field> fields) : fields_(std::move(fields)) {}

  // The row of a name, also in inlined structs; moves `object` to the struct that has it.
  const Field* FindField(std::string_view name, void*& object) const;
  core::Status ReadField(const Field& field, void* object, Node value) const;
  core::Status CheckRequired(Node node) const;
  core::Status Finish(Node node, void* object) const;
  void ListNames(std::vector<std::string_view>& names) const;

  std::vector<Field> fields_;
  std::function<core::Status(void* value, Node node)> finish_;
};

// A field that is read by its type.
template <auto M>
Field Member(std::string name) {
  return Field::Of<M>(std::move(name), {&internal::GetCodec<typename internal::MemberOf<M>::Type>, nullptr});
}

// A field that is read by the given codec, which is for the member's type or for what the member contains.
template <auto M, typename U>
Field Member(std::string name, CodecFor<U> codec) {
  return Field::Of<M>(std::move(name),
                      {nullptr, internal::Lift<typename internal::MemberOf<M>::Type>(std::move(codec))});
}

// A struct whose fields stand among ours (Go's `yaml:",inline"`). Its own finish is called before ours.
template <auto M>
Field Inline() {
  Field field = Member<M>("");
  field.kind_ = Field::Kind::kInline;
  return field;
}

// A field that the original knows and we do not honour yet: its presence is the error "<name> is not
// supported yet", followed by the advice if there is one.
Field NotYet(std::string name, std::string advice = "");

// Prometheus' duration notation, as milliseconds (int64_t).
CodecFor<int64_t> Duration();
// Sizes with a unit ("15MB", "1KiB"), as bytes.
CodecFor<int64_t> ByteSize();
// A regular expression of Go's syntax, kept as text; the error is worded as Go's.
CodecFor<std::string> Regex();
// A text of which only "<secret>" is ever written, for URLs that contain a token and the like.
CodecFor<std::string> HiddenText();

// A codec made of functions, for everything else. Without `is_empty` the value is always written.
template <typename T>
CodecFor<T> Custom(std::function<core::Result<T>(Node node)> read,
                   std::function<void(const T& value, YamlWriter& out)> write,
                   std::function<bool(const T& value)> is_empty = nullptr);

// A struct that is there when its key is, also without a value: for std::optional members.
template <typename T>
CodecFor<std::optional<T>> Section();

// One of several words. `unknown` words the error, with {} for the quoted word; by default it lists the
// words.
template <typename E>
CodecFor<E> Enum(std::vector<std::pair<std::string, E>> words, std::string unknown = "");

// A std::variant of structs, told apart by the word under `tag`: Tagged<std::variant<A, B>>("type", {"a",
// "b"}), in the order of the alternatives. The tag itself is no field of theirs.
template <typename V>
CodecFor<V> Tagged(std::string tag, std::vector<std::string> words);

// Reads a node into `out`, which holds the defaults. The root of an empty file counts as an empty mapping.
template <typename T>
core::Status DecodeInto(Node node, T& out);
// Reads a node into a new value. Errors: kInvalidArgument, or kUnimplemented for what is not supported yet.
template <typename T>
core::Result<T> Decode(Node node);

// A value as YAML; secrets are hidden.
template <typename T>
std::string WriteYaml(const T& value);

// ---- Implementation of the templates above.

namespace internal {

std::shared_ptr<const Codec> MakeCustomCodec(std::function<core::Status(Node, void*)> read,
                                             std::function<void(void*)> set_null,
                                             std::function<void(const void*, YamlWriter&)> write,
                                             std::function<bool(const void*)> is_empty);
// The index of the node's word among `words`.
core::Result<size_t> FindWord(Node node, const std::vector<std::string>& words, const std::string& unknown);
std::shared_ptr<const Codec> MakeTaggedCodec(std::string tag, std::vector<std::string> words,
                                             std::vector<CodecGetter> alternatives,
                                             std::function<void*(void*, size_t)> emplace,
                                             std::function<std::pair<size_t, const void*>(const void*)> get);
core::Status ReadRoot(const Codec& codec, Node node, void* out);
// Of an optional struct that null switches on.
std::shared_ptr<const Codec> MakeSectionCodec(OptionalOps ops, CodecRef value);

template <typename V, size_t... I>
std::shared_ptr<const Codec> MakeVariantCodec(std::string tag, std::vector<std::string> words,
                                              std::index_sequence<I...>) {
  return MakeTaggedCodec(
      std::move(tag), std::move(words), {&GetCodec<std::variant_alternative_t<I, V>>...},
      [](void* v, size_t index) -> void* {
        void* made = nullptr;
        ((index == I ? static_cast<void>(made = &static_cast<V*>(v)->template emplace<I>()) : void()), ...);
        return made;
      },
      [](const void* v) -> std::pair<size_t, const void*> {
        const V& variant = *static_cast<const V*>(v);
        return {variant.index(), std::visit([](const auto& held) -> const void* { return &held; }, variant)};
      });
}

}  // namespace internal

template <typename T>
Field Field::Check(core::Status (*check)(const T& value, Node node)) && {
  SEXTANT_CHECK(*type_ == typeid(T));
  check_ = [check](const void* value, Node node) { return check(*static_cast<const T*>(value), node); };
  return std::move(*this);
}

template <typename T>
Struct Struct::Of(std::vector<Field> fields, core::Status (*finish)(T& value, Node node)) {
  Struct table(std::move(fields));
  if (finish != nullptr) {
    table.finish_ = [finish](void* value, Node node) { return finish(*static_cast<T*>(value), node); };
  }
  return table;
}

template <typename T>
CodecFor<T> Custom(std::function<core::Result<T>(Node node)> read,
                   std::function<void(const T& value, YamlWriter& out)> write,
                   std::function<bool(const T& value)> is_empty) {
  return {internal::MakeCustomCodec(
      [read = std::move(read)](Node node, void* out) -> core::Status {
        SEXTANT_ASSIGN(*static_cast<T*>(out), read(node));
        return {};
      },
      [](void* out) { *static_cast<T*>(out) = T(); },
      [write = std::move(write)](const void* value, YamlWriter& out) {
        write(*static_cast<const T*>(value), out);
      },
      [is_empty = std::move(is_empty)](const void* value) {
        return is_empty && is_empty(*static_cast<const T*>(value));
      })};
}

template <typename T>
CodecFor<std::optional<T>> Section() {
  using O = std::optional<T>;
  return {internal::MakeSectionCodec({[](void* o) { static_cast<O*>(o)->reset(); },
                                      [](void* o) -> void* { return &static_cast<O*>(o)->emplace(); },
                                      [](const void* o) -> const void* {
                                        const O& optional = *static_cast<const O*>(o);
                                        return optional ? &*optional : nullptr;
                                      }},
                                     {&internal::GetCodec<T>, nullptr})};
}

template <typename E>
CodecFor<E> Enum(std::vector<std::pair<std::string, E>> words, std::string unknown) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  return Custom<E>(
      [words, names, unknown](Node node) -> core::Result<E> {
        SEXTANT_ASSIGN(size_t index, internal::FindWord(node, names, unknown));
        return words[index].second;
      },
      [words](const E& value, YamlWriter& out) {
        for (const auto& [name, word_value] : words) {
          if (word_value == value) return out.Text(name);
        }
        out.Null();
      });
}

template <typename V>
CodecFor<V> Tagged(std::string tag, std::vector<std::string> words) {
  return {internal::MakeVariantCodec<V>(std::move(tag), std::move(words),
                                        std::make_index_sequence<std::variant_size_v<V>>())};
}

template <typename T>
core::Status DecodeInto(Node node, T& out) {
  return internal::ReadRoot(internal::GetCodec<T>(), node, &out);
}

template <typename T>
core::Result<T> Decode(Node node) {
  T value{};
  SEXTANT_TRY(DecodeInto(node, value));
  return value;
}

template <typename T>
std::string WriteYaml(const T& value) {
  YamlWriter out;
  internal::GetCodec<T>().Write(&value, out);
  return std::move(out).Finish();
}

}  // namespace sextant::config
