#include "metrics/tsdb/head.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <limits>

namespace sextant::tsdb {
namespace {

using model::AppendOutcome;
using model::Labels;
using model::LabelView;
using model::Matcher;

constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();
constexpr size_t kSliceSeries = 2048;  // whose labels are made in one go under the index lock

}  // namespace

Head::Head(ChunkStore& chunks, CommitTracker& commits, StoreMetrics& metrics, core::Registry& registry,
           core::Logger logger, const Limits& limits, DurationMs chunk_range_ms, uint64_t max_exemplars)
    : chunks_(chunks),
      commits_(commits),
      metrics_(metrics),
      logger_(std::move(logger)),
      limits_(limits),
      chunk_range_ms_(chunk_range_ms),
      table_(limits.max_series),
      index_(table_),
      stripes_(MakeStripes(table_.memory(), std::make_index_sequence<kStripes>())),
      out_of_order_(limits.max_out_of_order_bytes),
      exemplars_(registry, max_exemplars),
      min_time_ms_(kMaxTime),
      max_time_ms_(kNoTime) {}

Head::~Head() = default;

ChunkTail Head::TailOf(const SeriesRecord& record) {
  return {.last_time_ms = record.last_time_ms.load(std::memory_order_relaxed),
          .last_bits = record.last_bits.load(std::memory_order_relaxed),
          .last_delta_ms = record.last_delta_ms,
          .size_bytes = record.chunk_bytes,
          .count = record.chunk_samples,
          .ends_in_run = record.chunk_ends_in_run};
}

void Head::SetTail(SeriesRecord& record, const ChunkTail& tail) {
  record.last_time_ms.store(tail.last_time_ms, std::memory_order_relaxed);
  record.last_bits.store(tail.last_bits, std::memory_order_relaxed);
  record.last_delta_ms = tail.last_delta_ms;
  record.chunk_bytes = tail.size_bytes;
  record.chunk_samples = tail.count;
  record.chunk_ends_in_run = tail.ends_in_run;
}

// Everything but the generation, which tells the slot's series apart.
void Head::ClearRecord(SeriesRecord& record) {
  SetTail(record, {.last_time_ms = kNoTime});
  record.chunk = nullptr;
  record.written_chunk = 0;
  record.chunk_class = 0;
  record.extras.store(0, std::memory_order_relaxed);
  record.has_open_histograms = false;
  record.is_journaled.store(false, std::memory_order_relaxed);
}

Head::ChunkWindow Head::WindowOf(TimestampMs time_ms) const {
  TimestampMs phase = time_ms % chunk_range_ms_;
  if (phase < 0) phase += chunk_range_ms_;
  TimestampMs begin = time_ms < kNoTime + phase ? kNoTime : time_ms - phase;
  TimestampMs end = begin > kMaxTime - chunk_range_ms_ ? kMaxTime : begin + chunk_range_ms_;
  return {begin, end};
}

AppendOutcome Head::CheckLabels(const Labels& labels) const {
  if (labels.empty() || labels.size() > limits_.max_labels || labels.size() > 255) {
    return AppendOutcome::kInvalidLabels;
  }
  for (LabelView label : labels) {
    if (label.name.size() > limits_.max_label_name_bytes ||
        label.value.size() > limits_.max_label_value_bytes || !model::IsValidUtf8(label.name) ||
        !model::IsValidUtf8(label.value)) {
      return AppendOutcome::kInvalidLabels;
    }
  }
  return AppendOutcome::kOk;
}

AppendOutcome Head::CheckRoom() {
  if (series_count() >= limits_.max_series) {
    metrics_.series_over_limit.Increment();
    return AppendOutcome::kSeriesLimit;
  }
  if (limits_.max_head_bytes == 0) return AppendOutcome::kOk;
  // Adding up takes all stripe locks: not for each of many new series. Refused ones count too, so that room
  // made meanwhile is seen.
  if (room_checks_.fetch_add(1, std::memory_order_relaxed) % 256 == 0) SizeBytes();
  if (size_bytes_.load(std::memory_order_relaxed) < limits_.max_head_bytes) return AppendOutcome::kOk;
  metrics_.series_over_memory.Increment();
  return AppendOutcome::kMemoryLimit;
}

AppendOutcome Head::FindOrAdd(const Labels& labels, DropEpochs::Epoch epoch, SeriesRef& ref,
                              SeriesRef after) {
  const uint32_t guess = after == 0 ? LabelIndex::kNoSlot : SlotOf(after) + 1;
  auto use = [&](uint32_t slot) {
    SeriesRecord& record = table_.at(slot);
    NoteUse(record, epoch);
    ref = MakeRef(slot, record.generation.load(std::memory_order_relaxed));
    return AppendOutcome::kOk;
  };
  {
    std::shared_lock lock(index_mutex_);
    if (uint32_t slot = index_.Find(labels, guess); slot != LabelIndex::kNoSlot) {
      RequireSamples(slot);
      return use(slot);
    }
  }
  if (AppendOutcome outcome = CheckLabels(labels); outcome != AppendOutcome::kOk) {
    metrics_.invalid_labels.Increment();
    return outcome;
  }
  if (AppendOutcome outcome = CheckRoom(); outcome != AppendOutcome::kOk) return outcome;
  std::unique_lock lock(index_mutex_);
  uint32_t slot = index_.Find(labels, guess);
  if (slot == LabelIndex::kNoSlot) {
    slot = index_.Add(labels);
    if (slot == LabelIndex::kNoSlot) {
      metrics_.series_over_limit.Increment();
      return AppendOutcome::kSeriesLimit;
    }
    series_count_.store(index_.series_count(), std::memory_order_relaxed);
    metrics_.series_created.Increment();
  }
  return use(slot);
}

std::vector<SeriesDefinition> Head::Definitions(const std::vector<SeriesRef>& refs) const {
  std::vector<SeriesDefinition> definitions;
  if (refs.empty()) return definitions;
  definitions.reserve(refs.size());
  std::shared_lock lock(index_mutex_);
  for (SeriesRef ref : refs) definitions.push_back({ref, index_.LabelsOf(SlotOf(ref))});
  return definitions;
}

void Head::MarkJournaled(const std::vector<SeriesDefinition>& definitions) {
  for (const SeriesDefinition& definition : definitions) {
    table_.at(SlotOf(definition.ref)).is_journaled.store(true, std::memory_order_relaxed);
  }
}

void Head::CloseChunk(Stripe& stripe, SeriesRecord& record, SeriesRef ref) {
  record.written_chunk =
      chunks_.Append(ref, record.written_chunk, record.last_time_ms.load(std::memory_order_relaxed),
                     record.chunk_samples, std::string_view(record.chunk, record.chunk_bytes));
  stripe.arena.Free(record.chunk, record.chunk_class);
  record.chunk = nullptr;
  record.chunk_bytes = 0;
  record.chunk_samples = 0;
  record.chunk_ends_in_run = false;
  open_chunks_.fetch_sub(1, std::memory_order_relaxed);
}

void Head::AppendSample(Stripe& stripe, SeriesRecord& record, SeriesRef ref, const ChunkWindow& window,
                        TimestampMs time_ms, uint64_t bits) {
  if (record.has_open_histograms) CloseHistograms(stripe, record, ref);
  ChunkTail tail = TailOf(record);
  if (record.chunk != nullptr && (tail.last_time_ms < window.begin_ms || !ChunkAccepts(tail, time_ms))) {
    CloseChunk(stripe, record, ref);
    tail = TailOf(record);
  }
  char added[kMaxSampleBytes];
  size_t size = EncodeSample(tail, time_ms, bits, added);
  if (tail.size_bytes + size > ChunkArena::kMaxBlockBytes) {
    CloseChunk(stripe, record, ref);
    tail = TailOf(record);
    size = EncodeSample(tail, time_ms, bits, added);
  }
  if (record.chunk == nullptr) {
    record.chunk_class = ChunkArena::ClassFor(size);
    record.chunk = stripe.arena.Allocate(record.chunk_class);
    open_chunks_.fetch_add(1, std::memory_order_relaxed);
  } else if (tail.size_bytes + size > ChunkArena::kBlockBytes[record.chunk_class]) {
    uint8_t larger_class = ChunkArena::ClassFor(tail.size_bytes + size);
    char* larger = stripe.arena.Allocate(larger_class);
    std::memcpy(larger, record.chunk, tail.size_bytes);
    stripe.arena.Free(record.chunk, record.chunk_class);
    record.chunk = larger;
    record.chunk_class = larger_class;
  }
  if (size == 0) {
    ++record.chunk[tail.size_bytes - 1];
  } else {
    std::memcpy(record.chunk + tail.size_bytes, added, size);
  }
  // A copy that only exists in registers: read back from memory, what was just written in parts waits for all
  // writes before it, among them the one to the chunk, whose line may be far away.
  ChunkTail next = tail;
  CommitSample(next, time_ms, bits, size, record.chunk);
  SetTail(record, next);
}

void Head::PruneUndo(Stripe& stripe) {
  if (stripe.undo.empty()) return;
  CommitTracker::Ticket seen = commits_.seen_by_all();
  if (stripe.undo.size() > kMaxUndo) {
    // A reader from long ago: it gets a newer view rather than our memory.
    seen = commits_.watermark();
    CommitTracker::Ticket forgotten = forgotten_until_.load(std::memory_order_relaxed);
    while (forgotten < seen && !forgotten_until_.compare_exchange_weak(forgotten, seen)) {
    }
  }
  if (stripe.newest_undo <= seen) {
    stripe.undo.clear();
  } else {
    std::erase_if(stripe.undo, [&](const Undo& undo) { return undo.ticket <= seen; });
  }
}

void Head::NoteTimes(TimestampMs min_ms, TimestampMs max_ms) {
  TimestampMs held = min_time_ms_.load(std::memory_order_relaxed);
  while (min_ms < held && !min_time_ms_.compare_exchange_weak(held, min_ms, std::memory_order_relaxed)) {
  }
  held = max_time_ms_.load(std::memory_order_relaxed);
  while (max_ms > held && !max_time_ms_.compare_exchange_weak(held, max_ms, std::memory_order_relaxed)) {
  }
}

// The open chunks lie anywhere in the arena; asking for one early hides most of the wait for memory.
void Head::PrefetchChunk(std::span<const SeriesRef> refs, size_t place, uint32_t stripe_number) {
  if (place >= refs.size() || StripeOf(SlotOf(refs[place])) != stripe_number) return;
  const SeriesRecord& record = table_.at(SlotOf(refs[place]));
  __builtin_prefetch(record.chunk + record.chunk_bytes, /*rw=*/1);
}

ApplyCounts Head::Apply(CommitTracker::Ticket ticket, const SampleSpans& samples) {
  ApplyCounts counts;
  TimestampMs min_ms = kMaxTime;
  TimestampMs max_ms = kNoTime;
  ChunkWindow window;
  size_t i = 0;
  while (i < samples.refs.size()) {
    uint32_t stripe_number = StripeOf(SlotOf(samples.refs[i]));
    Stripe& stripe = stripes_[stripe_number];
    std::lock_guard lock(stripe.mutex);
    PruneUndo(stripe);
    stripe.newest_undo = std::max(stripe.newest_undo, ticket);
    for (; i < samples.refs.size() && StripeOf(SlotOf(samples.refs[i])) == stripe_number; ++i) {
      PrefetchChunk(samples.refs, i + kPrefetchDistance, stripe_number);
      SeriesRecord& record = table_.at(SlotOf(samples.refs[i]));
      if (record.generation.load(std::memory_order_relaxed) != GenerationOf(samples.refs[i]) ||
          !record.is_live.load(std::memory_order_relaxed)) {
        ++counts.unknown;
        continue;
      }
      TimestampMs time_ms = samples.times_ms[i];
      TimestampMs former_ms = record.last_time_ms.load(std::memory_order_relaxed);
      if (time_ms <= former_ms) {
        ++counts.out_of_order;
        if (time_ms < former_ms) counts.behind.push_back(i);
        continue;
      }
      if (!window.Contains(time_ms)) window = WindowOf(time_ms);
      stripe.undo.push_back({ticket, former_ms, SlotOf(samples.refs[i])});
      AppendSample(stripe, record, samples.refs[i], window, time_ms, samples.bits[i]);
      min_ms = std::min(min_ms, time_ms);
      max_ms = std::max(max_ms, time_ms);
      ++counts.appended;
    }
  }
  if (counts.appended > 0) NoteTimes(min_ms, max_ms);
  return counts;
}

Bitmap Head::SelectRestored(const std::vector<Matcher>& matchers, std::shared_lock<IndexMutex>& lock,
                            const model::StopCheck* check) const {
  Pause pause = [&] {
    lock.unlock();
    lock.lock();
  };
  while (true) {
    Bitmap slots = index_.Select(matchers, pause, check);
    if (!is_restoring_.load(std::memory_order_acquire)) return slots;
    const uint64_t removals = index_.removals();
    lock.unlock();
    // From the end, since whoever restores all begins at the start.
    std::vector<uint32_t> all(slots.cardinality());
    slots.toUint32Array(all.data());
    std::ranges::reverse(all);
    RequirePending(all);
    lock.lock();
    if (index_.removals() == removals) return slots;
  }
}

core::Result<std::vector<HeadSeries>> Head::Select(const std::vector<Matcher>& matchers,
                                                   CommitTracker::Ticket watermark,
                                                   TimestampMs in_order_from_ms, TimestampMs start_ms,
                                                   size_t first, const model::SelectHints& hints) const {
  std::vector<HeadSeries> out;
  model::PacedCheck check(hints.check);
  std::shared_lock index_lock(index_mutex_);
  Pause pause = [&] {
    index_lock.unlock();
    index_lock.lock();
  };
  Bitmap slots = SelectRestored(matchers, index_lock, hints.check);
  out.reserve(slots.cardinality());
  for (uint32_t slot : slots) {
    SEXTANT_TRY(check.Worked());
    SeriesRef ref = MakeRef(slot, table_.at(slot).generation.load(std::memory_order_relaxed));
    out.push_back({ref, kNoTime, {}, in_order_from_ms, watermark});
  }
  // What follows knows a series that is dropped meanwhile by its generation.
  index_lock.unlock();
  SEXTANT_TRY(FillVisible(watermark, check, out));
  SEXTANT_TRY(EraseEmpty(watermark, in_order_from_ms, start_ms, check, out));
  index_lock.lock();
  if (first > 0 && out.size() > first) SEXTANT_TRY(KeepFirst(first, pause, check, out));
  std::vector<LabelView> scratch;
  for (size_t i = 0; i < out.size(); ++i) {
    if (i % kSliceSeries == kSliceSeries - 1) {
      pause();
      SEXTANT_TRY(hints.Check());
    }
    // One that was dropped has empty labels, which no series has.
    if (IsSame(out[i])) out[i].labels = index_.LabelsOf(SlotOf(out[i].ref), scratch);
  }
  std::erase_if(out, [](const HeadSeries& series) { return series.labels.empty(); });
  return out;
}

core::Status Head::FillVisible(CommitTracker::Ticket watermark, model::PacedCheck& check,
                               std::vector<HeadSeries>& out) const {
  std::array<std::vector<uint32_t>, kStripes> by_stripe;
  for (uint32_t i = 0; i < out.size(); ++i) by_stripe[StripeOf(SlotOf(out[i].ref))].push_back(i);
  absl::flat_hash_map<uint32_t, TimestampMs> unseen;
  for (uint32_t number = 0; number < kStripes; ++number) {
    if (by_stripe[number].empty()) continue;
    SEXTANT_TRY(check.Worked(by_stripe[number].size()));
    const Stripe& stripe = stripes_[number];
    std::lock_guard lock(stripe.mutex);
    unseen.clear();
    for (const Undo& undo : stripe.undo) {
      if (undo.ticket <= watermark) continue;
      auto [place, is_new] = unseen.try_emplace(undo.slot, undo.former_time_ms);
      if (!is_new) place->second = std::min(place->second, undo.former_time_ms);
    }
    for (uint32_t i : by_stripe[number]) {
      uint32_t slot = SlotOf(out[i].ref);
      auto found = unseen.find(slot);
      out[i].visible_until_ms = found != unseen.end()
                                    ? found->second
                                    : table_.at(slot).last_time_ms.load(std::memory_order_relaxed);
    }
  }
  return {};
}

// A heap of those that come first so far, the last of them on top.
core::Status Head::KeepFirst(size_t first, const Pause& pause, model::PacedCheck& check,
                             std::vector<HeadSeries>& out) const {
  auto is_before = [this](const HeadSeries& a, const HeadSeries& b) {
    return index_.IsBefore(SlotOf(a.ref), SlotOf(b.ref));
  };
  auto heap_end = out.begin() + static_cast<ptrdiff_t>(first);
  std::make_heap(out.begin(), heap_end, is_before);
  for (size_t i = first; i < out.size(); ++i) {
    if (i % kSliceSeries == kSliceSeries - 1) pause();
    SEXTANT_TRY(check.Worked(4));
    if (!IsSame(out[i])) continue;
    if (IsSame(out[0]) && !is_before(out[i], out[0])) continue;
    std::pop_heap(out.begin(), heap_end, is_before);
    std::swap(out[first - 1], out[i]);
    std::push_heap(out.begin(), heap_end, is_before);
  }
  out.resize(first);
  return {};
}

void Head::ReportDamage(SeriesRef ref, const core::Error& error) const {
  metrics_.chunk_read_failures.Increment();
  logger_.Error("a chunk of the head cannot be read; its samples are left out",
                {{"series_ref", ref}, {"error", error}});
}

void Head::ReadInOrder(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms,
                       model::SampleColumns& out) const {
  start_ms = std::max(start_ms, series.in_order_from_ms);
  end_ms = std::min(end_ms, series.visible_until_ms);
  if (start_ms > end_ms || series.visible_until_ms == kNoTime) return;
  uint32_t slot = SlotOf(series.ref);
  char open_chunk[ChunkArena::kMaxBlockBytes];
  uint16_t open_bytes = 0;
  uint16_t open_samples = 0;
  OpenExtras extras;
  ChunkRef written;
  {
    const Stripe& stripe = stripes_[StripeOf(slot)];
    std::lock_guard lock(stripe.mutex);
    const SeriesRecord& record = table_.at(slot);
    if (record.generation.load(std::memory_order_relaxed) != GenerationOf(series.ref)) return;
    written = record.written_chunk;
    if (record.chunk != nullptr) {
      open_bytes = record.chunk_bytes;
      open_samples = record.chunk_samples;
      std::memcpy(open_chunk, record.chunk, open_bytes);
    }
    CopyExtras(stripe, record, slot, extras);
  }
  // From the newest back to the one in which the range begins.
  std::vector<WrittenChunk> chunks;
  bool is_covered = (open_samples > 0 && ChunkStart(open_chunk) <= start_ms) || extras.Covers(start_ms);
  while (written != 0 && !is_covered) {
    WrittenChunk& chunk = chunks.emplace_back();
    core::Status read = chunks_.Read(written, chunk);
    if (read && (chunk.series != series.ref || chunk.bytes.size() < sizeof(TimestampMs) ||
                 (chunk.previous >= written))) {
      read = core::Fail(core::Code::kCorruption, "the chunk is not of this series");
    }
    if (!read) {
      chunks.pop_back();
      // A file that is gone held only samples that are in a block by now.
      if (read.error().code() != core::Code::kNotFound) ReportDamage(series.ref, read.error());
      break;
    }
    is_covered = ChunkStart(chunk.bytes.data()) <= start_ms;
    written = chunk.previous;
    if (chunk.last_time_ms < start_ms) chunks.pop_back();
  }
  auto decode = [&](ChunkKind kind, std::string_view bytes, uint32_t samples) {
    core::Status decoded = kind == ChunkKind::kHistograms
                               ? DecodeHistogramChunk(bytes, samples, start_ms, end_ms, out)
                               : DecodeChunk(bytes, samples, start_ms, end_ms, out);
    out.Resize(out.size());
    if (!decoded) ReportDamage(series.ref, decoded.error());
  };
  size_t first = out.size();
  for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
    decode(chunk->kind, chunk->bytes, chunk->samples);
  }
  if (open_samples > 0) decode(ChunkKind::kFloats, {open_chunk, open_bytes}, open_samples);
  if (extras.samples > 0) decode(ChunkKind::kHistograms, extras.histograms, extras.samples);
  FillStartTimes(extras.start_changes, first, out);
}

