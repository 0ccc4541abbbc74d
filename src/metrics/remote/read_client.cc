#include "metrics/remote/read_client.h"

#include <algorithm>
#include <future>

#include "config/url_text.h"
#include "core/crc32c.h"
#include "httpclient/settings.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/remote/snappy_block.h"
#include "net/request_span.h"
#include "wire/remote_read.h"

namespace sextant::remote {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr std::string_view kPrefix = "prometheus_remote_read_client_";
constexpr std::string_view kStreamed = "application/x-streamed-protobuf";
constexpr std::string_view kWhole = "application/x-protobuf";

std::string Name(std::string_view name) { return std::string(kPrefix) + std::string(name); }

Result<model::Labels> MakeLabels(std::vector<model::LabelView> views) {
  std::erase_if(views, [](const model::LabelView& label) { return label.value.empty(); });
  std::ranges::sort(views);
  for (size_t i = 0; i < views.size(); ++i) {
    bool is_valid = !views[i].name.empty() && model::IsValidUtf8(views[i].name) &&
                    model::IsValidUtf8(views[i].value) && (i == 0 || views[i].name != views[i - 1].name);
    if (!is_valid) return Fail(Code::kCorruption, "a series of the answer has invalid labels");
  }
  return model::Labels::FromSorted(views);
}

// Sorts by time when that is needed; of samples at one time the first stays.
void Order(model::SampleColumns& samples) {
  if (std::ranges::is_sorted(samples.times_ms, std::less_equal<>())) {
    if (std::ranges::adjacent_find(samples.times_ms) == samples.times_ms.end()) return;
  }
  std::vector<size_t> order(samples.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return samples.times_ms[i]; });
  model::SampleColumns sorted;
  for (size_t i : order) {
    if (sorted.size() > 0 && sorted.times_ms.back() == samples.times_ms[i]) continue;
    if (!samples.histograms.empty() && samples.histograms[i] != nullptr) {
      sorted.AddHistogram(samples.times_ms[i], samples.histograms[i]);
    } else {
      sorted.Add(samples.times_ms[i], samples.values[i]);
    }
  }
  samples = std::move(sorted);
}

void Cut(model::SampleColumns& samples, core::TimestampMs start_ms, core::TimestampMs end_ms) {
  auto outside = [&](core::TimestampMs time_ms) { return time_ms < start_ms || time_ms > end_ms; };
  if (std::ranges::none_of(samples.times_ms, outside)) return;
  model::SampleColumns kept;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (outside(samples.times_ms[i])) continue;
    if (!samples.histograms.empty() && samples.histograms[i] != nullptr) {
      kept.AddHistogram(samples.times_ms[i], samples.histograms[i]);
    } else {
      kept.Add(samples.times_ms[i], samples.values[i]);
    }
  }
  samples = std::move(kept);
}

Status TooManySamples() {
  return Fail(Code::kResourceExhausted, "the answer has more than {} samples", ReadClient::kMaxAnswerSamples);
}

Result<std::vector<RemoteSeries>> ReadWhole(std::string_view body, core::TimestampMs start_ms,
                                            core::TimestampMs end_ms) {
  SEXTANT_ASSIGN(std::string message, UncompressSnappy(body, ReadClient::kMaxAnswerBytes));
  std::vector<RemoteSeries> all;
  size_t count = 0;
  SEXTANT_TRY(wire::ParseReadResponse(
      message, [&](const std::vector<model::LabelView>& views, model::SampleColumns samples) -> Status {
        count += samples.size();
        if (count > ReadClient::kMaxAnswerSamples) return TooManySamples();
        SEXTANT_ASSIGN(model::Labels labels, MakeLabels(views));
        Order(samples);
        Cut(samples, start_ms, end_ms);
        all.push_back({std::move(labels), std::move(samples)});
        return {};
      }));
  return all;
}

Result<std::vector<RemoteSeries>> ReadStream(std::string_view body, size_t max_frame_bytes,
                                             core::TimestampMs start_ms, core::TimestampMs end_ms) {
  std::vector<RemoteSeries> all;
  size_t count = 0;
  FrameReader frames(body, max_frame_bytes);
  std::string_view message;
  while (true) {
    SEXTANT_ASSIGN(bool has_more, frames.Next(message));
    if (!has_more) break;
    SEXTANT_ASSIGN(std::vector<wire::ReadChunkedSeries> parts, wire::ParseChunkedReadResponse(message));
    for (const wire::ReadChunkedSeries& part : parts) {
      SEXTANT_ASSIGN(model::Labels labels, MakeLabels(part.labels));
      // A series that has not ended goes on in the next frame.
      if (all.empty() || all.back().labels != labels) all.push_back({std::move(labels), {}});
      model::SampleColumns& samples = all.back().samples;
      for (const wire::ReadChunk& chunk : part.chunks) {
        if (chunk.encoding > UINT8_MAX)
          return Fail(Code::kCorruption, "unknown chunk encoding {}", chunk.encoding);
        size_t before = samples.size();
        SEXTANT_TRY(promfiles::DecodeChunk(static_cast<uint8_t>(chunk.encoding), chunk.bytes, start_ms,
                                           end_ms, samples));
        count += samples.size() - before;
        if (count > ReadClient::kMaxAnswerSamples) return tl::unexpected(TooManySamples().error());
      }
    }
  }
  for (RemoteSeries& series : all) Order(series.samples);
  return all;
}

