// `promtool tsdb bench write`: writes scrapes of many series into a new store and says how fast that went.
// The stages and their lines are promtool's; there are no profiles.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "app/opened_store.h"
#include "app/promtool_commands.h"
#include "core/elapsed_text.h"
#include "metrics/tsdb/db.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr core::DurationMs kScrapeMs = 30'000;
constexpr size_t kShardSeries = 1'000;  // that one thread writes at a time
constexpr int kShardScrapes = 100;      // before the next thousand series

struct BenchOptions {
  std::string out = "benchout";
  std::string metrics_text = "10000";
  std::string scrapes_text = "3000";
  std::string file = "../../tsdb/testdata/20kseries.json";
  int metrics = 0;
  int scrapes = 0;
};

// Runs a stage and says so; how long it took.
Result<int64_t> Measure(const core::Clock& clock, std::string_view stage,
                        const std::function<Status()>& run) {
  Print(fmt::format(">> start stage={}\n", stage));
  const int64_t start_ns = clock.MonotonicNs();
  SEXTANT_TRY(run());
  const int64_t elapsed_ns = clock.MonotonicNs() - start_ns;
  Print(fmt::format(">> completed stage={} duration={}\n", stage, core::ElapsedText(elapsed_ns)));
  return elapsed_ns;
}

// {"__name__":"up","job":"a"}, without a comma or a colon in a value: the files of Prometheus' own tests.
Result<model::Labels> ParseSeries(std::string line, size_t number) {
  std::erase_if(line, [](char c) { return c == '"' || c == '{' || c == '}'; });
  model::LabelsBuilder labels;
  std::string_view rest = line;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    const size_t colon = pair.find(':');
    if (colon == std::string_view::npos) {
      return Fail(Code::kInvalidArgument, "line {}: not NAME:VALUE: {}", number,
                  model::QuoteGo(pair.substr(0, 100)));
    }
    const std::string_view value = pair.substr(colon + 1);
    labels.Set(pair.substr(0, colon), value.substr(0, value.find(':')));
    if (comma == std::string_view::npos) return labels.Build();
    rest.remove_prefix(comma + 1);
  }
}

Status ReadSeries(const BenchOptions& options, std::vector<model::Labels>& series) {
  std::ifstream in(options.file);
  if (!in) return Fail(Code::kNotFound, "open {}: no such file or directory", options.file);
  std::set<model::Labels> seen;
  std::string line;
  for (size_t number = 1; series.size() < static_cast<size_t>(options.metrics) && std::getline(in, line);
       ++number) {
    SEXTANT_ASSIGN(model::Labels labels,
                   ParseSeries(std::move(line), number).map_error(core::AddContext("{}", options.file)));
    if (seen.insert(labels).second) series.push_back(std::move(labels));
  }
  return {};
}

// Writes scrapes of some series into the store.
class Ingestion {
 public:
  Ingestion(tsdb::Db& db, const std::vector<model::Labels>& series) : db_(db), series_(series) {}

  Status Run(int scrapes) {
    for (int first = 0; first < scrapes; first += kShardScrapes) RunShards(kScrapeMs * first);
    Print("ingestion completed\n");
    return error_ ? tl::unexpected(*error_) : Status();
  }
  uint64_t total() const { return total_; }