void Head::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                       const model::StopCheck* check, std::vector<std::string>& out) const {
  std::shared_lock lock(index_mutex_);
  Pause pause = [&] {
    lock.unlock();
    lock.lock();
  };
  index_.LabelValues(name, matchers, out, pause, check);
}

void Head::LabelNames(const std::vector<Matcher>& matchers, const model::StopCheck* check,
                      std::vector<std::string>& out) const {
  std::shared_lock lock(index_mutex_);
  Pause pause = [&] {
    lock.unlock();
    lock.lock();
  };
  index_.LabelNames(matchers, out, pause, check);
}

std::vector<SeriesRef> Head::SortedRefs() const {
  std::shared_lock lock(index_mutex_);
  std::vector<SeriesRef> refs;
  for (uint32_t slot : index_.SortedSlots()) {
    refs.push_back(MakeRef(slot, table_.at(slot).generation.load(std::memory_order_relaxed)));
  }
  return refs;
}

bool Head::Describe(SeriesRef ref, HeadSeries& out) const {
  RequireSamples(SlotOf(ref));
  std::shared_lock lock(index_mutex_);
  const SeriesRecord& record = table_.at(SlotOf(ref));
  if (record.generation.load(std::memory_order_relaxed) != GenerationOf(ref) ||
      !record.is_live.load(std::memory_order_relaxed)) {
    return false;
  }
  out.ref = ref;
  out.visible_until_ms = record.last_time_ms.load(std::memory_order_relaxed);
  out.labels = index_.LabelsOf(SlotOf(ref));
  return true;
}

