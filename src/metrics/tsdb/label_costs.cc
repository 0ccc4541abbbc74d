#include "metrics/tsdb/label_costs.h"

#include <algorithm>

namespace sextant::tsdb {
namespace {

// Metrics are told by their name alone.
constexpr std::string_view kJob = "job";
constexpr std::string_view kInstance = "instance";

void SortCounts(std::vector<StatCount>& counts) {
  std::sort(counts.begin(), counts.end(), [](const StatCount& a, const StatCount& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  });
}

template <typename Row, typename Key>
void SortRows(std::vector<Row>& rows, Key key) {
  std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return key(a) < key(b); });
}

}  // namespace

void TopIds::Add(uint64_t count, uint32_t id) {
  if (!Takes(count)) return;
  if (heap_.size() == top_) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }
  heap_.emplace_back(count, id);
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

std::vector<TopIds::Count> TopIds::Take() {
  std::sort(heap_.begin(), heap_.end(), std::greater<>());
  return std::exchange(heap_, {});
}

std::vector<uint32_t> LabelCosts::Names() const {
  std::vector<uint32_t> names;
  names.reserve(index_.pairs_by_name_.size());
  for (const auto& [name, pairs] : index_.pairs_by_name_) names.push_back(name);
  return names;
}

template <typename Visit>
bool LabelCosts::VisitPairs(uint32_t name, size_t cost, Visit visit) {
  for (size_t place = 0;;) {
    auto found = index_.pairs_by_name_.find(name);
    if (found == index_.pairs_by_name_.end() || place >= found->second.size()) return true;
    size_t begin = place;
    size_t end = std::min(found->second.size(), begin + kSliceUnits / cost);
    for (; place < end; ++place) visit(found->second[place]);
    if (!Worked((place - begin) * cost)) return false;
  }
}

void LabelCosts::FillStats(size_t top, Stats& stats) {
  stats.series = index_.series_count_;
  stats.label_pairs = index_.pair_count_;
  if (top == 0) return;
  UntilDone([&] { return TryStats(top, stats); });
}

bool LabelCosts::TryStats(size_t top, Stats& stats) {
  TopIds metrics(top);
  TopIds values(top);
  TopIds bytes(top);
  TopIds pairs(top);
  for (uint32_t name : Names()) {
    bool is_metric = TextOf(name) == model::kMetricName;
    uint64_t count = 0;
    uint64_t size = 0;
    bool is_done = VisitPairs(name, 2, [&](uint32_t id) {
      const LabelIndex::Pair& pair = index_.pairs_[id];
      uint32_t series = pair.series.size();
      if (is_metric) metrics.Add(series, id);
      pairs.Add(series, id);
      ++count;
      size += index_.symbols_[pair.value].size;
    });
    if (!is_done) return false;
    values.Add(count, name);
    bytes.Add(size, name);
  }
  auto fill = [](TopIds& from, std::vector<StatCount>& out, auto text) {
    out.clear();
    for (auto [count, id] : from.Take()) out.push_back({text(id), count});
    SortCounts(out);
  };
  fill(metrics, stats.series_by_metric, [&](uint32_t id) { return std::string(ValueOf(id)); });
  fill(pairs, stats.series_by_pair,
       [&](uint32_t id) { return fmt::format("{}={}", NameOf(id), ValueOf(id)); });
  fill(values, stats.values_by_label, [&](uint32_t id) { return std::string(TextOf(id)); });
  fill(bytes, stats.bytes_by_label, [&](uint32_t id) { return std::string(TextOf(id)); });
  return true;
}

void LabelCosts::FillCardinality(size_t top, CardinalityOrder order, Cardinality& out) {
  UntilDone([&] { return TryCardinality(top, order, out); });
}

LabelCosts::Row LabelCosts::RowOf(uint32_t pair, const Bitmap& recent) const {
  const Postings& series = index_.pairs_[pair].series;
  return {std::string(NameOf(pair)), std::string(ValueOf(pair)), series.size(), series.CountIn(recent)};
}

