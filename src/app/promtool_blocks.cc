#include "app/promtool_blocks.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>

#include "app/promtool_commands.h"
#include "config/go_duration.h"
#include "core/file.h"
#include "metrics/promfiles/ulid.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;

std::string FormatTime(core::TimestampMs time_ms, bool is_human_readable) {
  if (!is_human_readable) return fmt::format("{}", time_ms);
  std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return fmt::format("{}", time_ms);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} +0000 UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// "1MiB3KiB7B", as the original's library writes sizes.
std::string FormatSize(uint64_t bytes, bool is_human_readable) {
  if (!is_human_readable) return fmt::format("{}", bytes);
  if (bytes == 0) return "0B";
  constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::string text;
  for (size_t i = 0; i < kUnits.size() && bytes > 0; ++i, bytes /= 1024) {
    if (bytes % 1024 != 0) text = fmt::format("{}{}{}", bytes % 1024, kUnits[i], text);
  }
  return text;
}

uint64_t SizeOf(const std::filesystem::path& dir) {
  uint64_t size = 0;
  std::error_code error;
  auto add = [&](const std::filesystem::path& file) {
    uint64_t bytes = std::filesystem::file_size(file, error);
    if (!error) size += bytes;
  };
  for (const char* name : {"index", "meta.json", "tombstones"}) add(dir / name);
  for (const auto& entry : std::filesystem::directory_iterator(dir / "chunks", error)) add(entry.path());
  return size;
}

}  // namespace

core::Status CheckDirectory(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  if (!std::filesystem::exists(path, error)) {
    return Fail(Code::kNotFound, "opening the db dir: stat {}: no such file or directory", path);
  }
  return Fail(Code::kInvalidArgument, "opening the db dir: {}: not a directory", path);
}

Result<std::vector<DirectoryBlock>> ReadBlocks(const std::string& path) {
  SEXTANT_TRY(CheckDirectory(path));
  core::PosixFileSystem files;
  SEXTANT_ASSIGN(std::vector<core::FileInfo> entries, files.List(path));
  std::vector<DirectoryBlock> blocks;
  for (const core::FileInfo& entry : entries) {
    if (!entry.is_directory || !promfiles::Ulid::Parse(entry.name)) continue;
    DirectoryBlock block;
    block.dir = core::JoinPath(path, entry.name);
    SEXTANT_ASSIGN(block.meta, promfiles::ReadBlockMeta(files, block.dir));
    block.size_bytes = SizeOf(block.dir);
    blocks.push_back(std::move(block));
  }
  std::ranges::stable_sort(blocks, {}, [](const DirectoryBlock& block) {
    return std::pair(block.meta.min_time_ms, block.meta.max_time_ms);
  });
  return blocks;
}

std::string BlockTable(const std::vector<DirectoryBlock>& blocks, bool has_header, bool is_human_readable) {
  using Row = std::array<std::string, 8>;
  std::vector<Row> rows;
  if (has_header) {
    rows.push_back({"BLOCK ULID", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES", "NUM CHUNKS",
                    "NUM SERIES", "SIZE"});
  }
  for (const DirectoryBlock& block : blocks) {
    const promfiles::BlockMeta& meta = block.meta;
    rows.push_back({meta.ulid.ToString(), FormatTime(meta.min_time_ms, is_human_readable),
                    FormatTime(meta.max_time_ms, is_human_readable),
                    config::FormatGoDurationMs(meta.max_time_ms - meta.min_time_ms),
                    fmt::format("{}", meta.stats.samples), fmt::format("{}", meta.stats.chunks),
                    fmt::format("{}", meta.stats.series), FormatSize(block.size_bytes, is_human_readable)});
  }
  // Columns are as wide as their widest cell and two more, at least 13; the last is not filled up.
  std::array<size_t, 7> widths;
  widths.fill(13);
  for (const Row& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + 2);
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) text += fmt::format("{:<{}}", row[i], widths[i]);
    text += row.back() + "\n";
  }
  return text;
}

}  // namespace sextant::app