void Head::DropSlot(uint32_t slot) {
  Stripe& stripe = stripes_[StripeOf(slot)];
  std::lock_guard lock(stripe.mutex);
  SeriesRecord& record = table_.at(slot);
  DropOpenChunks(stripe, record, slot);
  stripe.start_times.Erase(slot);
  DropExtras(MakeRef(slot, record.generation.load(std::memory_order_relaxed)));
  ClearRecord(record);
  // The ref must fail from now on, also before the slot is used again.
  record.is_live.store(false, std::memory_order_relaxed);
}

std::vector<SeriesRef> Head::DropUnused(std::span<const uint32_t> slots, DropEpochs::Epoch oldest_epoch,
                                        const std::function<bool(size_t place, SeriesRef)>& is_idle) {
  std::vector<SeriesRef> dropped;
  std::vector<uint32_t> idle;
  constexpr size_t kAtOnce = 8192;  // slots per lock, so that lookups get their turn
  for (size_t begin = 0; begin < slots.size(); begin += kAtOnce) {
    std::unique_lock lock(index_mutex_);
    idle.clear();
    for (size_t place = begin; place < std::min(begin + kAtOnce, slots.size()); ++place) {
      SeriesRecord& record = table_.at(slots[place]);
      auto is_used = [&] {
        uint16_t age = static_cast<uint16_t>(static_cast<uint16_t>(oldest_epoch) -
                                             record.used_in_epoch.load(std::memory_order_seq_cst));
        return age == 0 || age > UINT16_MAX / 2;
      };
      SeriesRef ref = MakeRef(slots[place], record.generation.load(std::memory_order_relaxed));
      if (!record.is_live.load(std::memory_order_relaxed) || is_used() || !is_idle(place, ref)) continue;
      record.is_live.store(false, std::memory_order_seq_cst);  // see FindForUse
      if (is_used()) {
        record.is_live.store(true, std::memory_order_relaxed);
      } else {
        idle.push_back(slots[place]);
        dropped.push_back(ref);
      }
    }
    if (idle.empty()) continue;
    index_.Remove(idle);
    for (uint32_t slot : idle) DropSlot(slot);
    series_count_.store(index_.series_count(), std::memory_order_relaxed);
  }
  metrics_.series_removed.Increment(static_cast<double>(dropped.size()));
  return dropped;
}

