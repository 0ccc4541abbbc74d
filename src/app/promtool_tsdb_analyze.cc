// `promtool tsdb analyze`: which labels make most series, and which come and go, in one block.
#include <algorithm>
#include <charconv>
#include <map>

#include "app/promtool_blocks.h"
#include "app/promtool_commands.h"
#include "core/file.h"
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

Status Analyze(const DirectoryBlock& block, const std::vector<model::Matcher>& matchers, size_t limit) {
  core::PosixFileSystem files;
  std::string path = core::JoinPath(block.dir, "index");
  SEXTANT_ASSIGN(auto mapped, files.MapReadOnly(path));
  SEXTANT_ASSIGN(auto index, promfiles::IndexReader::Open(mapped->bytes(), path));
  core::DurationMs block_ms = block.meta.max_time_ms - block.meta.min_time_ms;
  Print(fmt::format("Block ID: {}\nDuration: {}\nSeries: {}\n", block.meta.ulid.ToString(),
                    GoDuration(block_ms), block.meta.stats.series));
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
  line.AddSwitch("extended", "Run extended analysis (not in this version).", &is_extended);
  line.AddFlag("match", 0, "The selector of the series; one only.", &match);
  line.AddOptionalArgument("db path", "The data directory; without it, data/.", &path);
  line.AddOptionalArgument("block id", "The block to look at; without it, the newest.", &id);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "tsdb analyze",
                   "Show which labels take the most, and how full the chunks are.", options, code)) {
    return code;
  }
  if (is_extended) return FailWith("promtool: error: --extended is not supported yet, try --help");
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
  auto block = id.empty() && !blocks->empty() ? std::prev(blocks->end())
                                              : std::ranges::find_if(*blocks, [&](const DirectoryBlock& one) {
                                                  return one.meta.ulid.ToString() == id;
                                                });
  if (block == blocks->end())
    return FailWith(id.empty() ? "no blocks found" : fmt::format("block {} not found", id));
  Status analyzed = Analyze(*block, matchers, limit);
  return analyzed ? kExitOk : FailWith(analyzed.error().message());
}

}  // namespace sextant::app
