#include "pipeline/receivers/otlp_answer.h"

#include <gtest/gtest.h>

#include "pipeline/exporters/otlp_response.h"
#include "pipeline/joint_done.h"

namespace sextant::pipeline {
namespace {

TEST(OtlpAnswerTest, WhatWasTakenAsAWholeIsAnEmptyMessage) {
  EXPECT_EQ(EncodeExportAnswer({}), "");
  EXPECT_EQ(EncodeExportAnswerJson(Signal::kTraces, {}), "{\"partialSuccess\":{}}");
}

TEST(OtlpAnswerTest, APartIsReadBackAsItWasSaid) {
  const Taken taken{300, "out of order sample"};
  auto read = ReadPartialSuccess(EncodeExportAnswer(taken));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rejected, 300);
  EXPECT_EQ(read->message, "out of order sample");
  EXPECT_EQ(EncodeExportAnswerJson(Signal::kMetrics, taken),
            "{\"partialSuccess\":{\"rejectedDataPoints\":\"300\",\"errorMessage\":\"out of order sample\"}}");
  read = ReadPartialSuccessJson(EncodeExportAnswerJson(Signal::kLogs, taken));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rejected, 300);
}

TEST(OtlpAnswerTest, PartsOfSeveralConsumersAreAddedUp) {
  Outcome all;
  Done done = JoinDone(3, [&](Outcome outcome) { all = std::move(outcome); });
  done(Taken{2, "a"});
  done({});
  done(Taken{3, "b"});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->rejected_items, 5u);
  EXPECT_EQ(all->message, "a; b");
}

}  // namespace
}  // namespace sextant::pipeline
