// `promtool tsdb create-blocks-from`: samples from a file of OpenMetrics, or from rules that a server
// evaluates over the past, as blocks in Prometheus' form.
#include <algorithm>
#include <map>

#include "app/opened_store.h"
#include "app/promtool_blocks.h"
#include "app/promtool_commands.h"
#include "config/go_duration.h"
#include "core/duration.h"
#include "metrics/exposition/parser.h"
#include "metrics/rules/rule_file.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr core::DurationMs kShortestBlockMs = 2LL * 3600 * 1000;
// Samples of one batch.
constexpr size_t kMaxBatch = 5'000;

core::TimestampMs BlockStart(core::TimestampMs time_ms, core::DurationMs block_ms) {
  core::TimestampMs into_ms = time_ms % block_ms;
  return time_ms - (into_ms < 0 ? into_ms + block_ms : into_ms);
}

// How long blocks are that may span `longest_ms`: two hours, or the longest of the ten lengths, each three
// times the one before, that compaction would make of them.
core::DurationMs BlockLength(core::DurationMs longest_ms) {
  constexpr int kLengths = 10;
  constexpr core::DurationMs kFactor = 3;
  core::DurationMs length_ms = kShortestBlockMs;
  for (int i = 1; i < kLengths && length_ms * kFactor <= longest_ms; ++i) length_ms *= kFactor;
  return length_ms;
}

// Takes the samples of one block's time into a store of its own and writes them into the output directory.
class BlockMaker {
 public:
  static Result<std::unique_ptr<BlockMaker>> Make(core::DurationMs block_ms) {
    std::unique_ptr<BlockMaker> maker(new BlockMaker);
    SEXTANT_ASSIGN(maker->scratch_, ScratchDir::Make(maker->files_));
    tsdb::DbOptions store;
    store.dir = core::JoinPath(maker->scratch_->path(), "store");
    store.retention_ms = 0;
    store.sync_policy = tsdb::SyncPolicy::kNever;
    store.max_future_ms = 0;
    store.block_form = tsdb::BlockForm::kPrometheus;
    // Twice as long as the block, whose samples come in any order of their series: a store takes those of the
    // newer half of a range.
    store.block_range_ms = 2 * block_ms;
    store.run_maintenance_thread = false;
    SEXTANT_ASSIGN(maker->db_, tsdb::Db::Open(maker->files_, maker->clock_, core::Logger::Discard(),
                                              maker->registry_, store));
    return maker;
  }

  Status Add(const model::Labels& labels, core::TimestampMs time_ms, double value) {
    if (!batch_) batch_ = db_->NewAppender();
    model::AppendOutcome outcome = batch_->Append(0, labels, time_ms, value).outcome;
    if (outcome == model::AppendOutcome::kOutOfOrder) {
      return Fail(Code::kInvalidArgument, "add sample: out of order sample");
    }
    if (outcome == model::AppendOutcome::kDuplicateTimestamp) {
      return Fail(Code::kInvalidArgument, "add sample: duplicate sample for timestamp");
    }
    if (outcome != model::AppendOutcome::kOk) {
      return Fail(Code::kInvalidArgument, "add sample: {}", model::OutcomeText(outcome));
    }
    return ++count_ % kMaxBatch == 0 ? Commit() : Status();
  }

  // Writes the block; nothing without samples.
  Status Finish(const std::string& output_dir) {
    SEXTANT_TRY(Commit());
    if (count_ == 0) return {};
    SEXTANT_TRY(db_->Export(files_, output_dir, {}));
    return db_->Close();
  }

 private:
  BlockMaker() = default;

  Status Commit() {
    if (!batch_) return {};
    Status committed = batch_->Commit();
    batch_.reset();
    return committed;
  }

  core::PosixFileSystem files_;
  core::SystemClock clock_;
  core::Registry registry_;
  std::unique_ptr<ScratchDir> scratch_;
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<model::Appender> batch_;
  uint64_t count_ = 0;
};

