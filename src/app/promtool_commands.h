// What promtool's commands of src/app share: their table, flags, connections and printing. One file per group
// of commands; each command gets the words behind its name and gives the exit code. Output, error texts and
// exit codes are promtool's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/api_client.h"
#include "app/command_line.h"
#include "app/programs.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::app {

using Words = std::vector<std::string>;

struct PromtoolCommand {
  std::vector<std::string_view> words;  // "query", "instant"
  std::string_view arguments;
  std::string_view summary;
  int (*run)(const Words& words);
};

// The groups, one file each.
std::vector<PromtoolCommand> PromtoolQueryCommands();
std::vector<PromtoolCommand> PromtoolPromqlCommands();
std::vector<PromtoolCommand> PromtoolTsdbCommands();
std::vector<PromtoolCommand> PromtoolServerCommands();
int PromtoolQueryAnalyze(const Words& words);
int PromtoolTsdbAnalyze(const Words& words);
int PromtoolBackfillOpenMetrics(const Words& words);
int PromtoolBackfillRules(const Words& words);
int PromtoolBenchWrite(const Words& words);

// What commands may be given.
struct PromtoolOptions {
  std::string format = "promql";
  std::string http_config;
  bool is_experimental = false;
  std::vector<std::string> features;
};

void AddHttpConfigFlag(CommandLine& line, PromtoolOptions& options);
void AddQueryFlags(CommandLine& line, PromtoolOptions& options);

// Parses; false when the command is over, with its exit code in `code`: after --help, or an error.
bool ParseOrStop(const CommandLine& line, const Words& words, std::string_view command,
                 std::string_view summary, const PromtoolOptions& options, int& code);

void Print(const std::string& text);
// Prints to standard error; kExitFailed.
int FailWith(const std::string& text);
int FailQuery(const core::Error& error);

// Appends the names of a comma-separated list.
void AppendNames(std::string_view list, std::vector<std::string>& names);

core::Result<std::unique_ptr<ApiClient>> Connect(const std::string& server, const PromtoolOptions& options,
                                                 const std::vector<std::string>& headers = {});
// "KEY=VALUE" or "KEY:VALUE", each.
core::Result<ApiHeaders> ParseHeaderFlags(const std::vector<std::string>& headers);

core::TimestampMs NowMs();
core::Result<core::TimestampMs> ParseTimeFlag(const std::string& text, core::TimestampMs otherwise,
                                              std::string_view what);
// As Prometheus' Go client sends times and steps: "1700000000.5".
std::string SecondsText(core::TimestampMs time_ms);
// A number as Go's %g: the shortest digits, with an exponent below 10^-4 and from 10^6 on.
std::string FormatG(double value);

}  // namespace sextant::app
