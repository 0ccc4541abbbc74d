#include "metrics/tsdb/journal_reader.h"

#include <algorithm>
#include <bit>
#include <ranges>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/frames.h"
#include "metrics/tsdb/out_of_order_codec.h"

namespace sextant::tsdb {

using core::Code;
using core::Result;
using core::Status;
using model::CommittedBatch;
using model::CommittedSample;

namespace {

constexpr size_t kReadBytes = 256 << 10;

}  // namespace

JournalReader::JournalReader(std::shared_ptr<Store> store, model::CommitPosition from)
    : store_(std::move(store)), from_(from), number_(from.file) {}

Status JournalReader::Open(uint64_t number) {
  std::string path = core::JoinPath(store_->JournalDir(), NumberedName(number));
  SEXTANT_ASSIGN(file_, store_->fs.Open(path, core::OpenMode::kRead));
  number_ = number;
  offset_ = 0;
  buffer_.clear();
  buffer_offset_ = 0;
  decoder_ = BatchDecoder();
  definitions_.clear();
  absl::erase_if(start_times_ms_, [this](const auto& entry) { return !store_->head.LabelsOf(entry.first); });
  return {};
}

// Opens the first file from `number` on; false when there is none.
Result<bool> JournalReader::OpenFrom(uint64_t number) {
  Status opened = Open(number);
  if (opened) return true;
  if (opened.error().code() != Code::kNotFound) return tl::unexpected(opened.error());
  SEXTANT_ASSIGN(std::vector<core::FileInfo> files, store_->fs.List(store_->JournalDir()));
  uint64_t next = 0;
  for (const core::FileInfo& file : files) {
    uint64_t other = NumberOfName(file.name);
    if (other > number && (next == 0 || other < next)) next = other;
  }
  if (next == 0) return false;
  if (number != 0 && from_.file != 0) {
    store_->logger.Warn("part of the journal is gone that was still to be passed on",
                        {{"first_missing_file", number}, {"going_on_with", next}});
  }
  SEXTANT_TRY(Open(next));
  return true;
}

// Has at least so many bytes from offset_ on in the buffer; false when the file is shorter.
Result<bool> JournalReader::Fill(size_t bytes) {
  size_t have = buffer_.size() - static_cast<size_t>(offset_ - buffer_offset_);
  if (have >= bytes) return true;
  buffer_.erase(0, static_cast<size_t>(offset_ - buffer_offset_));
  buffer_offset_ = offset_;
  size_t wanted = std::max(bytes, kReadBytes);
  buffer_.resize(wanted);
  Result<size_t> read = file_->ReadAt(offset_ + have, buffer_.data() + have, wanted - have);
  buffer_.resize(have + read.value_or(0));
  if (!read) return tl::unexpected(read.error());
  return buffer_.size() >= bytes;
}

// The next intact payload of the file; false when there is none (yet). The view is valid until the next call.
Result<bool> JournalReader::NextPayload(std::string_view& payload) {
  if (offset_ == 0) {
    SEXTANT_ASSIGN(bool has_header, Fill(kFrameFileHeaderBytes));
    if (!has_header) return false;
    std::string header = MakeFrameFileHeader(FrameFileKind::kJournal, number_);
    if (std::string_view(buffer_).substr(0, kFrameFileHeaderBytes) != header) return false;
    offset_ = kFrameFileHeaderBytes;
  }
  auto at_offset = [this] {
    return std::string_view(buffer_).substr(static_cast<size_t>(offset_ - buffer_offset_));
  };
  SEXTANT_ASSIGN(bool has_frame_header, Fill(kFrameHeaderBytes));
  if (!has_frame_header) return false;
  uint32_t size = LoadFixed<uint32_t>(at_offset().data());
  if (size > kMaxFrameBytes) return false;
  SEXTANT_ASSIGN(bool has_payload, Fill(kFrameHeaderBytes + size));
  if (!has_payload || !IsFrameAt(number_, offset_, at_offset().substr(0, kFrameHeaderBytes + size))) {
    // It may be whole the next time it is read.
    buffer_.clear();
    buffer_offset_ = offset_;
    return false;
  }
  payload = at_offset().substr(kFrameHeaderBytes, size);
  return true;
}

// At the end of a file: false when it is the last one.
Result<bool> JournalReader::GoToNextFile() {
  uint64_t ended = number_;
  std::string path = core::JoinPath(store_->JournalDir(), NumberedName(number_ + 1));
  Result<core::FileInfo> next = store_->fs.Stat(path);
  if (!next) {
    if (next.error().code() != Code::kNotFound) return tl::unexpected(next.error());
    // Either nothing follows yet, or what follows has been removed together with this one.
    if (number_ >= store_->journal->file_number()) return false;
    file_ = nullptr;
    return OpenFrom(ended + 1);
  }
  // What was written to this file since it was looked at comes first.
  std::string_view payload;
  SEXTANT_ASSIGN(bool has_more, NextPayload(payload));
  if (has_more) return true;
  SEXTANT_ASSIGN(uint64_t size, file_->Size());
  if (size > std::max<uint64_t>(offset_, kFrameFileHeaderBytes)) {
    store_->logger.Warn("the end of a journal file cannot be read and is not passed on",
                        {{"file", file_->path()}, {"offset", offset_}, {"bytes", size - offset_}});
  }
  file_ = nullptr;
  return OpenFrom(ended + 1);
}

Result<bool> JournalReader::Next(CommittedBatch& out) {
  while (true) {
    if (file_ == nullptr) {
      SEXTANT_ASSIGN(bool is_open, OpenFrom(number_));
      if (!is_open) return false;
    }
    std::string_view payload;
    SEXTANT_ASSIGN(bool has_payload, NextPayload(payload));
    if (!has_payload) {
      SEXTANT_ASSIGN(bool goes_on, GoToNextFile());
      if (!goes_on) return false;
      continue;
    }
    model::CommitPosition begin{number_, offset_};
    if (Status decoded = decoder_.Decode(payload, batch_); !decoded) {
      store_->logger.Warn("the rest of a journal file cannot be read and is not passed on",
                          {{"file", file_->path()}, {"offset", offset_}, {"error", decoded.error()}});
      uint64_t ended = number_;
      file_ = nullptr;
      number_ = ended + 1;
      continue;
    }
    offset_ += kFrameHeaderBytes + payload.size();
    for (SeriesDefinition& definition : batch_.definitions) {
      definitions_.insert_or_assign(definition.ref, definition.labels);
    }
    bool is_wanted = begin >= from_;
    out.begin = begin;
    out.end = {number_, offset_};
    out.samples.clear();
    out.exemplars.clear();
    if (Status converted = Convert(batch_, out); !converted) {
      store_->logger.Warn("part of a journal batch cannot be read and is not passed on",
                          {{"file", file_->path()}, {"offset", begin.offset}, {"error", converted.error()}});
    }
    if (is_wanted) return true;
  }
}

Status JournalReader::Convert(const DecodedBatch& batch, CommittedBatch& out) {
  Status status;
  std::vector<StartChange> changes;
  for (const Section& section : batch.sections) {
    if (section.tag != SectionTag::kStartTimes) continue;
    status = ReadStartChanges(section.bytes, changes);
  }
  ConvertFloats(batch.samples, changes, out);
  for (const Section& section : batch.sections) {
    Status converted = ConvertSection(section, out);
    if (!converted) status = converted;
  }
  return status;
}

// A change holds for its series' samples from its time on; those before it in the batch count since what was
// known before.
void JournalReader::ConvertFloats(const SampleSpans& samples, std::span<const StartChange> changes,
                                  CommittedBatch& out) {
  absl::flat_hash_map<SeriesRef, std::vector<StartChange>> pending;  // latest first
  for (const StartChange& change : std::views::reverse(changes)) pending[change.ref].push_back(change);
  auto take = [this](const StartChange& change) {
    if (change.start_ms != 0) {
      start_times_ms_[change.ref] = change.start_ms;
    } else {
      start_times_ms_.erase(change.ref);
    }
  };
  out.samples.reserve(samples.refs.size());
  for (size_t i = 0; i < samples.refs.size(); ++i) {
    SeriesRef ref = samples.refs[i];
    TimestampMs time_ms = samples.times_ms[i];
    if (auto found = pending.find(ref); found != pending.end()) {
      std::vector<StartChange>& left = found->second;
      for (; !left.empty() && left.back().from_ms <= time_ms; left.pop_back()) take(left.back());
    }
    auto known = start_times_ms_.find(ref);
    TimestampMs start_ms = known == start_times_ms_.end() ? 0 : known->second;
    out.samples.push_back({ref, time_ms, std::bit_cast<double>(samples.bits[i]), nullptr, start_ms});
  }
  // Whatever is left belongs to samples that were not among these; later batches count with it.
  for (auto& [ref, left] : pending) {
    for (; !left.empty(); left.pop_back()) take(left.back());
  }
}

Status JournalReader::ConvertSection(const Section& section, CommittedBatch& out) {
  switch (section.tag) {
    case SectionTag::kHistograms: {
      SEXTANT_ASSIGN(MixedSection mixed, ReadMixedSection(section.bytes));
      for (MixedSample& sample : mixed.samples) {
        double value = sample.histogram == nullptr ? std::bit_cast<double>(sample.bits) : 0;
        out.samples.push_back(
            {sample.ref, sample.time_ms, value, std::move(sample.histogram), sample.start_ms});
      }
      return {};
    }
    case SectionTag::kOutOfOrder: {
      ByteReader reader(section.bytes);
      std::vector<OutOfOrderSample> samples;
      while (reader.ok() && !reader.at_end()) {
        auto ref = reader.Fixed<SeriesRef>();
        samples.clear();
        if (!reader.ok() || !ReadOutOfOrderSamples(reader, samples)) {
          return core::Fail(Code::kCorruption, "malformed out-of-order samples");
        }
        for (OutOfOrderSample& sample : samples) {
          double value = sample.histogram == nullptr ? std::bit_cast<double>(sample.bits) : 0;
          out.samples.push_back({ref, sample.time_ms, value, std::move(sample.histogram), sample.start_ms});
        }
      }
      return {};
    }
    case SectionTag::kExemplars:
      return ExemplarStore::ReadBatchSection(section.bytes, [&](SeriesRef ref, model::Exemplar exemplar) {
        out.exemplars.push_back({ref, std::move(exemplar)});
      });
    case SectionTag::kStartTimes:
    case SectionTag::kMetadata:
    case SectionTag::kDeletions:
    case SectionTag::kDroppedSeries:
      return {};
  }
  return {};
}

std::optional<model::Labels> JournalReader::LabelsOf(SeriesRef ref) const {
  auto found = definitions_.find(ref);
  if (found != definitions_.end()) return found->second;
  return store_->head.LabelsOf(ref);
}

std::shared_ptr<const model::MetricMetadata> JournalReader::MetadataOf(SeriesRef ref) const {
  return store_->head.metadata().Get(ref);
}

}  // namespace sextant::tsdb
