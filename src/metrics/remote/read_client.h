// Asks one remote storage for the samples of a selector (remote read): a whole answer or a stream of chunks,
// as the other end prefers. The answer is read into memory, within bounds, before it is used.
//
// Any thread may call; Read waits for the answer, at most for the configured time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/remote_config.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/result.h"
#include "core/trace.h"
#include "model/storage.h"
#include "net/http_client.h"

namespace sextant::remote {

// What all clients share; it outlives them.
struct ReadServices {
  net::HttpClient& client;
  const core::Clock& clock;
  core::Registry& registry;
  std::string user_agent;
  core::Tracer* tracer = nullptr;  // makes spans of requests; null: none
};

struct RemoteSeries {
  model::Labels labels;
  model::SampleColumns samples;
};

class ReadClient {
 public:
  // What an answer may hold at most.
  static constexpr size_t kMaxAnswerBytes = 256 << 20;
  static constexpr size_t kMaxAnswerSamples = 50'000'000;

  // Metrics of the same name and URL are those of the client before; they stay.
  ReadClient(ReadServices services, config::RemoteReadConfig config);

  // The series with samples in start_ms <= time <= end_ms. `dropped` names labels that are taken off.
  core::Result<std::vector<RemoteSeries>> Read(const std::vector<model::Matcher>& matchers,
                                               const model::SelectHints& hints, core::TimestampMs start_ms,
                                               core::TimestampMs end_ms,
                                               const std::vector<std::string>& dropped);

  const config::RemoteReadConfig& config() const { return config_; }

 private:
  core::Result<net::FetchResponse> Fetch(std::string message);

  ReadServices services_;
  const config::RemoteReadConfig config_;
  const net::FetchRequest request_;
  const std::string shown_url_;
  const core::MetricLabels labels_;
  core::Gauge& queries_;
  core::Counter& queries_total_;
  core::Counter& failures_total_;
};

// The frames of a streamed answer, one after the other: size, checksum, message.
class FrameReader {
 public:
  FrameReader(std::string_view bytes, size_t max_frame_bytes)
      : bytes_(bytes), max_frame_bytes_(max_frame_bytes) {}
  // The next message; false at the end. kCorruption for what is cut short or has another checksum.
  core::Result<bool> Next(std::string_view& message);

 private:
  std::string_view bytes_;
  const size_t max_frame_bytes_;
};

// Reads the body of an answer, by its Content-Type.
core::Result<std::vector<RemoteSeries>> ReadAnswer(std::string_view content_type, std::string_view body,
                                                   size_t max_frame_bytes, core::TimestampMs start_ms,
                                                   core::TimestampMs end_ms);

}  // namespace sextant::remote
