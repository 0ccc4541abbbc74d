#include "metrics/tsdb/label_selection.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>

namespace sextant::tsdb {

using model::Matcher;
using model::MatchType;

namespace {

// Trying one series costs as much as testing so many values, most of it waiting for memory.
constexpr uint64_t kSeriesCost = 2;

}  // namespace

// What a matcher asks for, in the form in which it is looked up: the series with one of some values of a
// label (required), or without any of them (excluded).
struct LabelSelection::Step {
  const Matcher* matcher = nullptr;
  bool is_required = true;
  bool is_everything = false;  // no condition at all
  bool is_any_value = false;   // the values are all there are
  bool is_listed = false;      // the values are those of `listed`
  Ids listed;                  // pairs
  uint64_t series = 0;         // at most so many have one of the values
};

LabelSelection::Step LabelSelection::Plan(const Matcher& matcher) const {
  Step step;
  step.matcher = &matcher;
  step.is_required = !matcher.MatchesEmpty();
  step.series = index_.series_count_;
  if (step.is_required ? matcher.AcceptsAllValues() : matcher.AcceptsNoValues()) {
    step.is_any_value = true;
    return step;
  }
  step.is_everything = !step.is_required && matcher.AcceptsAllValues();
  bool is_equal = matcher.type() == (step.is_required ? MatchType::kEqual : MatchType::kNotEqual);
  bool is_set = matcher.type() == (step.is_required ? MatchType::kRegexp : MatchType::kNotRegexp) &&
                !matcher.set_matches().empty();
  step.is_listed = is_equal || is_set;
  if (!step.is_listed) return step;
  step.series = 0;
  auto add = [&](std::string_view value) {
    uint32_t pair = index_.FindPair(matcher.name(), value);
    if (pair == LabelIndex::kNone) return;
    step.listed.push_back(pair);
    step.series += index_.pairs_[pair].series.size();
  };
  if (is_equal) add(matcher.value());
  if (is_set) {
    for (const std::string& value : matcher.set_matches()) add(value);
  }
  return step;
}

Bitmap LabelSelection::Select(const std::vector<Matcher>& matchers) {
  return UntilDone([&] { return TrySelect(matchers); }).value_or(Bitmap());
}

// Required before excluded ones: a series that comes into being meanwhile is then left out as a whole or seen
// as it is.
std::optional<Bitmap> LabelSelection::TrySelect(const std::vector<Matcher>& matchers) {
  std::vector<Step> steps;
  for (const Matcher& matcher : matchers) {
    Step step = Plan(matcher);
    if (!step.is_everything) steps.push_back(std::move(step));
  }
  std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    if (a.is_required != b.is_required) return a.is_required;
    if (a.is_listed != b.is_listed) return a.is_listed;
    return a.series < b.series;
  });
  std::optional<Bitmap> out;
  for (const Step& step : steps) {
    if (!step.is_required && !out) out = index_.all_;
    if (out && out->isEmpty()) break;
    if (!Apply(step, out)) return std::nullopt;
  }
  if (!out) out = index_.all_;
  return out;
}

bool LabelSelection::Apply(const Step& step, std::optional<Bitmap>& out) {
  const std::vector<LabelIndex::Pair>& pairs = index_.pairs_;
  if (out && step.is_listed && step.listed.size() == 1) {
    const Postings& series = pairs[step.listed[0]].series;
    step.is_required ? series.IntersectWith(*out) : series.SubtractFrom(*out);
    return Worked(16);
  }
  const Ids* of_name = index_.PairsOf(step.matcher->name());
  if (out && !(step.is_listed && step.listed.empty())) {
    uint64_t series = out->cardinality() * kSeriesCost;
    uint64_t values = of_name == nullptr ? 0 : of_name->size();
    if (series <= (step.is_listed ? std::min(step.series, values) : values)) return Keep(step, *out);
  }
  std::optional<Ids> accepted = PairsOf(step);
  if (!accepted) return false;
  Bitmap found;
  if (!UnionOf(*accepted, found)) return false;
  if (!out) {
    out = std::move(found);
  } else if (step.is_required) {
    *out &= found;
  } else {
    *out -= found;
  }
  return true;
}

