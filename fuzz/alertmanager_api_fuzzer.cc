// Reads the input as what is POSTed to Alertmanager's API, and as what `sextant amtool` is answered. What is
// taken must be written so that it can be read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/alertmanager_json.h"
#include "app/amtool_client.h"
#include "app/amtool_format.h"

namespace {

void TrySilence(std::string_view text) {
  const auto silence = sextant::api::ReadPostedSilence(text);
  if (!silence) return;
  // Years with more or fewer than four digits are written and not read.
  constexpr sextant::core::TimestampMs kLatest = 253'402'300'799'000;
  for (const sextant::core::TimestampMs time_ms : {silence->starts_at_ms, silence->ends_at_ms}) {
    if (time_ms < 0 || time_ms > kLatest) return;
  }
  sextant::core::JsonWriter json;
  sextant::api::WriteSilence(json, *silence, 0);
  const std::string written = std::move(json).Take();
  if (!sextant::api::ReadPostedSilence(written)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace sextant::app;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  static_cast<void>(sextant::api::ReadPostedAlerts(text));
  TrySilence(text);
  for (const AmtoolOutput output : {AmtoolOutput::kSimple, AmtoolOutput::kExtended, AmtoolOutput::kJson}) {
    if (auto alerts = ParseAlerts(text)) static_cast<void>(FormatAlerts(std::move(*alerts), {output}));
    if (auto silences = ParseSilences(text))
      static_cast<void>(FormatSilences(std::move(*silences), {output}));
  }
  return 0;
}
