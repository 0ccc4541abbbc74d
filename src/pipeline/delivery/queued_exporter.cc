#include "pipeline/delivery/queued_exporter.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "pipeline/delivery/backoff.h"
#include "pipeline/delivery/stored_queue.h"
#include "pipeline/item_account.h"
#include "pipeline/joint_done.h"

namespace sextant::pipeline {

namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr core::DurationMs kBusyRetryMs = 100;  // when the executor takes no more
constexpr core::DurationMs kLogEveryMs = 10'000;

int64_t SizeOf(const Telemetry& batch, Sizer sizer) {
  switch (sizer) {
    case Sizer::kRequests:
      return 1;
    case Sizer::kItems:
      return static_cast<int64_t>(batch.CountItems());
    case Sizer::kBytes:
      return static_cast<int64_t>(batch.EncodedBytes());
  }
  return 1;
}

std::string_view UnitOf(Sizer sizer) {
  switch (sizer) {
    case Sizer::kRequests:
      return "requests";
    case Sizer::kItems:
      return "items";
    case Sizer::kBytes:
      return "bytes";
  }
  return "requests";
}

// What this exporter did, beside its metrics, which go on when pipelines are exchanged. Of what was given up,
// the reason counts where nobody was left to be told.
struct Tally {
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> failed{0};
  std::atomic<uint64_t> not_queued{0};
  DropCount refused{"refused for good"};
  DropCount rejected{"rejected by the peer"};  // of batches that it took in part
  DropCount late{"no more retries left"};
  DropCount not_retried{"failed, and retries are off"};
  DropCount shut_down{"not sent before the shutdown"};
};

// What the collector counts of an exporter.
struct ExporterMetrics {
  ExporterMetrics(core::Registry& registry, const ComponentId& id, Signal signal)
      : sent(Counter(registry, "sent", "Items that were sent and taken.", id, signal)),
        failed(
            Counter(registry, "send_failed", "Items that could not be sent and were given up.", id, signal)),
        refused(
            Counter(registry, "enqueue_failed", "Items that the sending queue did not take.", id, signal)) {}

  static core::Counter& Counter(core::Registry& registry, std::string_view what, std::string_view help,
                                const ComponentId& id, Signal signal) {
    return registry.AddCounter(fmt::format("otelcol_exporter_{}_{}", what, ItemsName(signal)), help,
                               {{"exporter", id.Text()}});
  }

  core::Counter& sent;
  core::Counter& failed;
  core::Counter& refused;
};

// A batch on disk that goes in pieces, and is forgotten with the last of them.
struct StoredPieces {
  std::vector<uint64_t> numbers;
  size_t left = 1;  // guarded by the exporter's mutex
};
using PiecesList = std::vector<std::shared_ptr<StoredPieces>>;

// One batch on its way. Lives until its outcome is known.
struct Delivery {
  Telemetry batch;
  std::vector<Done> waiting;     // who wants to know
  int64_t size = 0;              // in the queue's measure
  std::vector<uint64_t> stored;  // numbers of what is on disk
  PiecesList pieces = {};        // what this is a piece of
  int64_t begun_ns = 0;
  std::unique_ptr<Backoff> backoff = {};
  std::unique_ptr<net::Timer> timer = {};
};

class QueuedExporter final : public Exporter, public KeepsAccount {
 public:
  QueuedExporter(const ComponentSettings& settings, Signal signal, const std::optional<QueueConfig>& queue,
                 const RetryConfig& retry, std::unique_ptr<Sender> sender)
      : id_(settings.id),
        environment_(settings.environment),
        logger_(settings.logger),
        signal_(signal),
        queue_(queue && queue->enabled ? queue : std::nullopt),
        retry_(retry),
        sender_(std::move(sender)),
        metrics_(environment_.telemetry, id_, signal),
        flush_timer_(environment_.io, environment_.executor, core::Priority::kIngest) {
    if (!queue_) return;
    core::MetricLabels labels = {{"data_type", std::string(SignalName(signal))}, {"exporter", id_.Text()}};
    environment_.telemetry
        .AddGauge("otelcol_exporter_queue_capacity", "What the sending queue may hold.", labels)
        .Set(static_cast<double>(queue_->queue_size));
    queue_size_ = &environment_.telemetry.AddGauge("otelcol_exporter_queue_size",
                                                   "What the sending queue holds.", std::move(labels));
    queue_size_->Set(0);
  }

