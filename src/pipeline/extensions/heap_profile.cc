#include "pipeline/extensions/heap_profile.h"

#include <cmath>
#include <map>

#include "pipeline/extensions/profile_format.h"

namespace sextant::pipeline {

std::string EncodeHeapProfile(std::span<const core::HeapSite> before, std::span<const core::HeapSite> now,
                              const HeapProfileInfo& info) {
  std::map<std::vector<uintptr_t>, const core::HeapSite*> earlier;
  for (const core::HeapSite& site : before) earlier.emplace(site.frames, &site);
  const core::HeapSite none;
  std::vector<ProfileSample> samples;
  for (const core::HeapSite& site : now) {
    auto found = earlier.find(site.frames);
    const core::HeapSite& old = found == earlier.end() ? none : *found->second;
    ProfileSample sample{.frames = site.frames,
                         .values = {std::llround(site.allocated_objects - old.allocated_objects),
                                    std::llround(site.allocated_bytes - old.allocated_bytes),
                                    std::llround(site.live_objects - old.live_objects),
                                    std::llround(site.live_bytes - old.live_bytes)}};
    bool has_changed = false;
    for (int64_t value : sample.values) has_changed |= value != 0;
    if (has_changed) samples.push_back(std::move(sample));
  }
  return EncodeProfile(samples, {.columns = {{"alloc_objects", "count"},
                                             {"alloc_space", "bytes"},
                                             {"inuse_objects", "count"},
                                             {"inuse_space", "bytes"}},
                                 .shown_column = info.shown_column,
                                 .period_of = {"space", "bytes"},
                                 .period = core::HeapSampling::kIntervalBytes,
                                 .started_ms = info.started_ms,
                                 .duration_ms = info.duration_ms,
                                 .innermost_is_call = true});
}

}  // namespace sextant::pipeline
