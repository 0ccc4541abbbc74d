#include "config/decode.h"

#include <algorithm>
#include <limits>

#include "config/text.h"
#include "core/duration.h"

namespace sextant::config {

namespace {

class BoolValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    SEXTANT_ASSIGN(*static_cast<bool*>(out), node.AsBool());
    return {};
  }
  void SetNull(void* out) const override { *static_cast<bool*>(out) = false; }
  void Write(const void* value, YamlWriter& out) const override {
    out.Bool(*static_cast<const bool*>(value));
  }
  bool IsEmpty(const void* value) const override { return !*static_cast<const bool*>(value); }
};

class FloatValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    SEXTANT_ASSIGN(*static_cast<double*>(out), node.AsFloat());
    return {};
  }
  void SetNull(void* out) const override { *static_cast<double*>(out) = 0; }
  void Write(const void* value, YamlWriter& out) const override {
    out.Float(*static_cast<const double*>(value));
  }
  bool IsEmpty(const void* value) const override { return *static_cast<const double*>(value) == 0; }
};

template <typename T>
class IntegerValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    if constexpr (std::is_signed_v<T>) {
      SEXTANT_ASSIGN(int64_t value, node.AsInt());
      return Store(node, value, out);
    } else {
      SEXTANT_ASSIGN(uint64_t value, node.AsUint());
      return Store(node, value, out);
    }
  }
  void SetNull(void* out) const override { *static_cast<T*>(out) = 0; }
  void Write(const void* value, YamlWriter& out) const override {
    if constexpr (std::is_signed_v<T>) {
      out.Int(*static_cast<const T*>(value));
    } else {
      out.Uint(*static_cast<const T*>(value));
    }
  }
  bool IsEmpty(const void* value) const override { return *static_cast<const T*>(value) == 0; }

 private:
  template <typename Wide>
  static core::Status Store(Node node, Wide value, void* out) {
    if (value > static_cast<Wide>(std::numeric_limits<T>::max()) ||
        value < static_cast<Wide>(std::numeric_limits<T>::min())) {
      return node.Fail("number {} is out of range", node.text());
    }
    *static_cast<T*>(out) = static_cast<T>(value);
    return {};
  }
};

class TextValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    SEXTANT_ASSIGN(*static_cast<std::string*>(out), node.AsText());
    return {};
  }
  void SetNull(void* out) const override { static_cast<std::string*>(out)->clear(); }
  void Write(const void* value, YamlWriter& out) const override {
    out.Text(*static_cast<const std::string*>(value));
  }
  bool IsEmpty(const void* value) const override { return static_cast<const std::string*>(value)->empty(); }
};

class SecretValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    // Not AsText: its error would show the value.
    if (!node.IsScalar()) return node.Fail("expected text");
    *static_cast<Secret*>(out) = Secret(std::string(node.text()));
    return {};
  }
  void SetNull(void* out) const override { *static_cast<Secret*>(out) = Secret(); }
  void Write(const void*, YamlWriter& out) const override { out.Text(kHiddenSecret); }
  bool IsEmpty(const void* value) const override { return static_cast<const Secret*>(value)->empty(); }
};

class HiddenTextValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    if (!node.IsScalar()) return node.Fail("expected text");
    *static_cast<std::string*>(out) = std::string(node.text());
    return {};
  }
  void SetNull(void* out) const override { static_cast<std::string*>(out)->clear(); }
  void Write(const void*, YamlWriter& out) const override { out.Text(kHiddenSecret); }
  bool IsEmpty(const void* value) const override { return static_cast<const std::string*>(value)->empty(); }
};

class DurationValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    SEXTANT_ASSIGN(std::string text, node.AsText());
    auto duration_ms = core::ParseDuration(text);
    if (!duration_ms) return node.Fail("{}", duration_ms.error().message());
    *static_cast<int64_t*>(out) = *duration_ms;
    return {};
  }
  void SetNull(void* out) const override { *static_cast<int64_t*>(out) = 0; }
  void Write(const void* value, YamlWriter& out) const override {
    out.Text(core::FormatDuration(*static_cast<const int64_t*>(value)));
  }
  bool IsEmpty(const void* value) const override { return *static_cast<const int64_t*>(value) == 0; }
};

class ByteSizeValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    SEXTANT_ASSIGN(std::string text, node.AsText());
    auto size_bytes = ParseByteSize(text);
    if (!size_bytes) return node.Fail("{}", size_bytes.error().message());
    *static_cast<int64_t*>(out) = *size_bytes;
    return {};
  }
  void SetNull(void* out) const override { *static_cast<int64_t*>(out) = 0; }
  void Write(const void* value, YamlWriter& out) const override {
    out.Text(FormatByteSize(*static_cast<const int64_t*>(value)));
  }
  bool IsEmpty(const void* value) const override { return *static_cast<const int64_t*>(value) == 0; }
};

class RegexValue final : public Codec {
 public:
  core::Status Read(Node node, void* out) const override {
    SEXTANT_ASSIGN(std::string text, node.AsText());
    if (auto status = CheckRegex(text); !status) return node.Fail("{}", status.error().message());
    *static_cast<std::string*>(out) = std::move(text);
    return {};
  }
  void SetNull(void* out) const override { static_cast<std::string*>(out)->clear(); }
  void Write(const void* value, YamlWriter& out) const override {
    out.Text(*static_cast<const std::string*>(value));
  }
  bool IsEmpty(const void* value) const override { return static_cast<const std::string*>(value)->empty(); }
};

class SequenceCodec final : public Codec {
 public:
  SequenceCodec(internal::SequenceOps ops, internal::CodecRef element)
      : ops_(ops), element_(std::move(element)) {}

  core::Status Read(Node node, void* out) const override {
    if (!node.IsSequence()) return node.Fail("expected a list, got {}", node.Describe());
    ops_.clear(out);
    bool holds_structs = dynamic_cast<const Struct*>(&*element_) != nullptr;
    for (Node item : node.children()) {
      if (item.IsNull() && holds_structs) return item.Fail("must not be empty");
      void* element = ops_.append(out);
      if (item.IsNull()) {
        (*element_).SetNull(element);
      } else {
        SEXTANT_TRY((*element_).Read(item, element));
      }
    }
    return {};
  }
  void SetNull(void* out) const override { ops_.clear(out); }
  void Write(const void* value, YamlWriter& out) const override {
    out.BeginSequence();
    for (size_t i = 0; i < ops_.size(value); ++i) (*element_).Write(ops_.at(value, i), out);
    out.EndSequence();
  }
  bool IsEmpty(const void* value) const override { return ops_.size(value) == 0; }

 private:
  const internal::SequenceOps ops_;
  const internal::CodecRef element_;
};

class MapCodec final : public Codec {
 public:
  MapCodec(internal::MapOps ops, internal::CodecRef value) : ops_(ops), value_(std::move(value)) {}

  core::Status Read(Node node, void* out) const override {
    if (!node.IsMapping()) return node.Fail("expected a mapping, got {}", node.Describe());
    ops_.clear(out);
    for (Node item : node.children()) {
      void* value = ops_.insert(out, std::string(item.key()));
      if (item.IsNull()) {
        (*value_).SetNull(value);
      } else {
        SEXTANT_TRY((*value_).Read(item, value));
      }
    }
    return {};
  }
  void SetNull(void* out) const override { ops_.clear(out); }
  void Write(const void* value, YamlWriter& out) const override {
    out.BeginMapping();
    ops_.for_each(value, [&](const std::string& key, const void* item) {
      out.Key(key);
      (*value_).Write(item, out);
    });
    out.EndMapping();
  }
  bool IsEmpty(const void* value) const override {
    bool is_empty = true;
    ops_.for_each(value, [&](const std::string&, const void*) { is_empty = false; });
    return is_empty;
  }

 private:
  const internal::MapOps ops_;
  const internal::CodecRef value_;
};

class OptionalCodec final : public Codec {
 public:
  OptionalCodec(internal::OptionalOps ops, internal::CodecRef value) : ops_(ops), value_(std::move(value)) {}

