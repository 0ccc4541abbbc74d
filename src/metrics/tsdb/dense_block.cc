#include "metrics/tsdb/dense_block.h"

#include <xxhash.h>

#include <algorithm>

#include "metrics/tsdb/dense_rows.h"
#include "metrics/tsdb/dense_values.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::File;
using core::FileSystem;
using core::JoinPath;
using core::OpenMode;
using core::Result;
using core::Status;
using model::Labels;
using model::Matcher;

constexpr std::string_view kIndexFile = "index";
constexpr std::string_view kColumnsFile = "columns";
constexpr std::string_view kDeletionsFile = "deletions";

constexpr std::string_view kBucketLabel = "le";
// Rows of buckets that are worth differences, and that are kept for others to differ from.
constexpr size_t kMinBucketBytes = 48;
constexpr size_t kMaxBucketBytes = 16 << 10;
constexpr size_t kKnownHistograms = 256;

}  // namespace

DenseBlock::DenseBlock(std::string dir, const BlockFacts& facts, std::unique_ptr<core::MappedFile> index_file,
                       IndexReader index, std::unique_ptr<File> columns, Deletions deletions)
    : Block(std::move(dir), facts),
      index_file_(std::move(index_file)),
      index_(std::move(index)),
      columns_(std::move(columns), index_.facts().columns_bytes, index_.Section(IndexSection::kRowGroups),
               index_.Section(IndexSection::kTimeGroups)),
      deletions_(std::make_shared<const Deletions>(std::move(deletions))) {}

Result<std::shared_ptr<const Block>> DenseBlock::Open(FileSystem& fs, const std::string& dir) {
  SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> index, fs.MapReadOnly(JoinPath(dir, kIndexFile)));
  SEXTANT_ASSIGN(std::unique_ptr<File> columns, fs.Open(JoinPath(dir, kColumnsFile), OpenMode::kRead));
  auto reader = IndexReader::Open(index->bytes());
  if (!reader) return tl::unexpected(std::move(reader.error()).WithContext(JoinPath(dir, kIndexFile)));
  const IndexFacts& facts = reader->facts();
  SEXTANT_ASSIGN(uint64_t columns_bytes, columns->Size());
  char magic[8];
  static_assert(sizeof magic == kColumnsMagic.size() && sizeof magic == kColumnsMagic2.size());
  SEXTANT_ASSIGN(size_t got, columns->ReadAt(0, magic, sizeof magic));
  std::string_view version(magic, got);
  if (columns_bytes != facts.columns_bytes || (version != kColumnsMagic && version != kColumnsMagic2)) {
    return core::Fail(Code::kCorruption, "{}: not the columns of this block ({} bytes instead of {})",
                      columns->path(), columns_bytes, facts.columns_bytes);
  }
  SEXTANT_ASSIGN(Deletions deletions, Deletions::Load(fs, JoinPath(dir, kDeletionsFile), facts.series));
  BlockFacts of_block{.start_ms = facts.start_ms,
                      .end_ms = facts.end_ms,
                      .series = facts.series,
                      .samples = facts.samples,
                      .chunks = facts.rows,
                      .size_bytes = index->bytes().size() + columns_bytes +
                                    (deletions.empty() ? 0 : deletions.Serialize().size())};
  return std::shared_ptr<const Block>(new DenseBlock(dir, of_block, std::move(index), std::move(*reader),
                                                     std::move(columns), std::move(deletions)));
}

std::shared_ptr<const Deletions> DenseBlock::CurrentDeletions() const {
  std::lock_guard lock(deletions_mutex_);
  return deletions_;
}

uint64_t DenseBlock::deletions() const { return CurrentDeletions()->count(); }

// Without those of which nothing is left.
Result<Bitmap> DenseBlock::SelectNumbers(const std::vector<Matcher>& matchers,
                                         const model::StopCheck* check) const {
  SEXTANT_ASSIGN(Bitmap series, index_.Select(matchers, check));
  CurrentDeletions()->SubtractWhole(start_ms(), end_ms() - 1, series);
  return series;
}

Status DenseBlock::Select(const std::vector<Matcher>& matchers, std::vector<FoundInBlock>& out,
                          const model::SelectHints& hints) const {
  auto select = [&]() -> Status {
    SEXTANT_ASSIGN(Bitmap series, SelectNumbers(matchers, hints.check));
    return index_.VisitLabels(series, [&](uint32_t number, Labels labels) -> Status {
      out.push_back({std::move(labels), number});
      return out.size() % kSeriesBetweenChecks == 0 ? hints.Check() : Status();
    });
  };
  Status selected = select();
  if (selected || selected.error().code() != Code::kCorruption) return selected;
  return selected.map_error(core::AddContext("{}", JoinPath(dir(), kIndexFile)));
}

