#include "tracing/span_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>

#include "otlp/span_export.h"

namespace sextant::tracing {
namespace {

using testing::HasSubstr;

// A collector that answers what the test says, when the test says so.
class FakeCollector {
 public:
  struct Pending {
    std::string request;
    std::function<void(SendOutcome)> done;
  };

  // The next request, waiting for it.
  Pending Next() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !pending_.empty(); });
    Pending pending = std::move(pending_.front());
    pending_.pop_front();
    return pending;
  }
  void Add(Pending pending) {
    std::lock_guard lock(mutex_);
    pending_.push_back(std::move(pending));
    arrived_.notify_all();
  }
  void CancelAll() {
    std::deque<Pending> pending;
    {
      std::lock_guard lock(mutex_);
      pending.swap(pending_);
    }
    for (Pending& one : pending) one.done({.error = "cancelled"});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Pending> pending_;
};

class FakeTransport final : public SpanTransport {
 public:
  explicit FakeTransport(std::shared_ptr<FakeCollector> collector) : collector_(std::move(collector)) {}
  void Send(std::string request, std::function<void(SendOutcome)> done) override {
    collector_->Add({std::move(request), std::move(done)});
  }
  void Cancel() override { collector_->CancelAll(); }

 private:
  const std::shared_ptr<FakeCollector> collector_;
};

class SpanExporterTest : public testing::Test {
 protected:
  std::shared_ptr<SpanExporter> Start(ExporterOptions options) {
    options.scope = "test";
    return SpanExporter::Start({io_, executor_, clock_, registry_, core::Logger::Discard()},
                               std::make_unique<FakeTransport>(collector_), std::move(options));
  }
  static core::SpanData SpanNamed(std::string name) {
    core::SpanData span;
    span.context.trace_id.fill(1);
    span.context.span_id.fill(2);
    span.name = std::move(name);
    return span;
  }
  std::string Counted(const std::string& result, int spans) {
    return "sextant_tracing_spans_total{result=\"" + result + "\"} " + std::to_string(spans) + "\n";
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{core::ExecutorOptions{.threads = 2}};
  net::IoContext io_;
  std::shared_ptr<FakeCollector> collector_ = std::make_shared<FakeCollector>();
};

TEST_F(SpanExporterTest, SendsBatchesAndCountsWhatWasTaken) {
  const auto exporter = Start({.max_batch = 2, .interval_ms = 3'600'000});
  for (const char* name : {"first", "second", "third"}) exporter->Take(SpanNamed(name));
  FakeCollector::Pending batch = collector_->Next();
  EXPECT_THAT(batch.request, HasSubstr("first"));
  EXPECT_THAT(batch.request, HasSubstr("second"));
  EXPECT_THAT(batch.request, testing::Not(HasSubstr("third")));
  batch.done({.is_delivered = true, .rejected_spans = 1, .error = "no room"});
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("sent", 1)));
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("rejected", 1)));
  // The rest goes out at the end.
  std::thread stop([&] { exporter->Stop(3'600'000); });
  batch = collector_->Next();
  EXPECT_THAT(batch.request, HasSubstr("third"));
  batch.done({.is_delivered = true});
  stop.join();
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("sent", 2)));
  exporter->Take(SpanNamed("late"));
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("shutdown", 1)));
}

TEST_F(SpanExporterTest, WaitingSpansAreBounded) {
  const auto exporter = Start({.max_waiting = 3, .max_batch = 100, .interval_ms = 3'600'000});
  for (int i = 0; i < 10; ++i) exporter->Take(SpanNamed("span"));
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("queue_full", 7)));
  exporter->Stop(0);
  // What was under way failed when it was given up.
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("failed", 3)));
}

TEST_F(SpanExporterTest, ABatchThatMayBeTakenLaterIsRepeated) {
  const auto exporter = Start({.max_batch = 1, .interval_ms = 3'600'000, .first_retry_ms = 1});
  exporter->Take(SpanNamed("first"));
  FakeCollector::Pending batch = collector_->Next();
  batch.done({.may_retry = true, .error = "503"});
  FakeCollector::Pending again = collector_->Next();
  EXPECT_EQ(again.request, batch.request);
  again.done({.is_delivered = true});
  exporter->Take(SpanNamed("second"));
  collector_->Next().done({.error = "400"});
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("sent", 1)));
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("failed", 1)));
  exporter->Stop(0);
}

TEST_F(SpanExporterTest, ACollectorThatNeverTakesABatchIsGivenUp) {
  const auto exporter =
      Start({.max_batch = 1, .interval_ms = 3'600'000, .first_retry_ms = 1, .max_retrying_ms = 0});
  exporter->Take(SpanNamed("first"));
  collector_->Next().done({.may_retry = true, .error = "503"});
  EXPECT_THAT(registry_.RenderText(), HasSubstr(Counted("failed", 1)));
  exporter->Stop(0);
}

TEST(SpanExportTest, AnAnswerMayBeMalformed) {
  EXPECT_EQ(otlp::DecodeExportResponse("")->rejected_spans, 0u);
  const auto partial = otlp::DecodeExportResponse(std::string("\x0a\x04\x08\x05\x12\x00", 6));
  ASSERT_TRUE(partial);
  EXPECT_EQ(partial->rejected_spans, 5u);
  EXPECT_FALSE(otlp::DecodeExportResponse("\x0a\x7f"));
}

}  // namespace
}  // namespace sextant::tracing
