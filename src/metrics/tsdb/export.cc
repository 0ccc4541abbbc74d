#include "metrics/tsdb/export.h"

#include <algorithm>

#include "metrics/promfiles/ulid.h"
#include "metrics/tsdb/block_merge.h"
#include "metrics/tsdb/prometheus_block.h"
#include "metrics/tsdb/querier.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::FileInfo;
using core::JoinPath;
using core::Result;
using core::Status;

constexpr TimestampMs kLatest = std::numeric_limits<TimestampMs>::max();

// Links the files below a directory into another one.
Status LinkFiles(core::FileSystem& fs, const std::string& from, const std::string& to) {
  SEXTANT_TRY(fs.MakeDirectories(to));
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs.List(from));
  for (const FileInfo& entry : entries) {
    if (entry.name == kOriginFile) continue;  // speaks of blocks that are not in the export
    std::string source = JoinPath(from, entry.name);
    std::string target = JoinPath(to, entry.name);
    SEXTANT_TRY(entry.is_directory ? LinkFiles(fs, source, target) : fs.Link(source, target));
  }
  return fs.SyncDirectory(to);
}

class Exporter {
 public:
  Exporter(std::shared_ptr<Store> store, core::FileSystem& target, const std::string& dir,
           const ExportOptions& options)
      : store_(std::move(store)),
        fs_(target),
        view_(store_, kNoTime, kLatest),
        ulids_(store_->clock),
        dir_(dir),
        options_(options),
        filter_{options.matcher_sets, options.start_ms, options.end_ms} {}

  Result<ExportCounts> Run() {
    // Without this one, empty, promtool's dump takes the directory for none of Prometheus'.
    SEXTANT_TRY(fs_.MakeDirectories(JoinPath(dir_, "wal")));
    for (const auto& block : view_.blocks()) SEXTANT_TRY(ExportOrSetAside(block));
    if (options_.with_head) SEXTANT_TRY(ExportHead());
    SEXTANT_TRY(fs_.SyncDirectory(dir_));
    return counts_;
  }

 private:
  bool TakesAll() const {
    return !options_.encodings && options_.matcher_sets.empty() && options_.start_ms == kNoTime &&
           options_.end_ms == kLatest;
  }

  Status ExportOrSetAside(const std::shared_ptr<const Block>& block) {
    Status exported = Export(block);
    if (exported || exported.error().code() != Code::kCorruption) return exported;
    ++counts_.damages;
    return store_->blocks.Guard(*block, std::move(exported));
  }

  Status Export(const std::shared_ptr<const Block>& block) {
    if (block->end_ms() <= options_.start_ms || block->start_ms() > options_.end_ms) return {};
    bool is_prometheus = dynamic_cast<const PrometheusBlock*>(block.get()) != nullptr;
    if (TakesAll() && is_prometheus) {
      // Prometheus would not start on a directory with a block whose tables it cannot read.
      SEXTANT_TRY(block->AllSeries());
      Status linked = Link(*block);
      // A block that was replaced meanwhile can still be read.
      bool can_copy = !linked && (linked.error().code() == Code::kUnimplemented ||
                                  linked.error().code() == Code::kNotFound);
      if (!can_copy) return linked;
    }
    TimestampMs end_ms = options_.end_ms < block->end_ms() ? options_.end_ms + 1 : block->end_ms();
    TimestampMs start_ms = std::max(block->start_ms(), options_.start_ms);
    return Write(start_ms, end_ms, is_prometheus, [&](BlockWriter& writer) {
      auto report = [this](const Block&, const core::Error& error) -> Status {
        ++counts_.damages;
        store_->blocks.ReportChunk(error);
        return {};
      };
      return CopyBlocks({block}, filter_, IsClosed(), report, writer);
    });
  }

  Status Link(const Block& block) {
    std::string to = JoinPath(dir_, NameOf(block));
    std::string unfinished = UnfinishedDir(to, BlockForm::kPrometheus);
    Status linked = LinkFiles(fs_, block.dir(), unfinished);
    if (linked) linked = fs_.Rename(unfinished, to);
    if (!linked) {
      SEXTANT_TRY(core::RemoveAll(fs_, unfinished));
      return linked;
    }
    ++counts_.blocks;
    counts_.series += block.facts().series;
    counts_.samples += block.facts().samples;
    return {};
  }

