#include "metrics/tsdb/head_replay.h"

#include <algorithm>
#include <utility>

namespace sextant::tsdb {

namespace {

// Whether a section is about its series only, and not about what samples they have.
bool IsIndependentOfSamples(const Section& section) {
  return section.tag == SectionTag::kExemplars || section.tag == SectionTag::kMetadata;
}

}  // namespace

HeadReplay::HeadReplay(Head& head, size_t threads) : head_(head), threads_(std::max<size_t>(1, threads)) {}

HeadReplay::~HeadReplay() {
  std::lock_guard lock(mutex_);
  stops_ = true;
  changed_.notify_all();
}

void HeadReplay::Apply(const DecodedBatch& batch) {
  bool waits_for_samples = !std::ranges::all_of(batch.sections, IsIndependentOfSamples);
  if (!batch.definitions.empty() || waits_for_samples) {
    Finish();
    head_.WaitForIndex();
  }
  for (const SeriesDefinition& definition : batch.definitions) {
    if (!head_.RestoreDefinition(definition)) ++losses_.refused_series;
  }
  head_.MarkJournaled(batch.definitions);
  const SampleSpans& samples = batch.samples;
  Block& block = filling();
  block.refs.insert(block.refs.end(), samples.refs.begin(), samples.refs.end());
  block.times_ms.insert(block.times_ms.end(), samples.times_ms.begin(), samples.times_ms.end());
  block.bits.insert(block.bits.end(), samples.bits.begin(), samples.bits.end());
  if (block.refs.size() >= kBlockSamples) {
    if (workers_.empty()) StartWorkers();
    HandOver();
  }
  if (waits_for_samples) Finish();  // also for those of its own batch
  for (const Section& section : batch.sections) {
    if (!head_.RestoreSection(section)) ++losses_.malformed_sections;
  }
}

void HeadReplay::StartWorkers() {
  workers_ = std::vector<Worker>(threads_);
  for (size_t i = 0; i < workers_.size(); ++i) workers_[i].thread = std::jthread([this, i] { Work(i); });
}

void HeadReplay::HandOver() {
  {
    std::lock_guard lock(mutex_);
    ++filled_;
  }
  changed_.notify_all();
  if (filled_ >= kBlocks) WaitUntilDone(filled_ - kBlocks + 1);
  filling().Clear();
}

void HeadReplay::WaitUntilDone(uint64_t blocks) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return std::ranges::all_of(workers_, [&](const Worker& worker) { return worker.done >= blocks; });
  });
}

void HeadReplay::Finish() {
  Block& block = filling();
  if (block.refs.size() < kWorthSharing || workers_.empty()) {
    WaitUntilDone(filled_);
    losses_.unknown_samples += head_.RestoreSamples(block.samples(), 0, 1).unknown;
    block.Clear();
  } else {
    HandOver();
    WaitUntilDone(filled_);
  }
  for (Worker& worker : workers_) losses_.unknown_samples += std::exchange(worker.unknown_samples, 0);
}

void HeadReplay::Work(size_t number) {
  Worker& worker = workers_[number];
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stops_ || worker.done < filled_; });
    if (stops_) return;
    const Block& block = blocks_[worker.done % kBlocks];
    lock.unlock();
    uint64_t unknown = head_.RestoreSamples(block.samples(), number, threads_).unknown;
    lock.lock();
    worker.unknown_samples += unknown;
    ++worker.done;
    changed_.notify_all();
  }
}

}  // namespace sextant::tsdb
