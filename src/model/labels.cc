#include "model/labels.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "core/result.h"

namespace sextant::model {

// One allocation: this header, then `count` pairs of name and value lengths, then the bytes of all of them.
struct Labels::Block {
  std::atomic<uint32_t> references{1};
  uint32_t count = 0;
  uint32_t size_bytes = 0;  // of the whole block
  uint64_t hash = 0;

  const uint32_t* lengths() const { return reinterpret_cast<const uint32_t*>(this + 1); }
  uint32_t* lengths() { return reinterpret_cast<uint32_t*>(this + 1); }
  const char* bytes() const { return reinterpret_cast<const char*>(lengths() + size_t{2} * count); }
  char* bytes() { return reinterpret_cast<char*>(lengths() + size_t{2} * count); }
};

Labels::Labels(const Labels& other) : block_(other.block_) {
  if (block_) block_->references.fetch_add(1, std::memory_order_relaxed);
}

Labels& Labels::operator=(const Labels& other) {
  Labels copy(other);
  std::swap(block_, copy.block_);
  return *this;
}

Labels& Labels::operator=(Labels&& other) noexcept {
  std::swap(block_, other.block_);
  return *this;
}

Labels::~Labels() {
  if (block_ && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    block_->~Block();
    ::operator delete(block_);
  }
}

Labels Labels::FromSorted(const std::vector<LabelView>& labels) {
  Labels result;
  if (labels.empty()) return result;
  size_t bytes = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    SEXTANT_CHECK(!labels[i].value.empty());
    SEXTANT_CHECK(i == 0 || labels[i - 1].name < labels[i].name);
    bytes += labels[i].name.size() + labels[i].value.size();
  }
  size_t size = sizeof(Block) + labels.size() * 2 * sizeof(uint32_t) + bytes;
  SEXTANT_CHECK(size < UINT32_MAX);
  auto* block = new (::operator new(size)) Block;
  block->count = static_cast<uint32_t>(labels.size());
  block->size_bytes = static_cast<uint32_t>(size);
  uint32_t* lengths = block->lengths();
  char* out = block->bytes();
  for (const LabelView& label : labels) {
    *lengths++ = static_cast<uint32_t>(label.name.size());
    *lengths++ = static_cast<uint32_t>(label.value.size());
    std::memcpy(out, label.name.data(), label.name.size());
    out += label.name.size();
    std::memcpy(out, label.value.data(), label.value.size());
    out += label.value.size();
  }
  block->hash = XXH3_64bits(block + 1, size - sizeof(Block));
  result.block_ = block;
  return result;
}

Labels Labels::Of(std::initializer_list<LabelView> labels) {
  LabelsBuilder builder;
  for (const LabelView& label : labels) builder.Set(label.name, label.value);
  return builder.Build();
}

size_t Labels::size() const { return block_ ? block_->count : 0; }

Labels::Iterator Labels::begin() const {
  return block_ ? Iterator(block_->lengths(), block_->bytes()) : Iterator();
}

Labels::Iterator Labels::end() const {
  return block_ ? Iterator(block_->lengths() + size_t{2} * block_->count, nullptr) : Iterator();
}

std::string_view Labels::Get(std::string_view name) const {
  for (LabelView label : *this) {
    if (label.name == name) return label.value;
    if (label.name > name) break;
  }
  return {};
}

uint64_t Labels::Hash() const { return block_ ? block_->hash : 0; }

size_t Labels::SizeBytes() const { return block_ ? block_->size_bytes : 0; }

std::string Labels::ToString() const {
  std::string out = "{";
  for (LabelView label : *this) {
    if (out.size() > 1) out += ", ";
    out += IsClassicLabelName(label.name) ? std::string(label.name) : QuoteGo(label.name);
    out += '=';
    out += QuoteGo(label.value);
  }
  return out + "}";
}

std::string Labels::ToMetricString() const {
  std::string_view metric = metric_name();
  bool is_classic = IsClassicMetricName(metric);
  std::string out = is_classic ? std::string(metric) : "";
  std::string inner = !metric.empty() && !is_classic ? QuoteGo(metric) : "";
  for (LabelView label : *this) {
    if (label.name == kMetricName) continue;
    if (!inner.empty()) inner += ", ";
    inner += IsClassicLabelName(label.name) ? std::string(label.name) : QuoteGo(label.name);
    inner += '=';
    inner += QuoteGo(label.value);
  }
  if (inner.empty() && !out.empty()) return out;
  return out + "{" + inner + "}";
}

