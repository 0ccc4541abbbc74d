// The receiving end of remote write, 1.0 and 2.0: POST /api/v1/write, snappy-compressed protobuf.
//
// What can be stored of a request is stored, as one batch; what the store refuses for good (samples out of
// order, series over a limit, broken histograms) makes the answer 400 with a line for each, up to a bound, so
// that a sender does not come again. Only when the batch cannot be written at all is the answer 500, and
// nothing of it stored. Answers to 2.0 say in headers how much was written.
//
// Unlike Prometheus, which drops a whole request of 1.0 for one sample out of order, the rest is stored with
// 1.0, too.
//
// Any thread may call Handle.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.h"
#include "core/metrics.h"
#include "core/result.h"
#include "metrics/remote/series_cache.h"
#include "model/storage.h"
#include "net/http_message.h"
#include "wire/remote_write.h"

namespace sextant::remote {

struct WriteReceiverOptions {
  std::vector<wire::WriteVersion> accepted = {wire::WriteVersion::kV1, wire::WriteVersion::kV2};
  size_t max_message_bytes = 64 << 20;  // of the message when decompressed
  // Series of 2.0 get the labels __type__ and __unit__ as their metadata says, in place of any of their own.
  bool adds_type_and_unit_labels = false;
};

// "prometheus.WriteRequest" or "io.prometheus.write.v2.Request"; kInvalidArgument for others.
core::Result<wire::WriteVersion> ParseMessageName(std::string_view name);

// The version that a Content-Type names ("" is 1.0). kInvalidArgument with Prometheus' text.
core::Result<wire::WriteVersion> ParseWriteContentType(std::string_view content_type);

class WriteReceiver {
 public:
  // What 1.0 says of a metric family goes here.
  using NoteMetadata = std::function<void(std::string_view family, const model::MetricMetadata& metadata)>;

  // All of it must outlive the receiver.
  WriteReceiver(model::Appendable& storage, core::Registry& registry, core::Logger logger,
                NoteMetadata note_metadata, WriteReceiverOptions options = {});

  net::HttpResponse Handle(const net::HttpRequest& request);

 private:
  net::HttpResponse Store(wire::WriteVersion version, std::string_view message);

  model::Appendable& storage_;
  const core::Logger logger_;
  const NoteMetadata note_metadata_;
  const WriteReceiverOptions options_;
  SeriesCache cache_;
  core::Counter& invalid_labels_;
  core::Counter& without_metadata_;
};

}  // namespace sextant::remote
