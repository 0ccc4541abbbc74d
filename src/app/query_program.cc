// `sextant query`: asks a running server and shows the answer to a person: a table, or over a range a graph.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "api/params.h"
#include "api/query_json.h"
#include "app/api_client.h"
#include "app/command_line.h"
#include "app/programs.h"
#include "app/terminal_graph.h"
#include "core/clock.h"
#include "core/duration.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Result;

constexpr std::string_view kName = "sextant query";

struct Options {
  std::string server = "http://127.0.0.1:9090";
  std::string query;
  std::string time;
  std::string range;
  std::string step;
  std::string width;
  std::string height;
};

CommandLine MakeLine(Options& options) {
  CommandLine line;
  line.AddFlag("server", 's', "Server to ask, http://127.0.0.1:9090 by default.", &options.server);
  line.AddFlag("time", 't', "Evaluation time, or the end of the range (RFC 3339 or seconds); now by default.",
               &options.time);
  line.AddFlag("range", 'r', "Draw a graph of this much time, such as 6h.", &options.range);
  line.AddFlag("step", 0, "Distance of the graph's points; by default one per dot.", &options.step);
  line.AddFlag("width", 0, "Columns of the graph; the terminal's by default.", &options.width);
  line.AddFlag("height", 0, "Rows of the graph, 16 by default.", &options.height);
  line.AddArgument("expr", "PromQL expression.", &options.query);
  return line;
}

std::string Seconds(core::TimestampMs time_ms) {
  std::string text;
  api::AppendTimestamp(text, time_ms);
  return text;
}

Result<size_t> ParseSize(const std::string& text, size_t otherwise) {
  if (text.empty()) return otherwise;
  char* end = nullptr;
  unsigned long value = std::strtoul(text.c_str(), &end, 10);
  if (*end != '\0' || value < 1 || value > 1000) {
    return core::Fail(core::Code::kInvalidArgument, "\"{}\" is no size from 1 to 1000", text);
  }
  return value;
}

size_t TerminalWidth() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 80;
}

std::string ShowInstant(const ApiValue& value) {
  if (value.type == "scalar") return model::FormatValue(value.scalar.value) + "\n";
  if (value.type == "string") return value.text + "\n";
  if (value.series.empty()) return "nothing\n";
  return DrawTable(value.series);
}

Result<std::string> Run(const Options& options) {
  SEXTANT_ASSIGN(std::unique_ptr<ApiClient> client, ApiClient::Connect(options.server));
  core::TimestampMs end_ms = core::SystemClock().NowMs();
  if (!options.time.empty()) {
    SEXTANT_ASSIGN(end_ms, api::ParseTime(options.time));
  }
  if (options.range.empty()) {
    SEXTANT_ASSIGN(ApiValue value,
                   client->Query("/api/v1/query", {{"query", options.query}, {"time", Seconds(end_ms)}}));
    return ShowInstant(value);
  }
  GraphOptions graph;
  graph.has_colors = isatty(STDOUT_FILENO) == 1;
  SEXTANT_ASSIGN(graph.width, ParseSize(options.width, TerminalWidth()));
  SEXTANT_ASSIGN(graph.height, ParseSize(options.height, graph.height));
  SEXTANT_ASSIGN(core::DurationMs range_ms, core::ParseDuration(options.range));
  core::DurationMs step_ms =
      std::max<core::DurationMs>(range_ms / static_cast<int64_t>(2 * graph.width), 1'000);
  if (!options.step.empty()) {
    SEXTANT_ASSIGN(step_ms, core::ParseDuration(options.step));
  }
  const core::TimestampMs start_ms = end_ms - range_ms;
  SEXTANT_ASSIGN(ApiValue value, client->Query("/api/v1/query_range", {{"query", options.query},
                                                                       {"start", Seconds(start_ms)},
                                                                       {"end", Seconds(end_ms)},
                                                                       {"step", Seconds(step_ms)}}));
  return DrawGraph(value.series, start_ms, end_ms, graph);
}

}  // namespace

FlagSet QueryFlags() {
  FlagSet flags{std::string(kName) + " [flags] EXPR",
                "Asks a running server and shows a table of the answer or, with --range, a graph."};
  Options options;
  flags.AddString("server", "URL", "Server to ask.", &options.server);
  flags.AddString("time", "TIME", "Evaluation time, or the end of the range; now by default.", &options.time);
  flags.AddString("range", "DURATION", "Draw a graph of this much time, such as 6h.", &options.range);
  flags.AddString("step", "DURATION", "Distance of the graph's points; by default one per dot.",
                  &options.step);
  flags.AddString("width", "COLUMNS", "Columns of the graph; the terminal's by default.", &options.width);
  flags.AddString("height", "ROWS", "Rows of the graph, 16 by default.", &options.height);
  return flags;
}

int RunQueryProgram(const Arguments& arguments) {
  Options options;
  core::Status parsed = MakeLine(options).Parse(arguments);
  if (!parsed) {
    PrintError(kName, parsed.error().message());
    return kExitUsage;
  }
  Result<std::string> shown = Run(options);
  if (!shown) {
    PrintError(kName, shown.error().message());
    return kExitFailed;
  }
  std::fputs(shown->c_str(), stdout);
  return kExitOk;
}

}  // namespace sextant::app