uint64_t Head::DropIdle(TimestampMs time_ms, DropEpochs::Epoch oldest_epoch) {
  auto ends_before = [&](uint32_t slot) {
    return table_.at(slot).last_time_ms.load(std::memory_order_relaxed) < time_ms;
  };
  std::vector<uint32_t> slots;
  for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
    if (table_.at(slot).is_live.load(std::memory_order_relaxed) && ends_before(slot)) slots.push_back(slot);
  }
  return DropUnused(slots, oldest_epoch,
                    [&](size_t place, SeriesRef ref) {
                      return ends_before(slots[place]) && !out_of_order_.Holds(ref);
                    })
      .size();
}

bool Head::RestoreDefinition(const SeriesDefinition& definition) {
  uint32_t slot = SlotOf(definition.ref);
  if (slot >= table_.max_slots()) return false;
  std::unique_lock lock(index_mutex_);
  uint32_t held = index_.Find(definition.labels);
  SeriesRecord* same = table_.Find(definition.ref);
  if (held != LabelIndex::kNoSlot && held == slot && same != nullptr) return true;
  // Definitions come in the order in which they were made: an older one that is in the way was dropped since.
  std::vector<uint32_t> outdated;
  if (held != LabelIndex::kNoSlot) outdated.push_back(held);
  if (slot != held && slot < table_.slots() && table_.at(slot).is_live.load(std::memory_order_relaxed)) {
    outdated.push_back(slot);
  }
  if (!outdated.empty()) {
    index_.Remove(outdated);
    for (uint32_t old_slot : outdated) DropSlot(old_slot);
  }
  bool is_added = index_.AddAt(definition.ref, definition.labels);
  series_count_.store(index_.series_count(), std::memory_order_relaxed);
  return is_added;
}

