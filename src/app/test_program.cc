// `sextant test promql FILE…`: runs scripts in Prometheus' language for testing PromQL engines, and says
// which evaluation differs and how.
#include <cstdio>

#include "app/programs.h"
#include "core/clock.h"
#include "core/file.h"
#include "metrics/promql/promqltest.h"

namespace sextant::app {

namespace {

constexpr std::string_view kName = "sextant test";
constexpr uint64_t kMaxScriptBytes = 64 << 20;

struct Options {
  bool is_verbose = false;
};

FlagSet MakeFlags(Options& options) {
  FlagSet flags{
      std::string(kName) + " promql FILE...",
      "Runs scripts in Prometheus' language for testing PromQL (load, clear, eval; see promql/promqltest in "
      "Prometheus). All of the language is switched on, as for Prometheus' own scripts. Exit code 1 when an "
      "evaluation differs or a script is malformed."};
  flags.AddSwitch("verbose", "Say how many evaluations of each file pass.", &options.is_verbose);
  return flags;
}

// Whether all of a script passes; what does not is printed.
bool RunScript(const std::string& path, const promql::Engine& engine, bool is_verbose) {
  core::PosixFileSystem files;
  core::Result<std::string> script = core::ReadFile(files, path, kMaxScriptBytes);
  core::Result<promql::PromqltestReport> report =
      script ? promql::RunPromqltest(*script, engine)
             : core::Result<promql::PromqltestReport>(tl::unexpected(script.error()));
  if (!report) {
    std::fputs(fmt::format("{}: {}\n", path, report.error().message()).c_str(), stderr);
    return false;
  }
  for (const promql::PromqltestFailure& failure : report->failures) {
    std::fputs(fmt::format("{}:{}: {}\n    {}\n", path, failure.line, failure.expr, failure.message).c_str(),
               stdout);
  }
  if (is_verbose || !report->failures.empty()) {
    std::fputs(fmt::format("{}: {} of {} evaluations pass\n", path, report->passed, report->total).c_str(),
               stdout);
  }
  return report->failures.empty();
}

}  // namespace

FlagSet TestFlags() {
  Options defaults;
  return MakeFlags(defaults);
}

int RunTestProgram(const Arguments& arguments) {
  Options options;
  Arguments flags;
  Arguments words;
  for (const std::string& argument : arguments)
    (argument.starts_with('-') ? flags : words).push_back(argument);
  core::Status parsed = MakeFlags(options).Parse(flags);
  if (parsed && (words.empty() || words[0] != "promql")) {
    parsed = core::Fail(core::Code::kInvalidArgument, "say what to test: promql FILE...");
  }
  if (parsed && words.size() < 2) parsed = core::Fail(core::Code::kInvalidArgument, "name at least one file");
  if (!parsed) {
    PrintError(kName, parsed.error().message());
    return kExitUsage;
  }
  core::SystemClock clock;
  promql::Engine engine(promql::PromqltestEngineOptions(), clock, nullptr);
  bool all_pass = true;
  for (size_t i = 1; i < words.size(); ++i)
    all_pass = RunScript(words[i], engine, options.is_verbose) && all_pass;
  return all_pass ? kExitOk : kExitFailed;
}

}  // namespace sextant::app
