// When within its interval a target is scraped.
#pragma once

#include <cstddef>
#include <string>

#include "core/clock.h"
#include "metrics/scrape/target_builder.h"

namespace sextant::scrape {

// The place of a target's moments within its interval, in [0, interval) ms: spread by the hash of its labels
// and URL, so that it stays the same over restarts, but on a grid that the targets of one job share. Where a
// few of them come together, the second and the next find the processor awake and the code in its caches,
// which saves a quarter of the time that a scrape of a few hundred lines takes. The grid has lines for about
// eight targets each, however many the job has (`pool_targets`), and at most 256 ms and a sixteenth of the
// interval apart. A grid is a part of each coarser one: a job that grows keeps company.
core::DurationMs ScrapeOffset(const ScrapeTarget& target, size_t pool_targets);

// The time that the samples of a scrape get which began at `now_ms` and was due at `due_ms`: the latter when
// both are at most `tolerance_ms` and a hundredth of the interval apart, so that the samples of a series are
// evenly spaced and take less room. A tolerance of 0 or less: always the former.
core::TimestampMs ScrapeTime(core::TimestampMs now_ms, core::TimestampMs due_ms, core::DurationMs interval_ms,
                             core::DurationMs tolerance_ms);

}  // namespace sextant::scrape
