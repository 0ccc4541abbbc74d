// Applies the batches of a journal to the head, on several threads.
//
// Batches are only looked at when they come, and their samples decoded when there are many of them, stream by
// stream: a series gets all of its samples while its record and chunk are in the processor's cache, and
// streams do not wait for each other. That is the same as the order in which they were written as long as no
// series is in two of them. Where one is (`is_shared`), their batches are applied in the order of the
// journal.
//
// What new series and exemplars are is applied in the order of the journal too, after the samples of series
// that were there before. Sections whose meaning depends on which samples a series has (histograms,
// deletions) wait for all that stands before them, and what follows waits for them.
//
// Used by one thread, except Require.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/head.h"
#include "metrics/tsdb/pending_samples.h"

namespace sextant::tsdb {

class HeadReplay : public PendingSamples {
 public:
  // `head` must outlive this.
  HeadReplay(Head& head, size_t threads);
  HeadReplay(const HeadReplay&) = delete;
  HeadReplay& operator=(const HeadReplay&) = delete;

  // Takes over a batch of a journal file; the files come one after the other. The bytes must stay where they
  // are until Finish. kCorruption, and nothing is taken over, when it cannot follow the batches before; what
  // is wrong with the samples themselves turns out later.
  core::Status Add(uint64_t file, std::string_view payload);
  // Waits until everything has been applied.
  void Finish() { Drain(); }

  // Or applies it behind a store that is open already. Whether what is there is worth it, being more than
  // `samples`, and may be applied in any order.
  bool CanWait(uint64_t samples) const;
  // From here on Require does its work. `files` are what has been added, and go with this object.
  void BeginBehind(std::vector<std::unique_ptr<core::MappedFile>> files);
  // Applies what is not about samples; the store may be open then.
  void FinishDefinitions();
  // On another thread: applies the rest.
  void FinishSamples();
  void Require(uint32_t slot) override;

  // So far.
  uint64_t samples() const { return samples_; }
  // After Finish: what could not be applied.
  struct Losses {
    uint64_t refused_series = 0;   // over the limit
    uint64_t unknown_samples = 0;  // of series that do not exist
    uint64_t malformed_sections = 0;
    uint64_t malformed_batches = 0;  // whose samples are not what an encoder writes
  };
  const Losses& losses() const { return losses_; }

 private:
  using ChainNumber = uint32_t;
  static constexpr ChainNumber kNoChain = UINT32_MAX;
  static constexpr size_t kWorthSharing = 8 << 10;  // fewer samples are applied sooner than threads are woken
  static constexpr size_t kBlockSamples = 64 << 10;
  static constexpr size_t kRowSamples = 32 << 10;
  static constexpr size_t kMaxRows = 64;

  struct Queued {
    uint64_t sequence;  // its place in the journal
    EncodedSamples samples;
  };
  // Streams that follow each other: the same target's, in one file after the other.
  enum class State : uint8_t { kDone, kPending, kRunning };
  struct Chain {
    std::vector<Queued> queued;
    StreamDecoder decoder;
    uint64_t stream = 0;                      // the newest; 0: it has ended
    bool is_shared = false;                   // a series of it is in another chain
    bool awaits_definitions = false;          // that are still to be applied
    bool is_broken = false;                   // until a new stream begins
    TimestampMs time_ms = 0;                  // of the newest batch
    std::atomic<State> state = State::kDone;  // behind
  };
  // Samples side by side, for all threads.
  struct Block {
    std::vector<SeriesRef> refs;
    std::vector<TimestampMs> times_ms;
    std::vector<uint64_t> bits;

    SampleSpans samples() const { return {refs, times_ms, bits}; }
    void Clear() {
      refs.clear();
      times_ms.clear();
      bits.clear();
    }
  };
  using Later = std::variant<std::vector<SeriesDefinition>, Section>;

  core::Status CheckStreams() const;
  void EndStream(uint64_t stream);
  void EndStreams();
  void AwaitDefinitions();
  void Queue(const EncodedSamples& samples);
  ChainNumber ChainForNewStream(uint64_t stream);
  std::span<ChainNumber> OwnersOf(const SamplesOutline::Run& run);
  void Claim(ChainNumber number);
  void Drain();
  void ApplyLater();
  bool DecodeNext(Chain& chain, const EncodedSamples& samples, StreamDecoder::Row& row, Losses& losses);
  void ReplayChains(const std::function<bool(const Chain&)>& is_wanted);
  void ReplayChain(Chain& chain, SampleRows& rows, Losses& losses);
  void ReplayShared();
  void AddLosses(const Losses& losses);
  bool Run(Chain& chain, SampleRows& rows);

  Head& head_;
  const size_t threads_;
  Losses losses_;
  uint64_t samples_ = 0;
  uint64_t sequence_ = 0;
  uint64_t file_ = 0;
  EncodedBatch batch_;      // that is being added
  SamplesOutline outline_;  // of its samples
  std::deque<Chain> chains_;
  absl::flat_hash_map<uint64_t, ChainNumber> open_;  // by stream
  std::vector<ChainNumber> owners_;                  // by slot: the chain that has it
  std::vector<bool> awaited_;                        // by slot: its definition is in later_
  std::vector<ChainNumber> busy_;                    // chains with something queued
  uint64_t queued_samples_ = 0;
  std::vector<Later> later_;
  std::vector<std::unique_ptr<core::MappedFile>> files_;
  std::atomic<bool> are_definitions_applied_ = false;
  std::mutex losses_mutex_;
};

}  // namespace sextant::tsdb