bool Head::RestoreState(const SeriesState& state) {
  SeriesRecord* record = Find(state.ref);
  return record != nullptr && RestoreState(*record, stripes_[StripeOf(SlotOf(state.ref))], state);
}

bool Head::RestoreState(SeriesRecord& record, Stripe& stripe, const SeriesState& state) {
  if (state.chunk.size() > ChunkArena::kMaxBlockBytes) return false;
  record.is_journaled.store(true, std::memory_order_relaxed);
  if (state.tail.last_time_ms == kNoTime) return true;
  if (state.tail.count > 0) {
    record.chunk_class = ChunkArena::ClassFor(state.chunk.size());
    record.chunk = stripe.arena.Allocate(record.chunk_class);
    std::memcpy(record.chunk, state.chunk.data(), state.chunk.size());
    open_chunks_.fetch_add(1, std::memory_order_relaxed);
    NoteTimes(ChunkStart(record.chunk), state.tail.last_time_ms);
  }
  record.written_chunk = state.written_chunk;
  SetTail(record, state.tail);
  NoteTimes(state.tail.last_time_ms, state.tail.last_time_ms);
  return true;
}

// The same for records, which lie as far apart: first the record, then, when it is there, the chunk. The refs
// may be of no series, or of one that another thread is busy with.
void Head::PrefetchForRestore(std::span<const SeriesRef> refs, size_t place, uint32_t stripe_number) {
  size_t record_place = place + 2 * kPrefetchDistance;
  if (record_place >= refs.size()) return;
  uint32_t slot = SlotOf(refs[record_place]);
  if (slot < table_.slots()) __builtin_prefetch(table_.AtIfLoaded(slot), /*rw=*/1);
  place += kPrefetchDistance;
  if (SlotOf(refs[place]) < table_.slots()) PrefetchChunk(refs, place, stripe_number);
}

