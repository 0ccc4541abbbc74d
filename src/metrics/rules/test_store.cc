#include "metrics/rules/test_store.h"

#include <algorithm>
#include <utility>

#include "metrics/promql/parser.h"

namespace sextant::rules {
namespace {

// The samples of the selected series, copied when they were selected.
struct TestSeries {
  model::Labels labels;
  TestStore::Samples samples;
  std::vector<TestStore::HistogramPtr> histograms;  // empty, or one per sample
};

class TestSeriesSet final : public model::SeriesSet {
 public:
  explicit TestSeriesSet(std::vector<TestSeries> series) : series_(std::move(series)) {}
  size_t size() const override { return series_.size(); }
  const model::Labels& labels(size_t index) const override { return series_[index].labels; }
  core::Status Read(size_t index, model::TimestampMs start_ms, model::TimestampMs end_ms,
                    model::SampleColumns& out) const override {
    out.clear();
    const TestSeries& series = series_[index];
    for (size_t i = 0; i < series.samples.size(); ++i) {
      const auto& [time_ms, value] = series.samples[i];
      if (time_ms < start_ms || time_ms > end_ms) continue;
      out.times_ms.push_back(time_ms);
      out.values.push_back(value);
      if (!series.histograms.empty()) out.histograms.push_back(series.histograms[i]);
    }
    return {};
  }

 private:
  const std::vector<TestSeries> series_;
};

}  // namespace

class TestQuerier final : public model::Querier {
 public:
  TestQuerier(const TestStore& store, model::TimestampMs start_ms, model::TimestampMs end_ms)
      : store_(store), start_ms_(start_ms), end_ms_(end_ms) {}

  core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>& matchers,
                                                         const model::SelectHints&) const override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.fails_queries_) return core::Fail(core::Code::kIo, "the store cannot be read");
    std::vector<TestSeries> found;
    for (const auto& [labels, samples] : store_.data_) {
      if (model::MatchesAll(matchers, labels)) found.push_back(Copy(labels, samples));
    }
    return std::make_unique<TestSeriesSet>(std::move(found));
  }
  core::Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<model::Matcher>&,
                                                     const model::SelectHints&) const override {
    return core::Fail(core::Code::kUnimplemented, "not needed in these tests");
  }
  core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>&,
                                                    const model::SelectHints&) const override {
    return core::Fail(core::Code::kUnimplemented, "not needed in these tests");
  }

 private:
  TestSeries Copy(const model::Labels& labels, const TestStore::Samples& samples) const {
    TestSeries series;
    series.labels = labels;
    const auto before = [](const auto& sample, model::TimestampMs time_ms) { return sample.first < time_ms; };
    const auto first = std::lower_bound(samples.begin(), samples.end(), start_ms_, before);
    const auto last = std::lower_bound(first, samples.end(), end_ms_ + 1, before);
    series.samples.assign(first, last);
    if (store_.histograms_.empty()) return series;
    for (const auto& [time_ms, value] : series.samples) {
      const auto found = store_.histograms_.find({labels, time_ms});
      series.histograms.push_back(found == store_.histograms_.end() ? nullptr : found->second);
    }
    return series;
  }

  const TestStore& store_;
  const model::TimestampMs start_ms_;
  const model::TimestampMs end_ms_;
};

class TestAppender final : public model::Appender {
 public:
  explicit TestAppender(TestStore& store) : store_(store) {}

  model::AppendResult Append(model::SeriesRef, const model::Labels& labels, model::TimestampMs time_ms,
                             double value) override {
    const std::lock_guard lock(store_.mutex_);
    const auto found = store_.data_.find(labels);
    if (found != store_.data_.end() && !found->second.empty()) {
      const auto& [last_ms, last_value] = found->second.back();
      if (time_ms < last_ms) return {0, model::AppendOutcome::kOutOfOrder};
      if (time_ms == last_ms) {
        return {1,
                last_value == value ? model::AppendOutcome::kOk : model::AppendOutcome::kDuplicateTimestamp};
      }
    }
    batch_.emplace_back(labels, std::pair(time_ms, value));
    return {1, model::AppendOutcome::kOk};
  }
  model::AppendResult AppendSample(model::SeriesRef ref, const model::Labels& labels,
                                   const model::Sample& sample) override {
    const model::AppendResult result = Append(ref, labels, sample.time_ms, sample.value);
    if (sample.histogram != nullptr && result.outcome == model::AppendOutcome::kOk)
      histograms_[{labels, sample.time_ms}] = std::make_shared<model::FloatHistogram>(*sample.histogram);
    return result;
  }
  model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                     const model::Exemplar&) override {
    return {ref, model::AppendOutcome::kOk};
  }
  model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels&,
                                     const model::MetricMetadata&) override {
    return {ref, model::AppendOutcome::kOk};
  }
  core::Status Commit() override {
    const std::lock_guard lock(store_.mutex_);
    if (store_.fails_commits_) return core::Fail(core::Code::kIo, "the disk is full");
    for (auto& [labels, sample] : batch_) store_.data_[labels].push_back(sample);
    store_.histograms_.merge(histograms_);
    ++store_.commits_;
    return {};
  }
  void Rollback() override {
    batch_.clear();
    histograms_.clear();
  }

 private:
  TestStore& store_;
  std::vector<std::pair<model::Labels, std::pair<model::TimestampMs, double>>> batch_;
  std::map<std::pair<model::Labels, model::TimestampMs>, TestStore::HistogramPtr> histograms_;
};

core::Result<std::unique_ptr<model::Querier>> TestStore::NewQuerier(model::TimestampMs start_ms,
                                                                    model::TimestampMs end_ms) const {
  return std::make_unique<TestQuerier>(*this, start_ms, end_ms);
}

std::unique_ptr<model::Appender> TestStore::NewAppender() { return std::make_unique<TestAppender>(*this); }

void TestStore::Add(std::string_view series, model::TimestampMs time_ms, double value) {
  const auto labels = promql::ParseMetric(series);
  SEXTANT_CHECK(labels.has_value());
  AddSample(*labels, time_ms, value, nullptr);
}

void TestStore::AddSample(const model::Labels& labels, model::TimestampMs time_ms, double value,
                          HistogramPtr histogram) {
  const std::lock_guard lock(mutex_);
  data_[labels].emplace_back(time_ms, histogram ? 0 : value);
  if (histogram) histograms_[{labels, time_ms}] = std::move(histogram);
}

TestStore::Samples TestStore::Get(std::string_view series) const {
  const auto labels = promql::ParseMetric(series);
  SEXTANT_CHECK(labels.has_value());
  const std::lock_guard lock(mutex_);
  const auto found = data_.find(*labels);
  return found == data_.end() ? Samples() : found->second;
}

void TestStore::Reset() {
  const std::lock_guard lock(mutex_);
  data_.clear();
  histograms_.clear();
}

TestStore::Data TestStore::data() const {
  const std::lock_guard lock(mutex_);
  return data_;
}

}  // namespace sextant::rules
