// `promtool tsdb`: lists and dumps data directories, Prometheus' and ours. Nothing in them is changed.
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "app/opened_store.h"
#include "app/promtool_blocks.h"
#include "app/promtool_commands.h"
#include "core/json_writer.h"
#include "metrics/promql/float_histogram.h"
#include "metrics/promql/parser.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

int List(const Words& words) {
  PromtoolOptions options;
  bool is_human_readable = false;
  std::string path = "data/";
  CommandLine line;
  line.AddSwitch("human-readable", "Print numbers with units.", &is_human_readable, 'r');
  line.AddOptionalArgument("db path", "The data directory; without it, data/.", &path);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "tsdb list", "List tsdb blocks.", options, code)) return code;
  Result<std::vector<DirectoryBlock>> blocks = ReadBlocks(path);
  if (!blocks) return FailWith(blocks.error().message());
  Print(BlockTable(*blocks, true, is_human_readable));
  return kExitOk;
}

struct DumpOptions {
  PromtoolOptions common;
  std::string path = "data/";
  std::string sandbox_root;
  std::string min_time = "-9223372036854775808";
  std::string max_time = "9223372036854775807";
  std::vector<std::string> matchers;
  std::string format = "prom";
};

Result<int64_t> ParseInteger(const std::string& text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return Fail(Code::kInvalidArgument, "strconv.ParseInt: parsing {}: invalid syntax", model::QuoteGo(text));
}

// Calls take(labels, samples) for the series that any of the selectors matches, in the order of their labels.
template <typename Take>
Status ForEachSeries(const DumpOptions& options, const Take& take) {
  SEXTANT_ASSIGN(int64_t min_ms, ParseInteger(options.min_time));
  SEXTANT_ASSIGN(int64_t max_ms, ParseInteger(options.max_time));
  SEXTANT_TRY(CheckDirectory(options.path));
  std::vector<std::vector<model::Matcher>> sets;
  for (const std::string& selector : options.matchers) {
    auto matchers = promql::ParseMetricSelector(selector);
    if (!matchers) return Fail(Code::kInvalidArgument, "{}", matchers.error().Message());
    sets.push_back(std::move(*matchers));
  }
  if (sets.empty()) sets.emplace_back();
  SEXTANT_ASSIGN(auto store, OpenedStore::Open(options.path, "error", options.sandbox_root));
  SEXTANT_ASSIGN(auto querier, store->db().NewQuerier(min_ms, max_ms));
  std::vector<std::unique_ptr<model::SeriesSet>> found;
  std::map<model::Labels, std::pair<const model::SeriesSet*, size_t>> series;
  for (const auto& matchers : sets) {
    SEXTANT_ASSIGN(auto set,
                   querier->Select(matchers, {.start_ms = min_ms, .end_ms = max_ms, .sorted = true}));
    for (size_t i = 0; i < set->size(); ++i) series.emplace(set->labels(i), std::pair(set.get(), i));
    found.push_back(std::move(set));
  }
  model::SampleColumns samples;
  for (const auto& [labels, place] : series) {
    SEXTANT_TRY(place.first->Read(place.second, min_ms, max_ms, samples));
    take(labels, samples);
  }
  return {};
}

bool ParseDump(CommandLine line, const Words& words, std::string_view command, std::string_view summary,
               DumpOptions& options, int& code) {
  line.AddFlag("sandbox-dir-root", 0, "The folder in which one for the experiment is made.",
               &options.sandbox_root);
  line.AddFlag("min-time", 0, "Minimum timestamp to dump, in milliseconds since the Unix epoch.",
               &options.min_time);
  line.AddFlag("max-time", 0, "Maximum timestamp to dump, in milliseconds since the Unix epoch.",
               &options.max_time);
  line.AddFlagList("match", "A selector; may be repeated.", &options.matchers);
  line.AddOptionalArgument("db path", "The data directory; without it, data/.", &options.path);
  return ParseOrStop(line, words, command, summary, options.common, code);
}

void PrintSeriesJson(const model::Labels& labels) {
  core::JsonWriter json;
  json.BeginObject();
  for (const model::LabelView label : labels) json.Key(label.name).String(label.value);
  json.EndObject();
  Print(std::move(json).Take() + "\n");
}

