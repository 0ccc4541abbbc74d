// The message `Histogram` of remote write 1.0 and 2.0 and of remote read, which is the same in all of them
// except that only 2.0 has a start time. Its buckets are differences of whole numbers or plain numbers.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "model/histogram.h"

namespace sextant::wire {

struct TimedHistogram {
  core::TimestampMs time_ms = 0;
  core::TimestampMs start_ms = 0;  // 0: not known
  model::FloatHistogram histogram;
};

// Replaces `out`, whose memory is used again. Whether counts, spans and buckets fit together is not checked.
// kInvalidArgument when the bytes are no such message.
core::Status ReadHistogram(std::string_view bytes, TimedHistogram& out);

// Appends the message's content; a start time only when it is not 0.
void AppendHistogram(const model::FloatHistogram& histogram, core::TimestampMs time_ms,
                     core::TimestampMs start_ms, std::string& out);

}  // namespace sextant::wire
