// Runs the input as a script for testing PromQL, with little time and memory for each query.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "metrics/promql/promqltest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace sextant::promql;
  std::string_view script(reinterpret_cast<const char*>(bytes), std::min<size_t>(size, 2'000));
  // Long repetitions are bounded elsewhere; here they would only take time.
  for (size_t i = 0, digits = 0; i < script.size(); ++i) {
    digits = script[i] >= '0' && script[i] <= '9' ? digits + 1 : 0;
    if (digits > 3) return 0;
  }
  sextant::core::SystemClock clock;
  EngineOptions options = PromqltestEngineOptions();
  options.max_samples = 1'000;
  options.timeout_ms = 20;
  Engine engine(options, clock, nullptr);
  static_cast<void>(RunPromqltest(script, engine));
  return 0;
}
