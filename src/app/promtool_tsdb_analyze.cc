// `promtool tsdb analyze`: which labels make most series, and which come and go, in one block.
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>

#include "app/promtool_blocks.h"
#include "app/promtool_commands.h"
#include "config/go_duration.h"
#include "core/file.h"
#include "metrics/promfiles/block_chunks.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/promfiles/index_reader.h"
#include "metrics/promql/parser.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

using Counts = std::map<std::string, uint64_t>;

// The largest of them, with their names.
void PrintTop(std::string_view title, const Counts& counts, size_t limit) {
  Print(fmt::format("\n{}:\n", title));
  std::vector<std::pair<std::string, uint64_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second > b.second; });
  sorted.resize(std::min(sorted.size(), limit));
  for (const auto& [name, count] : sorted) Print(fmt::format("{} {}\n", count, name));
}

// What is counted over the series of a block. "Uncovered" is the part of the block's time in which a series
// has no samples.
struct SeriesCounts {
  Counts names_uncovered_ms;
  Counts pairs_uncovered_ms;
  Counts pairs;
  Counts metrics;
  uint64_t entries = 0;

  void Add(const model::Labels& labels, uint64_t uncovered_ms) {
    for (model::LabelView label : labels) {
      std::string pair = fmt::format("{}={}", label.name, label.value);
      names_uncovered_ms[std::string(label.name)] += uncovered_ms;
      pairs_uncovered_ms[pair] += uncovered_ms;
      ++pairs[pair];
      ++entries;
    }
    if (labels.Has(model::kMetricName)) ++metrics[std::string(labels.metric_name())];
  }
};

// Milliseconds in lengths of the block.
Counts InBlocks(const Counts& uncovered_ms, core::DurationMs block_ms) {
  Counts out;
  for (const auto& [name, ms] : uncovered_ms) {
    out[name] =
        static_cast<uint64_t>(static_cast<double>(ms) / static_cast<double>(std::max<int64_t>(block_ms, 1)));
  }
  return out;
}

// How chunks are filled: a line of statistics and a histogram of at least ten buckets.
void PrintDistribution(std::string_view what, std::vector<uint64_t> values, uint64_t total) {
  if (values.empty()) return Print(fmt::format("{}: N/A\n\n", what));
  std::ranges::sort(values);
  uint64_t step = 10;
  uint64_t wanted = (values.back() - values.front()) / 10;
  while (step < wanted && step <= 10'000) step *= 10;
  uint64_t start = values.front() - values.front() % step;
  uint64_t end = values.back() - values.back() % step + step;
  std::vector<uint64_t> buckets((end - start) / step + 1);
  uint64_t sum = 0;
  for (uint64_t value : values) {
    sum += value;
    ++buckets[(value - start) / step];
  }
  auto width = [](uint64_t number) { return std::to_string(number).size(); };
  size_t left = width(end);
  size_t right = width(end + step);
  size_t count = width(*std::ranges::max_element(buckets));
  Print(
      fmt::format("{} (min/avg/max): {}/{}/{}\n", what, values.front(), sum / values.size(), values.back()));
  for (size_t i = 0; i < buckets.size(); ++i) {
    Print(fmt::format("[{:>{}}, {:>{}}]: {:>{}} {}\n", i * step + start + 1, left, (i + 1) * step + start,
                      right, buckets[i], count, std::string(100 * buckets[i] / total, '#')));
  }
  Print("\n");
}

// Of all histograms of a chunk together.
Result<uint64_t> BucketsOf(const promfiles::ChunkCursor::Chunk& chunk) {
  model::SampleColumns samples;
  SEXTANT_TRY(promfiles::DecodeChunk(chunk.encoding, chunk.bytes, std::numeric_limits<int64_t>::min(),
                                     std::numeric_limits<int64_t>::max(), samples));
  uint64_t buckets = 0;
  for (const auto& histogram : samples.histograms) {
    if (histogram) buckets += histogram->positive_buckets.size() + histogram->negative_buckets.size();
  }
  return buckets;
}

// How many samples, bytes and buckets the chunks of the series have, by what they hold.
Status AnalyzeChunks(const DirectoryBlock& block, const promfiles::IndexReader& index,
                     const std::vector<model::Matcher>& matchers) {
  struct Kind {
    std::string_view samples_title;
    std::string_view bytes_title;
    std::vector<uint64_t> samples = {};
    std::vector<uint64_t> bytes = {};
  };
  Kind floats{"samples per float chunk", "bytes per float chunk"};
  Kind histograms{"samples per histogram chunk", "bytes per histogram chunk"};
  std::vector<uint64_t> buckets;
  core::PosixFileSystem files;
  SEXTANT_ASSIGN(auto segments, promfiles::ChunkSegments::Open(files, core::JoinPath(block.dir, "chunks")));
  promfiles::ChunkCursor cursor(segments);
  SEXTANT_ASSIGN(auto selected, index.Select(matchers));
  SEXTANT_TRY(index.VisitLabels(selected, [&](uint32_t series, const model::Labels&) -> Status {
    SEXTANT_ASSIGN(auto chunks, index.ChunksOf(series));
    for (const promfiles::ChunkMeta& meta : chunks) {
      SEXTANT_ASSIGN(promfiles::ChunkCursor::Chunk chunk, cursor.Read(meta.ref));
      // Whatever the encoding, the number of samples stands in front.
      if (chunk.bytes.size() < 2) return Fail(Code::kCorruption, "{}: a chunk has no header", block.dir);
      auto byte = [&](size_t i) { return static_cast<unsigned char>(chunk.bytes[i]); };
      auto encoding = static_cast<promfiles::Encoding>(chunk.encoding);
      bool has_floats = encoding == promfiles::Encoding::kXor || encoding == promfiles::Encoding::kXor2;
      Kind& kind = has_floats ? floats : histograms;
      kind.samples.push_back(static_cast<uint64_t>(byte(0) << 8 | byte(1)));
      kind.bytes.push_back(chunk.bytes.size());
      if (has_floats) continue;
      SEXTANT_ASSIGN(buckets.emplace_back(), BucketsOf(chunk));
    }
    return {};
  }));
  Print("\nCompaction analysis:\n\n");
  uint64_t total = floats.samples.size() + histograms.samples.size();
  for (Kind* kind : {&floats, &histograms}) {
    PrintDistribution(kind->samples_title, std::move(kind->samples), total);
    PrintDistribution(kind->bytes_title, std::move(kind->bytes), total);
  }
  PrintDistribution("buckets per histogram chunk", std::move(buckets), total);
  return {};
}

Status Analyze(const DirectoryBlock& block, const std::vector<model::Matcher>& matchers, size_t limit,
               bool is_extended) {
  core::PosixFileSystem files;
  std::string path = core::JoinPath(block.dir, "index");
  SEXTANT_ASSIGN(auto mapped, files.MapReadOnly(path));
  SEXTANT_ASSIGN(auto index, promfiles::IndexReader::Open(mapped->bytes(), path));
  core::DurationMs block_ms = block.meta.max_time_ms - block.meta.min_time_ms;
  Print(fmt::format("Block ID: {}\nDuration: {}\nTotal Series: {}\n", block.meta.ulid.ToString(),
                    config::FormatGoDurationMs(block_ms), block.meta.stats.series));
  std::vector<std::string> names;
  SEXTANT_TRY(index->LabelNames(matchers, names));
  std::ranges::sort(names);
  Print(fmt::format("Label names: {}\n", names.size()));

  SEXTANT_ASSIGN(auto selected, index->Select(matchers));
  SeriesCounts counts;
  SEXTANT_TRY(index->VisitLabels(selected, [&](uint32_t series, const model::Labels& labels) -> Status {
    SEXTANT_ASSIGN(auto chunks, index->ChunksOf(series));
    core::DurationMs covered_ms = chunks.empty() ? 0 : chunks.back().max_time_ms - chunks.front().min_time_ms;
    counts.Add(labels, static_cast<uint64_t>(std::max<int64_t>(0, block_ms - covered_ms)));
    return {};
  }));
  Print(fmt::format("Postings (unique label pairs): {}\nPostings entries (total label pairs): {}\n",
                    counts.pairs.size(), counts.entries));
  PrintTop("Label pairs most involved in churning", InBlocks(counts.pairs_uncovered_ms, block_ms), limit);
  PrintTop("Label names most involved in churning", InBlocks(counts.names_uncovered_ms, block_ms), limit);
  PrintTop("Most common label pairs", counts.pairs, limit);
  Counts bytes;
  Counts values;
  for (const std::string& name : names) {
    std::vector<std::string> found;
    SEXTANT_TRY(index->LabelValues(name, matchers, found));
    values[name] = found.size();
    for (const std::string& value : found) bytes[name] += value.size();
  }
  PrintTop("Label names with highest cumulative label value length", bytes, limit);
  PrintTop("Highest cardinality labels", values, limit);
  PrintTop("Highest cardinality metric names", counts.metrics, limit);
  if (is_extended) return AnalyzeChunks(block, *index, matchers);
  return {};
}

}  // namespace