struct OutputOptions {
  std::string dir = "data/";
  std::string longest_block = "0s";
  core::DurationMs block_ms = kShortestBlockMs;
  bool is_human_readable = false;
  bool is_quiet = false;
};

void AddOutputFlags(CommandLine& line, OutputOptions& output) {
  line.AddSwitch("human-readable", "Print numbers with units.", &output.is_human_readable, 'r');
  line.AddSwitch("quiet", "Say nothing of the blocks that are made.", &output.is_quiet, 'q');
  line.AddFlag("max-block-duration", 0, "How long blocks may be; less than 2h is ignored.",
               &output.longest_block);
}

// What --max-block-duration says: as Go writes durations, or with days and weeks.
Status ReadBlockLength(OutputOptions& output) {
  constexpr int64_t kNsPerMs = 1'000'000;
  const std::string& text = output.longest_block;
  const auto longest_ns = config::ParseGoDuration(text);
  Result<core::DurationMs> longest_ms = longest_ns ? *longest_ns / kNsPerMs : core::ParseDuration(text);
  if (!longest_ms || text.find('y') != std::string::npos) {
    return Fail(Code::kInvalidArgument, "promtool: error: {}, try --help", longest_ns.error().message());
  }
  output.block_ms = BlockLength(*longest_ms);
  return {};
}

// --- From OpenMetrics ---

// Calls take(parser) for each sample; all must have a time. The text ends with # EOF.
template <typename Take>
Status ForEachSample(std::string_view text, const Take& take) {
  auto parser = exposition::NewParser(exposition::Format::kOpenMetrics, text);
  while (true) {
    switch (parser->Next()) {
      case exposition::EntryKind::kEnd:
        return {};
      case exposition::EntryKind::kError:
        return Fail(Code::kInvalidArgument, "next: {}", parser->error().message());
      case exposition::EntryKind::kSample:
        if (!parser->entry().timestamp_ms) {
          return Fail(Code::kInvalidArgument, "expected timestamp for series got none");
        }
        SEXTANT_TRY(take(*parser));
        break;
      default:
        break;
    }
  }
}

Status MakeBlock(std::string_view text, core::TimestampMs start_ms,
                 const std::vector<std::pair<std::string, std::string>>& extra, const OutputOptions& output) {
  SEXTANT_ASSIGN(auto maker, BlockMaker::Make(output.block_ms));
  model::LabelsBuilder labels;
  auto take = [&](const exposition::Parser& parser) -> Status {
    const exposition::Entry& entry = parser.entry();
    if (*entry.timestamp_ms < start_ms || *entry.timestamp_ms >= start_ms + output.block_ms) return {};
    SEXTANT_TRY(parser.ReadLabels(labels));
    for (const auto& [name, value] : extra) labels.Set(name, value);
    return maker->Add(labels.Build(), *entry.timestamp_ms, entry.value);
  };
  SEXTANT_TRY(ForEachSample(text, take));
  return maker->Finish(output.dir);
}

Status BackfillOpenMetrics(const std::string& file, const std::vector<std::string>& label_flags,
                           const OutputOptions& output) {
  std::vector<std::pair<std::string, std::string>> extra;
  for (const std::string& flag : label_flags) {
    size_t equals = flag.find('=');
    if (equals == std::string::npos) return Fail(Code::kInvalidArgument, "expected KEY=VALUE got '{}'", flag);
    extra.emplace_back(flag.substr(0, equals), flag.substr(equals + 1));
  }
  core::PosixFileSystem files;
  auto mapped = files.MapReadOnly(file);
  if (!mapped) return Fail(mapped.error().code(), "try lock file: {}", mapped.error().message());
  std::string_view text = (*mapped)->bytes();
  // Which blocks there will be: time goes where it likes.
  std::map<core::TimestampMs, uint64_t> starts;
  SEXTANT_TRY(ForEachSample(text, [&](const exposition::Parser& parser) -> Status {
                ++starts[BlockStart(*parser.entry().timestamp_ms, output.block_ms)];
                return {};
              }).map_error(core::AddContext("getting min and max timestamp")));
  SEXTANT_TRY(files.MakeDirectories(output.dir));
  bool has_header = true;
  for (const auto& [start_ms, samples] : starts) {
    SEXTANT_TRY(MakeBlock(text, start_ms, extra, output)
                    .map_error(core::AddContext("block creation: process blocks")));
    SEXTANT_ASSIGN(std::vector<DirectoryBlock> blocks, ReadBlocks(output.dir));
    if (output.is_quiet || blocks.empty()) continue;
    auto newest =
        std::ranges::max_element(blocks, {}, [](const DirectoryBlock& block) { return block.meta.ulid; });
    Print(BlockTable({*newest}, std::exchange(has_header, false), output.is_human_readable));
  }
  return {};
}