  Status ExportHead() {
    const Head& head = store_->head;
    // Samples that came out of order may be from before the head begins.
    auto [first_late_ms, last_late_ms] = head.out_of_order().TimeRange();
    TimestampMs start_ms = std::max(view_.head_start_ms(), head.min_time_ms());
    TimestampMs end_ms = head.max_time_ms();
    if (first_late_ms <= last_late_ms) {
      start_ms = std::min(start_ms, first_late_ms);
      end_ms = std::max(end_ms, last_late_ms);
    }
    start_ms = std::max(start_ms, options_.start_ms);
    end_ms = std::min(end_ms, options_.end_ms);
    if (start_ms > end_ms) return {};
    return Write(start_ms, end_ms + 1, /*is_of_prometheus_block=*/false, [&](BlockWriter& writer) {
      return CopyHead(head, {options_.matcher_sets, start_ms, end_ms}, view_.head_start_ms(), IsClosed(),
                      writer);
    });
  }

  template <typename Copy>
  Status Write(TimestampMs start_ms, TimestampMs end_ms, bool is_of_prometheus_block, Copy copy) {
    promfiles::Ulid ulid = ulids_.Next();
    std::string dir = JoinPath(dir_, ulid.ToString());
    PrometheusBlockOptions block;
    block.ulid = ulid;
    block.start_ms = start_ms;
    block.end_ms = end_ms;
    block.chunks = EncodeOptionsFor(options_.encodings.value_or(store_->blocks.chunk_encodings()),
                                    is_of_prometheus_block && !options_.encodings);
    SEXTANT_ASSIGN(auto writer, PrometheusBlockWriter::Start(fs_, dir, std::move(block)));
    Result<CopyCounts> copied = copy(*writer);
    if (!copied) {
      writer.reset();
      SEXTANT_TRY(core::RemoveAll(fs_, UnfinishedDir(dir, BlockForm::kPrometheus)));
      return tl::unexpected(copied.error());
    }
    SEXTANT_ASSIGN(bool has_samples, writer->Finish());
    counts_.blocks += has_samples ? 1 : 0;
    counts_.series += copied->series;
    counts_.samples += copied->samples;
    return {};
  }

  std::function<bool()> IsClosed() const {
    return [this] { return store_->is_closed.load(); };
  }

  const std::shared_ptr<Store> store_;
  core::FileSystem& fs_;
  const View view_;
  promfiles::UlidSource ulids_;
  const std::string dir_;
  const ExportOptions& options_;
  const CopyFilter filter_;
  ExportCounts counts_;
};

// Takes everything and keeps nothing.
class NoWriter final : public BlockWriter {
 public:
  Status Add(const model::Labels&, const model::SampleColumns&) override { return {}; }
  Result<bool> Finish() override { return true; }
};

}  // namespace

Result<VerifyReport> VerifyBlocks(Store& store) {
  VerifyReport report;
  auto note = [&](const Block&, const core::Error& error) -> Status {
    report.damages.push_back(error.message());
    return {};
  };
  for (const HeldBlock& held : store.blocks.Held()) {
    NoWriter writer;
    auto read = CopyBlocks({held.block}, {}, [&] { return store.is_closed.load(); }, note, writer);
    if (!read) {
      // An index that is damaged sets its block aside, which is among the damages then.
      SEXTANT_TRY(store.blocks.Guard(*held.block, tl::unexpected(read.error())));
      continue;
    }
    ++report.blocks;
    report.series += read->series;
    report.samples += read->samples;
  }
  std::vector<std::string> aside = store.blocks.damages();
  report.damages.insert(report.damages.end(), aside.begin(), aside.end());
  return report;
}

Result<ExportCounts> ExportBlocks(const std::shared_ptr<Store>& store, core::FileSystem& target,
                                  const std::string& dir, const ExportOptions& options) {
  return Exporter(store, target, dir, options)
      .Run()
      .map_error(core::AddContext("writing blocks into {}", dir));
}

}  // namespace sextant::tsdb
