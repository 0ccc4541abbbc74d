// `promtool query analyze`: how histograms are used.
#include <re2/re2.h>

#include "api/params.h"
#include "app/promtool_analyze.h"
#include "app/promtool_commands.h"
#include "config/go_duration.h"
#include "core/duration.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

// A range as PromQL reads it.
std::string RangeText(core::DurationMs ms) {
  return ms % 1000 == 0 ? config::FormatGoDurationMs(ms) : fmt::format("{}ms", ms);
}

struct Analysis {
  ApiClient& client;
  std::string end;
  std::string duration;
  std::vector<BucketStatistics> all;
  ChangeCounts changes;

  Result<std::vector<ApiSeries>> Ask(std::string query) {
    SEXTANT_ASSIGN(ApiValue value,
                   client.Query("/api/v1/query", {{"query", std::move(query)}, {"time", end}}));
    return std::move(value.series);
  }

  Status Native(const std::string& matcher) {
    SEXTANT_ASSIGN(std::vector<ApiSeries> found, Ask(fmt::format("{}[{}]", matcher, duration)));
    for (const ApiSeries& series : found) {
      std::optional<BucketStatistics> stats = AnalyzeNative(series, changes);
      if (!stats) continue;
      Print(fmt::format("{}={}\n", MetricText(series.labels), stats->ToString()));
      all.push_back(*stats);
    }
    return {};
  }

  Status Classic(const std::string& matcher) {
    static const RE2 kSum(R"(_sum\b)");
    if (!RE2::PartialMatch(matcher, kSum)) {
      return Fail(Code::kInvalidArgument,
                  "every classic histogram matcher must have a '_sum' suffix in the metric name, but the "
                  "matcher '{}' "
                  "does not",
                  matcher);
    }
    SEXTANT_ASSIGN(std::vector<ApiSeries> sums,
                   Ask(fmt::format("last_over_time({}[{}])", matcher, duration)));
    for (ApiSeries& sum : sums) {
      std::string name = sum.labels[std::string(model::kMetricName)];
      RE2::GlobalReplace(&name, kSum, "_bucket");
      std::string labels;
      for (const auto& [label, value] : sum.labels) {
        if (label == model::kMetricName) continue;
        labels += fmt::format("{}{}={}", labels.empty() ? "" : ",", label, model::QuoteGo(value));
      }
      std::string selector = fmt::format("{}{{{}}}[{}]", name, labels, duration);
      SEXTANT_ASSIGN(std::vector<ApiSeries> buckets, Ask(selector));
      SEXTANT_ASSIGN(std::optional<BucketStatistics> stats, AnalyzeClassic(std::move(buckets), changes));
      if (!stats) continue;
      Print(fmt::format("{}={}\n", selector, stats->ToString()));
      all.push_back(*stats);
    }
    return {};
  }
};

}  // namespace

int PromtoolQueryAnalyze(const Words& words) {
  PromtoolOptions options;
  std::string server;
  std::string type;
  std::string duration = "1h";
  std::string time;
  std::vector<std::string> matchers;
  CommandLine line;
  AddQueryFlags(line, options);
  line.AddFlag("server", 0, "The server that is asked.", &server);
  line.AddFlag("type", 0, "Which kind: classichistograms or nativehistograms.", &type);
  line.AddFlag("duration", 0, "How far back to look.", &duration);
  line.AddFlag("time", 0, "The moment, as RFC 3339 or Unix time; without it, now.", &time);
  line.AddFlagList("match", "A selector; may be repeated.", &matchers, true);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "query analyze", "Ask a server how the buckets of histograms are used.",
                   options, code)) {
    return code;
  }
  for (const auto& [name, value] : {std::pair("server", &server), std::pair("type", &type)}) {
    if (value->empty())
      return FailWith(fmt::format("promtool: error: required flag(s) '--{}' not provided, try --help", name));
  }
  if (type != "classichistograms" && type != "nativehistograms") {
    return FailWith(
        fmt::format("analyze type is {}, must be 'classichistograms' or 'nativehistograms'", type));
  }
  Result<core::DurationMs> range = core::ParseDuration(duration);
  if (!range) return FailWith(fmt::format("promtool: error: {}, try --help", range.error().message()));
  Result<std::unique_ptr<ApiClient>> client = Connect(server, options);
  if (!client) return FailWith(client.error().message());
  Result<core::TimestampMs> end_ms = time.empty() ? Result<core::TimestampMs>(NowMs()) : api::ParseTime(time);
  if (!end_ms) {
    return FailWith(fmt::format("error parsing time '{}': cannot parse {} to a valid timestamp", time,
                                model::QuoteGo(time)));
  }
  Analysis analysis{**client, SecondsText(*end_ms), RangeText(*range), {}, {}};
  for (const std::string& matcher : matchers) {
    Status done = type == "nativehistograms" ? analysis.Native(matcher) : analysis.Classic(matcher);
    if (!done) return FailWith(done.error().message());
  }
  Print(DescribeAll(analysis.all, analysis.changes));
  return kExitOk;
}

}  // namespace sextant::app
