#include "agents/node/perf_events.h"

#include <linux/perf_event.h>

#include <algorithm>

#include "agents/node/host_files.h"
#include "model/labels.h"

namespace sextant::node {
namespace {

constexpr int kCpuLimit = 4'096;

constexpr uint64_t Cache(uint64_t cache, uint64_t operation, uint64_t result) {
  return cache | operation << 8 | result << 16;
}

constexpr uint64_t kRead = PERF_COUNT_HW_CACHE_OP_READ;
constexpr uint64_t kWrite = PERF_COUNT_HW_CACHE_OP_WRITE;
constexpr uint64_t kHit = PERF_COUNT_HW_CACHE_RESULT_ACCESS;
constexpr uint64_t kMiss = PERF_COUNT_HW_CACHE_RESULT_MISS;
constexpr uint32_t kHw = PERF_TYPE_HARDWARE;
constexpr uint32_t kSw = PERF_TYPE_SOFTWARE;
constexpr uint32_t kHwCache = PERF_TYPE_HW_CACHE;

constexpr PerfEvent kEvents[] = {
    {PerfGroup::kHardware, "CpuCycles", "cpucycles_total", kHw, PERF_COUNT_HW_CPU_CYCLES},
    {PerfGroup::kHardware, "CpuInstr", "instructions_total", kHw, PERF_COUNT_HW_INSTRUCTIONS},
    {PerfGroup::kHardware, "CacheRef", "cache_refs_total", kHw, PERF_COUNT_HW_CACHE_REFERENCES},
    {PerfGroup::kHardware, "CacheMisses", "cache_misses_total", kHw, PERF_COUNT_HW_CACHE_MISSES},
    {PerfGroup::kHardware, "BranchInstr", "branch_instructions_total", kHw,
     PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {PerfGroup::kHardware, "BranchMisses", "branch_misses_total", kHw, PERF_COUNT_HW_BRANCH_MISSES},
    {PerfGroup::kHardware, "StalledCyclesBackend", "stalled_cycles_backend_total", kHw,
     PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {PerfGroup::kHardware, "StalledCyclesFrontend", "stalled_cycles_frontend_total", kHw,
     PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {PerfGroup::kHardware, "RefCpuCycles", "ref_cpucycles_total", kHw, PERF_COUNT_HW_REF_CPU_CYCLES},
    {PerfGroup::kSoftware, "PageFault", "page_faults_total", kSw, PERF_COUNT_SW_PAGE_FAULTS},
    {PerfGroup::kSoftware, "ContextSwitch", "context_switches_total", kSw, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {PerfGroup::kSoftware, "CpuMigration", "cpu_migrations_total", kSw, PERF_COUNT_SW_CPU_MIGRATIONS},
    {PerfGroup::kSoftware, "MinorFault", "minor_faults_total", kSw, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {PerfGroup::kSoftware, "MajorFault", "major_faults_total", kSw, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {PerfGroup::kCache, "L1DataReadHit", "cache_l1d_read_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_L1D, kRead, kHit)},
    {PerfGroup::kCache, "L1DataReadMiss", "cache_l1d_read_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_L1D, kRead, kMiss)},
    {PerfGroup::kCache, "L1DataWriteHit", "cache_l1d_write_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_L1D, kWrite, kHit)},
    {PerfGroup::kCache, "L1InstrReadMiss", "cache_l1_instr_read_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_L1I, kRead, kMiss)},
    {PerfGroup::kCache, "LLReadHit", "cache_ll_read_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_LL, kRead, kHit)},
    {PerfGroup::kCache, "LLReadMiss", "cache_ll_read_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_LL, kRead, kMiss)},
    {PerfGroup::kCache, "LLWriteHit", "cache_ll_write_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_LL, kWrite, kHit)},
    {PerfGroup::kCache, "LLWriteMiss", "cache_ll_write_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_LL, kWrite, kMiss)},
    {PerfGroup::kCache, "InstrTLBReadHit", "cache_tlb_instr_read_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_ITLB, kRead, kHit)},
    {PerfGroup::kCache, "InstrTLBReadMiss", "cache_tlb_instr_read_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_ITLB, kRead, kMiss)},
    {PerfGroup::kCache, "DataTLBReadHit", "cache_tlb_data_read_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_DTLB, kRead, kHit)},
    {PerfGroup::kCache, "DataTLBReadMiss", "cache_tlb_data_read_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_DTLB, kRead, kMiss)},
    {PerfGroup::kCache, "DataTLBWriteHit", "cache_tlb_data_write_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_DTLB, kWrite, kHit)},
    {PerfGroup::kCache, "DataTLBWriteMiss", "cache_tlb_data_write_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_DTLB, kWrite, kMiss)},
    {PerfGroup::kCache, "BPUReadHit", "cache_bpu_read_hits_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_BPU, kRead, kHit)},
    {PerfGroup::kCache, "BPUReadMiss", "cache_bpu_read_misses_total", kHwCache,
     Cache(PERF_COUNT_HW_CACHE_BPU, kRead, kMiss)},
};

// The text up to a mark, which is taken off with it; all of it without one.
std::string_view TakeUntil(std::string_view& text, char mark) {
  const size_t end = text.find(mark);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

}  // namespace

std::span<const PerfEvent> PerfEvents() { return kEvents; }

bool HasPerfEvent(PerfGroup group, std::string_view name) {
  return std::ranges::any_of(
      kEvents, [&](const PerfEvent& event) { return event.group == group && event.name == name; });
}

core::Result<std::vector<int>> ParseCpuList(std::string_view text) {
  const auto fail = [quoted = model::QuoteGo(text.substr(0, 64))] {
    return core::Fail(core::Code::kInvalidArgument, "{} is no list of CPUs such as 0,2-8:2", quoted);
  };
  std::vector<int> cpus;
  while (!text.empty()) {
    std::string_view stride_text = TakeUntil(text, ',');
    std::string_view range = TakeUntil(stride_text, ':');
    const bool is_range = range.find('-') != std::string_view::npos;
    const auto first = ParseUnsigned(TakeUntil(range, '-'));
    const auto last = is_range ? ParseUnsigned(range) : first;
    const auto stride = stride_text.empty() ? core::Result<uint64_t>(1) : ParseUnsigned(stride_text);
    if (!first || !last || !stride || *stride < 1 || *first > *last || *last >= kCpuLimit) return fail();
    for (uint64_t cpu = *first; cpu <= *last; cpu += *stride) cpus.push_back(static_cast<int>(cpu));
  }
  std::ranges::sort(cpus);
  cpus.erase(std::ranges::unique(cpus).begin(), cpus.end());
  if (cpus.empty()) return fail();
  return cpus;
}

}  // namespace sextant::node
