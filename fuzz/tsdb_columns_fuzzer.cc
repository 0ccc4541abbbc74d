// What stands in the columns of a block, and the deletions beside them: the first byte says which of the
// readers gets the rest, the next two how many samples it is told to find.
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "metrics/tsdb/dense_columns.h"
#include "metrics/tsdb/dense_deletions.h"
#include "metrics/tsdb/dense_integers.h"
#include "metrics/tsdb/dense_rows.h"
#include "metrics/tsdb/dense_values.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant;
  using namespace sextant::tsdb;
  if (size < 3) return 0;
  size_t count = (size_t{data[1]} | size_t{data[2]} << 8) % (kMaxRowSamples + 1);
  std::string bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  switch (data[0] % 6) {
    case 0: {
      std::vector<int64_t> numbers(count);
      static_cast<void>(DecodeIntegers(bytes, numbers));
      break;
    }
    case 1: {
      std::vector<double> values(count);
      static_cast<void>(DecodeValues(bytes, values));
      break;
    }
    case 2: {
      std::vector<core::TimestampMs> times_ms(count);
      for (size_t i = 0; i < count; ++i) times_ms[i] = static_cast<core::TimestampMs>(i);
      model::SampleColumns samples;
      static_cast<void>(DecodeRow({bytes, {}}, times_ms, count / 4, count, samples));
      break;
    }
    case 3:
      for (bool has_times : {false, true}) {
        ColumnsReader::Group group;
        if (!ParseGroup(bytes, has_times, group)) continue;
        RowReference reference;
        for (size_t i = 0; i < group.size(); ++i) static_cast<void>(ParseReference(group.Row(i), reference));
      }
      break;
    case 4: {
      if (bytes.size() >= 8) {
        uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size() - 8);
        std::memcpy(bytes.data() + bytes.size() - 8, &checksum, 8);
      }
      auto deletions = Deletions::Parse(bytes, 10'000);
      if (!deletions) break;
      model::SampleColumns samples;
      for (int i = 0; i < 100; ++i) samples.Add(i * 1000, i);
      deletions->Subtract(1, 0, samples);
      static_cast<void>(deletions->Serialize());
      break;
    }
    default: {
      // Two columns, of which the first byte parts them.
      if (bytes.empty()) break;
      size_t base = std::min(size_t{static_cast<uint8_t>(bytes[0])}, bytes.size() - 1);
      std::vector<double> values(count);
      static_cast<void>(DecodeDifferences(std::string_view(bytes).substr(1, base),
                                          std::string_view(bytes).substr(1 + base), values));
    }
  }
  return 0;
}