Status DenseBlock::LabelValues(std::string_view name, const std::vector<Matcher>& matchers,
                               std::vector<std::string>& out, const model::StopCheck* check) const {
  return index_.LabelValues(name, matchers, out, check)
      .map_error(core::AddContext("{}", JoinPath(dir(), kIndexFile)));
}

Status DenseBlock::LabelNames(const std::vector<Matcher>& matchers, std::vector<std::string>& out,
                              const model::StopCheck* check) const {
  return index_.LabelNames(matchers, out, check)
      .map_error(core::AddContext("{}", JoinPath(dir(), kIndexFile)));
}

Result<std::vector<uint32_t>> DenseBlock::AllSeries() const {
  SEXTANT_ASSIGN(Bitmap series, SelectNumbers({}));
  std::vector<uint32_t> all(series.cardinality());
  series.toUint32Array(all.data());
  return all;
}

Result<Labels> DenseBlock::LabelsOf(uint32_t series) const {
  return index_.LabelsOf(series).map_error(core::AddContext("{}", JoinPath(dir(), kIndexFile)));
}

Status DenseBlock::ReadRow(uint64_t row, TimestampMs start_ms, TimestampMs end_ms,
                           model::SampleColumns& out) const {
  SEXTANT_ASSIGN(ColumnsReader::Row found, columns_.ReadRow(row));
  SEXTANT_ASSIGN(ColumnsReader::Times times, columns_.ReadTimes(found.times));
  const std::vector<TimestampMs>& times_ms = *times;
  if (times_ms.front() < this->start_ms() || times_ms.back() >= this->end_ms()) {
    return core::Fail(Code::kCorruption, "{}: times outside of the block in row {}",
                      JoinPath(dir(), kColumnsFile), row);
  }
  auto begin = std::lower_bound(times_ms.begin(), times_ms.end(), start_ms);
  auto end = std::upper_bound(begin, times_ms.end(), end_ms);
  if (begin == end) return {};
  Status decoded = DecodeRow(found.stored, times_ms, static_cast<size_t>(begin - times_ms.begin()),
                             static_cast<size_t>(end - times_ms.begin()), out);
  if (decoded) return {};
  return decoded.map_error(core::AddContext("{}: row {}", JoinPath(dir(), kColumnsFile), row));
}

// They are few, and every read searches them.
Status DenseBlock::VerifyGroups() const {
  if (groups_are_good_.load(std::memory_order_acquire)) return {};
  for (IndexSection section : {IndexSection::kRowGroups, IndexSection::kTimeGroups})
    SEXTANT_TRY(index_.Verify(section).map_error(core::AddContext("{}", JoinPath(dir(), kIndexFile))));
  groups_are_good_.store(true, std::memory_order_release);
  return {};
}

Status DenseBlock::Read(uint32_t series, TimestampMs start_ms, TimestampMs end_ms,
                        model::SampleColumns& out) const {
  size_t before = out.size();
  SEXTANT_TRY(VerifyGroups());
  auto rows = index_.RowsOf(series);
  if (!rows) return tl::unexpected(std::move(rows.error()).WithContext(JoinPath(dir(), kIndexFile)));
  Status all;
  for (size_t i = 0; i <= rows->splits_ms.size(); ++i) {
    if (i > 0 && rows->splits_ms[i - 1] > end_ms) break;
    if (i < rows->splits_ms.size() && rows->splits_ms[i] <= start_ms) continue;
    Status read = ReadRow(rows->first + i, start_ms, end_ms, out);
    if (!read) all = read;
  }
  CurrentDeletions()->Subtract(series, before, out);
  return all;
}

Status DenseBlock::Delete(FileSystem& fs, const std::vector<Matcher>& matchers, TimestampMs start_ms,
                          TimestampMs end_ms) const {
  start_ms = std::max(start_ms, this->start_ms());
  end_ms = std::min(end_ms, this->end_ms() - 1);
  if (start_ms > end_ms) return {};
  auto selected = SelectNumbers(matchers);
  if (!selected) return tl::unexpected(std::move(selected.error()).WithContext(JoinPath(dir(), kIndexFile)));
  if (selected->isEmpty()) return {};
  std::lock_guard one_at_a_time(delete_mutex_);
  Deletions added = *CurrentDeletions();
  added.Add(start_ms, end_ms, *selected);
  SEXTANT_TRY(core::WriteFileAtomically(fs, JoinPath(dir(), kDeletionsFile), added.Serialize()));
  std::lock_guard lock(deletions_mutex_);
  deletions_ = std::make_shared<const Deletions>(std::move(added));
  return {};
}