 private:
  // As many threads as there are CPUs; each takes the next thousand series until there are none.
  void RunShards(core::TimestampMs base_ms) {
    std::atomic<size_t> next = 0;
    const size_t shards = (series_.size() + kShardSeries - 1) / kShardSeries;
    const size_t cpus = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::min(shards, cpus); ++i) {
      threads.emplace_back([&] {
        for (size_t shard = next++; shard < shards; shard = next++) {
          if (const Status written = WriteShard(shard * kShardSeries, base_ms); !written)
            Note(written.error());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  Status WriteShard(size_t begin, core::TimestampMs base_ms) {
    const size_t end = std::min(begin + kShardSeries, series_.size());
    std::vector<model::SeriesRef> refs(end - begin);
    double value = 123'456'789;
    for (int scrape = 1; scrape <= kShardScrapes; ++scrape) {
      value += 1'000;
      const auto batch = db_.NewAppender();
      for (size_t i = begin; i < end; ++i) {
        const auto appended = batch->Append(refs[i - begin], series_[i], base_ms + scrape * kScrapeMs, value);
        if (appended.outcome != model::AppendOutcome::kOk) {
          return Fail(Code::kInvalidArgument, "add sample: {}", model::OutcomeText(appended.outcome));
        }
        refs[i - begin] = appended.ref;
      }
      SEXTANT_TRY(batch->Commit());
      total_ += end - begin;
    }
    return {};
  }

  void Note(const core::Error& error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = error;
  }

  tsdb::Db& db_;
  const std::vector<model::Labels>& series_;
  std::atomic<uint64_t> total_ = 0;
  std::mutex mutex_;
  std::optional<core::Error> error_;  // guarded by mutex_; the first
};

Status Bench(const BenchOptions& options) {
  core::PosixFileSystem files;
  core::SystemClock clock;
  core::Registry registry;
  std::unique_ptr<ScratchDir> scratch;
  if (options.out.empty()) {
    SEXTANT_ASSIGN(scratch, ScratchDir::Make(files));
  }
  tsdb::DbOptions store;
  store.dir = core::JoinPath(scratch ? scratch->path() : options.out, "storage");
  SEXTANT_TRY(core::RemoveAll(files, store.dir));  // of the last time
  SEXTANT_TRY(files.MakeDirectories(store.dir));
  store.max_future_ms = 0;
  store.run_maintenance_thread = false;  // as with promtool, nothing is compacted
  SEXTANT_ASSIGN(auto db, tsdb::Db::Open(files, clock, core::Logger::Discard(), registry, store));
  std::vector<model::Labels> series;
  SEXTANT_TRY(Measure(clock, "readData", [&] { return ReadSeries(options, series); }));
  Ingestion ingestion(*db, series);
  SEXTANT_ASSIGN(const int64_t elapsed_ns,
                 Measure(clock, "ingestScrapes", [&] { return ingestion.Run(options.scrapes); }));
  const auto total = static_cast<double>(ingestion.total());
  Print(fmt::format(" > total samples: {}\n", ingestion.total()));
  Print(fmt::format(" > samples/sec: {}\n", FormatG(total / (static_cast<double>(elapsed_ns) / 1e9))));
  SEXTANT_TRY(Measure(clock, "stopStorage", [&] { return db->Close(); }));
  return {};
}

bool ParseCount(const std::string& text, int& count) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

int PromtoolBenchWrite(const Words& words) {
  PromtoolOptions options;
  BenchOptions bench;
  CommandLine line;
  line.AddFlag("out", 0, "Set the output path.", &bench.out);
  line.AddFlag("metrics", 0, "Number of metrics to read.", &bench.metrics_text);
  line.AddFlag("scrapes", 0, "Number of scrapes to simulate.", &bench.scrapes_text);
  line.AddOptionalArgument("file", "Input file with samples data.", &bench.file);
  int code = kExitOk;
  if (!ParseOrStop(line, words, "tsdb bench write", "Run a write performance benchmark.", options, code)) {
    return code;
  }
  for (const auto& [text, count] :
       {std::pair(&bench.metrics_text, &bench.metrics), std::pair(&bench.scrapes_text, &bench.scrapes)}) {
    if (!ParseCount(*text, *count)) {
      return FailWith(
          fmt::format("promtool: error: strconv.ParseFloat: parsing {}: invalid syntax, try --help",
                      model::QuoteGo(*text)));
    }
  }
  const Status done = Bench(bench);
  return done ? kExitOk : FailWith(done.error().message());
}

}  // namespace sextant::app
