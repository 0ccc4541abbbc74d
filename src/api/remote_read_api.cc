#include "api/remote_read_api.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "api/query_gate.h"
#include "core/crc32c.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/remote/snappy_block.h"
#include "wire/remote_read.h"

namespace sextant::api {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using wire::ReadResponseType;

constexpr size_t kMaxRequestBytes = 32 << 20;  // decompressed, too
constexpr size_t kMaxAnswerBytes = 256 << 20;  // of a whole answer

net::HttpResponse ErrorText(int status, std::string_view text) {
  net::HttpResponse response = net::HttpResponse::Text(status, std::string(text) + "\n");
  response.headers.Add("X-Content-Type-Options", "nosniff");
  return response;
}

int StatusOf(const core::Error& error) {
  return error.code() == Code::kInvalidArgument || error.code() == Code::kResourceExhausted ? 400 : 500;
}

// The first type of the asker's list that there is here.
Result<ReadResponseType> Negotiate(const std::vector<uint32_t>& accepted) {
  if (accepted.empty()) return ReadResponseType::kSamples;
  for (uint32_t type : accepted) {
    for (ReadResponseType known : {ReadResponseType::kSamples, ReadResponseType::kStreamedXorChunks}) {
      if (type == static_cast<uint32_t>(known)) return known;
    }
  }
  return Fail(Code::kInvalidArgument,
              "server does not support any of the requested response types; supported: SAMPLES, "
              "STREAMED_XOR_CHUNKS");
}

// A series' labels and the external ones that it lacks, in order.
wire::ReadLabels WithExternal(const model::Labels& labels, const model::Labels& external) {
  wire::ReadLabels merged;
  for (model::LabelView label : labels) merged.emplace_back(label.name, label.value);
  for (model::LabelView label : external) {
    if (!labels.Has(label.name)) merged.emplace_back(label.name, label.value);
  }
  std::ranges::sort(merged);
  return merged;
}

// The series that a query asks for. What matches an external label is no label of the store.
Result<std::unique_ptr<model::SeriesSet>> Select(const RemoteReadDeps& deps, const wire::ReadQuery& query,
                                                 const model::Labels& external) {
  std::vector<model::Matcher> matchers;
  for (const wire::ReadQuery::Matcher& matcher : query.matchers) {
    bool is_external = matcher.type == model::MatchType::kEqual && external.Has(matcher.name) &&
                       external.Get(matcher.name) == matcher.value;
    if (is_external) continue;
    SEXTANT_ASSIGN(model::Matcher made, model::Matcher::Make(matcher.type, matcher.name, matcher.value));
    matchers.push_back(std::move(made));
  }
  SEXTANT_ASSIGN(auto querier, deps.storage.NewQuerier(query.start_ms, query.end_ms));
  model::SelectHints hints;
  hints.start_ms = query.start_ms;
  hints.end_ms = query.end_ms;
  hints.sorted = true;
  return querier->Select(matchers, hints);
}

Result<std::string> AnswerWhole(const RemoteReadDeps& deps, const wire::ReadRequest& request,
                                const net::HttpRequest& http) {
  model::Labels external = deps.external_labels();
  wire::ReadResponseBuilder response;
  model::SampleColumns samples;
  for (const wire::ReadQuery& query : request.queries) {
    response.BeginQuery();
    int64_t count = 0;
    SEXTANT_ASSIGN(auto series, Select(deps, query, external));
    for (size_t i = 0; i < series->size(); ++i) {
      if (http.IsCancelled()) return Fail(Code::kCancelled, "the client is gone");
      samples.clear();
      SEXTANT_TRY(series->Read(i, query.start_ms, query.end_ms, samples));
      if (samples.size() == 0) continue;
      count += static_cast<int64_t>(samples.size());
      if (deps.max_samples > 0 && count > deps.max_samples) {
        return Fail(Code::kInvalidArgument, "exceeded sample limit ({})", deps.max_samples);
      }
      response.AddSeries(WithExternal(series->labels(i), external), samples);
      if (response.size() > kMaxAnswerBytes) {
        return Fail(Code::kResourceExhausted,
                    "the answer has more than {} bytes; ask for less, or for STREAMED_XOR_CHUNKS",
                    kMaxAnswerBytes);
      }
    }
  }
  return response.Finish();
}

// A message with its size and checksum in front.
std::string Frame(std::string_view message) {
  std::string frame;
  for (uint64_t size = message.size();; size >>= 7) {
    frame += static_cast<char>(size >= 0x80 ? size | 0x80 : size);
    if (size < 0x80) break;
  }
  uint32_t checksum = core::Crc32c(message);
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(checksum >> shift);
  frame += message;
  return frame;
}

// Sends a series' chunks in frames of about the size that is wanted.
Status StreamSeries(const RemoteReadDeps& deps, const wire::ReadLabels& labels,
                    const model::SampleColumns& samples, uint64_t query, net::ResponseWriter& writer) {
  std::vector<promfiles::EncodedChunk> chunks;
  SEXTANT_TRY(promfiles::EncodeChunks(samples, {}, chunks));
  uint64_t label_bytes = 0;
  for (const auto& [name, value] : labels) label_bytes += name.size() + value.size();
  std::vector<wire::ReadChunk> frame;
  uint64_t bytes = label_bytes;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const promfiles::EncodedChunk& chunk = chunks[i];
    frame.push_back(
        {chunk.min_time_ms, chunk.max_time_ms, static_cast<uint32_t>(chunk.encoding), chunk.bytes});
    bytes += chunk.bytes.size();
    if (bytes < deps.max_frame_bytes && i + 1 < chunks.size()) continue;
    SEXTANT_TRY(writer.Write(Frame(wire::MakeChunkedReadResponse(labels, frame, query))));
    frame.clear();
    bytes = label_bytes;
  }
  return {};
}

