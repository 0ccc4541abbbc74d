// Sends what the store takes to one remote storage.
//
//   commit log ──► read, relabel ──► shards (by series) ──► one request at a time each ──► remote storage
//
// The commit log is the queue's memory: what has not been acknowledged is read again, after an outage of the
// receiver and after a restart, from positions that each shard notes in a file (write_progress.h). While the
// receiver is away the shards fill up, reading waits, and the journal keeps what is to come.
//
// Samples of a series go through one shard and stay in order. The number of shards follows the load; it
// changes only between samples, when all shards are empty.
//
// An answer of 2xx settles a request, one of 5xx (or 429, when so configured), a broken connection and a
// timeout lead to another try after a growing pause or the one that Retry-After asks for; any other answer
// drops the request's samples, and counts them.
//
// Lives in a shared_ptr; timers, tasks and transfers hold it while they run.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/remote_config.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/file.h"
#include "core/log.h"
#include "core/trace.h"
#include "metrics/relabel/relabel.h"
#include "metrics/remote/shard_planner.h"
#include "metrics/remote/write_metrics.h"
#include "metrics/remote/write_progress.h"
#include "model/commit_log.h"
#include "net/http_client.h"
#include "net/io.h"
#include "wire/remote_write.h"

namespace sextant::remote {

// Metric families and what targets say of them.
using FamilyMetadata = std::map<std::string, std::vector<model::MetricMetadata>>;

// What all queues share. All of it outlives them.
struct WriteServices {
  net::IoContext& io;
  net::HttpClient& client;
  core::Executor& executor;
  const core::Clock& clock;
  core::FileSystem& files;
  core::Registry& registry;
  core::Logger logger;
  model::CommitLog& log;
  // All families, or one.
  std::function<FamilyMetadata(std::string_view family)> metadata;
  std::string user_agent;
  std::string data_dir;            // for the files with the positions; made when absent
  core::Tracer* tracer = nullptr;  // makes spans of what is sent; null: none
};

class WriteQueue : public std::enable_shared_from_this<WriteQueue> {
 public:
  struct Settings {
    config::RemoteWriteConfig config;
    std::string key;  // names the queue over restarts
    relabel::Rules rules;
    model::Labels external_labels;
  };

  WriteQueue(WriteServices& services, Settings settings);
  ~WriteQueue();

  // Begins where the queue of this key has stopped, or with what comes from now on.
  core::Status Start();
  // Ends: nothing runs any more when it returns. Before, what there is to send is sent, as long as it works
  // and at most for `flush_ms`. Not from an executor or I/O thread.
  void Stop(core::DurationMs flush_ms);

  // The first file of the commit log that is still needed.
  uint64_t FirstNeededFile() const;

  const Settings& settings() const { return settings_; }

 private:
  // A series as it is sent.
  struct Series {
    model::Labels labels;  // empty: dropped by relabelling
    std::shared_ptr<const model::MetricMetadata> metadata;
    bool is_unknown = false;
    uint64_t last_file = 0;  // of the commit log in which it had a sample
  };
  struct Item {
    std::shared_ptr<const Series> series;
    WritePosition position;
    model::CommittedSample sample;
    std::unique_ptr<model::Exemplar> exemplar;  // replaces the sample
  };
  struct Shard {
    std::deque<Item> waiting;
    std::vector<Item> under_way;
    bool is_sending = false;  // from the choice of the samples until they are settled
    int64_t waiting_since_ns = 0;
    WritePosition skip_before;  // what was dealt with before a restart
    WritePosition sent_upto;    // what may have arrived before a restart
    bool may_have_arrived = false;
    std::string body;
    uint64_t attempts = 0;
    core::DurationMs backoff_ms = 0;
    int64_t begun_ns = 0;
    net::FetchHandle fetch;
    std::unique_ptr<net::Timer> timer;  // for the next attempt
  };

  void Tick();
  void ScheduleTick();
  void RequestPump();
  void Pump();
  bool PumpOnce();
  void Resolve();
  bool Distribute();
  std::shared_ptr<const Series> SeriesOf(model::SeriesRef ref);
  void ForgetIdleSeries(uint64_t file);
  std::shared_ptr<const model::MetricMetadata> MetadataOf(model::SeriesRef ref,
                                                          std::string_view metric) const;

  void StartDueSends();
  bool Submit(core::Executor::Task task);
  void TakeItems(Shard& shard);
  void DropOld(Shard& shard);
  void BuildAndSend(size_t number);
  std::string BuildMessage(const std::vector<Item>& items) const;
  void Send(size_t number);
  void OnAnswer(size_t number, const core::Result<net::FetchResponse>& answer);
  void Retry(size_t number, core::DurationMs retry_after_ms, const std::string& why);
  void Settle(size_t number, const net::FetchResponse& answer);
  void EndSend(size_t number);

  std::unique_ptr<Shard> MakeShard() const;
  void PlanShards();
  bool MayReshard() const;
  void Reshard();
  void SendMetadata();
  struct MetadataBody {
    std::string bytes;  // compressed
    size_t entries = 0;
  };
  void SendNextMetadata(const std::shared_ptr<std::vector<MetadataBody>>& bodies, size_t at);

  net::FetchRequest MakeRequest(std::string body, uint64_t attempts) const;
  struct SendSpans;
  std::shared_ptr<SendSpans> StartSpans(const Shard& shard, net::FetchRequest& request) const;
  WritePosition DoneOf(const Shard& shard) const;
  ShardProgress ProgressOf(const Shard& shard) const;
  void NoteProgress();
  void UpdateGauges();
  bool IsDrained() const;
  WriteMetrics::PerKind& KindOf(const Item& item);

  WriteServices& services_;
  const Settings settings_;
  const wire::WriteVersion version_;
  const core::Logger logger_;
  const net::FetchRequest request_;        // everything but the body and the files' secrets
  std::unique_ptr<WriteMetrics> metrics_;  // null once it has ended
  net::Timer tick_timer_;

  // Of the reading side; used by one pump at a time.
  std::unique_ptr<model::CommitLogReader> reader_;
  absl::flat_hash_map<model::SeriesRef, std::shared_ptr<Series>> series_;
  model::CommittedBatch batch_;
  std::vector<Item> resolved_;  // of batch_, to be put into shards
  size_t next_resolved_ = 0;
  uint64_t series_file_ = 0;
  std::string last_trouble_;  // with the journal, as the log knows it

  // Puts those in order who write the file with the positions; taken before mutex_, which is not held then.
  std::mutex progress_mutex_;
  std::unique_ptr<WriteProgress> progress_;  // guarded by progress_mutex_

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::unique_ptr<Shard>> spare_shards_;
  net::FetchHandle metadata_fetch_;
  size_t metadata_at_ = 0;  // the body that it sends
  WritePosition read_upto_;
  bool is_pumping_ = false;
  bool wants_pump_ = false;
  bool is_at_end_ = false;
  bool is_flushing_ = false;
  bool is_stopped_ = false;
  bool is_sending_metadata_ = false;
  size_t tasks_ = 0;  // submitted, or transfers under way
  int64_t wanted_shards_ = 0;
  ShardPlanner planner_;
  core::TimestampMs highest_ms_ = 0;
  core::TimestampMs highest_sent_ms_ = 0;
  int64_t next_plan_ns_ = 0;
  int64_t next_metadata_ns_ = 0;
  int64_t next_save_ns_ = 0;
  bool has_failed_ = false;  // the last attempt of some shard
};

}  // namespace sextant::remote