int Dump(const Words& words) {
  DumpOptions options;
  CommandLine line;
  line.AddFlag("format", 0, "Output format of the dump: prom or seriesjson.", &options.format);
  int code = kExitOk;
  if (!ParseDump(std::move(line), words, "tsdb dump",
                 "Dump data (series+samples or optionally just series) from a TSDB.", options, code)) {
    return code;
  }
  if (options.format == "seriesjson") {
    Status dumped =
        ForEachSeries(options, [](const model::Labels& labels, const model::SampleColumns& samples) {
          if (samples.size() > 0) PrintSeriesJson(labels);
        });
    return dumped ? kExitOk : FailWith(dumped.error().message());
  }
  if (options.format != "prom") {
    return FailWith(fmt::format(
        "promtool: error: enum value must be one of prom,seriesjson, got '{}', try --help", options.format));
  }
  Status dumped =
      ForEachSeries(options, [](const model::Labels& labels, const model::SampleColumns& samples) {
        std::string name = labels.ToString();
        for (size_t i = 0; i < samples.size(); ++i) {
          bool is_histogram = !samples.histograms.empty() && samples.histograms[i] != nullptr;
          std::string value =
              is_histogram ? promql::FormatHistogram(*samples.histograms[i]) : FormatG(samples.values[i]);
          Print(fmt::format("{} {} {}\n", name, value, samples.times_ms[i]));
        }
      });
  return dumped ? kExitOk : FailWith(dumped.error().message());
}

std::string CondensedLabels(const model::Labels& labels) {
  std::vector<std::string> pairs;
  for (model::LabelView label : labels) {
    if (label.name != model::kMetricName)
      pairs.push_back(fmt::format("{}={}", label.name, model::QuoteGo(label.value)));
  }
  return fmt::format("{{{}}}", fmt::join(pairs, ","));
}

int DumpOpenMetrics(const Words& words) {
  DumpOptions options;
  int code = kExitOk;
  if (!ParseDump({}, words, "tsdb dump-openmetrics",
                 "Dump samples from a TSDB into OpenMetrics text format, excluding native histograms and "
                 "staleness markers, which are not representable in OpenMetrics.",
                 options, code)) {
    return code;
  }
  Status dumped =
      ForEachSeries(options, [](const model::Labels& labels, const model::SampleColumns& samples) {
        std::string name = fmt::format("{}{}", labels.metric_name(), CondensedLabels(labels));
        for (size_t i = 0; i < samples.size(); ++i) {
          bool is_histogram = !samples.histograms.empty() && samples.histograms[i] != nullptr;
          if (is_histogram || model::IsStaleNan(samples.values[i])) continue;
          Print(fmt::format("{} {} {:.3f}\n", name, FormatG(samples.values[i]),
                            static_cast<double>(samples.times_ms[i]) / 1000));
        }
      });
  if (!dumped) return FailWith(dumped.error().message());
  Print("# EOF\n");
  return kExitOk;
}

}  // namespace

std::vector<PromtoolCommand> PromtoolTsdbCommands() {
  return {
      {{"tsdb", "analyze"},
       "[<db path>] [<block id>]",
       "Show which labels take the most, and how full the chunks are.",
       PromtoolTsdbAnalyze},
      {{"tsdb", "list"}, "[<db path>]", "List tsdb blocks.", List},
      {{"tsdb", "dump"}, "[<db path>]", "Dump samples from a TSDB.", Dump},
      {{"tsdb", "dump-openmetrics"}, "[<db path>]", "Dump samples in OpenMetrics' format.", DumpOpenMetrics},
      {{"tsdb", "create-blocks-from", "openmetrics"},
       "<input file> [<output directory>]",
       "Make blocks of a text in OpenMetrics' format.",
       PromtoolBackfillOpenMetrics},
      {{"tsdb", "create-blocks-from", "rules"},
       "--start=START <rule-files>...",
       "Make blocks of what recording rules would have recorded.",
       PromtoolBackfillRules},
      {{"tsdb", "bench", "write"},
       "[<file>]",
       "Write scrapes of many series and say how fast that went.",
       PromtoolBenchWrite},
  };
}

}  // namespace sextant::app