Result<std::unique_ptr<DenseBlockWriter>> DenseBlockWriter::Start(FileSystem& fs, std::string dir,
                                                                  TimestampMs start_ms, TimestampMs end_ms) {
  std::string temporary_dir = dir + ".tmp";
  // What an attempt that failed in its last step has left.
  SEXTANT_TRY(core::RemoveAll(fs, temporary_dir));
  SEXTANT_TRY(core::RemoveAll(fs, dir));
  SEXTANT_TRY(fs.MakeDirectories(temporary_dir));
  SEXTANT_ASSIGN(ColumnsWriter columns, ColumnsWriter::Create(fs, JoinPath(temporary_dir, kColumnsFile)));
  SEXTANT_ASSIGN(std::unique_ptr<IndexWriter> index, IndexWriter::Start(fs, temporary_dir));
  std::unique_ptr<DenseBlockWriter> writer(
      new DenseBlockWriter(fs, std::move(dir), std::move(columns), std::move(index)));
  writer->facts_.start_ms = start_ms;
  writer->facts_.end_ms = end_ms;
  return writer;
}

Status DenseBlockWriter::Add(const Labels& labels, const model::SampleColumns& samples) {
  if (samples.size() == 0 || samples.times_ms.front() < facts_.start_ms ||
      samples.times_ms.back() >= facts_.end_ms) {
    return core::Fail(Code::kInvalidArgument, "{}: samples outside of the block's range", labels.ToString());
  }
  SEXTANT_TRY(index_->AddSeries(labels));
  for (size_t begin = 0; begin < samples.size();) {
    size_t count = RowLength(samples, begin);
    if (begin > 0) index_->AddSplit(samples.times_ms[begin]);
    SEXTANT_ASSIGN(uint32_t times, columns_.AddTimes(std::span(samples.times_ms).subspan(begin, count)));
    row_.clear();
    EncodeRow(samples, begin, count, row_);
    SEXTANT_TRY(AddRow(labels, times, count));
    begin += count;
  }
  facts_.samples += samples.size();
  return {};
}

// Buckets of one histogram move together; they need not be neighbours in the order of labels.
Status DenseBlockWriter::AddRow(const Labels& labels, uint32_t times, size_t count) {
  if (row_.size() < kMinBucketBytes || row_.size() > kMaxBucketBytes || !labels.Has(kBucketLabel))
    return columns_.AddRow(times, row_).map([](uint64_t) {});
  uint64_t histogram = times;
  for (model::LabelView label : labels) {
    if (label.name == kBucketLabel) continue;
    histogram = XXH3_64bits_withSeed(label.name.data(), label.name.size(), histogram);
    histogram = XXH3_64bits_withSeed(label.value.data(), label.value.size(), histogram);
  }
  // The first one is "+Inf", by its first byte, and counts everything; the last one may be closer.
  std::vector<Bucket>& bases = buckets_[histogram];
  const Bucket* nearest = nullptr;
  differences_.clear();
  for (const Bucket& base : bases) {
    if (row_ == base.bytes) return columns_.AddRow(times, row_).map([](uint64_t) {});
    std::string differences;
    if (!EncodeDifferences(base.bytes, row_, count, differences)) continue;
    if (nearest != nullptr && differences.size() >= differences_.size()) continue;
    nearest = &base;
    differences_.swap(differences);
  }
  if (nearest != nullptr) return columns_.AddDifferences(times, nearest->row, differences_);
  SEXTANT_ASSIGN(uint64_t row, columns_.AddRow(times, row_));
  if (bases.size() == 2) bases.pop_back();
  bases.push_back({row, row_});
  if (buckets_.size() > kKnownHistograms) buckets_.clear();
  return {};
}

Result<bool> DenseBlockWriter::Finish() {
  if (index_->series() == 0) {
    SEXTANT_TRY(core::RemoveAll(fs_, temporary_dir_));
    return false;
  }
  SEXTANT_TRY(columns_.Finish());
  facts_.series = index_->series();
  facts_.rows = columns_.rows();
  facts_.columns_bytes = columns_.size_bytes();
  SEXTANT_TRY(index_->Finish(facts_, columns_.row_groups(), columns_.time_groups()));
  SEXTANT_TRY(fs_.SyncDirectory(temporary_dir_));
  SEXTANT_TRY(fs_.Rename(temporary_dir_, dir_));
  SEXTANT_TRY(fs_.SyncDirectory(core::ParentPath(dir_)));
  return true;
}

}  // namespace sextant::tsdb
