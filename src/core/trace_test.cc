#include "core/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sextant::core {
namespace {

class KeptSpans final : public SpanSink {
 public:
  void Take(SpanData span) override { spans.push_back(std::move(span)); }
  std::vector<SpanData> spans;
};

class TraceTest : public testing::Test {
 protected:
  ManualClock clock_{1'700'000'000'000};
  Tracer tracer_{clock_};
  std::shared_ptr<KeptSpans> kept_ = std::make_shared<KeptSpans>();
};

TEST_F(TraceTest, SwitchedOffItGivesSpansThatHoldNothing) {
  Span span = StartSpan(&tracer_, "rule");
  span.SetAttribute("name", "x");
  EXPECT_FALSE(span.is_recorded());
  EXPECT_FALSE(span.context().is_valid());
  EXPECT_FALSE(StartSpan(nullptr, "rule").context().is_valid());
  EXPECT_EQ(SpanIdText(span.context()), "0000000000000000");
}

TEST_F(TraceTest, ChildrenBelongToTheirParentsTrace) {
  tracer_.Use(kept_, 1);
  {
    Span parent = tracer_.Start("promqlExec", {.kind = SpanKind::kServer});
    clock_.Advance(5);
    Span child = tracer_.Start("promqlEval", {.parent = &parent.context()});
    child.SetAttribute("query", "up");
    child.SetError("too many samples");
    clock_.Advance(7);
    child.End();
    child.End();
    child.SetAttribute("after", "the end");
  }
  ASSERT_EQ(kept_->spans.size(), 2u);
  const SpanData& child = kept_->spans[0];
  const SpanData& parent = kept_->spans[1];
  EXPECT_EQ(child.context.trace_id, parent.context.trace_id);
  EXPECT_EQ(child.parent_id, parent.context.span_id);
  EXPECT_NE(child.context.span_id, parent.context.span_id);
  EXPECT_EQ(parent.parent_id, (std::array<uint8_t, 8>{}));
  EXPECT_EQ(parent.start_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(child.start_ns - parent.start_ns, 5'000'000);
  EXPECT_EQ(child.end_ns - child.start_ns, 7'000'000);
  EXPECT_EQ(parent.end_ns - parent.start_ns, 12'000'000);
  EXPECT_TRUE(child.has_failed);
  EXPECT_EQ(child.error, "too many samples");
  ASSERT_EQ(child.attributes.size(), 1u);
  EXPECT_EQ(std::get<std::string>(child.attributes[0].value), "up");
}

TEST_F(TraceTest, AShareOfNewTracesIsRecordedAndAllSpansOfOne) {
  tracer_.Use(kept_, 0.25);
  int sampled = 0;
  for (int i = 0; i < 4'000; ++i) {
    Span root = tracer_.Start("root");
    ASSERT_TRUE(root.context().is_valid());
    Span child = tracer_.Start("child", {.parent = &root.context()});
    EXPECT_EQ(root.is_recorded(), child.is_recorded());
    EXPECT_EQ(root.context().is_sampled, root.is_recorded());
    if (root.is_recorded()) ++sampled;
  }
  EXPECT_GT(sampled, 800);
  EXPECT_LT(sampled, 1'200);
  EXPECT_EQ(kept_->spans.size(), 2u * static_cast<size_t>(sampled));
}

TEST_F(TraceTest, WhatAnotherProcessDecidedCounts) {
  const auto recorded = ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  const auto left_out = ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  ASSERT_TRUE(recorded && left_out);
  tracer_.Use(kept_, 0);
  EXPECT_TRUE(tracer_.Start("a", {.parent = &*recorded}).is_recorded());
  tracer_.Use(kept_, 1);
  EXPECT_FALSE(tracer_.Start("a", {.parent = &*left_out}).is_recorded());
}

TEST_F(TraceTest, AnEndedSpanGoesWhereItBegan) {
  tracer_.Use(kept_, 1);
  Span span = tracer_.Start("under way");
  const auto other = std::make_shared<KeptSpans>();
  tracer_.Use(other, 1);
  span = tracer_.Start("new");
  tracer_.Use(nullptr, 1);
  span.End();
  ASSERT_EQ(kept_->spans.size(), 1u);
  EXPECT_EQ(kept_->spans[0].name, "under way");
  ASSERT_EQ(other->spans.size(), 1u);
  EXPECT_FALSE(tracer_.Start("off").context().is_valid());
}

TEST_F(TraceTest, AttributesEventsAndTextsAreBounded) {
  tracer_.Use(kept_, 1);
  {
    Span span = tracer_.Start("large");
    for (int i = 0; i < 200; ++i) {
      span.SetAttribute(std::to_string(i), int64_t{i});
      span.AddEvent("event");
    }
    span.SetAttribute("0", std::string(4'095, 'x') + "ä");
  }
  const SpanData& span = kept_->spans.at(0);
  EXPECT_EQ(span.attributes.size(), 128u);
  EXPECT_EQ(span.dropped_attributes, 72u);
  EXPECT_EQ(span.events.size(), 128u);
  EXPECT_EQ(span.dropped_events, 72u);
  EXPECT_EQ(std::get<std::string>(span.attributes[0].value), std::string(4'095, 'x'));
}

TEST(TraceparentTest, IsReadAndWritten) {
  const std::string header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto context = ParseTraceparent(header);
  ASSERT_TRUE(context);
  EXPECT_TRUE(context->is_sampled);
  EXPECT_EQ(SpanIdText(*context), "00f067aa0ba902b7");
  EXPECT_EQ(FormatTraceparent(*context), header);
  // A later version, of which this much is understood.
  EXPECT_TRUE(ParseTraceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
}

TEST(TraceparentTest, WhatIsMalformedIsNone) {
  for (const char* header : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                             "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                             "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                             "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
                             "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"})
    EXPECT_FALSE(ParseTraceparent(header)) << header;
}

}  // namespace
}  // namespace sextant::core
