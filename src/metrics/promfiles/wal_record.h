// The records of Prometheus' write-ahead logs (tsdb/record): what one record's bytes say, in and out. WAL,
// checkpoints and WBL hold the same kinds; 11 to 13 exist since 3.14 and carry start timestamps.
//
// Pure functions; hostile bytes are harmless: what is not a record of its type is kCorruption. Decoders
// append to their output, which is as it was after a failure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/promfiles/big_endian.h"
#include "model/storage.h"

namespace sextant::promfiles {

using core::TimestampMs;

enum class RecordType : uint8_t {
  kSeries = 1,
  kSamples = 2,
  kTombstones = 3,
  kExemplars = 4,
  kMmapMarkers = 5,  // WBL only
  kMetadata = 6,
  kHistograms = 7,
  kFloatHistograms = 8,
  kCustomHistograms = 9,
  kCustomFloatHistograms = 10,
  kSamplesV2 = 11,
  kHistogramsV2 = 12,
  kFloatHistogramsV2 = 13,
};

// Names a series within one log. Never used again for another one.
using WalRef = uint64_t;

struct WalSeries {
  WalRef ref = 0;
  model::Labels labels;
};

struct WalSample {
  WalRef ref = 0;
  TimestampMs time_ms = 0;
  double value = 0;
  TimestampMs start_ms = 0;  // 0: not known
};

struct WalHistogram {
  WalRef ref = 0;
  TimestampMs time_ms = 0;
  TimestampMs start_ms = 0;
  // Null, when decoded: its schema is not known, or its parts contradict each other.
  std::shared_ptr<const model::FloatHistogram> histogram;
};

// A deletion of what lies in min_ms <= time <= max_ms.
struct WalTombstone {
  WalRef ref = 0;
  TimestampMs min_ms = 0;
  TimestampMs max_ms = 0;
};

struct WalExemplar {
  WalRef ref = 0;
  model::Exemplar exemplar;
};

// The series' out-of-order samples up to here are in a head chunk file: file << 32 | offset.
struct WalMmapMarker {
  WalRef ref = 0;
  uint64_t chunk_ref = 0;
};

struct WalMetadata {
  WalRef ref = 0;
  model::MetricMetadata metadata;
};

core::Status DecodeSeriesRecord(std::string_view record, std::vector<WalSeries>& out);
// Types 2 and 11.
core::Status DecodeSamplesRecord(std::string_view record, std::vector<WalSample>& out);
core::Status DecodeTombstonesRecord(std::string_view record, std::vector<WalTombstone>& out);
core::Status DecodeExemplarsRecord(std::string_view record, std::vector<WalExemplar>& out);
core::Status DecodeMmapMarkersRecord(std::string_view record, std::vector<WalMmapMarker>& out);
core::Status DecodeMetadataRecord(std::string_view record, std::vector<WalMetadata>& out);
// Types 7 to 10, 12 and 13.
core::Status DecodeHistogramsRecord(std::string_view record, std::vector<WalHistogram>& out);

// Append the record of `entries`, of which there is at least one.
void EncodeSeriesRecord(std::span<const WalSeries> entries, std::string& out);
// kSamples or kSamplesV2; the former leaves start times out.
void EncodeSamplesRecord(RecordType type, std::span<const WalSample> entries, std::string& out);
void EncodeTombstonesRecord(std::span<const WalTombstone> entries, std::string& out);
void EncodeExemplarsRecord(std::span<const WalExemplar> entries, std::string& out);
void EncodeMmapMarkersRecord(std::span<const WalMmapMarker> entries, std::string& out);
void EncodeMetadataRecord(std::span<const WalMetadata> entries, std::string& out);
// Any of the histogram types; all entries must be of that kind.
void EncodeHistogramsRecord(RecordType type, std::span<const WalHistogram> entries, std::string& out);

// The parts that chunk snapshots have too. Labels in any order are fine.
model::Labels ReadLabels(BigEndianReader& reader);
std::shared_ptr<const model::FloatHistogram> ReadHistogram(BigEndianReader& reader, bool is_integer);
void WriteHistogram(std::string& out, const model::FloatHistogram& histogram, bool is_integer);
void ReadExemplars(BigEndianReader& reader, std::vector<WalExemplar>& out);

}  // namespace sextant::promfiles
