// Remote read: questions for raw samples (prometheus.ReadRequest) and their answers, whole
// (prometheus.ReadResponse) or as a stream of chunks (prometheus.ChunkedReadResponse), from both ends. Views
// are into the bytes that were read.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/matcher.h"
#include "model/storage.h"

namespace sextant::wire {

enum class ReadResponseType : uint32_t { kSamples = 0, kStreamedXorChunks = 1 };

struct ReadQuery {
  struct Matcher {
    model::MatchType type = model::MatchType::kEqual;
    std::string_view name;
    std::string_view value;
  };

  core::TimestampMs start_ms = 0;  // start <= time <= end
  core::TimestampMs end_ms = 0;
  std::vector<Matcher> matchers;
};

struct ReadRequest {
  std::vector<ReadQuery> queries;
  std::vector<uint32_t> accepted;  // numbers of ReadResponseType and of types that we do not know
};

// What a request may hold at most.
inline constexpr size_t kMaxReadQueries = 1'000;
inline constexpr size_t kMaxReadMatchers = 1'000;  // of one query

// kInvalidArgument when the bytes are no such message.
core::Result<ReadRequest> ParseReadRequest(std::string_view bytes);

// Labels as they are sent, in order.
using ReadLabels = std::vector<std::pair<std::string_view, std::string_view>>;

// Makes a ReadResponse: a query, its series, the next query.
class ReadResponseBuilder {
 public:
  void BeginQuery();
  void AddSeries(const ReadLabels& labels, const model::SampleColumns& samples);
  size_t size() const { return out_.size() + query_.size(); }
  std::string Finish();

 private:
  void EndQuery();

  bool has_query_ = false;
  std::string query_;
  std::string out_;
};

// A chunk in one of Prometheus' encodings, whose numbers are those of the message.
struct ReadChunk {
  core::TimestampMs min_time_ms = 0;
  core::TimestampMs max_time_ms = 0;
  uint32_t encoding = 0;
  std::string_view bytes;
};

// A ChunkedReadResponse of one series, or of part of it.
std::string MakeChunkedReadResponse(const ReadLabels& labels, const std::vector<ReadChunk>& chunks,
                                    uint64_t query_index);

// ---- The asker's end

// A ReadRequest of one query, for an answer in any form.
std::string MakeReadRequest(const std::vector<model::Matcher>& matchers, const model::SelectHints& hints,
                            core::TimestampMs start_ms, core::TimestampMs end_ms);

// Takes the series of an answer, in its order. An error ends the reading, which returns it.
using ReadSeriesSink =
    std::function<core::Status(const std::vector<model::LabelView>& labels, model::SampleColumns samples)>;
// Reads a ReadResponse to one query. Samples ascend in time as far as the answer's floats and histograms do.
core::Status ParseReadResponse(std::string_view bytes, const ReadSeriesSink& sink);

// Series, or parts of them, as a ChunkedReadResponse has them.
struct ReadChunkedSeries {
  std::vector<model::LabelView> labels;
  std::vector<ReadChunk> chunks;
};
core::Result<std::vector<ReadChunkedSeries>> ParseChunkedReadResponse(std::string_view bytes);

}  // namespace sextant::wire