// --- From rules ---

struct RuleRange {
  core::TimestampMs start_ms = 0;
  core::TimestampMs end_ms = 0;
  core::DurationMs interval_ms = 60'000;  // of groups that have none
};

// The values of one recording rule in one block's time.
Status TakeRule(ApiClient& client, const rules::RuleConfig& rule, core::TimestampMs start_ms,
                core::TimestampMs end_ms, core::DurationMs step_ms, BlockMaker& maker) {
  Result<ApiValue> value = client.Query("/api/v1/query_range", {{"query", rule.expr},
                                                                {"start", SecondsText(start_ms)},
                                                                {"end", SecondsText(end_ms)},
                                                                {"step", SecondsText(step_ms)}});
  if (!value) return Fail(value.error().code(), "query range: {}", value.error().message());
  if (value->type != "matrix")
    return Fail(Code::kInvalidArgument, "rule result is wrong type {}", value->type);
  for (const ApiSeries& series : value->series) {
    model::LabelsBuilder labels;
    for (const auto& [name, text] : series.labels) labels.Set(name, text);
    labels.Set(model::kMetricName, rule.record);
    for (const auto& [name, text] : rule.labels) labels.Set(name, text);
    model::Labels built = labels.Build();
    if (!series.histograms.empty()) {
      return Fail(Code::kUnimplemented, "the rule {} gives native histograms, which are not supported yet",
                  rule.record);
    }
    for (const ApiPoint& point : series.floats) SEXTANT_TRY(maker.Add(built, point.time_ms, point.value));
  }
  return {};
}

// A block for each span of time and rule of a file.
Status BackfillFile(ApiClient& client, const rules::RuleFile& file, const RuleRange& range,
                    const OutputOptions& output, bool& has_header) {
  core::PosixFileSystem files;
  SEXTANT_TRY(files.MakeDirectories(output.dir));
  for (const rules::RuleGroupConfig& group : file.groups) {
    core::DurationMs step_ms = group.interval_ms > 0 ? group.interval_ms : range.interval_ms;
    for (const rules::RuleConfig& rule : group.rules) {
      if (rule.record.empty()) continue;  // alerts leave no samples that could be made up for
      for (core::TimestampMs block_start_ms = BlockStart(range.start_ms, output.block_ms);
           block_start_ms <= range.end_ms; block_start_ms += output.block_ms) {
        core::TimestampMs first_ms = std::max(block_start_ms, range.start_ms);
        first_ms += (step_ms - first_ms % step_ms) % step_ms;
        core::TimestampMs last_ms = std::min(block_start_ms + output.block_ms - 1000, range.end_ms);
        if (first_ms > last_ms) continue;
        SEXTANT_ASSIGN(auto maker, BlockMaker::Make(output.block_ms));
        SEXTANT_TRY(TakeRule(client, rule, first_ms, last_ms, step_ms, *maker));
        SEXTANT_TRY(maker->Finish(output.dir));
        SEXTANT_ASSIGN(std::vector<DirectoryBlock> blocks, ReadBlocks(output.dir));
        if (output.is_quiet || blocks.empty()) continue;
        auto newest =
            std::ranges::max_element(blocks, {}, [](const DirectoryBlock& block) { return block.meta.ulid; });
        Print(BlockTable({*newest}, std::exchange(has_header, false), output.is_human_readable));
      }
    }
  }
  return {};
}

