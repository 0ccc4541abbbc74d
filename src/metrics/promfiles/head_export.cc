#include "metrics/promfiles/head_export.h"

#include <algorithm>

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using model::FloatHistogram;

// Records of the sizes that Prometheus writes and reads in one go.
constexpr size_t kMostSeries = 1000;
constexpr size_t kMostSamples = 5000;
constexpr size_t kMostHistograms = 500;

constexpr const char* kWal = "wal";
constexpr const char* kWbl = "wbl";
constexpr const char* kTemporarySuffix = ".exporting";

// By kind of histogram.
constexpr std::array kFirstVersion = {RecordType::kHistograms, RecordType::kFloatHistograms,
                                      RecordType::kCustomHistograms, RecordType::kCustomFloatHistograms};
constexpr std::array kSecondVersion = {RecordType::kHistogramsV2, RecordType::kFloatHistogramsV2,
                                       RecordType::kHistogramsV2, RecordType::kFloatHistogramsV2};

template <typename Entry>
bool HasStartTimes(const std::vector<Entry>& entries) {
  return std::ranges::any_of(entries, [](const Entry& entry) { return entry.start_ms != 0; });
}

}  // namespace

HeadExporter::HeadExporter(core::FileSystem& fs, std::string data_dir, const HeadExportOptions& options)
    : fs_(fs), data_dir_(std::move(data_dir)), options_(options) {}

core::Result<std::unique_ptr<HeadExporter>> HeadExporter::Create(core::FileSystem& fs, std::string data_dir,
                                                                 const HeadExportOptions& options) {
  if (HasHead(fs, data_dir)) {
    return Fail(Code::kAlreadyExists, "{} holds the head of a Prometheus already", data_dir);
  }
  std::unique_ptr<HeadExporter> exporter(new HeadExporter(fs, std::move(data_dir), options));
  // What an export left that did not come to its end.
  for (const char* name : {kWal, kWbl}) SEXTANT_TRY(core::RemoveAll(fs, exporter->TemporaryPath(name)));
  SEXTANT_TRY(exporter->Open(exporter->wal_, kWal));
  return exporter;
}

core::Status HeadExporter::Series(WalRef ref, const model::Labels& labels) {
  ref_ = ref;
  series_.push_back({.ref = ref, .labels = labels});
  return series_.size() < kMostSeries ? core::Status() : FlushDefinitions();
}

core::Status HeadExporter::Metadata(const model::MetricMetadata& metadata) {
  metadata_.push_back({.ref = ref_, .metadata = metadata});
  return {};
}

core::Status HeadExporter::Tombstone(TimestampMs min_ms, TimestampMs max_ms) {
  // All of time would say that the series itself is gone.
  if (min_ms == std::numeric_limits<TimestampMs>::min()) ++min_ms;
  tombstones_.push_back({.ref = ref_, .min_ms = min_ms, .max_ms = max_ms});
  return tombstones_.size() < kMostSamples ? core::Status() : FlushDefinitions();
}

core::Status HeadExporter::Samples(const model::SampleColumns& samples) {
  for (size_t i = 0; i < samples.size(); ++i) SEXTANT_TRY(AddSample(samples, i));
  return {};
}

core::Status HeadExporter::Exemplar(const model::Exemplar& exemplar) {
  exemplars_.push_back({.ref = ref_, .exemplar = exemplar});
  return exemplars_.size() < kMostSamples ? core::Status() : FlushDefinitions();
}

core::Status HeadExporter::Finish() {
  SEXTANT_TRY(FlushDefinitions());
  SEXTANT_TRY(FlushSamples(wal_));
  SEXTANT_TRY(wal_.writer->Finish());
  if (wbl_.writer != nullptr) {
    SEXTANT_TRY(FlushSamples(wbl_));
    SEXTANT_TRY(wbl_.writer->Finish());
    // First, as only the WAL makes its references mean something.
    SEXTANT_TRY(PutInPlace(kWbl));
  }
  SEXTANT_TRY(PutInPlace(kWal));
  return fs_.SyncDirectory(data_dir_);
}