  core::Status Read(Node node, void* out) const override { return (*value_).Read(node, ops_.emplace(out)); }
  void SetNull(void* out) const override { ops_.reset(out); }
  void Write(const void* value, YamlWriter& out) const override {
    const void* held = ops_.get(value);
    if (held == nullptr) return out.Null();
    (*value_).Write(held, out);
  }
  bool IsEmpty(const void* value) const override { return ops_.get(value) == nullptr; }

 private:
  const internal::OptionalOps ops_;
  const internal::CodecRef value_;
};

class SectionCodec final : public Codec {
 public:
  SectionCodec(internal::OptionalOps ops, internal::CodecRef value) : ops_(ops), value_(std::move(value)) {}

  core::Status Read(Node node, void* out) const override { return (*value_).Read(node, ops_.emplace(out)); }
  void SetNull(void* out) const override { ops_.emplace(out); }
  bool TakesNull() const override { return true; }
  void Write(const void* value, YamlWriter& out) const override { (*value_).Write(ops_.get(value), out); }
  bool IsEmpty(const void* value) const override { return ops_.get(value) == nullptr; }

 private:
  const internal::OptionalOps ops_;
  const internal::CodecRef value_;
};

class CustomCodec final : public Codec {
 public:
  CustomCodec(std::function<core::Status(Node, void*)> read, std::function<void(void*)> set_null,
              std::function<void(const void*, YamlWriter&)> write, std::function<bool(const void*)> is_empty)
      : read_(std::move(read)),
        set_null_(std::move(set_null)),
        write_(std::move(write)),
        is_empty_(std::move(is_empty)) {}

  core::Status Read(Node node, void* out) const override { return read_(node, out); }
  void SetNull(void* out) const override { set_null_(out); }
  void Write(const void* value, YamlWriter& out) const override { write_(value, out); }
  bool IsEmpty(const void* value) const override { return is_empty_(value); }

 private:
  const std::function<core::Status(Node, void*)> read_;
  const std::function<void(void*)> set_null_;
  const std::function<void(const void*, YamlWriter&)> write_;
  const std::function<bool(const void*)> is_empty_;
};

class TaggedCodec final : public Codec {
 public:
  TaggedCodec(std::string tag, std::vector<std::string> words, std::vector<CodecGetter> alternatives,
              std::function<void*(void*, size_t)> emplace,
              std::function<std::pair<size_t, const void*>(const void*)> get)
      : tag_(std::move(tag)),
        words_(std::move(words)),
        alternatives_(std::move(alternatives)),
        emplace_(std::move(emplace)),
        get_(std::move(get)) {
    SEXTANT_CHECK(words_.size() == alternatives_.size());
  }

  core::Status Read(Node node, void* out) const override {
    if (!node.IsMapping()) return node.Fail("expected a mapping, got {}", node.Describe());
    Node word = node.Find(tag_);
    if (!word) return node.Fail("required field {} is missing", tag_);
    SEXTANT_ASSIGN(size_t index, internal::FindWord(word, words_, ""));
    return Alternative(index).ReadExcept(node, emplace_(out, index), tag_);
  }
  void SetNull(void* out) const override { emplace_(out, 0); }
  void Write(const void* value, YamlWriter& out) const override {
    auto [index, held] = get_(value);
    out.BeginMapping();
    out.Key(tag_);
    out.Text(words_[index]);
    Alternative(index).WriteFields(held, out);
    out.EndMapping();
  }
  bool IsEmpty(const void*) const override { return false; }

 private:
  const Struct& Alternative(size_t index) const {
    const auto* alternative = dynamic_cast<const Struct*>(&alternatives_[index]());
    SEXTANT_CHECK(alternative != nullptr);
    return *alternative;
  }

  const std::string tag_;
  const std::vector<std::string> words_;
  const std::vector<CodecGetter> alternatives_;
  const std::function<void*(void*, size_t)> emplace_;
  const std::function<std::pair<size_t, const void*>(const void*)> get_;
};

template <typename T>
const Codec& Instance() {
  static const T kCodec;
  return kCodec;
}

}  // namespace

