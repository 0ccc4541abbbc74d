// Records of Prometheus' logs. What can be read must come back the same after being written and read again.
#include "metrics/promfiles/wal_record.h"

namespace {

using namespace sextant::promfiles;

void MustBe(bool condition) {
  if (!condition) __builtin_trap();
}

// Reads, writes and reads again; the second and third forms must be the same bytes.
template <typename Entry, typename Decode, typename Encode>
void Check(std::string_view record, Decode decode, Encode encode) {
  std::vector<Entry> entries;
  if (!decode(record, entries) || entries.empty()) return;
  std::string first;
  encode(entries, first);
  std::vector<Entry> again;
  MustBe(decode(first, again).has_value() && again.size() == entries.size());
  std::string second;
  encode(again, second);
  MustBe(first == second);
}

void CheckHistograms(RecordType type, std::string_view record) {
  Check<WalHistogram>(
      record,
      [](std::string_view bytes, std::vector<WalHistogram>& out) {
        auto status = DecodeHistogramsRecord(bytes, out);
        std::erase_if(out, [](const WalHistogram& entry) { return entry.histogram == nullptr; });
        return status;
      },
      [&](const std::vector<WalHistogram>& entries, std::string& out) {
        EncodeHistogramsRecord(type, entries, out);
      });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view record(reinterpret_cast<const char*>(data), size);
  auto type = static_cast<RecordType>(data[0]);
  switch (type) {
    case RecordType::kSeries:
      Check<WalSeries>(record, DecodeSeriesRecord, EncodeSeriesRecord);
      break;
    case RecordType::kSamples:
    case RecordType::kSamplesV2:
      Check<WalSample>(record, DecodeSamplesRecord,
                       [&](const std::vector<WalSample>& entries, std::string& out) {
                         EncodeSamplesRecord(type, entries, out);
                       });
      break;
    case RecordType::kTombstones:
      Check<WalTombstone>(record, DecodeTombstonesRecord, EncodeTombstonesRecord);
      break;
    case RecordType::kExemplars:
      Check<WalExemplar>(record, DecodeExemplarsRecord, EncodeExemplarsRecord);
      break;
    case RecordType::kMmapMarkers:
      Check<WalMmapMarker>(record, DecodeMmapMarkersRecord, EncodeMmapMarkersRecord);
      break;
    case RecordType::kMetadata:
      Check<WalMetadata>(record, DecodeMetadataRecord, EncodeMetadataRecord);
      break;
    default:
      CheckHistograms(type, record);
  }
  return 0;
}
