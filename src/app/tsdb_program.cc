// `sextant tsdb`: looks into the data directory of a store that is not running, without changing it, and
// exports from it.
#include <cstdio>
#include <optional>

#include "api/params.h"
#include "app/opened_store.h"
#include "app/programs.h"
#include "core/file.h"
#include "metrics/promql/parser.h"
#include "metrics/tsdb/db.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Result;
using core::Status;

constexpr std::string_view kName = "sextant tsdb";

struct Options {
  std::string data_dir = "./data";
  std::string output_dir;
  std::vector<std::string> selectors;
  std::string min_time;
  std::string max_time;
  std::string float_encoding;
  bool histogram_start_times = false;
  std::string log_level = "error";
};

FlagSet MakeFlags(Options& options) {
  FlagSet flags{
      std::string(kName) + " list|verify|export",
      "Looks into a data directory of Sextant or Prometheus that no process is using. Nothing in it "
      "is changed.\n\n"
      "  list     one line per block, and one for what is not in blocks yet\n"
      "  verify   reads every sample of every block; exit code 1 when something is damaged\n"
      "  export   writes blocks that Prometheus, promtool and Thanos read into --output; exit code 1 when\n"
      "           something is damaged and had to be left out"};
  flags.AddString("data", "DIR", "The data directory.", &options.data_dir);
  flags.AddString("output", "DIR", "export: where the blocks go; it must not exist, or be empty.",
                  &options.output_dir);
  flags.AddList("match", "SELECTOR",
                "export: series to take, such as up{job=\"node\"}; may be repeated. All by default.",
                &options.selectors);
  flags.AddString("min-time", "TIME", "export: the first time, RFC 3339 or seconds since the epoch.",
                  &options.min_time);
  flags.AddString("max-time", "TIME", "export: the last time.", &options.max_time);
  flags.AddString("chunk-encoding.floats", "ENCODING",
                  "export: xor, which every Prometheus reads, or xor2, with start timestamps; blocks in "
                  "Prometheus' format that are taken whole stay as they are when it is not given.",
                  &options.float_encoding);
  flags.AddSwitch(
      "histograms-st-encoding",
      "export: histograms with start timestamps keep them, in encodings that only new versions of "
      "Prometheus read.",
      &options.histogram_start_times);
  flags.AddString("log.level", "LEVEL", "debug, info, warn or error.", &options.log_level);
  return flags;
}

void PrintLine(const std::string& line) { std::fputs((line + "\n").c_str(), stdout); }

Status List(const Options& options) {
  SEXTANT_ASSIGN(auto store, OpenedStore::Open(options.data_dir, options.log_level));
  constexpr std::string_view kRow = "{:<46} {:<10} {:<25} {:<25} {:>10} {:>14} {:>10} {:>9} {:>12}";
  PrintLine(fmt::format(fmt::runtime(kRow), "BLOCK", "FORMAT", "MIN TIME", "MAX TIME", "SERIES", "SAMPLES",
                        "CHUNKS", "DELETIONS", "BYTES"));
  for (const tsdb::BlockInfo& block : store->db().Blocks()) {
    PrintLine(fmt::format(fmt::runtime(kRow), block.name,
                          block.form == tsdb::BlockForm::kDense ? "sextant" : "prometheus",
                          api::FormatRfc3339(block.start_ms), api::FormatRfc3339(block.end_ms), block.series,
                          block.samples, block.chunks, block.deletions, block.size_bytes));
  }
  SEXTANT_ASSIGN(tsdb::Stats stats, store->db().GetStats(0));
  if (stats.min_time_ms <= stats.max_time_ms) {
    PrintLine(fmt::format(fmt::runtime(kRow), "(not in blocks yet)", "-",
                          api::FormatRfc3339(stats.min_time_ms), api::FormatRfc3339(stats.max_time_ms),
                          stats.series, "-", stats.chunks, "-", "-"));
  }
  return {};
}

Status Verify(const Options& options) {
  SEXTANT_ASSIGN(auto store, OpenedStore::Open(options.data_dir, options.log_level));
  SEXTANT_ASSIGN(tsdb::VerifyReport report, store->db().Verify());
  PrintLine(
      fmt::format("read {} blocks: {} series, {} samples", report.blocks, report.series, report.samples));
  if (report.damages.empty()) return {};
  for (const std::string& damage : report.damages) PrintLine(fmt::format("damaged: {}", damage));
  return core::Fail(Code::kCorruption, "{} of the files in {} cannot be read whole", report.damages.size(),
                    options.data_dir);
}

