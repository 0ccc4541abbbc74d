// Writes the contents of a head as Prometheus' write-ahead log, so that a Prometheus that starts on the
// directory has every sample: the way back. Owned by one thread.
//
// It takes series as an import gives them (head_import.h): Series, then what there is of that series. Series
// must have different labels and numbers that are not 0; samples of a series ascend in time, over any number
// of calls. Nothing is in its place before Finish succeeds; after a failure the exporter is of no more use.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/head_import.h"
#include "metrics/promfiles/wal_record.h"
#include "metrics/promfiles/wal_writer.h"

namespace sextant::promfiles {

struct HeadExportOptions {
  // Where the newest in-order block ends. Prometheus drops older samples of its WAL, so these go into the
  // WBL, the log of out-of-order samples; there, Prometheus before 3.0 knows floats only.
  TimestampMs min_valid_ms = std::numeric_limits<TimestampMs>::min();
  // Floats, or histograms, that have start times keep them, in records 11 to 13, which Prometheus reads since
  // 3.14; else start times are left out.
  bool float_start_times = false;
  bool histogram_start_times = false;
  WalWriter::Compression compression = WalWriter::Compression::kSnappy;
};

class HeadExporter final : public HeadVisitor {
 public:
  // kAlreadyExists when the directory holds a head already.
  static core::Result<std::unique_ptr<HeadExporter>> Create(core::FileSystem& fs, std::string data_dir,
                                                            const HeadExportOptions& options);

  core::Status Series(WalRef ref, const model::Labels& labels) override;
  core::Status Metadata(const model::MetricMetadata& metadata) override;
  // Hides what is in the interval from queries, whether it was given or comes later.
  core::Status Tombstone(TimestampMs min_ms, TimestampMs max_ms) override;
  core::Status Samples(const model::SampleColumns& samples) override;
  core::Status Exemplar(const model::Exemplar& exemplar) override;

  // Writes what is left and puts the logs in place, durably.
  core::Status Finish();

 private:
  enum Kind : uint8_t { kFloat, kInteger, kFloatCounts, kCustomInteger, kCustomFloatCounts };
  static constexpr size_t kHistogramKinds = 4;

  // One log with the samples that wait for a record.
  struct Log {
    std::unique_ptr<WalWriter> writer;
    std::vector<WalSample> floats;
    std::array<std::vector<WalHistogram>, kHistogramKinds> histograms;  // by Kind, less one
    Kind last_kind = kFloat;
  };

  HeadExporter(core::FileSystem& fs, std::string data_dir, const HeadExportOptions& options);

  std::string TemporaryPath(const char* name) const;
  core::Status Open(Log& log, const char* name);
  core::Status AddSample(const model::SampleColumns& samples, size_t i);
  core::Status FlushDefinitions();
  core::Status FlushSamples(Log& log);
  core::Status PutInPlace(const char* name);

  core::FileSystem& fs_;
  const std::string data_dir_;
  const HeadExportOptions options_;

  Log wal_;
  Log wbl_;  // opened when there is something for it
  WalRef ref_ = 0;
  std::vector<WalSeries> series_;
  std::vector<WalMetadata> metadata_;
  std::vector<WalTombstone> tombstones_;
  std::vector<WalExemplar> exemplars_;
  std::string record_;
};

}  // namespace sextant::promfiles