bool LabelCosts::TryCardinality(size_t top, CardinalityOrder order, Cardinality& out) {
  const Bitmap recent = index_.recent_slots_.All();
  const Bitmap recent_pairs = index_.recent_pairs_.All();
  const bool by_created = order == CardinalityOrder::kCreated;
  out.series = index_.series_count_;
  out.created = recent.cardinality();
  out.label_pairs = index_.pair_count_;
  TopIds metrics(top);
  TopIds pairs(top);
  std::vector<Cardinality::LabelRow> labels;
  for (uint32_t name : Names()) {
    bool is_metric = TextOf(name) == model::kMetricName;
    Cardinality::LabelRow& label = labels.emplace_back();
    label.name = TextOf(name);
    bool is_done = VisitPairs(name, by_created ? 8 : 2, [&](uint32_t id) {
      const LabelIndex::Pair& pair = index_.pairs_[id];
      uint64_t count = by_created ? pair.series.CountIn(recent) : pair.series.size();
      (is_metric ? metrics : pairs).Add(count, id);
      ++label.values;
      label.created += recent_pairs.contains(id) ? 1 : 0;
      label.value_bytes += index_.symbols_[pair.value].size;
    });
    if (!is_done) return false;
  }
  auto rank = [&](uint64_t now, uint64_t created) {
    return by_created ? std::pair(~created, ~now) : std::pair(~now, ~created);
  };
  auto fill = [&](TopIds& from, std::vector<Row>& rows) {
    rows.clear();
    for (auto [count, id] : from.Take()) rows.push_back(RowOf(id, recent));
    SortRows(rows, [&](const Row& row) {
      return std::tuple(rank(row.series, row.created), std::tie(row.name, row.value));
    });
  };
  fill(metrics, out.metrics);
  for (Row& row : out.metrics) row.name = std::exchange(row.value, {});
  fill(pairs, out.pairs);
  SortRows(labels, [&](const auto& row) { return std::tuple(rank(row.values, row.created), row.name); });
  if (labels.size() > top) labels.resize(top);
  out.labels = std::move(labels);
  if (!FillTargets(top, order, recent, out.targets)) return false;
  SortRows(out.targets, [&](const Row& row) {
    return std::tuple(rank(row.series, row.created), std::tie(row.name, row.value));
  });
  return true;
}

// A target is an instance of a job. The instances with most series are divided among the jobs that have them;
// no other can have a target among the first.
bool LabelCosts::FillTargets(size_t top, CardinalityOrder order, const Bitmap& recent,
                             std::vector<Row>& out) {
  out.clear();
  uint32_t instance_name = index_.FindSymbol(kInstance);
  uint32_t job_name = index_.FindSymbol(kJob);
  const bool by_created = order == CardinalityOrder::kCreated;
  TopIds instances(top);
  bool is_done = VisitPairs(instance_name, by_created ? 8 : 2, [&](uint32_t id) {
    const Postings& series = index_.pairs_[id].series;
    instances.Add(by_created ? series.CountIn(recent) : series.size(), id);
  });
  if (!is_done) return false;
  Bitmap with_job;
  is_done = VisitPairs(job_name, 64, [&](uint32_t id) { index_.pairs_[id].series.UnionInto(with_job); });
  if (!is_done) return false;
  std::vector<Row> rows;
  for (auto [count, instance] : instances.Take()) {
    Bitmap left = index_.pairs_[instance].series.ToBitmap();
    left &= with_job;
    while (!left.isEmpty()) {
      const SeriesRecord& record = index_.series_.at(left.minimum());
      const uint32_t* list = index_.pair_lists_.at(record.labels);
      const uint32_t* job = std::find_if(list, list + record.label_count,
                                         [&](uint32_t id) { return index_.pairs_[id].name == job_name; });
      if (job == list + record.label_count) {  // what a restart found to be lost
        left.remove(left.minimum());
        continue;
      }
      Bitmap of_target = left;
      index_.pairs_[*job].series.IntersectWith(of_target);
      rows.push_back({std::string(ValueOf(*job)), std::string(ValueOf(instance)), of_target.cardinality(),
                      of_target.and_cardinality(recent)});
      left -= of_target;
      if (!Worked(32)) return false;
    }
  }
  auto count_of = [&](const Row& row) { return by_created ? row.created : row.series; };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Row& a, const Row& b) { return count_of(a) > count_of(b); });
  if (rows.size() > top) rows.resize(top);
  out = std::move(rows);
  return true;
}

void LabelIndex::FillStats(size_t top, Stats& stats, const Pause& pause) const {
  LabelCosts(*this, pause).FillStats(top, stats);
}

void LabelIndex::FillCardinality(size_t top, CardinalityOrder order, TimestampMs now_ms, Cardinality& out,
                                 const Pause& pause) const {
  LabelCosts(*this, pause).FillCardinality(top, order, out);
  out.window_ms = recent_slots_.ReachMs(now_ms);
}

}  // namespace sextant::tsdb