std::string HeadExporter::TemporaryPath(const char* name) const {
  return core::JoinPath(data_dir_, std::string(name) + kTemporarySuffix);
}

core::Status HeadExporter::Open(Log& log, const char* name) {
  SEXTANT_ASSIGN(log.writer,
                 WalWriter::Create(fs_, TemporaryPath(name), 0, {.compression = options_.compression}));
  return {};
}

core::Status HeadExporter::AddSample(const model::SampleColumns& samples, size_t i) {
  TimestampMs time_ms = samples.times_ms[i];
  const auto& histogram = samples.histograms.empty() ? nullptr : samples.histograms[i];
  bool keeps_start = histogram == nullptr ? options_.float_start_times : options_.histogram_start_times;
  TimestampMs start_ms = keeps_start && !samples.start_times_ms.empty() ? samples.start_times_ms[i] : 0;
  Kind kind = kFloat;
  if (histogram != nullptr) {
    bool custom = histogram->schema == model::kCustomBucketsSchema;
    kind = histogram->is_integer ? (custom ? kCustomInteger : kInteger)
                                 : (custom ? kCustomFloatCounts : kFloatCounts);
  }
  bool out_of_order = time_ms < options_.min_valid_ms;
  Log& log = out_of_order ? wbl_ : wal_;
  if (log.writer == nullptr) SEXTANT_TRY(Open(log, kWbl));
  // Records keep the order of a series' samples only among samples of their kind.
  if (kind != log.last_kind) SEXTANT_TRY(FlushSamples(log));
  log.last_kind = kind;
  if (kind == kFloat) {
    log.floats.push_back({.ref = ref_, .time_ms = time_ms, .value = samples.values[i], .start_ms = start_ms});
    return log.floats.size() < kMostSamples ? core::Status() : FlushSamples(log);
  }
  std::vector<WalHistogram>& histograms = log.histograms[kind - 1];
  histograms.push_back({.ref = ref_, .time_ms = time_ms, .start_ms = start_ms, .histogram = histogram});
  return histograms.size() < kMostHistograms ? core::Status() : FlushSamples(log);
}

// Series first: what follows refers to them.
core::Status HeadExporter::FlushDefinitions() {
  auto write = [&](auto& entries, auto encode) -> core::Status {
    if (entries.empty()) return {};
    record_.clear();
    encode(entries, record_);
    entries.clear();
    return wal_.writer->Append(record_);
  };
  SEXTANT_TRY(write(series_, EncodeSeriesRecord));
  SEXTANT_TRY(write(metadata_, EncodeMetadataRecord));
  SEXTANT_TRY(write(tombstones_, EncodeTombstonesRecord));
  return write(exemplars_, EncodeExemplarsRecord);
}

core::Status HeadExporter::FlushSamples(Log& log) {
  SEXTANT_TRY(FlushDefinitions());
  if (!log.floats.empty()) {
    record_.clear();
    EncodeSamplesRecord(HasStartTimes(log.floats) ? RecordType::kSamplesV2 : RecordType::kSamples, log.floats,
                        record_);
    SEXTANT_TRY(log.writer->Append(record_));
    log.floats.clear();
  }
  for (size_t kind = 0; kind < kHistogramKinds; ++kind) {
    if (log.histograms[kind].empty()) continue;
    record_.clear();
    EncodeHistogramsRecord((HasStartTimes(log.histograms[kind]) ? kSecondVersion : kFirstVersion)[kind],
                           log.histograms[kind], record_);
    SEXTANT_TRY(log.writer->Append(record_));
    log.histograms[kind].clear();
  }
  return {};
}

core::Status HeadExporter::PutInPlace(const char* name) {
  return fs_.Rename(TemporaryPath(name), core::JoinPath(data_dir_, name));
}

}  // namespace sextant::promfiles