  ItemAccount Account() const override {
    ItemAccount account;
    if (queue_) {
      std::lock_guard lock(mutex_);
      account.queue = QueueFill{held_, queue_->queue_size, UnitOf(queue_->sizer)};
    }
    account.sent = tally_.sent.load(std::memory_order_relaxed);
    account.send_failed = tally_.failed.load(std::memory_order_relaxed);
    account.not_queued = tally_.not_queued.load(std::memory_order_relaxed);
    for (const DropCount* count :
         {&tally_.refused, &tally_.rejected, &tally_.late, &tally_.not_retried, &tally_.shut_down}) {
      count->AppendTo(account.dropped);
    }
    return account;
  }

  core::Status Start() override {
    SEXTANT_TRY(sender_->Start());
    if (!queue_ || queue_->storage.empty()) return {};
    SEXTANT_ASSIGN(stored_, StoredQueue::Open(environment_.extensions, queue_->storage, id_, signal_));
    SEXTANT_ASSIGN(StoredQueue::Left left, stored_->Load());
    if (left.unreadable > 0) {
      logger_.Error("batches on disk cannot be read, they are dropped", {{"batches", left.unreadable}});
    }
    {
      std::lock_guard lock(mutex_);
      for (auto& [number, batch] : left.batches) {
        int64_t size = SizeOf(batch, queue_->sizer);
        Enqueue(std::move(batch), nullptr, size, {number});
      }
    }
    if (!left.batches.empty()) {
      logger_.Info("batches of an earlier process are sent", {{"batches", left.batches.size()}});
    }
    Pump();
    return {};
  }