int PromtoolTsdbAnalyze(const Words& words) {
  PromtoolOptions options;
  std::string limit_text = "20";
  std::string match;
  bool is_extended = false;
  std::string path = "data/";
  std::string id;
  CommandLine line;
  line.AddFlag("limit", 0, "How many items to show in each list.", &limit_text);
  line.AddSwitch("extended", "Show also how full the chunks are.", &is_extended);
  line.AddFlag("match", 0, "The selector of the series; one only.", &match);
  line.AddOptionalArgument("db path", "The data directory; without it, data/.", &path);
  line.AddOptionalArgument("block id", "The block to look at; without it, the newest.", &id);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "tsdb analyze",
                   "Show which labels take the most, and how full the chunks are.", options, code)) {
    return code;
  }
  size_t limit = 0;
  auto [end, error] = std::from_chars(limit_text.data(), limit_text.data() + limit_text.size(), limit);
  if (error != std::errc() || end != limit_text.data() + limit_text.size()) {
    return FailWith(fmt::format(
        "promtool: error: strconv.ParseInt: parsing \"{}\": invalid syntax, try --help", limit_text));
  }
  std::vector<model::Matcher> matchers;
  if (!match.empty()) {
    auto parsed = promql::ParseMetricSelector(match);
    if (!parsed) return FailWith(parsed.error().Message());
    matchers = std::move(*parsed);
  }
  Result<std::vector<DirectoryBlock>> blocks = ReadBlocks(path);
  if (!blocks) return FailWith(blocks.error().message());
  // The newest is the one that was made last, whatever its samples' time.
  auto block =
      id.empty()
          ? std::ranges::max_element(*blocks, {}, [](const DirectoryBlock& one) { return one.meta.ulid; })
          : std::ranges::find_if(*blocks,
                                 [&](const DirectoryBlock& one) { return one.meta.ulid.ToString() == id; });
  if (block == blocks->end())
    return FailWith(id.empty() ? "no blocks found" : fmt::format("invalid block ID {}", id));
  Status analyzed = Analyze(*block, matchers, limit, is_extended);
  return analyzed ? kExitOk : FailWith(analyzed.error().message());
}

}  // namespace sextant::app
