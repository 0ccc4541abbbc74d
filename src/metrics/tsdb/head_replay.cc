#include "metrics/tsdb/head_replay.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/parallel.h"

namespace sextant::tsdb {

using core::Status;

namespace {

// Whether a section is about its series only, and not about what samples they have.
bool IsIndependentOfSamples(const Section& section) {
  return section.tag == SectionTag::kExemplars || section.tag == SectionTag::kMetadata;
}

Status Malformed(std::string_view what) {
  return core::Fail(core::Code::kCorruption, "malformed {} in the journal", what);
}

}  // namespace

HeadReplay::HeadReplay(Head& head, size_t threads) : head_(head), threads_(std::max<size_t>(1, threads)) {}

Status HeadReplay::Add(uint64_t file, std::string_view payload) {
  SEXTANT_TRY(ReadEncodedBatch(payload, batch_));
  if (file != file_) EndStreams();
  file_ = file;
  if (batch_.forgets_all) EndStreams();
  SEXTANT_TRY(CheckStreams());
  if (batch_.samples.count > 0 && !ReadOutline(batch_.samples, outline_)) return Malformed("columns");
  for (uint64_t stream : batch_.forgotten) EndStream(stream);

  bool waits_for_samples = !std::ranges::all_of(batch_.sections, IsIndependentOfSamples);
  if (waits_for_samples) Drain();
  AwaitDefinitions();
  if (batch_.samples.count > 0) Queue(batch_.samples);
  if (!waits_for_samples) {
    for (Section& section : batch_.sections) later_.emplace_back(std::move(section));
    return {};
  }
  Drain();  // also for those of its own batch
  for (const Section& section : batch_.sections) {
    if (!head_.RestoreSection(section)) ++losses_.malformed_sections;
  }
  return {};
}

// Whether the batch speaks of the streams that there are.
Status HeadReplay::CheckStreams() const {
  for (uint64_t stream : batch_.forgotten) {
    if (!open_.contains(stream)) return Malformed("forgotten stream");
  }
  const EncodedSamples& samples = batch_.samples;
  if (samples.count == 0) return {};
  bool is_open = open_.contains(samples.stream) && !std::ranges::count(batch_.forgotten, samples.stream);
  if (is_open == (samples.form == StreamForm::kNew)) return Malformed("stream id");
  return {};
}

void HeadReplay::EndStream(uint64_t stream) {
  auto found = open_.find(stream);
  if (found == open_.end()) return;
  chains_[found->second].stream = 0;
  open_.erase(found);
}

void HeadReplay::EndStreams() {
  for (const auto& [stream, number] : open_) chains_[number].stream = 0;
  open_.clear();
}

// A batch is only about series that are defined before it: samples that are there under a ref which is
// defined now are of a series whose definition was lost, or which was dropped.
void HeadReplay::AwaitDefinitions() {
  if (batch_.definitions.empty()) return;
  bool are_in_use = std::ranges::any_of(batch_.definitions, [this](const SeriesDefinition& definition) {
    uint32_t slot = SlotOf(definition.ref);
    return slot < owners_.size() && owners_[slot] != kNoChain && !chains_[owners_[slot]].queued.empty();
  });
  if (are_in_use) Drain();
  for (const SeriesDefinition& definition : batch_.definitions) {
    uint32_t slot = SlotOf(definition.ref);
    if (slot >= head_.max_slots()) continue;
    if (slot >= awaited_.size()) awaited_.resize(slot + 1);
    awaited_[slot] = true;
    if (slot < owners_.size() && owners_[slot] != kNoChain) chains_[owners_[slot]].awaits_definitions = true;
  }
  later_.emplace_back(std::move(batch_.definitions));
}

// The owners of the slots of a run, as far as there are any.
std::span<HeadReplay::ChainNumber> HeadReplay::OwnersOf(const SamplesOutline::Run& run) {
  const size_t begin = std::min<size_t>(SlotOf(run.first), owners_.size());
  return std::span(owners_).subspan(begin, std::min<size_t>(run.count, owners_.size() - begin));
}

// The chain that a new stream with the columns of `outline_` goes on with, or a new one.
HeadReplay::ChainNumber HeadReplay::ChainForNewStream(uint64_t stream) {
  ChainNumber owner = kNoChain;
  bool is_of_one = true;
  for (const SamplesOutline::Run& run : outline_.new_refs) {
    for (ChainNumber other : OwnersOf(run)) {
      if (other == kNoChain) continue;
      if (owner == kNoChain) owner = other;
      is_of_one = is_of_one && other == owner;
    }
  }
  if (owner == kNoChain || !is_of_one || chains_[owner].stream != 0) {
    owner = static_cast<ChainNumber>(chains_.size());
    chains_.emplace_back();
  }
  chains_[owner].stream = stream;
  open_[stream] = owner;
  return owner;
}

// Makes a chain the owner of the new columns of `outline_`; what another had is shared.
void HeadReplay::Claim(ChainNumber number) {
  Chain& chain = chains_[number];
  for (const SamplesOutline::Run& run : outline_.new_refs) {
    const uint64_t begin = SlotOf(run.first);
    const uint64_t end = std::min<uint64_t>(begin + run.count, head_.max_slots());
    if (begin >= end) continue;
    if (end > owners_.size()) owners_.resize(std::max<uint64_t>(end, head_.slots()), kNoChain);
    for (ChainNumber& owner : OwnersOf(run)) {
      if (owner == number) continue;
      if (owner != kNoChain) {
        chains_[owner].is_shared = true;
        chain.is_shared = true;
      }
      owner = number;
    }
    for (uint64_t slot = begin; slot < std::min<uint64_t>(end, awaited_.size()); ++slot) {
      if (awaited_[slot]) chain.awaits_definitions = true;
    }
  }
}

void HeadReplay::Queue(const EncodedSamples& samples) {
  ChainNumber number = samples.form == StreamForm::kNew ? ChainForNewStream(samples.stream)
                                                        : open_.find(samples.stream)->second;
  Claim(number);
  Chain& chain = chains_[number];
  // The head knows its times before it has the samples.
  if (samples.form == StreamForm::kNew) chain.time_ms = 0;
  chain.time_ms = WrappingAdd(chain.time_ms, outline_.step_ms);
  head_.RestoreTimes(WrappingAdd(chain.time_ms, outline_.earliest_ms),
                     WrappingAdd(chain.time_ms, outline_.latest_ms));
  if (chain.queued.empty()) busy_.push_back(number);
  chain.queued.push_back({sequence_++, samples});
  queued_samples_ += samples.count;
  samples_ += samples.count;
}

void HeadReplay::Drain() {
  ReplayChains([](const Chain& chain) { return !chain.is_shared && !chain.awaits_definitions; });
  ApplyLater();
  ReplayChains([](const Chain& chain) { return !chain.is_shared && chain.awaits_definitions; });
  ReplayShared();
  for (ChainNumber number : busy_) {
    Chain& chain = chains_[number];
    chain.queued.clear();
    chain.awaits_definitions = false;
    if (chain.stream == 0) chain.decoder = StreamDecoder();
  }
  busy_.clear();
  queued_samples_ = 0;
}

void HeadReplay::ApplyLater() {
  for (const Later& later : later_) {
    if (const Section* section = std::get_if<Section>(&later)) {
      if (!head_.RestoreSection(*section)) ++losses_.malformed_sections;
      continue;
    }
    const auto& definitions = std::get<std::vector<SeriesDefinition>>(later);
    for (const SeriesDefinition& definition : definitions) {
      if (!head_.RestoreDefinition(definition)) ++losses_.refused_series;
    }
    head_.MarkJournaled(definitions);
  }
  later_.clear();
  awaited_.clear();
}

bool HeadReplay::DecodeNext(Chain& chain, const EncodedSamples& samples, StreamDecoder::Row& row,
                            Losses& losses) {
  if (samples.form == StreamForm::kNew) chain.is_broken = false;
  if (!chain.is_broken && chain.decoder.Decode(samples, row)) return true;
  chain.is_broken = true;
  ++losses.malformed_batches;
  return false;
}

void HeadReplay::ReplayChains(const std::function<bool(const Chain&)>& is_wanted) {
  std::vector<Chain*> chains;
  for (ChainNumber number : busy_) {
    if (is_wanted(chains_[number])) chains.push_back(&chains_[number]);
  }
  size_t threads = queued_samples_ < kWorthSharing ? 1 : std::min(threads_, chains.size());
  if (chains.empty()) return;
  std::atomic<size_t> next = 0;
  std::vector<Losses> losses(threads);
  RunInParallel(threads, [&](size_t worker) {
    SampleRows rows;
    for (size_t i = next++; i < chains.size(); i = next++) ReplayChain(*chains[i], rows, losses[worker]);
  });
  for (const Losses& of_worker : losses) AddLosses(of_worker);
}

void HeadReplay::AddLosses(const Losses& losses) {
  std::lock_guard lock(losses_mutex_);
  losses_.unknown_samples += losses.unknown_samples;
  losses_.malformed_batches += losses.malformed_batches;
}

bool HeadReplay::CanWait(uint64_t samples) const {
  return queued_samples_ > samples &&
         std::ranges::none_of(busy_, [this](ChainNumber number) { return chains_[number].is_shared; });
}

void HeadReplay::BeginBehind(std::vector<std::unique_ptr<core::MappedFile>> files) {
  files_ = std::move(files);
  for (ChainNumber number : busy_) chains_[number].state.store(State::kPending, std::memory_order_relaxed);
}

void HeadReplay::FinishDefinitions() {
  ApplyLater();
  are_definitions_applied_.store(true, std::memory_order_release);
  are_definitions_applied_.notify_all();
}

void HeadReplay::FinishSamples() {
  auto run = [this](bool awaits_definitions) {
    std::atomic<size_t> next = 0;
    RunInParallel(std::min(threads_, busy_.size()), [&](size_t) {
      SampleRows rows;
      for (size_t i = next++; i < busy_.size(); i = next++) {
        Chain& chain = chains_[busy_[i]];
        if (chain.awaits_definitions == awaits_definitions) Run(chain, rows);
      }
    });
  };
  run(/*awaits_definitions=*/false);
  are_definitions_applied_.wait(false, std::memory_order_acquire);
  run(/*awaits_definitions=*/true);
  // Those that others have begun.
  for (ChainNumber number : busy_) chains_[number].state.wait(State::kRunning, std::memory_order_acquire);
}

void HeadReplay::Require(uint32_t slot) {
  if (slot >= owners_.size() || owners_[slot] == kNoChain) return;
  Chain& chain = chains_[owners_[slot]];
  if (chain.state.load(std::memory_order_acquire) == State::kDone) return;
  SampleRows rows;
  if (!Run(chain, rows)) chain.state.wait(State::kRunning, std::memory_order_acquire);
}

// Applies what a chain has, unless somebody has begun with it: then false.
bool HeadReplay::Run(Chain& chain, SampleRows& rows) {
  State expected = State::kPending;
  if (!chain.state.compare_exchange_strong(expected, State::kRunning, std::memory_order_acquire))
    return false;
  Losses losses;
  ReplayChain(chain, rows, losses);
  AddLosses(losses);
  chain.queued = {};
  chain.decoder = StreamDecoder();
  chain.state.store(State::kDone, std::memory_order_release);
  chain.state.notify_all();
  return true;
}

void HeadReplay::ReplayChain(Chain& chain, SampleRows& rows, Losses& losses) {
  StreamDecoder::Row row;
  auto apply = [&] {  // before the columns change
    losses.unknown_samples += head_.RestoreRows(row.refs, rows);
    rows.times_ms.clear();
    rows.bits.clear();
  };
  for (const Queued& queued : chain.queued) {
    if (queued.samples.form != StreamForm::kSame) apply();
    if (!DecodeNext(chain, queued.samples, row, losses)) continue;
    const bool has_own_times = !row.times_ms.empty();
    if (has_own_times) apply();
    rows.bits.insert(rows.bits.end(), row.bits.begin(), row.bits.end());
    if (has_own_times) {
      rows.times_ms.assign(row.times_ms.begin(), row.times_ms.end());
    } else {
      rows.times_ms.push_back(row.time_ms);
    }
    if (has_own_times || rows.bits.size() >= kRowSamples || rows.times_ms.size() >= kMaxRows) apply();
  }
  apply();
}

void HeadReplay::ReplayShared() {
  struct Place {
    Chain* chain;
    const Queued* queued;
  };
  std::vector<Place> places;
  for (ChainNumber number : busy_) {
    Chain& chain = chains_[number];
    if (!chain.is_shared) continue;
    for (const Queued& queued : chain.queued) places.push_back({&chain, &queued});
  }
  std::ranges::sort(places, {}, [](const Place& place) { return place.queued->sequence; });

  size_t next = 0;
  auto fill = [&](Block& block) {
    block.Clear();
    StreamDecoder::Row row;
    for (; next < places.size() && block.refs.size() < kBlockSamples; ++next) {
      if (!DecodeNext(*places[next].chain, places[next].queued->samples, row, losses_)) continue;
      block.refs.insert(block.refs.end(), row.refs.begin(), row.refs.end());
      block.bits.insert(block.bits.end(), row.bits.begin(), row.bits.end());
      block.times_ms.insert(block.times_ms.end(), row.times_ms.begin(), row.times_ms.end());
      block.times_ms.resize(block.refs.size(), row.time_ms);
    }
  };
  Block block;
  Block following;
  for (fill(block); !block.refs.empty(); std::swap(block, following)) {
    size_t threads = block.refs.size() < kWorthSharing ? 1 : threads_;
    std::vector<uint64_t> unknown(threads);
    // The last of them runs here and decodes what follows meanwhile.
    RunInParallel(threads + 1, [&](size_t worker) {
      if (worker == threads) {
        fill(following);
      } else {
        unknown[worker] = head_.RestoreSamples(block.samples(), worker, threads);
      }
    });
    for (uint64_t of_worker : unknown) losses_.unknown_samples += of_worker;
  }
}

}  // namespace sextant::tsdb