namespace internal {

const Codec& BoolCodec() { return Instance<BoolValue>(); }
const Codec& TextCodec() { return Instance<TextValue>(); }
const Codec& SecretCodec() { return Instance<SecretValue>(); }
const Codec& FloatCodec() { return Instance<FloatValue>(); }

const Codec& IntegerCodec(size_t size_bytes, bool is_signed) {
  if (size_bytes == 4) {
    return is_signed ? Instance<IntegerValue<int32_t>>() : Instance<IntegerValue<uint32_t>>();
  }
  return is_signed ? Instance<IntegerValue<int64_t>>() : Instance<IntegerValue<uint64_t>>();
}

std::shared_ptr<const Codec> MakeSequenceCodec(SequenceOps ops, CodecRef element) {
  return std::make_shared<SequenceCodec>(ops, std::move(element));
}
std::shared_ptr<const Codec> MakeMapCodec(MapOps ops, CodecRef value) {
  return std::make_shared<MapCodec>(ops, std::move(value));
}
std::shared_ptr<const Codec> MakeOptionalCodec(OptionalOps ops, CodecRef value) {
  return std::make_shared<OptionalCodec>(ops, std::move(value));
}
std::shared_ptr<const Codec> MakeSectionCodec(OptionalOps ops, CodecRef value) {
  return std::make_shared<SectionCodec>(ops, std::move(value));
}

std::shared_ptr<const Codec> MakeCustomCodec(std::function<core::Status(Node, void*)> read,
                                             std::function<void(void*)> set_null,
                                             std::function<void(const void*, YamlWriter&)> write,
                                             std::function<bool(const void*)> is_empty) {
  return std::make_shared<CustomCodec>(std::move(read), std::move(set_null), std::move(write),
                                       std::move(is_empty));
}
std::shared_ptr<const Codec> MakeTaggedCodec(std::string tag, std::vector<std::string> words,
                                             std::vector<CodecGetter> alternatives,
                                             std::function<void*(void*, size_t)> emplace,
                                             std::function<std::pair<size_t, const void*>(const void*)> get) {
  return std::make_shared<TaggedCodec>(std::move(tag), std::move(words), std::move(alternatives),
                                       std::move(emplace), std::move(get));
}

core::Result<size_t> FindWord(Node node, const std::vector<std::string>& words, const std::string& unknown) {
  SEXTANT_ASSIGN(std::string text, node.AsText());
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == text) return i;
  }
  std::vector<std::string_view> candidates(words.begin(), words.end());
  std::string suggestion = Suggestion(text, candidates);
  if (!unknown.empty()) {
    return node.Fail("{}{}", fmt::format(fmt::runtime(unknown), Quote(text)), suggestion);
  }
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  return node.Fail("{} is not one of {}{}", Quote(text), list, suggestion);
}

core::Status ReadRoot(const Codec& codec, Node node, void* out) {
  if (node.IsNull() && dynamic_cast<const Struct*>(&codec) == nullptr) {
    codec.SetNull(out);
    return {};
  }
  return codec.Read(node, out);
}

}  // namespace internal

Field Field::Required() && {
  is_required_ = true;
  return std::move(*this);
}

Field Field::AlwaysWritten() && {
  is_always_written_ = true;
  return std::move(*this);
}

Field Field::Allowing(std::vector<std::string> texts) && {
  allowed_ = std::move(texts);
  return std::move(*this);
}

Field Field::NullItem(std::string message) && {
  text_ = std::move(message);
  return std::move(*this);
}

Field NotYet(std::string name, std::string advice) {
  Field field;
  field.kind_ = Field::Kind::kNotYet;
  field.name_ = std::move(name);
  field.text_ = std::move(advice);
  return field;
}

core::Status Struct::Read(Node node, void* out) const { return ReadExcept(node, out, ""); }

core::Status Struct::ReadExcept(Node node, void* out, std::string_view skipped) const {
  if (!node.IsMapping() && !node.IsNull()) return node.Fail("expected a mapping, got {}", node.Describe());
  for (Node value : node.children()) {
    if (!skipped.empty() && value.key() == skipped) continue;
    void* object = out;
    const Field* field = FindField(value.key(), object);
    if (field == nullptr && value.ignores_unknown_fields()) continue;
    if (field == nullptr) {
      std::vector<std::string_view> names;
      ListNames(names);
      return value.FailAtKey(core::Code::kInvalidArgument, "unknown field" + Suggestion(value.key(), names));
    }
    SEXTANT_TRY(ReadField(*field, object, value));
  }
  SEXTANT_TRY(CheckRequired(node));
  return Finish(node, out);
}

