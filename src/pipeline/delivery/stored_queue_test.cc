// Sending queues whose batches are on disk until they are delivered.
#include "pipeline/delivery/stored_queue.h"

#include "pipeline/component_harness.h"
#include "pipeline/delivery/queued_exporter.h"
#include "pipeline/extensions/file_storage_extension.h"

namespace sextant::pipeline {

namespace {

// Takes batches, or holds them as long as it is told to.
class HoldingSender final : public Sender {
 public:
  struct State {
    std::mutex mutex;
    bool holds = false;
    size_t lets_pass = 0;  // before it holds
    std::vector<Done> held;
    std::vector<std::vector<std::string>> taken;

    size_t held_count() {
      std::lock_guard lock(mutex);
      return held.size();
    }
    std::vector<std::vector<std::string>> all() {
      std::lock_guard lock(mutex);
      return taken;
    }
    void LetGo() {
      std::vector<Done> released;
      {
        std::lock_guard lock(mutex);
        holds = false;
        released.swap(held);
      }
      for (Done& done : released) done({});
    }
  };

  explicit HoldingSender(State& state) : state_(state) {}
  void Send(Telemetry batch, Done done) override {
    {
      std::lock_guard lock(state_.mutex);
      if (state_.holds && state_.lets_pass == 0) {
        state_.held.push_back(std::move(done));
        return;
      }
      if (state_.lets_pass > 0) --state_.lets_pass;
      state_.taken.push_back(SpanNames(batch));
    }
    done({});
  }
  void Shutdown() override {
    std::vector<Done> cut;
    {
      std::lock_guard lock(state_.mutex);
      cut.swap(state_.held);
    }
    for (Done& done : cut) done(Refuse("cut off"));
  }

 private:
  State& state_;
};

class StoredQueueTest : public testing::Test {
 protected:
  StoredQueueTest() {
    storage_ = harness_.MakeExtension(FileStorageExtensionType(), "directory: " + directory_.path());
    EXPECT_TRUE(storage_->Start());
    harness_.extensions.by_id["file_storage"] = storage_.get();
  }
  ~StoredQueueTest() override {
    if (exporter_) exporter_->Shutdown();
    exporter_.reset();
    storage_->Shutdown();
  }

  static QueueConfig Queue() {
    QueueConfig queue;
    queue.storage = "file_storage";
    queue.num_consumers = 1;
    return queue;
  }
  Exporter& Make(const QueueConfig& queue) {
    exporter_.reset();
    ComponentSettings settings{{"otlp", "peer"}, *harness_, core::Logger::Discard()};
    exporter_ = MakeQueuedExporter(settings, Signal::kTraces, queue, RetryConfig(),
                                   std::make_unique<HoldingSender>(peer_));
    core::Status started = exporter_->Start();
    EXPECT_TRUE(started) << started.error().message();
    return *exporter_;
  }

  TestDirectory directory_;
  ComponentHarness harness_;
  std::unique_ptr<Extension> storage_;
  HoldingSender::State peer_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(StoredQueueTest, AFullQueueMayBlock) {
  QueueConfig queue = Queue();
  queue.queue_size = 1;
  queue.block_on_overflow = true;
  peer_.holds = true;
  Exporter& exporter = Make(queue);
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(1, "a")));
  EXPECT_TRUE(WaitUntil([&] { return peer_.held_count() == 1; }));
  KeptOutcome second;
  std::atomic<bool> is_told{false};
  exporter.Consume(Spans(1, "b"), [&, done = second.done()](Outcome outcome) {
    is_told = true;
    done(std::move(outcome));
  });
  EXPECT_FALSE(is_told);
  peer_.LetGo();
  EXPECT_TRUE(second.Wait());
  EXPECT_TRUE(WaitUntil([&] { return peer_.all().size() == 1; }));
  EXPECT_EQ(peer_.all()[0], std::vector<std::string>{"b0"});
}

// Of a batch that goes in pieces, all is kept until the last is delivered.
TEST_F(StoredQueueTest, PiecesAreForgottenTogether) {
  QueueConfig queue = Queue();
  queue.batch.emplace();
  queue.batch->sizer = Sizer::kItems;
  queue.batch->min_size = 1;
  queue.batch->max_size = 2;
  peer_.holds = true;
  peer_.lets_pass = 1;
  Exporter& exporter = Make(queue);
  EXPECT_TRUE(ConsumeAndWait(exporter, Spans(5, "a")));
  EXPECT_TRUE(WaitUntil([&] { return peer_.held_count() == 1; }));
  EXPECT_EQ(peer_.all(), (std::vector<std::vector<std::string>>{{"a0", "a1"}}));
  exporter.Shutdown();  // waits for the peer in vain

  peer_.taken.clear();
  peer_.holds = false;
  Make(queue);
  EXPECT_TRUE(WaitUntil([&] { return peer_.all().size() == 3; }));
  EXPECT_EQ(peer_.all(), (std::vector<std::vector<std::string>>{{"a0", "a1"}, {"a2", "a3"}, {"a4"}}));
  exporter_->Shutdown();

  peer_.taken.clear();
  Make(queue);
  EXPECT_TRUE(peer_.all().empty());
}

}  // namespace

}  // namespace sextant::pipeline
