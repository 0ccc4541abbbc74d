// A visitor that keeps what it is told, for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "metrics/promfiles/golden_vectors_test_util.h"
#include "metrics/promfiles/head_import.h"

namespace sextant::promfiles::test {

struct ImportedSeries {
  WalRef ref = 0;
  model::SampleColumns samples;
  model::MetricMetadata metadata;
  std::vector<std::pair<TimestampMs, TimestampMs>> tombstones;
  std::vector<model::Exemplar> exemplars;
};

class ImportedHead : public HeadVisitor {
 public:
  std::map<std::string, ImportedSeries> series;

  core::Status Series(WalRef ref, const model::Labels& labels) override {
    EXPECT_FALSE(series.contains(labels.ToString())) << labels.ToString();
    now_ = &series[labels.ToString()];
    now_->ref = ref;
    return {};
  }
  core::Status Metadata(const model::MetricMetadata& metadata) override {
    now_->metadata = metadata;
    return {};
  }
  core::Status Tombstone(TimestampMs min_ms, TimestampMs max_ms) override {
    now_->tombstones.emplace_back(min_ms, max_ms);
    return {};
  }
  core::Status Samples(const model::SampleColumns& samples) override {
    EXPECT_EQ(now_->samples.size(), 0u);
    EXPECT_TRUE(std::ranges::is_sorted(samples.times_ms, std::less_equal<>()));
    now_->samples = samples;
    return {};
  }
  core::Status Exemplar(const model::Exemplar& exemplar) override {
    now_->exemplars.push_back(exemplar);
    return {};
  }

  // Everything but numbers of series and what histograms say of resets, as text.
  std::vector<std::string> Describe() const {
    std::vector<std::string> lines;
    for (const auto& [labels, one] : series) {
      lines.push_back(
          fmt::format("{} {} {} {}", labels, one.metadata.type, one.metadata.help, one.metadata.unit));
      for (auto [min_ms, max_ms] : one.tombstones)
        lines.push_back(fmt::format("deleted {} {}", min_ms, max_ms));
      model::SampleColumns samples = one.samples;
      for (auto& histogram : samples.histograms) {
        if (histogram == nullptr || histogram->counter_reset_hint == model::CounterResetHint::kGauge)
          continue;
        auto copy = std::make_shared<model::FloatHistogram>(*histogram);
        copy->counter_reset_hint = model::CounterResetHint::kUnknown;
        histogram = std::move(copy);
      }
      for (std::string& line : test::Describe(samples)) lines.push_back(std::move(line));
      for (const model::Exemplar& exemplar : one.exemplars) {
        lines.push_back(
            fmt::format("{} {} {}", exemplar.time_ms, exemplar.value, exemplar.labels.ToString()));
      }
    }
    return lines;
  }

 private:
  ImportedSeries* now_ = nullptr;
};

}  // namespace sextant::promfiles::test