Status ReadTime(std::string_view flag, const std::string& text, core::TimestampMs& time_ms) {
  if (text.empty()) return {};
  auto time = api::ParseTime(text).map_error(core::AddContext("--{}", flag));
  if (!time) return tl::unexpected(time.error());
  time_ms = *time;
  return {};
}

// Makes the directory; what is in one already stays the user's.
Status PrepareOutput(core::FileSystem& files, const std::string& dir) {
  SEXTANT_TRY(files.MakeDirectories(dir));
  SEXTANT_ASSIGN(std::vector<core::FileInfo> entries, files.List(dir));
  if (!entries.empty()) return core::Fail(Code::kAlreadyExists, "--output: {} is not empty", dir);
  return {};
}

Status ReadEncodings(const Options& options, std::optional<tsdb::ChunkEncodings>& encodings) {
  const std::string& floats = options.float_encoding;
  if (floats.empty() && !options.histogram_start_times) return {};
  if (!floats.empty() && floats != "xor" && floats != "xor2") {
    return core::Fail(Code::kInvalidArgument, "--chunk-encoding.floats: \"{}\" is neither xor nor xor2",
                      floats);
  }
  encodings = {.xor2_floats = floats == "xor2", .histogram_start_times = options.histogram_start_times};
  return {};
}

Status Export(const Options& options) {
  if (options.output_dir.empty()) return core::Fail(Code::kInvalidArgument, "export needs --output");
  tsdb::ExportOptions wanted;
  for (const std::string& selector : options.selectors) {
    auto matchers = promql::ParseMetricSelector(selector);
    if (!matchers) return core::Fail(Code::kInvalidArgument, "--match: {}", matchers.error().Message());
    wanted.matcher_sets.push_back(std::move(*matchers));
  }
  SEXTANT_TRY(ReadEncodings(options, wanted.encodings));
  SEXTANT_TRY(ReadTime("min-time", options.min_time, wanted.start_ms));
  SEXTANT_TRY(ReadTime("max-time", options.max_time, wanted.end_ms));
  if (wanted.start_ms > wanted.end_ms)
    return core::Fail(Code::kInvalidArgument, "--min-time is after --max-time");
  SEXTANT_ASSIGN(auto store, OpenedStore::Open(options.data_dir, options.log_level));
  SEXTANT_TRY(PrepareOutput(store->files(), options.output_dir));
  SEXTANT_ASSIGN(tsdb::ExportCounts counts, store->db().Export(store->files(), options.output_dir, wanted));
  PrintLine(fmt::format("wrote {} blocks to {}: {} series, {} samples", counts.blocks, options.output_dir,
                        counts.series, counts.samples));
  if (counts.damages == 0) return {};
  return core::Fail(Code::kCorruption, "{} of the blocks and chunks in {} cannot be read and were left out",
                    counts.damages, options.data_dir);
}

Status RunCommand(const std::string& command, const Options& options) {
  if (command == "list") return List(options);
  if (command == "verify") return Verify(options);
  return Export(options);
}

}  // namespace

FlagSet TsdbFlags() {
  Options defaults;
  return MakeFlags(defaults);  // for its names and texts only: its targets end here
}

int RunTsdbProgram(const Arguments& arguments) {
  std::string command = arguments.empty() ? "" : arguments[0];
  if (command != "list" && command != "verify" && command != "export") {
    PrintError(kName, command.empty() || command.starts_with('-')
                          ? "say what to do: list, verify or export; --help tells more"
                          : fmt::format("unknown command \"{}\": list, verify or export", command));
    return kExitUsage;
  }
  Options options;
  FlagSet flags = MakeFlags(options);
  if (Status parsed = flags.Parse({arguments.begin() + 1, arguments.end()}); !parsed) {
    PrintError(kName, parsed.error().message());
    return kExitUsage;
  }
  Status ran = RunCommand(command, options);
  if (ran) return kExitOk;
  PrintError(fmt::format("{} {}", kName, command), ran.error().message());
  return ran.error().code() == Code::kInvalidArgument ? kExitUsage : kExitFailed;
}

}  // namespace sextant::app