  void Shutdown() override {
    {
      std::unique_lock lock(mutex_);
      is_stopping_ = true;
      stop_ns_ = environment_.clock.MonotonicNs() + kDrainMs * kNsPerMs;
    }
    flush_timer_.Cancel();
    HurryRetries();
    Pump();
    {
      std::unique_lock lock(mutex_);
      idle_.wait_for(lock, std::chrono::milliseconds(kDrainMs), [&] { return IsIdle(); });
    }
    GiveUpTheRest();
    sender_->Shutdown();
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return attempts_ == 0; });
  }

  void Consume(Telemetry batch, Done done) override {
    if (!queue_) return SendAtOnce(std::move(batch), std::move(done));
    int64_t size = SizeOf(batch, queue_->sizer);
    if (stored_ != nullptr) return ConsumeStored(std::move(batch), std::move(done), size);
    {
      std::unique_lock lock(mutex_);
      if (is_stopping_) {
        lock.unlock();
        return done(Refuse(fmt::format("exporter {} is shutting down", id_.Text())));
      }
      if (held_ + size > queue_->queue_size) {
        if (queue_->block_on_overflow && size <= queue_->queue_size) {
          blocked_.push_back({std::move(batch), std::move(done), size, {}});
          return;
        }
        lock.unlock();
        CountNotQueued(batch.CountItems());
        return done(Refuse("sending queue is full"));
      }
      Enqueue(std::move(batch), queue_->wait_for_result ? done : nullptr, size, {});
    }
    if (!queue_->wait_for_result) done({});
    Pump();
  }

 private:
  void CountNotQueued(uint64_t items) {
    metrics_.refused.Increment(static_cast<double>(items));
    tally_.not_queued.fetch_add(items, std::memory_order_relaxed);
  }

  void CountSent(uint64_t items, const Taken& taken) {
    metrics_.sent.Increment(static_cast<double>(items));
    tally_.sent.fetch_add(items - taken.rejected_items, std::memory_order_relaxed);
    tally_.rejected.Add(taken.rejected_items);
  }

  void CountFailed(uint64_t items) {
    metrics_.failed.Increment(static_cast<double>(items));
    tally_.failed.fetch_add(items, std::memory_order_relaxed);
  }

  // Why what ends with this refusal is gone. `forgets` as of End.
  DropCount& DropCountOf(const Refusal& refusal, bool forgets) {
    if (!forgets) return tally_.shut_down;
    if (refusal.is_permanent) return tally_.refused;
    return retry_.enabled ? tally_.late : tally_.not_retried;
  }

  bool IsStopping() {
    std::lock_guard lock(mutex_);
    return is_stopping_;
  }

  struct Waiting {
    Telemetry batch;
    Done done;  // null when it was told already
    int64_t size = 0;
    std::vector<uint64_t> stored = {};
    PiecesList pieces = {};
    std::string partition = {};
  };

  // What waits of one combination of metadata, for queues that make batches.
  struct Partition {
    size_t batches = 0;
    int64_t measure = 0;   // in the batches' measure
    int64_t first_ns = 0;  // when it began to wait
  };

  // A batch is on disk before its sender hears that it was taken.
  void ConsumeStored(Telemetry batch, Done done, int64_t size) {
    {
      std::unique_lock lock(mutex_);
      bool is_full = held_ + size > queue_->queue_size;
      if (is_full && !is_stopping_ && queue_->block_on_overflow && size <= queue_->queue_size) {
        blocked_.push_back({std::move(batch), std::move(done), size});
        return;
      }
      if (is_stopping_ || is_full) {
        lock.unlock();
        CountNotQueued(batch.CountItems());
        return done(Refuse(is_full ? "sending queue is full" : "the exporter is shutting down"));
      }
      // Its room is taken while it is written.
      held_ += size;
    }
    Store({std::move(batch), std::move(done), size});
  }

  // Of a batch whose room is taken.
  void Store(Waiting one) {
    core::Result<uint64_t> number = stored_->Put(one.batch);
    size_t items = one.batch.CountItems();
    {
      std::lock_guard lock(mutex_);
      held_ -= one.size;
      if (number) Enqueue(std::move(one.batch), nullptr, one.size, {*number});
    }
    if (!number) {
      CountNotQueued(items);
      return one.done(Refuse("the queue's storage: " + number.error().message()));
    }
    one.done({});
    Pump();
  }

  std::string PartitionOf(const Telemetry& batch) const {
    std::string partition;
    for (const std::string& key : queue_->batch->partition.metadata_keys) {
      std::vector<std::string_view> values;
      if (batch.client != nullptr) values = batch.client->Values(key);
      partition += fmt::format("{}:", values.size());
      for (std::string_view value : values) partition += fmt::format("{}:{}", value.size(), value);
    }
    return partition;
  }

  // With mutex_ held.
  void Enqueue(Telemetry batch, Done done, int64_t size, std::vector<uint64_t> stored) {
    held_ += size;
    queue_size_->Set(static_cast<double>(held_));
    Waiting one{std::move(batch), std::move(done), size, std::move(stored)};
    if (queue_->batch) {
      one.partition = PartitionOf(one.batch);
      Partition& partition = partitions_[one.partition];
      if (partition.batches++ == 0) partition.first_ns = environment_.clock.MonotonicNs();
      partition.measure += SizeOf(one.batch, *queue_->batch->sizer);
    }
    waiting_.push_back(std::move(one));
  }

  // With mutex_ held.
  bool IsIdle() const { return waiting_.empty() && blocked_.empty() && deliveries_.empty() && ending_ == 0; }

  void SendAtOnce(Telemetry batch, Done done) {
    if (IsStopping()) {
      return done(Refuse(fmt::format("exporter {} is shutting down", id_.Text())));
    }
    auto delivery = std::make_shared<Delivery>(Delivery{std::move(batch), {}, 0, {}});
    delivery->waiting.push_back(std::move(done));
    {
      std::lock_guard lock(mutex_);
      Begin(delivery);
    }
    Attempt(delivery);
  }

  // With mutex_ held.
  void Begin(const std::shared_ptr<Delivery>& delivery) {
    delivery->begun_ns = environment_.clock.MonotonicNs();
    deliveries_.insert(delivery);
  }

  // Begins as many deliveries as may be under way.
  void Pump() {
    while (std::shared_ptr<Delivery> delivery = TakeNext()) {
      core::Status submitted =
          environment_.executor.Submit(core::Priority::kIngest, [this, delivery] { Attempt(delivery); });
      if (!submitted) {
        Retry(delivery, kBusyRetryMs);
        return;
      }
    }
  }

  std::shared_ptr<Delivery> TakeNext() {
    std::lock_guard lock(mutex_);
    if (!queue_ || waiting_.empty()) return nullptr;
    if (deliveries_.size() >= static_cast<size_t>(queue_->num_consumers)) return nullptr;
    if (queue_->batch) return TakeBatch();
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    return Made(std::move(next));
  }

  // With mutex_ held.
  std::shared_ptr<Delivery> Made(Waiting next) {
    auto delivery = std::make_shared<Delivery>(
        Delivery{std::move(next.batch), {}, next.size, std::move(next.stored), std::move(next.pieces)});
    if (next.done) delivery->waiting.push_back(std::move(next.done));
    Begin(delivery);
    return delivery;
  }

  // The partition that has enough, or has waited long enough; of several the one that waits longest. Without
  // one the timer is set for the next. With mutex_ held.
  const std::string* RipePartition() {
    const QueueBatchConfig& batch = *queue_->batch;
    int64_t now_ns = environment_.clock.MonotonicNs();
    const std::string* ripe = nullptr;
    int64_t ripe_since_ns = 0;
    core::DurationMs next_ms = batch.flush_timeout_ms;
    for (const auto& [key, partition] : partitions_) {
      int64_t waited_ms = (now_ns - partition.first_ns) / kNsPerMs;
      if (partition.measure < batch.min_size && waited_ms < batch.flush_timeout_ms && !is_stopping_) {
        next_ms = std::min(next_ms, batch.flush_timeout_ms - waited_ms);
        continue;
      }
      if (ripe == nullptr || partition.first_ns < ripe_since_ns) {
        ripe = &key;
        ripe_since_ns = partition.first_ns;
      }
    }
    if (ripe == nullptr) flush_timer_.StartAfter(next_ms, [this] { Pump(); });
    return ripe;
  }

  // Joins what waits in a partition. With mutex_ held.
  std::shared_ptr<Delivery> TakeBatch() {
    const QueueBatchConfig& batch = *queue_->batch;
    const std::string* ripe = RipePartition();
    if (ripe == nullptr) return nullptr;
    const std::string key = *ripe;
    auto next = std::ranges::find(waiting_, key, &Waiting::partition);
    Waiting joined = std::move(*next);
    next = waiting_.erase(next);
    size_t taken = 1;
    std::vector<Done> done;
    if (joined.done) done.push_back(std::move(joined.done));
    int64_t measure = SizeOf(joined.batch, *batch.sizer);
    while ((next = std::find_if(next, waiting_.end(), [&](const Waiting& one) {
              return one.partition == key;
            })) != waiting_.end()) {
      int64_t more = SizeOf(next->batch, *batch.sizer);
      if (measure >= batch.min_size || (batch.max_size > 0 && measure + more > batch.max_size)) break;
      joined.size += next->size;
      std::ranges::copy(next->stored, std::back_inserter(joined.stored));
      std::ranges::copy(next->pieces, std::back_inserter(joined.pieces));
      joined.batch.Append(std::move(next->batch));
      if (next->done) done.push_back(std::move(next->done));
      next = waiting_.erase(next);
      measure += more;
      ++taken;
    }
    LeavePartition(key, taken, measure);
    joined.done = nullptr;
    if (batch.max_size > 0 && measure > batch.max_size) return TakePiece(std::move(joined), std::move(done));
    std::shared_ptr<Delivery> delivery = Made(std::move(joined));
    delivery->waiting = std::move(done);
    return delivery;
  }

  // With mutex_ held.
  void LeavePartition(const std::string& key, size_t batches, int64_t measure) {
    Partition& partition = partitions_[key];
    partition.batches -= batches;
    partition.measure -= measure;
    partition.first_ns = environment_.clock.MonotonicNs();
    if (partition.batches == 0) partitions_.erase(key);
  }

  // The beginning of a batch that is too large alone; the rest waits in front of all others. With mutex_
  // held.
  std::shared_ptr<Delivery> TakePiece(Waiting whole, std::vector<Done> done) {
    const QueueBatchConfig& batch = *queue_->batch;
    if (!whole.stored.empty()) {
      whole.pieces.push_back(std::make_shared<StoredPieces>(StoredPieces{std::move(whole.stored)}));
      whole.stored.clear();
    }
    for (const std::shared_ptr<StoredPieces>& pieces : whole.pieces) ++pieces->left;
    Telemetry first = whole.batch.TakeFirst(static_cast<size_t>(batch.max_size));
    Done part = done.empty() ? nullptr : JoinDone(2, std::move(done.front()));
    whole.done = part;
    Partition& partition = partitions_[whole.partition];
    if (partition.batches++ == 0) partition.first_ns = environment_.clock.MonotonicNs();
    partition.measure += SizeOf(whole.batch, *batch.sizer);
    PiecesList pieces = whole.pieces;
    waiting_.push_front(std::move(whole));
    return Made({std::move(first), part, 0, {}, std::move(pieces)});
  }

  void Attempt(const std::shared_ptr<Delivery>& delivery) {
    {
      std::lock_guard lock(mutex_);
      if (!deliveries_.contains(delivery)) return;  // given up
      ++attempts_;
    }
    sender_->Send(delivery->batch, [this, delivery](Outcome outcome) {
      Take(delivery, std::move(outcome));
      std::lock_guard lock(mutex_);
      if (--attempts_ == 0) idle_.notify_all();
    });
  }

  void Take(const std::shared_ptr<Delivery>& delivery, Outcome outcome) {
    if (outcome || outcome.error().is_permanent || !retry_.enabled) return End(delivery, std::move(outcome));
    int64_t now_ns = environment_.clock.MonotonicNs();
    if (delivery->backoff == nullptr) {
      delivery->backoff = std::make_unique<Backoff>(retry_, seed_.fetch_add(1, std::memory_order_relaxed));
    }
    std::optional<core::DurationMs> wait_ms =
        delivery->backoff->Next((now_ns - delivery->begun_ns) / kNsPerMs, outcome.error().retry_after_ms);
    if (!wait_ms) {
      outcome.error().message = "no more retries left: " + outcome.error().message;
      return End(delivery, std::move(outcome));
    }
    if (LogNow(now_ns)) {
      logger_.Info("exporting failed, will be tried again",
                   {{"error", outcome.error().message}, {"interval_ms", *wait_ms}});
    }
    {
      std::lock_guard lock(mutex_);
      // A shutdown does not wait for the peer's mood, but tries a few times.
      if (is_stopping_) wait_ms = std::min<core::DurationMs>(*wait_ms, kStoppingRetryMs);
      if (is_stopping_ && now_ns + *wait_ms * kNsPerMs >= stop_ns_) wait_ms = std::nullopt;
    }
    if (!wait_ms) {
      outcome.error().message = "not sent before the shutdown: " + outcome.error().message;
      return End(delivery, std::move(outcome), false);
    }
    Retry(delivery, *wait_ms);
  }

  void Retry(const std::shared_ptr<Delivery>& delivery, core::DurationMs wait_ms) {
    std::lock_guard lock(mutex_);
    if (!deliveries_.contains(delivery)) return;  // given up
    if (delivery->timer == nullptr) {
      delivery->timer =
          std::make_unique<net::Timer>(environment_.io, environment_.executor, core::Priority::kIngest);
    }
    delivery->timer->StartAfter(wait_ms, [this, delivery] { Attempt(delivery); });
  }

  // Waits are cut short when the end has come.
  void HurryRetries() {
    std::lock_guard lock(mutex_);
    for (const std::shared_ptr<Delivery>& delivery : deliveries_) {
      if (delivery->timer == nullptr || delivery->backoff == nullptr) continue;
      std::weak_ptr<Delivery> weak = delivery;
      delivery->timer->StartAfter(0, [this, weak] {
        if (std::shared_ptr<Delivery> strong = weak.lock()) Attempt(strong);
      });
    }
  }

  // `forgets`: whether what is on disk goes, too.
  void End(const std::shared_ptr<Delivery>& delivery, Outcome outcome, bool forgets = true) {
    std::vector<Waiting> admitted;
    bool is_kept = false;
    {
      std::lock_guard lock(mutex_);
      if (deliveries_.erase(delivery) == 0) return;
      held_ -= delivery->size;
      if (queue_size_ != nullptr) queue_size_->Set(static_cast<double>(held_));
      is_kept = !forgets && (!delivery->stored.empty() || !delivery->pieces.empty());
      for (const std::shared_ptr<StoredPieces>& pieces : delivery->pieces) {
        if (forgets && --pieces->left == 0) {
          std::ranges::copy(pieces->numbers, std::back_inserter(delivery->stored));
        }
      }
      Admit(admitted);
      ++ending_;
    }
    uint64_t items = delivery->batch.CountItems();
    if (!delivery->stored.empty() && forgets) {
      if (core::Status removed = stored_->Remove(delivery->stored); !removed) {
        logger_.Warn("what was sent cannot be removed from the storage, it will be sent again",
                     {{"error", removed.error()}});
      }
    }
    if (is_kept) {
      logger_.Info("not sent before the shutdown, it waits on disk", {{"items", items}});
    } else if (outcome) {
      outcome->rejected_items = std::min(outcome->rejected_items, items);
      CountSent(items, *outcome);
      // Whose items they were is not known.
      if (delivery->waiting.size() > 1) *outcome = {};
    } else {
      CountFailed(items);
      if (delivery->waiting.empty()) DropCountOf(outcome.error(), forgets).Add(items);
      logger_.Error("exporting failed, the data is dropped", {{"error", outcome.error().message},
                                                              {"dropped_items", items},
                                                              {"permanent", outcome.error().is_permanent}});
    }
    for (Done& done : delivery->waiting) done(outcome);
    for (Waiting& one : admitted) {
      if (stored_ != nullptr) {
        Store(std::move(one));
      } else {
        one.done({});
      }
    }
    Pump();
    std::lock_guard lock(mutex_);
    --ending_;
    if (IsIdle()) idle_.notify_all();
  }

  // Takes blocked batches for which there is room now; those of a queue on disk get the room only. With
  // mutex_ held.
  void Admit(std::vector<Waiting>& admitted) {
    while (!blocked_.empty() && held_ + blocked_.front().size <= queue_->queue_size) {
      Waiting next = std::move(blocked_.front());
      blocked_.pop_front();
      if (stored_ != nullptr) {
        held_ += next.size;
        admitted.push_back(std::move(next));
        continue;
      }
      bool waits = queue_->wait_for_result;
      if (!waits) admitted.push_back({next.batch, next.done, next.size, {}});
      Enqueue(std::move(next.batch), waits ? next.done : nullptr, next.size, {});
    }
  }

  void GiveUpTheRest() {
    std::vector<Waiting> rest;
    std::vector<std::shared_ptr<Delivery>> under_way;
    {
      std::lock_guard lock(mutex_);
      std::ranges::move(waiting_, std::back_inserter(rest));
      std::ranges::move(blocked_, std::back_inserter(rest));
      waiting_.clear();
      blocked_.clear();
      partitions_.clear();
      under_way.assign(deliveries_.begin(), deliveries_.end());
    }
    uint64_t items = 0;
    uint64_t dropped = 0;
    for (const std::shared_ptr<Delivery>& delivery : under_way) {
      if (delivery->timer != nullptr) delivery->timer->Cancel();
      End(delivery, Refuse("not sent before the shutdown"), false);
    }
    for (Waiting& one : rest) {
      if (one.stored.empty() && one.pieces.empty()) {
        items += one.batch.CountItems();
        if (!one.done) dropped += one.batch.CountItems();
      }
      if (one.done) one.done(Refuse("not sent before the shutdown"));
    }
    if (items == 0) return;
    CountFailed(items);
    tally_.shut_down.Add(dropped);
    logger_.Error("the queue could not be sent before the shutdown, its data is dropped",
                  {{"dropped_items", items}});
  }

  // At most one line of a kind in a while.
  bool LogNow(int64_t now_ns) {
    int64_t last = last_log_ns_.load(std::memory_order_relaxed);
    if (last != 0 && now_ns - last < kLogEveryMs * kNsPerMs) return false;
    return last_log_ns_.compare_exchange_strong(last, now_ns, std::memory_order_relaxed);
  }

  static constexpr core::DurationMs kStoppingRetryMs = 1'000;

  const ComponentId id_;
  Environment& environment_;
  const core::Logger logger_;
  const Signal signal_;
  const std::optional<QueueConfig> queue_;
  const RetryConfig retry_;
  const std::unique_ptr<Sender> sender_;
  ExporterMetrics metrics_;
  Tally tally_;
  core::Gauge* queue_size_ = nullptr;
  std::unique_ptr<StoredQueue> stored_;  // set by Start, for queues on disk
  std::atomic<uint64_t> seed_{1};
  std::atomic<int64_t> last_log_ns_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable idle_;
  std::deque<Waiting> waiting_;
  std::deque<Waiting> blocked_;  // not taken yet
  absl::flat_hash_set<std::shared_ptr<Delivery>> deliveries_;
  std::map<std::string, Partition> partitions_;  // of what waits, for queues that make batches
  int64_t held_ = 0;                             // size of what waits and is under way
  int64_t stop_ns_ = 0;
  int ending_ = 0;    // deliveries whose outcome is being told
  int attempts_ = 0;  // sends under way
  bool is_stopping_ = false;

  net::Timer flush_timer_;
};

}  // namespace

std::unique_ptr<Exporter> MakeQueuedExporter(const ComponentSettings& settings, Signal signal,
                                             const std::optional<QueueConfig>& queue,
                                             const RetryConfig& retry, std::unique_ptr<Sender> sender) {
  return std::make_unique<QueuedExporter>(settings, signal, queue, retry, std::move(sender));
}

}  // namespace sextant::pipeline
