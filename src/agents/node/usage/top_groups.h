// What groups (of processes, or control groups) have used, of which only the greatest have series of their
// own and the rest is one series, so that sums stay right and counters never go back:
//
// - A group's own total counts up for as long as the group is known. At each exposition what came since the
//   last one goes either to the group's series or, as long as it has none, to that of the rest.
// - A group gets a series when it is among the greatest `top_count` by CPU, memory or I/O. The series begins
//   at 0, or at what it was when it was last shown, and counts from the next exposition on; what it used
//   before is and stays in the rest. So the increases of all series add up to all that was used.
// - A group keeps its series until it has not been among the greatest for kShownMs, and is shown a last time
//   with its final value.
// - At most `group_limit` groups are known. More are part of the rest from the start, as group 0. Groups that
//   have ended and are not shown are forgotten.
//
// Exact for one reader at a time: of two that take turns each may miss what a group used in the interval in
// which the other first saw it. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"

namespace sextant::node {

// What only counts up. Whole numbers, so that sums are exact.
struct Usage {
  int64_t cpu_us = 0;
  int64_t read_bytes = 0;
  int64_t written_bytes = 0;

  Usage& operator+=(const Usage& other);
  Usage operator-(const Usage& other) const;
};

// What is so now.
struct Level {
  double memory_bytes = 0;
  double processes = 0;
  double threads = 0;

  Level& operator+=(const Level& other);
};

class TopGroups {
 public:
  static constexpr uint32_t kRest = 0;
  static constexpr std::string_view kRestName = "(other)";
  static constexpr core::DurationMs kShownMs = 300'000;

  TopGroups(size_t top_count, size_t group_limit);

  // The group of this name, new if need be; kRest when there are too many. The number stays good as long as
  // each round gives the group a level.
  uint32_t Find(std::string_view name);
  std::string_view name(uint32_t group) const { return groups_[group].name; }

  // Counts what a group has used. What it used before anybody looked is in no series, and only decides which
  // groups are shown first.
  void Add(uint32_t group, const Usage& usage) { groups_[group].total += usage; }
  void AddEarlier(uint32_t group, const Usage& usage) { groups_[group].earlier += usage; }

  // Begins a new round of AddLevel.
  void ClearLevels();
  void AddLevel(uint32_t group, const Level& level) {
    groups_[group].level += level;
    groups_[group].is_present = true;
  }

  struct Series {
    std::string_view name;
    bool is_rest = false;
    Usage usage;
    Level level;
  };
  // One exposition: calls `show` for each group that has a series and, last, for the rest.
  void Expose(core::TimestampMs now_ms, const std::function<void(const Series&)>& show);

  // Forgets groups that have no level and no series, when the table is nearly full.
  void ForgetIfNearlyFull();

  // All groups that have a level, the rest included.
  struct Member {
    uint32_t group;
    std::string_view name;
    Level level;
  };
  std::vector<Member> Members() const;

  size_t group_count() const { return numbers_.size() + 1; }

 private:
  struct Group {
    std::string name;
    bool is_used = false;
    bool is_present = false;   // has a level in this round
    bool is_shown = false;     // what it uses goes to its own series
    bool was_exposed = false;  // in the last exposition
    Usage earlier;
    Usage total;
    Usage attributed;  // the part of the total that is in some series
    Usage fresh;       // what came since the exposition before
    Usage shown;       // the value of its series
    Level level;
    core::TimestampMs last_great_ms = 0;  // 0: never
  };

  bool is_full() const { return group_count() >= group_limit_; }
  void Forget();
  void Attribute();
  void MarkGreatest(core::TimestampMs now_ms);
  size_t shown_limit() const { return 6 * top_count_; }

  const size_t top_count_;
  const size_t group_limit_;
  std::vector<Group> groups_;  // [kRest]: the rest, `shown` its series
  std::vector<uint32_t> free_;
  std::unordered_map<std::string, uint32_t> numbers_;
  bool was_exposed_ = false;
  std::vector<uint32_t> ranked_;  // kept for its memory
};

// A text as a label: control characters, and all but ASCII in what is not UTF-8, become '?'.
std::string PrintableText(std::string_view text);

}  // namespace sextant::node