Status BackfillRules(const std::string& url, const PromtoolOptions& options, const RuleRange& range,
                     const std::vector<std::string>& paths, const OutputOptions& output) {
  SEXTANT_ASSIGN(std::unique_ptr<ApiClient> client, Connect(url, options));
  auto files = rules::LoadRuleFiles(paths, {});
  if (!files) return tl::unexpected(rules::Summarize(files.error()));
  bool has_header = true;
  for (const rules::RuleFile& file : *files) {
    SEXTANT_TRY(BackfillFile(*client, file, range, output, has_header));
  }
  return {};
}

}  // namespace

int PromtoolBackfillOpenMetrics(const Words& words) {
  PromtoolOptions options;
  OutputOptions output;
  std::string file;
  std::vector<std::string> labels;
  CommandLine line;
  AddOutputFlags(line, output);
  line.AddFlagList("label", "A label that all series get; may be repeated.", &labels);
  line.AddArgument("input file", "The text that is read.", &file);
  line.AddOptionalArgument("output directory", "Where the blocks go.", &output.dir);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "tsdb create-blocks-from openmetrics",
                   "Make blocks of a text in OpenMetrics' format.", options, code)) {
    return code;
  }
  Status made = ReadBlockLength(output);
  if (made) made = BackfillOpenMetrics(file, labels, output);
  return made ? kExitOk : FailWith(made.error().message());
}

int PromtoolBackfillRules(const Words& words) {
  PromtoolOptions options;
  OutputOptions output;
  std::string url = "http://localhost:9090";
  std::string start;
  std::string end;
  std::string interval = "60s";
  std::vector<std::string> files;
  CommandLine line;
  AddOutputFlags(line, output);
  AddHttpConfigFlag(line, options);
  line.AddFlag("url", 0, "The server whose data the rules see.", &url);
  line.AddFlag("start", 0, "The first moment, as RFC 3339 or Unix time.", &start);
  line.AddFlag("end", 0, "The end time; three hours ago by default.", &end);
  line.AddFlag("output-dir", 0, "Where the blocks go.", &output.dir);
  line.AddFlag("eval-interval", 0, "How frequently rules are evaluated whose groups do not say.", &interval);
  line.AddArguments("rule-files", "Files of recording rules; alerts are passed over.", &files);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "tsdb create-blocks-from rules",
                   "Make blocks of what recording rules would have recorded.", options, code)) {
    return code;
  }
  if (start.empty()) return FailWith("promtool: error: required flag(s) '--start' not provided, try --help");
  if (Status length = ReadBlockLength(output); !length) return FailWith(length.error().message());
  RuleRange range;
  constexpr core::DurationMs kThreeHoursMs = 3LL * 3600 * 1000;
  Result<core::TimestampMs> end_ms = ParseTimeFlag(end, NowMs() - kThreeHoursMs, "end");
  if (!end_ms) return FailWith(end_ms.error().message());
  Result<core::TimestampMs> start_ms = ParseTimeFlag(start, 0, "start");
  if (!start_ms) return FailWith(start_ms.error().message());
  if (*start_ms > *end_ms) return FailWith("start time is not before end time");
  Result<core::DurationMs> interval_ms = core::ParseDuration(interval);
  if (!interval_ms || *interval_ms <= 0) {
    return FailWith(
        fmt::format("promtool: error: not a valid duration string: \"{}\", try --help", interval));
  }
  range = {*start_ms, *end_ms, *interval_ms};
  Status made = BackfillRules(url, options, range, files, output);
  return made ? kExitOk : FailWith(made.error().message());
}

}  // namespace sextant::app