// Tries the slots one by one.
bool LabelSelection::Keep(const Step& step, Bitmap& slots) {
  uint32_t name = index_.FindSymbol(step.matcher->name());
  absl::flat_hash_map<uint32_t, bool> is_accepted;  // pair ids
  for (uint32_t id : step.listed) is_accepted.emplace(id, step.is_required);
  std::vector<uint32_t> kept;
  for (uint32_t slot : slots) {
    if (!Worked(kSeriesCost)) return false;
    const SeriesRecord& record = index_.series_.at(slot);
    const uint32_t* list = index_.pair_lists_.at(record.labels);
    const uint32_t* end = list + record.label_count;
    const uint32_t* found =
        std::find_if(list, end, [&](uint32_t id) { return index_.pairs_[id].name == name; });
    bool keeps = !step.is_required;
    if (found == end) {
      // Only an excluding matcher accepts an absent label.
    } else if (step.is_any_value) {
      keeps = step.is_required;
    } else if (auto known = is_accepted.find(*found); known != is_accepted.end()) {
      keeps = known->second;
    } else if (!step.is_listed) {
      keeps = step.matcher->Matches(index_.symbols_[index_.pairs_[*found].value].view());
      is_accepted.emplace(*found, keeps);
    }
    if (keeps) kept.push_back(slot);
  }
  slots = Bitmap(kept.size(), kept.data());
  return true;
}

std::optional<LabelSelection::Ids> LabelSelection::PairsOf(const Step& step) {
  if (step.is_listed) return step.listed;
  const Ids* of_name = index_.PairsOf(step.matcher->name());
  if (of_name == nullptr) return Ids();
  if (step.is_any_value) return *of_name;
  std::optional<Ids> accepted = AcceptedPairs(*step.matcher);
  if (!accepted || step.is_required) return accepted;
  // Without any of those that are not accepted; both lists have one order.
  Ids excluded;
  auto next = accepted->begin();
  for (uint32_t id : *index_.PairsOf(step.matcher->name())) {
    if (next != accepted->end() && *next == id) {
      ++next;
    } else {
      excluded.push_back(id);
    }
  }
  return excluded;
}

std::optional<LabelSelection::Ids> LabelSelection::AcceptedPairs(const Matcher& matcher) {
  auto matched = std::make_shared<MatchedPairs>();
  if (auto cached = index_.match_cache_.Find(matcher); cached && cached->removals == removals()) {
    *matched = *cached;
  }
  matched->removals = removals();
  size_t tested_before = matched->tested;
  while (true) {
    // Looked up again after each pause: the list may have moved, and grown.
    const Ids* of_name = index_.PairsOf(matcher.name());
    if (of_name == nullptr || matched->tested >= of_name->size()) break;
    size_t end = std::min(of_name->size(), matched->tested + kSliceUnits / 4);
    size_t begin = matched->tested;
    for (; matched->tested < end; ++matched->tested) {
      uint32_t id = (*of_name)[matched->tested];
      if (matcher.Matches(index_.symbols_[index_.pairs_[id].value].view())) matched->accepted.push_back(id);
    }
    if (!Worked(2 * (end - begin))) return std::nullopt;
  }
  Ids accepted = matched->accepted;
  if (matched->tested > tested_before) index_.match_cache_.Put(matcher, std::move(matched));
  return accepted;
}

bool LabelSelection::UnionOf(const Ids& pairs, Bitmap& out) {
  std::vector<uint32_t> few;  // slots, put in together
  auto flush = [&] {
    std::sort(few.begin(), few.end());
    out.addMany(few.size(), few.data());
    few.clear();
  };
  for (uint32_t id : pairs) {
    const Postings& series = index_.pairs_[id].series;
    std::span<const uint32_t> slots = series.few();
    few.insert(few.end(), slots.begin(), slots.end());
    if (slots.empty()) series.UnionInto(out);
    if (few.size() > kSliceUnits) flush();
    if (!Worked(slots.empty() ? 64 : 1 + slots.size() / 2)) return false;
  }
  flush();
  return true;
}

void LabelSelection::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                                 std::vector<std::string>& out) {
  size_t held = out.size();
  UntilDone([&] {
    out.resize(held);
    return TryLabelValues(name, matchers, out);
  });
}

bool LabelSelection::TryLabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                                    std::vector<std::string>& out) {
  std::optional<Bitmap> slots;
  // Conditions on the label itself are met by its values, without looking at series.
  auto is_own = [&](const Matcher& matcher) { return matcher.name() == name; };
  if (!std::all_of(matchers.begin(), matchers.end(), is_own)) {
    slots = TrySelect(matchers);
    if (!slots) return false;
    const Ids* of_name = index_.PairsOf(name);
    if (of_name == nullptr || slots->isEmpty()) return true;
    if (slots->cardinality() * kSeriesCost <= of_name->size()) return ValuesOfSeries(name, *slots, out);
  }
  std::vector<Matcher> own;
  std::copy_if(matchers.begin(), matchers.end(), std::back_inserter(own), is_own);
  return AddValues(name, own, slots ? &*slots : nullptr, out);
}