// Appends a sample unless the checkpoint has it already, or it lost to another one when it was committed.
void Head::RestoreSample(Stripe& stripe, SeriesRecord& record, SeriesRef ref, ChunkWindow& window,
                         TimestampMs time_ms, uint64_t bits) {
  if (time_ms <= record.last_time_ms.load(std::memory_order_relaxed)) return;
  if (!window.Contains(time_ms)) window = WindowOf(time_ms);
  AppendSample(stripe, record, ref, window, time_ms, bits);
}

// Before the locks of stripes are taken, which loading needs.
void Head::LoadPagesOf(std::span<const SeriesRef> refs) const {
  uint32_t loaded_page = UINT32_MAX;
  for (SeriesRef ref : refs) {
    const uint32_t page = SlotOf(ref) / SeriesTable::kPageSlots;
    if (page == loaded_page || SlotOf(ref) >= table_.slots()) continue;
    static_cast<void>(table_.at(SlotOf(ref)));
    loaded_page = page;
  }
}

uint64_t Head::RestoreSamples(const SampleSpans& samples, size_t part, size_t parts) {
  uint64_t unknown = 0;
  ChunkWindow window;
  for (size_t i = 0; i < samples.refs.size(); ++i) {
    uint32_t stripe_number = StripeOf(SlotOf(samples.refs[i]));
    if (stripe_number % parts != part) continue;
    PrefetchForRestore(samples.refs, i, stripe_number);
    SeriesRecord* record = Find(samples.refs[i]);
    if (record == nullptr) {
      ++unknown;
      continue;
    }
    RestoreSample(stripes_[stripe_number], *record, samples.refs[i], window, samples.times_ms[i],
                  samples.bits[i]);
  }
  return unknown;
}