const Field* Struct::FindField(std::string_view name, void*& object) const {
  for (const Field& field : fields_) {
    if (field.kind_ == Field::Kind::kInline) {
      void* inner = field.member_(object);
      if (const Field* found = static_cast<const Struct&>(*field.codec_).FindField(name, inner)) {
        object = inner;
        return found;
      }
    } else if (field.name_ == name) {
      return &field;
    }
  }
  return nullptr;
}

core::Status Struct::ReadField(const Field& field, void* object, Node value) const {
  if (field.kind_ == Field::Kind::kNotYet) {
    const auto& allowed = field.allowed_;
    if (value.IsScalar() && std::find(allowed.begin(), allowed.end(), value.text()) != allowed.end())
      return {};
    std::string message = fmt::format("{} is not supported yet", field.name_);
    if (!field.text_.empty()) message += "; " + field.text_;
    return value.FailAtKey(core::Code::kUnimplemented, message);
  }
  void* member = field.member_(object);
  if (value.IsNull()) {
    if (!value.null_keeps_default() || (*field.codec_).TakesNull()) (*field.codec_).SetNull(member);
    return {};
  }
  if (!field.text_.empty()) {
    for (Node item : value.children()) {
      if (item.IsNull()) return item.Fail("{}", field.text_);
    }
  }
  SEXTANT_TRY((*field.codec_).Read(value, member));
  if (field.check_) return field.check_(member, value);
  return {};
}

core::Status Struct::CheckRequired(Node node) const {
  for (const Field& field : fields_) {
    if (field.kind_ == Field::Kind::kInline) {
      SEXTANT_TRY(static_cast<const Struct&>(*field.codec_).CheckRequired(node));
    } else if (field.is_required_ && !node.Find(field.name_)) {
      return node.Fail("required field {} is missing", field.name_);
    }
  }
  return {};
}

core::Status Struct::Finish(Node node, void* object) const {
  for (const Field& field : fields_) {
    if (field.kind_ != Field::Kind::kInline) continue;
    SEXTANT_TRY(static_cast<const Struct&>(*field.codec_).Finish(node, field.member_(object)));
  }
  return finish_ ? finish_(object, node) : core::Status();
}

void Struct::ListNames(std::vector<std::string_view>& names) const {
  for (const Field& field : fields_) {
    if (field.kind_ == Field::Kind::kInline) {
      static_cast<const Struct&>(*field.codec_).ListNames(names);
    } else {
      names.push_back(field.name_);
    }
  }
}

void Struct::Write(const void* value, YamlWriter& out) const {
  out.BeginMapping();
  WriteFields(value, out);
  out.EndMapping();
}

void Struct::WriteFields(const void* value, YamlWriter& out) const {
  for (const Field& field : fields_) {
    if (field.kind_ == Field::Kind::kNotYet) continue;
    // Tables hold one accessor for reading and writing; writing does not change what it points at.
    const void* member = field.member_(const_cast<void*>(value));
    if (field.kind_ == Field::Kind::kInline) {
      static_cast<const Struct&>(*field.codec_).WriteFields(member, out);
    } else if (field.is_always_written_ || !(*field.codec_).IsEmpty(member)) {
      out.Key(field.name_);
      (*field.codec_).Write(member, out);
    }
  }
}

bool Struct::IsEmpty(const void* value) const {
  for (const Field& field : fields_) {
    if (field.kind_ == Field::Kind::kNotYet) continue;
    const void* member = field.member_(const_cast<void*>(value));
    if (field.is_always_written_ || !(*field.codec_).IsEmpty(member)) return false;
  }
  return true;
}

CodecFor<int64_t> Duration() { return {std::make_shared<DurationValue>()}; }
CodecFor<int64_t> ByteSize() { return {std::make_shared<ByteSizeValue>()}; }
CodecFor<std::string> Regex() { return {std::make_shared<RegexValue>()}; }
CodecFor<std::string> HiddenText() { return {std::make_shared<HiddenTextValue>()}; }

}  // namespace sextant::config
