#include "agents/node/usage/top_groups.h"

#include <algorithm>

#include "core/result.h"
#include "model/labels.h"

namespace sextant::node {

Usage& Usage::operator+=(const Usage& other) {
  cpu_us += other.cpu_us;
  read_bytes += other.read_bytes;
  written_bytes += other.written_bytes;
  return *this;
}

Usage Usage::operator-(const Usage& other) const {
  return {cpu_us - other.cpu_us, read_bytes - other.read_bytes, written_bytes - other.written_bytes};
}

Level& Level::operator+=(const Level& other) {
  memory_bytes += other.memory_bytes;
  processes += other.processes;
  threads += other.threads;
  return *this;
}

std::string PrintableText(std::string_view text) {
  std::string printable(text);
  const bool is_valid = model::IsValidUtf8(printable);
  for (char& c : printable) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (!is_valid && byte >= 0x80)) c = '?';
  }
  return printable;
}

TopGroups::TopGroups(size_t top_count, size_t group_limit)
    : top_count_(top_count), group_limit_(std::max<size_t>(group_limit, 2)) {
  groups_.resize(1);
  groups_[kRest].name = kRestName;
  groups_[kRest].is_used = true;
}

uint32_t TopGroups::Find(std::string_view name) {
  std::string text(name);
  if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
  // A process that calls itself so is one of the rest.
  if (is_full() || name == kRestName) return kRest;
  uint32_t number = static_cast<uint32_t>(groups_.size());
  if (free_.empty()) {
    groups_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
    groups_[number] = Group();
  }
  groups_[number].name = text;
  groups_[number].is_used = true;
  numbers_.emplace(std::move(text), number);
  return number;
}

void TopGroups::ClearLevels() {
  for (Group& group : groups_) {
    group.level = {};
    group.is_present = false;
  }
}

// What came since the last exposition goes where the groups stood then.
void TopGroups::Attribute() {
  Group& rest = groups_[kRest];
  for (Group& group : groups_) {
    group.fresh = group.total - group.attributed;
    group.attributed = group.total;
    (group.is_shown ? group : rest).shown += group.fresh;
  }
}

void TopGroups::MarkGreatest(core::TimestampMs now_ms) {
  ranked_.clear();
  for (uint32_t i = 1; i < groups_.size(); ++i) {
    if (groups_[i].is_used) ranked_.push_back(i);
  }
  const size_t count = std::min(top_count_, ranked_.size());
  const auto mark = [&](auto&& amount) {
    const auto more = [&](uint32_t a, uint32_t b) { return amount(groups_[a]) > amount(groups_[b]); };
    std::partial_sort(ranked_.begin(), ranked_.begin() + static_cast<ptrdiff_t>(count), ranked_.end(), more);
    for (size_t i = 0; i < count; ++i) {
      Group& group = groups_[ranked_[i]];
      if (amount(group) > 0) group.last_great_ms = now_ms;
    }
  };
  // At first nothing has been counted yet: what was used before stands for it.
  const bool is_first = !was_exposed_;
  const auto used = [is_first](const Group& group) {
    Usage usage = group.fresh;
    if (is_first) usage += group.earlier;
    return usage;
  };
  mark([&](const Group& group) { return used(group).cpu_us; });
  mark([](const Group& group) { return group.level.memory_bytes; });
  mark([&](const Group& group) { return used(group).read_bytes + used(group).written_bytes; });
  was_exposed_ = true;
}

void TopGroups::Expose(core::TimestampMs now_ms, const std::function<void(const Series&)>& show) {
  Attribute();
  MarkGreatest(now_ms);
  // Those that were great last keep their series; ties go to the name, so that they do not take turns.
  std::erase_if(ranked_, [&](uint32_t number) {
    const Group& group = groups_[number];
    return group.last_great_ms == 0 || now_ms - group.last_great_ms > kShownMs;
  });
  std::ranges::sort(ranked_, [&](uint32_t a, uint32_t b) {
    const Group& left = groups_[a];
    const Group& right = groups_[b];
    return left.last_great_ms != right.last_great_ms ? left.last_great_ms > right.last_great_ms
                                                     : left.name < right.name;
  });
  if (ranked_.size() > shown_limit()) ranked_.resize(shown_limit());
  Series rest{
      .name = kRestName, .is_rest = true, .usage = groups_[kRest].shown, .level = groups_[kRest].level};
  // Both those that have been shown so far and those that will be.
  std::vector<bool> is_next(groups_.size());
  for (uint32_t number : ranked_) is_next[number] = true;
  for (uint32_t i = 1; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    if (!group.is_used) continue;
    group.was_exposed = group.is_shown || is_next[i];
    if (group.was_exposed) {
      show({.name = group.name, .is_rest = false, .usage = group.shown, .level = group.level});
    } else {
      rest.level += group.level;
    }
    group.is_shown = is_next[i];
  }
  show(rest);
  Forget();
}

void TopGroups::ForgetIfNearlyFull() {
  if (group_count() >= group_limit_ - group_limit_ / 4) Forget();
}

void TopGroups::Forget() {
  for (uint32_t i = 1; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    // One that comes again right after its last sample must go on from there.
    if (!group.is_used || group.was_exposed || group.is_present) continue;
    groups_[kRest].shown += group.total - group.attributed;
    numbers_.erase(group.name);
    group = Group();
    free_.push_back(i);
  }
}

std::vector<TopGroups::Member> TopGroups::Members() const {
  std::vector<Member> members;
  for (uint32_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].is_present) members.push_back({i, groups_[i].name, groups_[i].level});
  }
  return members;
}

}  // namespace sextant::node
