#include "model/merged_querier.h"

#include <gtest/gtest.h>

#include <map>

namespace sextant::model {
namespace {

// Series of labels `n`, each with samples.
using Content = std::map<std::string, SampleColumns>;

class FakeSet final : public SeriesSet {
 public:
  explicit FakeSet(const Content& content) {
    for (const auto& [name, samples] : content) series_.emplace_back(Labels::Of({{"n", name}}), samples);
  }
  size_t size() const override { return series_.size(); }
  const Labels& labels(size_t index) const override { return series_[index].first; }
  core::Status Read(size_t index, TimestampMs, TimestampMs, SampleColumns& out) const override {
    out = series_[index].second;
    return {};
  }

 private:
  std::vector<std::pair<Labels, SampleColumns>> series_;
};

class FakeQuerier final : public Querier {
 public:
  explicit FakeQuerier(Content content, bool fails = false) : content_(std::move(content)), fails_(fails) {}
  core::Result<std::unique_ptr<SeriesSet>> Select(const std::vector<Matcher>&,
                                                  const SelectHints&) const override {
    if (fails_) return core::Fail(core::Code::kUnavailable, "it is away");
    return std::make_unique<FakeSet>(content_);
  }
  core::Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<Matcher>&,
                                                     const SelectHints&) const override {
    return std::vector<std::string>{content_.empty() ? "" : content_.begin()->first};
  }
  core::Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>&,
                                                    const SelectHints&) const override {
    return std::vector<std::string>{"n"};
  }

 private:
  const Content content_;
  const bool fails_;
};

SampleColumns Samples(std::initializer_list<std::pair<TimestampMs, double>> list) {
  SampleColumns samples;
  for (const auto& [time_ms, value] : list) samples.Add(time_ms, value);
  return samples;
}

std::string Show(const Querier& querier, const SelectHints& hints = {.sorted = true}) {
  auto set = querier.Select({}, hints);
  if (!set) return "error: " + set.error().message();
  std::string text;
  SampleColumns samples;
  for (size_t i = 0; i < (*set)->size(); ++i) {
    EXPECT_TRUE((*set)->Read(i, 0, 100, samples).has_value());
    text += std::string((*set)->labels(i).Get("n")) + ":";
    for (size_t j = 0; j < samples.size(); ++j) {
      bool is_histogram = !samples.histograms.empty() && samples.histograms[j] != nullptr;
      text += is_histogram ? fmt::format(" h@{}", samples.times_ms[j])
                           : fmt::format(" {}@{}", samples.values[j], samples.times_ms[j]);
      if (!samples.start_times_ms.empty()) text += fmt::format("^{}", samples.start_times_ms[j]);
    }
    text += '\n';
  }
  for (const std::string& warning : (*set)->Warnings()) text += "warning: " + warning + "\n";
  return text;
}

std::unique_ptr<Querier> Merge(Content primary, std::vector<std::unique_ptr<Querier>> others) {
  return MergeQueriers(std::make_unique<FakeQuerier>(std::move(primary)), std::move(others));
}

TEST(MergedQuerierTest, SeriesOfAllAreOneAndThePrimarysSamplesWin) {
  SampleColumns with_histogram = Samples({{2, 20}});
  with_histogram.AddHistogram(7, std::make_shared<FloatHistogram>(), 3);
  std::vector<std::unique_ptr<Querier>> others;
  others.push_back(std::make_unique<FakeQuerier>(
      Content{{"a", Samples({{1, 10}, {3, 30}, {5, 50}})}, {"c", Samples({{1, 1}})}}));
  others.push_back(std::make_unique<FakeQuerier>(Content{{"a", with_histogram}}));
  auto merged = Merge({{"a", Samples({{3, 3}, {4, 4}})}, {"b", Samples({{9, 9}})}}, std::move(others));
  EXPECT_EQ(Show(*merged), "a: 10@1^0 20@2^0 3@3^0 4@4^0 50@5^0 h@7^3\nb: 9@9\nc: 1@1\n");
  EXPECT_EQ(Show(*merged, {.sorted = true, .limit = 1}), "a: 10@1^0 20@2^0 3@3^0 4@4^0 50@5^0 h@7^3\n");
  EXPECT_EQ((*merged->LabelValues("n", {}, {})), std::vector<std::string>{"a"});
}

TEST(MergedQuerierTest, ErrorsOfOthersAreWarnings) {
  std::vector<std::unique_ptr<Querier>> others;
  others.push_back(std::make_unique<FakeQuerier>(Content(), /*fails=*/true));
  auto merged = Merge({{"a", Samples({{3, 3}})}}, std::move(others));
  EXPECT_EQ(Show(*merged), "a: 3@3\nwarning: it is away\n");
  others.clear();
  others.push_back(std::make_unique<FakeQuerier>(Content{{"a", Samples({{3, 3}})}}));
  auto broken = MergeQueriers(std::make_unique<FakeQuerier>(Content(), true), std::move(others));
  EXPECT_EQ(Show(*broken), "error: it is away");
}

// Fails at each of its questions in turn, until one is not asked any more.
TEST(MergedQuerierTest, StopsWhereverItIsAsked) {
  Content many;
  for (int i = 0; i < 5'000; ++i) many[fmt::format("{:07}", i * 7919 % 5'000)] = Samples({{1, 1}});
  std::vector<std::unique_ptr<Querier>> others;
  others.push_back(std::make_unique<FakeQuerier>(many));
  auto merged = Merge(many, std::move(others));
  size_t stops = 0;
  for (bool was_stopped = true; was_stopped; ++stops) {
    size_t questions = 0;
    StopCheck check = [&]() -> core::Status {
      if (questions++ == stops) return core::Fail(core::Code::kCancelled, "enough");
      return {};
    };
    auto set = merged->Select({}, {.sorted = true, .check = &check});
    was_stopped = !set.has_value();
    if (was_stopped) {
      EXPECT_EQ(set.error().message(), "enough");
    } else {
      EXPECT_EQ((*set)->size(), many.size());
    }
  }
  // While it finds the common ones, and while it sorts.
  EXPECT_GT(stops, 2 * many.size() * 4 / PacedCheck::kUnitsBetweenChecks);
}

}  // namespace
}  // namespace sextant::model