uint64_t Head::RestoreRows(std::span<const SeriesRef> refs, const SampleRows& rows) {
  LoadPagesOf(refs);
  uint64_t unknown = 0;
  ChunkWindow window;
  const size_t count = rows.bits.size() / std::max<size_t>(1, refs.size());
  const bool has_own_times = rows.times_ms.size() != count;
  size_t i = 0;
  while (i < refs.size()) {
    const uint32_t stripe_number = StripeOf(SlotOf(refs[i]));
    Stripe& stripe = stripes_[stripe_number];
    std::lock_guard lock(stripe.mutex);
    for (; i < refs.size() && StripeOf(SlotOf(refs[i])) == stripe_number; ++i) {
      PrefetchForRestore(refs, i, stripe_number);
      SeriesRecord* record = Find(refs[i]);
      if (record == nullptr) {
        unknown += count;
        continue;
      }
      for (size_t row = 0; row < count; ++row) {
        const size_t place = row * refs.size() + i;
        RestoreSample(stripe, *record, refs[i], window, rows.times_ms[has_own_times ? place : row],
                      rows.bits[place]);
      }
    }
  }
  return unknown;
}

void Head::RestoreBehind(std::unique_ptr<PendingSamples> pending, std::function<void()> restore,
                         const std::function<void()>& meanwhile) {
  pending_ = std::move(pending);
  is_restoring_.store(true, std::memory_order_release);
  std::promise<void> done_here;  // what `meanwhile` uses is there until it has run
  restorer_ = std::jthread([this, restore = std::move(restore), others = done_here.get_future()] {
    table_.LoadAll();
    if (restore != nullptr) restore();
    others.wait();
    {
      std::unique_lock none_asks(pending_mutex_);
      pending_ = nullptr;
    }
    table_.FinishSource();
    is_restoring_.store(false, std::memory_order_release);
    is_restoring_.notify_all();
  });
  if (meanwhile != nullptr) meanwhile();
  done_here.set_value();
}