// Everything but the body and the files' secrets; made once, so that tokens are kept.
net::FetchRequest BaseRequest(const config::RemoteReadConfig& config, const ReadServices& services) {
  net::FetchRequest request;
  request.method = "POST";
  request.url = config.url;
  request.timeout_ms = config.remote_timeout_ms;
  request.max_body_bytes = ReadClient::kMaxAnswerBytes;
  request.accept_compressed = false;
  for (const auto& [name, value] : config.headers) request.headers.Set(name, value);
  request.headers.Set("Content-Encoding", "snappy");
  request.headers.Set("Accept-Encoding", "snappy");
  request.headers.Set("Content-Type", kWhole);
  request.headers.Set("X-Prometheus-Remote-Read-Version", "0.1.0");
  request.headers.Set("User-Agent", services.user_agent);
  httpclient::ApplyHttpConfig(config.http, services.clock, request);
  return request;
}

}  // namespace

Result<bool> FrameReader::Next(std::string_view& message) {
  if (bytes_.empty()) return false;
  uint64_t size = 0;
  size_t at = 0;
  for (int shift = 0;; shift += 7) {
    if (at == bytes_.size() || shift > 63)
      return Fail(Code::kCorruption, "a frame of the answer is cut short");
    auto byte = static_cast<unsigned char>(bytes_[at++]);
    size |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  if (size > max_frame_bytes_) {
    return Fail(Code::kResourceExhausted, "message size exceeded the limit {} bytes; got: {} bytes",
                max_frame_bytes_, size);
  }
  constexpr size_t kChecksumBytes = 4;
  if (bytes_.size() - at < kChecksumBytes + size)
    return Fail(Code::kCorruption, "a frame of the answer is cut short");
  uint32_t checksum = 0;
  for (size_t i = 0; i < kChecksumBytes; ++i)
    checksum = checksum << 8 | static_cast<unsigned char>(bytes_[at++]);
  message = bytes_.substr(at, size);
  if (core::Crc32c(message) != checksum) return Fail(Code::kCorruption, "chunkedReader: corrupted frame");
  bytes_.remove_prefix(at + size);
  return true;
}

Result<std::vector<RemoteSeries>> ReadAnswer(std::string_view content_type, std::string_view body,
                                             size_t max_frame_bytes, core::TimestampMs start_ms,
                                             core::TimestampMs end_ms) {
  if (content_type.starts_with(kStreamed)) return ReadStream(body, max_frame_bytes, start_ms, end_ms);
  if (content_type.starts_with(kWhole)) return ReadWhole(body, start_ms, end_ms);
  return Fail(Code::kInvalidArgument, "unsupported content type: {}", content_type);
}

ReadClient::ReadClient(ReadServices services, config::RemoteReadConfig config)
    : services_(std::move(services)),
      config_(std::move(config)),
      request_(BaseRequest(config_, services_)),
      shown_url_(config::RedactUrl(config_.url)),
      labels_({{"remote_name", config_.name}, {"url", shown_url_}}),
      queries_(services_.registry.AddGauge(Name("queries"), "Remote reads under way.", labels_)),
      queries_total_(services_.registry.AddCounter(Name("queries_total"), "Remote reads.", labels_)),
      failures_total_(
          services_.registry.AddCounter(Name("failures_total"), "Remote reads that failed.", labels_)) {}

Result<net::FetchResponse> ReadClient::Fetch(std::string message) {
  net::FetchRequest request = request_;
  request.body = CompressSnappy(message);
  SEXTANT_TRY(httpclient::ReadSecretFiles(config_.http, request));
  core::Span read_span = core::StartSpan(services_.tracer, "Remote Read", {.kind = core::SpanKind::kClient});
  core::Span request_span = net::StartFetchSpan(services_.tracer, "HTTP POST", &read_span.context(), request);
  auto answered = std::make_shared<std::promise<Result<net::FetchResponse>>>();
  std::future<Result<net::FetchResponse>> answer = answered->get_future();
  services_.client.Fetch(std::move(request), {}, [answered](Result<net::FetchResponse> response) {
    answered->set_value(std::move(response));
  });
  Result<net::FetchResponse> response = answer.get();
  net::NoteAnswer(response, request_span);
  return response;
}

Result<std::vector<RemoteSeries>> ReadClient::Read(const std::vector<model::Matcher>& matchers,
                                                   const model::SelectHints& hints,
                                                   core::TimestampMs start_ms, core::TimestampMs end_ms,
                                                   const std::vector<std::string>& dropped) {
  queries_.Add(1);
  queries_total_.Increment();
  auto read = [&]() -> Result<std::vector<RemoteSeries>> {
    SEXTANT_ASSIGN(net::FetchResponse answer, Fetch(wire::MakeReadRequest(matchers, hints, start_ms, end_ms))
                                                  .map_error(core::AddContext("error sending request")));
    if (answer.status / 100 != 2) {
      constexpr size_t kMaxShownBytes = 512;
      return Fail(Code::kUnavailable, "remote server {} returned http status {} {}: {}", shown_url_,
                  answer.status, net::StatusText(answer.status),
                  std::string_view(answer.body).substr(0, kMaxShownBytes));
    }
    return ReadAnswer(answer.headers.Get("Content-Type"), answer.body,
                      static_cast<size_t>(config_.chunked_read_limit_bytes), start_ms, end_ms);
  };
  Result<std::vector<RemoteSeries>> series = read().map_error(core::AddContext("remote_read"));
  queries_.Add(-1);
  if (!series) {
    failures_total_.Increment();
    return series;
  }
  if (dropped.empty()) return series;
  for (RemoteSeries& one : *series) {
    model::LabelsBuilder labels(one.labels);
    labels.Drop(dropped);
    one.labels = labels.Build();
  }
  return series;
}

}  // namespace sextant::remote