// The values that all matchers accept, of these slots only if there are any.
bool LabelSelection::AddValues(std::string_view name, const std::vector<Matcher>& matchers,
                               const Bitmap* slots, std::vector<std::string>& out) {
  size_t place = 0;
  while (true) {
    const Ids* of_name = index_.PairsOf(name);
    if (of_name == nullptr || place >= of_name->size()) return true;
    size_t begin = place;
    for (size_t end = std::min(of_name->size(), begin + kSliceUnits / 4); place < end; ++place) {
      const LabelIndex::Pair& pair = index_.pairs_[(*of_name)[place]];
      std::string_view value = index_.symbols_[pair.value].view();
      bool is_accepted = std::all_of(matchers.begin(), matchers.end(),
                                     [&](const Matcher& matcher) { return matcher.Matches(value); });
      if (is_accepted && (slots == nullptr || pair.series.Intersects(*slots))) out.emplace_back(value);
    }
    if (!Worked((place - begin) * (slots == nullptr ? 2 : 4))) return false;
  }
}

bool LabelSelection::ValuesOfSeries(std::string_view name, const Bitmap& slots,
                                    std::vector<std::string>& out) {
  uint32_t name_id = index_.FindSymbol(name);
  absl::flat_hash_set<uint32_t> values;
  for (uint32_t slot : slots) {
    const SeriesRecord& record = index_.series_.at(slot);
    const uint32_t* list = index_.pair_lists_.at(record.labels);
    for (uint8_t i = 0; i < record.label_count; ++i) {
      const LabelIndex::Pair& pair = index_.pairs_[list[i]];
      if (pair.name == name_id && values.insert(pair.value).second) {
        out.emplace_back(index_.symbols_[pair.value].view());
      }
    }
    if (!Worked(kSeriesCost)) return false;
  }
  return true;
}

void LabelSelection::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out) {
  size_t held = out.size();
  UntilDone([&] {
    out.resize(held);
    return TryLabelNames(matchers, out);
  });
}

bool LabelSelection::TryLabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out) {
  std::optional<Bitmap> slots;
  if (!matchers.empty()) {
    slots = TrySelect(matchers);
    if (!slots) return false;
    if (slots->isEmpty()) return true;
  }
  // Names found in some series need no look at their values.
  absl::flat_hash_set<uint32_t> found;
  uint64_t looked = 0;
  if (slots) {
    const uint64_t enough = std::max<uint64_t>(2048, index_.pair_count_ / (2 * kSeriesCost));
    for (uint32_t slot : *slots) {
      const SeriesRecord& record = index_.series_.at(slot);
      const uint32_t* list = index_.pair_lists_.at(record.labels);
      for (uint8_t i = 0; i < record.label_count; ++i) found.insert(index_.pairs_[list[i]].name);
      if (!Worked(kSeriesCost)) return false;
      if (++looked == enough) break;
    }
  }
  bool are_all_looked_at = slots && looked == slots->cardinality();
  std::vector<uint32_t> names;
  for (const auto& [name, pairs] : index_.pairs_by_name_) names.push_back(name);
  for (uint32_t name : names) {
    bool is_in = !slots || found.contains(name);
    if (!is_in && !are_all_looked_at) {
      auto pairs = index_.pairs_by_name_.find(name);
      if (pairs == index_.pairs_by_name_.end()) continue;
      Ids ids = pairs->second;  // the map may change in a pause
      if (!IsNameIn(ids, *slots, is_in)) return false;
    }
    if (is_in) out.emplace_back(index_.symbols_[name].view());
  }
  return true;
}

bool LabelSelection::IsNameIn(const Ids& pairs, const Bitmap& slots, bool& is_in) {
  for (uint32_t id : pairs) {
    is_in = index_.pairs_[id].series.Intersects(slots);
    if (is_in) return true;
    if (!Worked(4)) return false;
  }
  return true;
}

Bitmap LabelIndex::Select(const std::vector<Matcher>& matchers, const Pause& pause,
                          const model::StopCheck* check) const {
  return LabelSelection(*this, pause, check).Select(matchers);
}

void LabelIndex::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                             std::vector<std::string>& out, const Pause& pause,
                             const model::StopCheck* check) const {
  LabelSelection(*this, pause, check).LabelValues(name, matchers, out);
}

void LabelIndex::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out,
                            const Pause& pause, const model::StopCheck* check) const {
  LabelSelection(*this, pause, check).LabelNames(matchers, out);
}

}  // namespace sextant::tsdb
