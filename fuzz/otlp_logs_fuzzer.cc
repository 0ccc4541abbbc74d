// Log records as OTLP's protobuf: what is decoded is encoded, as protobuf and JSON, and means the same when
// it is decoded again.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "otlp/encode.h"
#include "otlp/encode_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant;
  auto decoded = otlp::DecodeLogs({reinterpret_cast<const char*>(data), size});
  if (!decoded) return 0;
  std::string message = otlp::EncodeLogs(*decoded);
  SEXTANT_CHECK(otlp::EncodedSize(*decoded) == message.size());
  auto again = otlp::DecodeLogs(message);
  if (!again) {
    // What was not known made the message larger, and with it what decoding may cost.
    SEXTANT_CHECK(again.error().code() == core::Code::kResourceExhausted);
    return 0;
  }
  SEXTANT_CHECK(otlp::EncodeLogs(*again) == message);
  SEXTANT_CHECK(otlp::CountRecords(*again) == otlp::CountRecords(*decoded));
  std::string json = otlp::EncodeLogsJson(*decoded);
  SEXTANT_CHECK(otlp::EncodeLogsJson(*again) == json);
  auto from_json = otlp::DecodeLogsJson(json);
  SEXTANT_CHECK(from_json.has_value());
  SEXTANT_CHECK(otlp::EncodeLogsJson(*from_json) == json);
  return 0;
}
