// A label set: the identity of a series (or alert, target), as an immutable, reference-counted, packed block
// of bytes.
//
// Copying is one atomic increment; iterating walks contiguous memory; names are unique and sorted by bytes,
// and empty values are never stored (an empty value means the label is absent, as in Prometheus). Thread-safe
// like a shared_ptr<const T>.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sextant::model {

// The label that holds the metric's name.
inline constexpr std::string_view kMetricName = "__name__";

// One label, viewing memory owned by the Labels it came from.
struct LabelView {
  std::string_view name;
  std::string_view value;

  friend bool operator==(const LabelView&, const LabelView&) = default;
  friend auto operator<=>(const LabelView&, const LabelView&) = default;
};

class Labels {
 public:
  class Iterator;

  Labels() = default;  // empty
  Labels(const Labels& other);
  Labels(Labels&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Labels& operator=(const Labels& other);
  Labels& operator=(Labels&& other) noexcept;
  ~Labels();

  // From labels that are already sorted by name, unique and without empty values (checked).
  static Labels FromSorted(const std::vector<LabelView>& labels);
  // From labels in any order; drops empty values; the last of a repeated name wins.
  static Labels Of(std::initializer_list<LabelView> labels);

  size_t size() const;
  bool empty() const { return block_ == nullptr; }
  Iterator begin() const;
  Iterator end() const;

  // The value of a label, or "" when it is absent. The view lives as long as this label set.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return !Get(name).empty(); }
  // The metric's name, or "".
  std::string_view metric_name() const { return Get(kMetricName); }

  // A 64-bit hash (xxh3 of the packed bytes), computed once when the set is made. Equal sets have equal
  // hashes; stable within one version of the program only.
  uint64_t Hash() const;
  // Bytes of heap memory behind this set (shared between copies).
  size_t SizeBytes() const;

  // `{a="b", c="d"}` as Prometheus prints label sets: the metric name is an ordinary label; values are quoted
  // in Go's manner; names that are not classic identifiers are quoted too.
  std::string ToString() const;
  // `name{a="b"}` as Prometheus prints a metric.
  std::string ToMetricString() const;

  friend bool operator==(const Labels& a, const Labels& b);
  // Orders by names and values, label by label, as Prometheus sorts series.
  friend std::strong_ordering operator<=>(const Labels& a, const Labels& b);

 private:
  struct Block;
  Block* block_ = nullptr;
};

class Labels::Iterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = LabelView;
  using difference_type = std::ptrdiff_t;
  using pointer = const LabelView*;
  using reference = LabelView;

  Iterator() = default;
  Iterator(const uint32_t* lengths, const char* bytes) : lengths_(lengths), bytes_(bytes) {}

  LabelView operator*() const { return {{bytes_, lengths_[0]}, {bytes_ + lengths_[0], lengths_[1]}}; }
  Iterator& operator++() {
    bytes_ += lengths_[0] + lengths_[1];
    lengths_ += 2;
    return *this;
  }
  Iterator operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Iterator& a, const Iterator& b) { return a.lengths_ == b.lengths_; }

 private:
  const uint32_t* lengths_ = nullptr;
  const char* bytes_ = nullptr;
};

// Makes label sets: starts empty or from an existing set, takes changes in any order. Reusable after Reset.
// Owned by one thread.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(const Labels& base) { Reset(base); }

  void Reset() { labels_.clear(); }
  void Reset(const Labels& base);

  // Sets a label; an empty value deletes it.
  void Set(std::string_view name, std::string_view value);
  void Delete(std::string_view name);
  // Keeps only these names, or drops these names.
  void Keep(const std::vector<std::string>& names);
  void Drop(const std::vector<std::string>& names);
  // Current value, or "". Valid until the next change.
  std::string_view Get(std::string_view name) const;

  const std::vector<std::pair<std::string, std::string>>& labels() const { return labels_; }

  Labels Build() const;

 private:
  std::vector<std::pair<std::string, std::string>> labels_;  // sorted by name, no empty values
};

// Whether a text is a classic label name ([a-zA-Z_][a-zA-Z0-9_]*) or metric name (also with colons).
bool IsClassicLabelName(std::string_view name);
bool IsClassicMetricName(std::string_view name);
// Whether a text is valid UTF-8, which is what names and values may be since Prometheus 3.
bool IsValidUtf8(std::string_view text);

// A string in double quotes, escaped as Go's strconv.Quote does.
std::string QuoteGo(std::string_view text);

}  // namespace sextant::model

template <>
struct std::hash<sextant::model::Labels> {
  size_t operator()(const sextant::model::Labels& labels) const noexcept { return labels.Hash(); }
};
