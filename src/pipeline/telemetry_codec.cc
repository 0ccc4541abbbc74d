#include "pipeline/telemetry_codec.h"

#include "otlp/encode.h"
#include "otlp/encode_json.h"

namespace sextant::pipeline {

namespace {

template <typename Data>
core::Result<Telemetry> WithOwner(core::Result<Data> data,
                                  const std::shared_ptr<const std::string>& request) {
  if (!data) return tl::unexpected(std::move(data).error());
  data->memory.Keep(request, request->size());
  return Telemetry(std::move(*data));
}

}  // namespace

std::string EncodeBatch(const Telemetry& batch, OtlpEncoding encoding) {
  bool is_json = encoding == OtlpEncoding::kJson;
  switch (batch.signal()) {
    case Signal::kTraces:
      return is_json ? otlp::EncodeTracesJson(batch.traces()) : otlp::EncodeTraces(batch.traces());
    case Signal::kMetrics:
      return is_json ? otlp::EncodeMetricsJson(batch.metrics()) : otlp::EncodeMetrics(batch.metrics());
    default:
      return is_json ? otlp::EncodeLogsJson(batch.logs()) : otlp::EncodeLogs(batch.logs());
  }
}

core::Result<Telemetry> DecodeBatch(Signal signal, OtlpEncoding encoding,
                                    const std::shared_ptr<const std::string>& request) {
  bool is_json = encoding == OtlpEncoding::kJson;
  switch (signal) {
    case Signal::kTraces:
      return WithOwner(is_json ? otlp::DecodeTracesJson(*request) : otlp::DecodeTraces(*request), request);
    case Signal::kMetrics:
      return WithOwner(is_json ? otlp::DecodeMetricsJson(*request) : otlp::DecodeMetrics(*request), request);
    default:
      return WithOwner(is_json ? otlp::DecodeLogsJson(*request) : otlp::DecodeLogs(*request), request);
  }
}

}  // namespace sextant::pipeline
