// Where a block came from: any bytes are read or refused; what is read is written and read again as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "metrics/tsdb/block_origin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::tsdb;
  auto origin = DecodeOrigin({reinterpret_cast<const char*>(data), size});
  if (!origin) return 0;
  auto again = DecodeOrigin(EncodeOrigin(*origin));
  if (!again || *again != *origin) std::abort();
  return 0;
}
