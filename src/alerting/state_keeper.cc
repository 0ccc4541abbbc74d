#include "alerting/state_keeper.h"

#include <algorithm>

namespace sextant::alerting {
namespace {

constexpr int64_t kRetryNs = 10'000'000'000;
// A journal is replaced by a snapshot when it has grown to this, and to twice the snapshot.
constexpr uint64_t kMaxJournalBytes = 4 << 20;

}  // namespace

StateKeeper::StateKeeper(core::FileSystem& files, const core::Clock& clock, const std::string& dir,
                         const std::string& name, const std::string& metric_prefix, bool sync,
                         core::Logger logger, core::Registry& registry,
                         std::function<std::vector<std::string>()> take_records,
                         std::function<std::string()> serialize)
    : file_(files, dir, name),
      clock_(clock),
      name_(name),
      sync_(sync),
      logger_(std::move(logger)),
      take_records_(std::move(take_records)),
      serialize_(std::move(serialize)),
      maintenances_(registry.AddCounter(metric_prefix + "_maintenance_total",
                                        "Times the state was tidied up and saved as a whole.")),
      maintenance_errors_(registry.AddCounter(metric_prefix + "_maintenance_errors_total",
                                              "Times saving the state as a whole failed.")),
      write_errors_(registry.AddCounter("sextant_alerting_state_write_errors_total",
                                        "Changes of state that could not be written at once.",
                                        {{"state", name}})),
      snapshot_bytes_(registry.AddGauge(metric_prefix + "_snapshot_size_bytes",
                                        "Size of the state when it was last saved as a whole.")) {}

core::Status StateKeeper::Load(const StateFile::Take& take_snapshot, const StateFile::Take& take_record) {
  return file_.Load(take_snapshot, take_record,
                    [this](const std::string& text) { logger_.Warn(text, {{"state", name_}}); });
}

void StateKeeper::Write() { Take(false); }

void StateKeeper::WriteSnapshot() { Take(true); }

void StateKeeper::Take(bool snapshot) {
  std::unique_lock lock(mutex_);
  const uint64_t ticket = ++wanted_;
  done_.wait(lock, [&] { return !is_writing_ || (!snapshot && written_ >= ticket); });
  if (!snapshot && written_ >= ticket) return;
  is_writing_ = true;
  const uint64_t up_to = wanted_;
  lock.unlock();
  if (snapshot) {
    maintenances_.Increment();
    Replace();
  } else {
    WriteChanges();
  }
  lock.lock();
  is_writing_ = false;
  written_ = std::max(written_, up_to);
  done_.notify_all();
}

void StateKeeper::WriteChanges() {
  if (needs_snapshot_) {
    if (clock_.MonotonicNs() >= retry_at_ns_) Replace();
    return;
  }
  const std::vector<std::string> records = take_records_();
  if (records.empty()) return;
  if (const core::Status appended = file_.Append(records, sync_); !appended) {
    write_errors_.Increment(static_cast<double>(records.size()));
    return Fail(appended.error());
  }
  if (file_.journal_bytes() > std::max<uint64_t>(kMaxJournalBytes, 2 * last_snapshot_bytes_)) Replace();
}

void StateKeeper::Replace() {
  // What comes between these two is in the snapshot and in the journal after it, which does no harm. The
  // journal stays whole until it is emptied: a kill before that reads it after the snapshot.
  const std::vector<std::string> records = take_records_();
  if (!needs_snapshot_ && !records.empty()) static_cast<void>(file_.Append(records, false));
  const std::string bytes = serialize_();
  if (const core::Status replaced = file_.Replace(bytes); !replaced) {
    maintenance_errors_.Increment();
    return Fail(replaced.error());
  }
  if (needs_snapshot_) logger_.Info("state is saved again", {{"state", name_}});
  needs_snapshot_ = false;
  last_snapshot_bytes_ = bytes.size();
  snapshot_bytes_.Set(static_cast<double>(bytes.size()));
}

void StateKeeper::Fail(const core::Error& error) {
  needs_snapshot_ = true;
  retry_at_ns_ = clock_.MonotonicNs() + kRetryNs;
  logger_.Error("saving state failed; it counts in memory and is tried again",
                {{"state", name_}, {"err", error}});
}

}  // namespace sextant::alerting
