// Zipkin's and Jaeger's spans in all encodings, which the first byte chooses: what is decoded is written as
// OTLP and read again.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "otlp/encode.h"
#include "traceformats/jaeger.h"
#include "traceformats/zipkin.h"

namespace {

using namespace sextant;

core::Result<otlp::TracesData> Decode(uint8_t format, std::string_view bytes) {
  traceformats::ZipkinOptions options{.parses_text_tags = (format & 0x80) != 0, .now_ns = 1};
  switch (format & 7) {
    case 0:
      return traceformats::DecodeZipkinV2Json(bytes, options);
    case 1:
      return traceformats::DecodeZipkinProtobuf(bytes, options);
    case 2:
      return traceformats::DecodeZipkinV1Json(bytes, options);
    case 3:
      return traceformats::DecodeZipkinV1Thrift(bytes);
    case 4:
      return traceformats::DecodeJaegerProtobuf(bytes);
    case 5:
      return traceformats::DecodeJaegerThrift(bytes);
    case 6:
      return traceformats::DecodeJaegerAgentCompact(bytes);
    default:
      return traceformats::DecodeJaegerAgentBinary(bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  auto decoded = Decode(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!decoded) return 0;
  std::string message = otlp::EncodeTraces(*decoded);
  auto again = otlp::DecodeTraces(message);
  SEXTANT_CHECK(again.has_value() || again.error().code() == core::Code::kResourceExhausted);
  if (again) SEXTANT_CHECK(otlp::CountSpans(*again) == otlp::CountSpans(*decoded));
  return 0;
}
