#include "core/heap_sampling.h"

#include <execinfo.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEXTANT_OWN_OPERATOR_NEW 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SEXTANT_OWN_OPERATOR_NEW 0
#endif
#endif
#ifndef SEXTANT_OWN_OPERATOR_NEW
#define SEXTANT_OWN_OPERATOR_NEW 1
#endif

namespace sextant::core {

namespace {

constexpr size_t kFilterSlots = 1 << 16;

struct SiteCounts {
  double allocated_objects = 0;
  double allocated_bytes = 0;
  double live_objects = 0;
  double live_bytes = 0;
};

struct LiveObject {
  SiteCounts* site = nullptr;
  double objects = 0;
  double bytes = 0;
};

struct Tables {
  std::map<std::vector<uintptr_t>, SiteCounts> sites;
  std::unordered_map<const void*, LiveObject> live;
};

// The state behind the operators, which have no argument of ours.
constinit std::atomic<bool> is_sampling{false};
constinit std::mutex table_mutex;
constinit int users = 0;             // guarded by table_mutex
constinit Tables* tables = nullptr;  // guarded by table_mutex; null without users
// How many sampled objects have an address of each hash, so that most objects are freed without the lock.
constinit std::array<std::atomic<uint32_t>, kFilterSlots> live_filter{};

// While a thread is in here, what it allocates and frees is ours.
constinit thread_local bool is_inside = false;

class Inside {
 public:
  Inside() { is_inside = true; }
  ~Inside() { is_inside = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

void ClearLocked() {
  delete tables;
  tables = nullptr;
  for (std::atomic<uint32_t>& slot : live_filter) slot.store(0, std::memory_order_relaxed);
}

#if SEXTANT_OWN_OPERATOR_NEW

constexpr int kMaxFrames = 64;
// This function and the operator that called it.
constexpr int kOwnFrames = 2;

constinit thread_local int64_t bytes_to_sample = 0;
constinit thread_local uint64_t random_state = 0;

std::atomic<uint32_t>& FilterSlot(const void* object) {
  // The lowest four bits are those of the alignment.
  uint64_t hash = (reinterpret_cast<uintptr_t>(object) >> 4) * 0x9e3779b97f4a7c15;
  return live_filter[hash >> 48];
}

// xorshift64*; a thread's first number depends on where its variables are.
uint64_t NextRandom() {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 0x2545f4914f6cdd1d;
}

int64_t DrawInterval() {
  // In (0, 1], so that the logarithm is finite.
  double uniform = (static_cast<double>(NextRandom() >> 11) + 1) / 9007199254740992.0;
  return 1 + static_cast<int64_t>(-std::log(uniform) * static_cast<double>(HeapSampling::kIntervalBytes));
}

// Whether the allocation that used up the count is a sample; false for a thread's first, which only begins to
// count.
bool BeginsNextInterval(size_t size) {
  bool was_counting = random_state != 0;
  if (!was_counting) {
    random_state = (reinterpret_cast<uintptr_t>(&random_state) * 0x9e3779b97f4a7c15) | 1;
    bytes_to_sample = DrawInterval() - static_cast<int64_t>(size);
    if (bytes_to_sample > 0) return false;
  }
  bytes_to_sample = DrawInterval();
  return true;
}

[[gnu::noinline]] void TakeSample(const void* object, size_t size) {
  if (is_inside || !BeginsNextInterval(size)) return;
  Inside inside;
  std::array<void*, kMaxFrames> raw;
  int count = ::backtrace(raw.data(), kMaxFrames);
  std::vector<uintptr_t> frames;
  for (int i = kOwnFrames; i < count; ++i) {
    frames.push_back(reinterpret_cast<uintptr_t>(raw[static_cast<size_t>(i)]));
  }
  auto bytes = static_cast<double>(size);
  double objects = 1 / -std::expm1(-bytes / static_cast<double>(HeapSampling::kIntervalBytes));
  std::lock_guard lock(table_mutex);
  if (tables == nullptr) return;
  if (tables->sites.size() >= HeapSampling::kMaxSites && frames.size() > 1 &&
      !tables->sites.contains(frames)) {
    frames.resize(1);
  }
  SiteCounts& site = tables->sites[std::move(frames)];
  site.allocated_objects += objects;
  site.allocated_bytes += objects * bytes;
  if (tables->live.size() >= HeapSampling::kMaxLive) return;
  tables->live[object] = {&site, objects, objects * bytes};
  site.live_objects += objects;
  site.live_bytes += objects * bytes;
  FilterSlot(object).fetch_add(1, std::memory_order_relaxed);
}

[[gnu::noinline]] void NoteEnd(const void* object) {
  Inside inside;
  std::lock_guard lock(table_mutex);
  if (tables == nullptr) return;
  auto found = tables->live.find(object);
  if (found == tables->live.end()) return;
  found->second.site->live_objects -= found->second.objects;
  found->second.site->live_bytes -= found->second.bytes;
  tables->live.erase(found);
  FilterSlot(object).fetch_sub(1, std::memory_order_relaxed);
}

inline void* Allocated(void* object, size_t size) {
  if (is_sampling.load(std::memory_order_relaxed)) [[unlikely]] {
    bytes_to_sample -= static_cast<int64_t>(size);
    if (bytes_to_sample <= 0) TakeSample(object, size);
  }
  return object;
}

inline void Free(void* object) {
  if (is_sampling.load(std::memory_order_relaxed)) [[unlikely]] {
    if (FilterSlot(object).load(std::memory_order_relaxed) != 0 && !is_inside) NoteEnd(object);
  }
  std::free(object);
}

// What the standard asks of an operator new that finds no memory.
void AskForMemory() {
  std::new_handler handler = std::get_new_handler();
  if (handler == nullptr) throw std::bad_alloc();
  handler();
}

#endif

}  // namespace

HeapSampling::HeapSampling() {
  // The first call loads a library, which allocates.
  void* frame = nullptr;
  static_cast<void>(::backtrace(&frame, 1));
  Inside inside;
  std::lock_guard lock(table_mutex);
  if (users++ > 0) return;
  tables = new Tables;
  is_sampling.store(true, std::memory_order_relaxed);
}

HeapSampling::~HeapSampling() {
  Inside inside;
  std::lock_guard lock(table_mutex);
  if (--users > 0) return;
  is_sampling.store(false, std::memory_order_relaxed);
  ClearLocked();
}

bool HeapSampling::IsPossible() { return SEXTANT_OWN_OPERATOR_NEW != 0; }

std::vector<HeapSite> HeapSampling::Sites() const {
  Inside inside;
  std::lock_guard lock(table_mutex);
  std::vector<HeapSite> sites;
  sites.reserve(tables->sites.size());
  for (const auto& [frames, counts] : tables->sites) {
    sites.push_back(
        {frames, counts.allocated_objects, counts.allocated_bytes, counts.live_objects, counts.live_bytes});
  }
  return sites;
}

}  // namespace sextant::core

#if SEXTANT_OWN_OPERATOR_NEW

// The other forms of the operators are the library's and call these. Not inlined, so that the compiler does
// not take free for the wrong end of what this file's own containers allocate.
[[gnu::noinline]] void* operator new(size_t size) {
  void* object = std::malloc(size == 0 ? 1 : size);
  while (object == nullptr) {
    sextant::core::AskForMemory();
    object = std::malloc(size == 0 ? 1 : size);
  }
  return sextant::core::Allocated(object, size);
}

[[gnu::noinline]] void* operator new(size_t size, std::align_val_t alignment) {
  auto align = static_cast<size_t>(alignment);
  // A multiple of the alignment, as aligned_alloc wants it; what overflows is more than there is.
  size_t whole = (size + align - 1) & ~(align - 1);
  if (whole < size) throw std::bad_alloc();
  if (whole == 0) whole = align;
  void* object = std::aligned_alloc(align, whole);
  while (object == nullptr) {
    sextant::core::AskForMemory();
    object = std::aligned_alloc(align, whole);
  }
  return sextant::core::Allocated(object, size);
}

[[gnu::noinline]] void operator delete(void* object) noexcept { sextant::core::Free(object); }
[[gnu::noinline]] void operator delete(void* object, size_t) noexcept { sextant::core::Free(object); }
[[gnu::noinline]] void operator delete(void* object, std::align_val_t) noexcept {
  sextant::core::Free(object);
}
[[gnu::noinline]] void operator delete(void* object, size_t, std::align_val_t) noexcept {
  sextant::core::Free(object);
}

#endif
