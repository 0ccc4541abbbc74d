// OTLP's JSON of all signals: what one of them takes is encoded, as JSON and protobuf, and means the same
// when it is decoded again.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "otlp/encode.h"
#include "otlp/encode_json.h"

namespace {

using namespace sextant;

template <typename DecodeJson, typename EncodeJson, typename Decode, typename Encode>
void Check(std::string_view text, DecodeJson decode_json, EncodeJson encode_json, Decode decode,
           Encode encode) {
  auto decoded = decode_json(text);
  if (!decoded) return;
  std::string json = encode_json(*decoded);
  auto again = decode_json(json);
  if (!again) {
    // What was not known made the text larger, and with it what decoding may cost.
    SEXTANT_CHECK(again.error().code() == core::Code::kResourceExhausted);
    return;
  }
  SEXTANT_CHECK(encode_json(*again) == json);
  std::string message = encode(*decoded);
  auto from_message = decode(message);
  if (from_message) SEXTANT_CHECK(encode_json(*from_message) == json);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text, otlp::DecodeTracesJson, otlp::EncodeTracesJson, otlp::DecodeTraces,
        [](const otlp::TracesData& traces) { return otlp::EncodeTraces(traces); });
  Check(text, otlp::DecodeMetricsJson, otlp::EncodeMetricsJson, otlp::DecodeMetrics,
        [](const otlp::MetricsData& metrics) { return otlp::EncodeMetrics(metrics); });
  Check(text, otlp::DecodeLogsJson, otlp::EncodeLogsJson, otlp::DecodeLogs,
        [](const otlp::LogsData& logs) { return otlp::EncodeLogs(logs); });
  return 0;
}