void AnswerStreamed(const RemoteReadDeps& deps, const wire::ReadRequest& request,
                    net::ResponseWriter writer) {
  model::Labels external = deps.external_labels();
  // What can be wrong with a query is found before the answer begins.
  std::vector<std::unique_ptr<model::SeriesSet>> sets;
  for (const wire::ReadQuery& query : request.queries) {
    auto series = Select(deps, query, external);
    if (!series) return writer.Send(ErrorText(StatusOf(series.error()), series.error().message()));
    sets.push_back(std::move(*series));
  }
  net::HttpHeaders headers;
  headers.Set("Content-Type", "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
  writer.Start(200, std::move(headers));
  model::SampleColumns samples;
  for (size_t number = 0; number < sets.size(); ++number) {
    const wire::ReadQuery& query = request.queries[number];
    for (size_t i = 0; i < sets[number]->size(); ++i) {
      samples.clear();
      Status sent = sets[number]->Read(i, query.start_ms, query.end_ms, samples);
      if (sent && samples.size() == 0) continue;
      if (sent) {
        sent = StreamSeries(deps, WithExternal(sets[number]->labels(i), external), samples, number, writer);
      }
      if (!sent) return;  // an answer that is not finished is broken off
    }
  }
  writer.Finish();
}

void Handle(const RemoteReadDeps& deps, const net::HttpRequest& request, net::ResponseWriter writer) {
  auto message = remote::UncompressSnappy(request.body, kMaxRequestBytes);
  if (!message) return writer.Send(ErrorText(400, message.error().message()));
  auto parsed = wire::ParseReadRequest(*message);
  if (!parsed) return writer.Send(ErrorText(400, parsed.error().message()));
  auto type = Negotiate(parsed->accepted);
  if (!type) return writer.Send(ErrorText(400, type.error().message()));
  if (*type == ReadResponseType::kStreamedXorChunks) {
    return AnswerStreamed(deps, *parsed, std::move(writer));
  }
  auto answer = AnswerWhole(deps, *parsed, request);
  if (!answer) return writer.Send(ErrorText(StatusOf(answer.error()), answer.error().message()));
  net::HttpResponse response;
  response.headers.Set("Content-Type", "application/x-protobuf");
  response.headers.Set("Content-Encoding", "snappy");
  response.body = remote::CompressSnappy(*answer);
  writer.Send(std::move(response));
}

}  // namespace

void AddRemoteReadRoutes(net::Router& router, RemoteReadDeps deps) {
  core::Gauge& queries = deps.registry.AddGauge("prometheus_remote_read_handler_queries",
                                                "Remote read requests that are being answered.");
  size_t max_running = deps.max_concurrent == 0 ? std::numeric_limits<size_t>::max() : deps.max_concurrent;
  auto gate = std::make_shared<QueryGate>(max_running);
  struct Work {
    net::HttpRequest request;
    net::ResponseWriter writer;
  };
  router.AddStream(
      "POST", "/api/v1/read",
      [deps = std::move(deps), &queries, gate](net::HttpRequest request, net::ResponseWriter writer) {
        auto work = std::make_shared<Work>(Work{std::move(request), std::move(writer)});
        gate->Run([&deps, &queries, work] {
          if (work->writer.IsCancelled()) return;  // nobody waits for it any more
          queries.Add(1);
          Handle(deps, work->request, std::move(work->writer));
          queries.Add(-1);
        });
      },
      {.max_body_bytes = kMaxRequestBytes, .passed_encodings = {"snappy"}, .compress = false});
}

}  // namespace sextant::api
