#include "pipeline/trace_state.h"

#include <gtest/gtest.h>

namespace sextant::pipeline {
namespace {

TEST(TraceState, ReadsThresholdAndRandomness) {
  auto state = TraceState::Parse("rojo=00f067,ot=th:c;rv:0123456789abcd;x:y, congo=t61");
  ASSERT_TRUE(state);
  EXPECT_EQ(*state->sampling.threshold, 0xc0000000000000u);
  EXPECT_EQ(*state->sampling.randomness, 0x0123456789abcdu);
  EXPECT_EQ(state->Text(), "ot=rv:0123456789abcd;th:c;x:y,rojo=00f067,congo=t61");
}

TEST(TraceState, RefusesWhatIsMalformed) {
  for (const char* text : {"ot", "ot=th", "ot=th:xyz", "ot=th:123456789abcdef", "ot=rv:1", "=a", "a=b=c"}) {
    EXPECT_FALSE(TraceState::Parse(text)) << text;
  }
  EXPECT_TRUE(TraceState::Parse(""));
}

TEST(TraceState, ThresholdsAreWrittenWithoutZerosAtTheEnd) {
  EXPECT_EQ(ThresholdText(0), "0");
  EXPECT_EQ(ThresholdText(0x80000000000000), "8");
  EXPECT_EQ(ThresholdText(0x00000000000001), "00000000000001");
}

TEST(TraceState, RandomnessIsTheEndOfATracesId) {
  otlp::TraceId id;
  id.bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  EXPECT_EQ(RandomnessOf(id), 0x0a0b0c0d0e0f10u);
}

}  // namespace
}  // namespace sextant::pipeline