bool operator==(const Labels& a, const Labels& b) {
  if (a.block_ == b.block_) return true;
  if (!a.block_ || !b.block_ || a.block_->hash != b.block_->hash ||
      a.block_->size_bytes != b.block_->size_bytes) {
    return false;
  }
  return std::memcmp(a.block_ + 1, b.block_ + 1, a.block_->size_bytes - sizeof(Labels::Block)) == 0;
}

std::strong_ordering operator<=>(const Labels& a, const Labels& b) {
  if (a.block_ == b.block_) return std::strong_ordering::equal;
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end(),
                                                [](LabelView x, LabelView y) { return x <=> y; });
}

namespace {
auto FindLabel(auto& labels, std::string_view name) {
  return std::lower_bound(labels.begin(), labels.end(), name,
                          [](const auto& label, std::string_view key) { return label.first < key; });
}
bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}
}  // namespace

void LabelsBuilder::Reset(const Labels& base) {
  labels_.clear();
  for (LabelView label : base) labels_.emplace_back(label.name, label.value);
}

void LabelsBuilder::Set(std::string_view name, std::string_view value) {
  if (value.empty()) return Delete(name);
  auto it = FindLabel(labels_, name);
  if (it != labels_.end() && it->first == name) {
    it->second = value;
  } else {
    labels_.emplace(it, name, value);
  }
}

void LabelsBuilder::Delete(std::string_view name) {
  auto it = FindLabel(labels_, name);
  if (it != labels_.end() && it->first == name) labels_.erase(it);
}

void LabelsBuilder::Keep(const std::vector<std::string>& names) {
  std::erase_if(labels_, [&](const auto& label) { return !Contains(names, label.first); });
}

void LabelsBuilder::Drop(const std::vector<std::string>& names) {
  std::erase_if(labels_, [&](const auto& label) { return Contains(names, label.first); });
}

std::string_view LabelsBuilder::Get(std::string_view name) const {
  auto it = FindLabel(labels_, name);
  return it != labels_.end() && it->first == name ? std::string_view(it->second) : std::string_view();
}

Labels LabelsBuilder::Build() const {
  std::vector<LabelView> views;
  views.reserve(labels_.size());
  for (const auto& [name, value] : labels_) views.push_back({name, value});
  return Labels::FromSorted(views);
}

namespace {
bool IsIdentifier(std::string_view name, bool colons_allowed) {
  if (name.empty()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    bool is_letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colons_allowed && c == ':');
    bool is_digit = c >= '0' && c <= '9' && i > 0;
    if (!is_letter && !is_digit) return false;
  }
  return true;
}

// Decodes one code point at the start of `text`; returns its length, or 0 when the bytes are not valid UTF-8.
size_t DecodeUtf8(std::string_view text, uint32_t& code_point) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80) {
    code_point = first;
    return 1;
  }
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  code_point = first & (0xff >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code_point = (code_point << 6) | (byte(i) & 0x3f);
  }
  if (length == 3 && (code_point < 0x800 || (code_point >= 0xd800 && code_point <= 0xdfff))) return 0;
  if (length == 4 && (code_point < 0x10000 || code_point > 0x10ffff)) return 0;
  return length;
}

// The code points beyond ASCII that Go's strconv.IsPrint refuses and that occur in practice: controls,
// separators, formats, private use and non-characters.
bool IsPrintable(uint32_t c) {
  if (c < 0x20 || c == 0x7f || (c >= 0x80 && c <= 0xa0) || c == 0xad) return false;
  if ((c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f))
    return false;
  if (c == 0x3000 || c == 0xfeff || (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xfff0 && c <= 0xfffb))
    return false;
  return (c & 0xfffe) != 0xfffe && c < 0xe0000;
}
}  // namespace

bool IsClassicLabelName(std::string_view name) { return IsIdentifier(name, false); }
bool IsClassicMetricName(std::string_view name) { return IsIdentifier(name, true); }

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    uint32_t code_point = 0;
    size_t length = DecodeUtf8(text, code_point);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string QuoteGo(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    uint32_t c = 0;
    size_t length = DecodeUtf8(text, c);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
      length = 1;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (IsPrintable(c)) {
      out += text.substr(0, length);
    } else if (c >= 7 && c <= 13) {
      out += '\\';
      out += "abtnvfr"[c - 7];
    } else if (c < 0x80) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += c < 0x10000 ? fmt::format("\\u{:04x}", c) : fmt::format("\\U{:08x}", c);
    }
    text.remove_prefix(length);
  }
  return out + '"';
}

}  // namespace sextant::model