void Head::LoadSeries() {
  table_.LoadAll();
  table_.FinishSource();
}

void Head::RequirePending(std::span<const uint32_t> slots) const {
  for (uint32_t slot : slots) {
    if (slot < table_.slots()) static_cast<void>(table_.at(slot));
  }
  std::shared_lock lock(pending_mutex_);
  if (pending_ == nullptr) return;
  for (uint32_t slot : slots) pending_->Require(slot);
}

void Head::FinishRestore() {
  {
    std::unique_lock lock(index_mutex_);
    index_.FinishRecovery();
  }
  if (unknown_restored_ > 0) {
    logger_.Warn("some histograms cannot be restored, since their series are not there",
                 {{"samples", unknown_restored_}});
  }
}

std::optional<TimestampMs> Head::OldestTimeFrom(TimestampMs from_ms) const {
  std::optional<TimestampMs> oldest_ms;
  model::SampleColumns samples;
  for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
    const SeriesRecord& record = table_.at(slot);
    const TimestampMs newest_ms = record.last_time_ms.load(std::memory_order_relaxed);
    if (!record.is_live.load(std::memory_order_relaxed) || newest_ms < from_ms) continue;
    HeadSeries series;
    series.ref = MakeRef(slot, record.generation.load(std::memory_order_relaxed));
    series.visible_until_ms = newest_ms;
    samples.clear();
    ReadInOrder(series, from_ms, oldest_ms.value_or(newest_ms), samples);
    if (samples.size() > 0) oldest_ms = samples.times_ms.front();
  }
  return oldest_ms;
}

void Head::RaiseMinTime(TimestampMs time_ms) {
  TimestampMs held = min_time_ms_.load(std::memory_order_relaxed);
  while (time_ms > held && !min_time_ms_.compare_exchange_weak(held, time_ms, std::memory_order_relaxed)) {
  }
}

void Head::FillStats(size_t top, Stats& stats) const {
  {
    std::shared_lock lock(index_mutex_);
    Pause pause = [&] {
      lock.unlock();
      lock.lock();
    };
    index_.FillStats(top, stats, pause);
  }
  stats.chunks = open_chunks() + chunks_.chunks();
  stats.min_time_ms = min_time_ms();
  stats.max_time_ms = max_time_ms();
  if (stats.min_time_ms > stats.max_time_ms) {
    stats.min_time_ms = 0;
    stats.max_time_ms = -1;
  }
  stats.head_bytes = SizeBytes();
}

void Head::FillCardinality(size_t top, CardinalityOrder order, TimestampMs now_ms, Cardinality& out) const {
  {
    std::shared_lock lock(index_mutex_);
    Pause pause = [&] {
      lock.unlock();
      lock.lock();
    };
    index_.FillCardinality(top, order, now_ms, out, pause);
  }
  out.head_bytes = SizeBytes();
  out.max_series = limits_.max_series;
  out.max_head_bytes = limits_.max_head_bytes;
  out.refused_by_series = static_cast<uint64_t>(metrics_.series_over_limit.value());
  out.refused_by_memory = static_cast<uint64_t>(metrics_.series_over_memory.value());
}

void Head::TurnRecent(TimestampMs now_ms) {
  std::unique_lock lock(index_mutex_);
  index_.TurnRecent(now_ms);
}

uint64_t Head::SizeBytes() const {
  uint64_t size = table_.SizeBytes();
  {
    std::shared_lock lock(index_mutex_);
    size += index_.SizeBytes();
  }
  for (const Stripe& stripe : stripes_) {
    std::lock_guard lock(stripe.mutex);
    size += stripe.arena.allocated_bytes() + stripe.undo.capacity() * sizeof(Undo) + stripe.histogram_bytes +
            stripe.start_times.size_bytes();
  }
  size += out_of_order_.SizeBytes() + deletions_.SizeBytes() + exemplars_.SizeBytes() + metadata_.SizeBytes();
  if (is_restoring_.load(std::memory_order_acquire)) size = std::max(size, size_bytes_in_image_);
  size_bytes_.store(size, std::memory_order_relaxed);
  return size;
}

}  // namespace sextant::tsdb
