// Type, help and unit of metric families, as targets give them. Many targets say the same, so each statement
// is kept once, and so is each list of the statements that a target makes.
//
// Thread-safe. Bounded: past the limits new statements are not remembered and a counter moves.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/metrics.h"
#include "model/storage.h"

namespace sextant::scrape {

// What a target says of all its families, by the numbers of the statements, in the body's order.
using StatementNumbers = std::vector<uint32_t>;

class MetadataStore {
 public:
  explicit MetadataStore(core::Registry& registry);

  static constexpr uint32_t kNoNumber = UINT32_MAX;
  struct Statement {
    std::string family;
    model::MetricMetadata metadata;
  };

  // What a body says of a family; the number of this statement, or kNoNumber past a limit. Saying the same
  // again changes nothing.
  uint32_t Add(std::string_view family, const model::MetricMetadata& metadata);

  // The same list for everyone who comes with it.
  std::shared_ptr<const StatementNumbers> Share(StatementNumbers numbers);
  // Appends the statements of a list, of all families or of the one that is named, until `most` are there.
  void Resolve(const StatementNumbers& numbers, std::string_view family, size_t most,
               std::vector<Statement>& out) const;

  // All families, or the one that is named, sorted; each with the distinct statements, in the order they
  // came.
  std::map<std::string, std::vector<model::MetricMetadata>> List(std::string_view family = "") const;

  static constexpr size_t kMaxFamilies = 100'000;
  static constexpr size_t kMaxPerFamily = 10;
  static constexpr size_t kMaxTextBytes = 4'096;

 private:
  struct Family {
    std::vector<model::MetricMetadata> statements;
    std::vector<uint32_t> numbers;  // theirs
  };
  using Families = std::map<std::string, Family, std::less<>>;

  mutable std::mutex mutex_;  // guards what follows
  Families families_;
  std::vector<std::pair<const Families::value_type*, uint32_t>> statements_;   // by number: place in a family
  std::unordered_map<uint64_t, std::weak_ptr<const StatementNumbers>> lists_;  // by their hash
  size_t next_sweep_ = 1'000;  // of lists that nobody has any more
  core::Counter& refused_;
};

// The statements of one target's body, in order, as hashes: tells what changed since the previous body, so
// that nothing is looked up, nor even read, for the rest. The first body, and the one after a change, is read
// in full for the numbers of all its statements. Owned by one scrape loop.
class MetadataLayout {
 public:
  void BeginBody();
  // The body could not be read to its end: nothing of it is taken for known.
  void AbortBody() { line_hashes_.clear(); }
  // The statements of a body that was read to its end, when it was one for their numbers.
  std::optional<StatementNumbers> EndBody();

  // The bytes of the comment lines that `unread` begins with when they are those of the same place in the
  // previous body and need not be read again, else 0.
  size_t SameLines(std::string_view unread);

  // Whether this statement differs from the one at the same place of the previous body.
  bool Changes(std::string_view family, std::string_view type, std::string_view help, std::string_view unit);

  // Whether this body is read for the numbers of its statements, each of which is to be collected.
  bool collects() const { return collects_; }
  void Collect(uint32_t number) {
    if (collects_ && number != MetadataStore::kNoNumber) numbers_.push_back(number);
  }

 private:
  // Notes a hash at the next place; whether it was another one before.
  static bool Note(std::vector<uint64_t>& hashes, size_t at, uint64_t hash);

  std::vector<uint64_t> line_hashes_;  // of runs of comment lines
  std::vector<uint64_t> hashes_;       // of statements
  size_t lines_at_ = 0;
  size_t at_ = 0;
  // What a family's lines say together is known only when all of them are read: after a change, the next body
  // is read in full.
  bool reads_all_ = true;
  bool has_changed_ = false;
  bool wants_numbers_ = true;  // by the next body: what is known of them is not, or no longer, so
  bool collects_ = false;
  StatementNumbers numbers_;  // while it collects
};

}  // namespace sextant::scrape
