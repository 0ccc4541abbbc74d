// Data for the store's benchmarks, made from the captured bodies of a node_exporter served in turn under many
// target names, and our own store filled with it.
//
//   store_load text BODIES TARGETS HOURS STEP_S START_S   the samples as text, for the peers' importers
//   store_load fill BODIES TARGETS HOURS STEP_S DIR FORMAT   the samples into a store, and what it takes
//   store_load cut SERIES DIR                                memory while blocks of many series are written
//
// BODIES is a folder of texts (shared/load), FORMAT `sextant` or `prometheus`.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "metrics/exposition/text_parser.h"
#include "metrics/tsdb/db.h"
#include "model/value.h"

namespace {

using namespace sextant;

constexpr core::TimestampMs kFillStart = 1'700'006'400'000;  // a multiple of two hours

[[noreturn]] void Die(std::string_view what) {
  fmt::print(stderr, "store_load: {}\n", what);
  std::exit(1);
}

template <typename T>
T Take(core::Result<T> result) {
  if (!result) Die(result.error().message());
  return std::move(*result);
}

void Check(const core::Status& status) {
  if (!status) Die(status.error().message());
}

// The captured series and their value in each body (NaN where it is missing).
struct Capture {
  std::vector<model::Labels> labels;
  std::vector<std::string> texts;           // as in the bodies
  std::vector<std::vector<double>> values;  // by body, then series
};

Capture ReadCapture(core::FileSystem& fs, const std::string& dir) {
  Capture capture;
  std::map<std::string, size_t> places;
  for (const core::FileInfo& file : Take(fs.List(dir))) {
    std::string body = Take(core::ReadFile(fs, core::JoinPath(dir, file.name), 64 << 20));
    std::vector<double>& values = capture.values.emplace_back(capture.texts.size(), model::NormalNan());
    exposition::TextParser parser(body);
    for (auto kind = parser.Next(); kind != exposition::EntryKind::kEnd; kind = parser.Next()) {
      if (kind == exposition::EntryKind::kError) Die(parser.error().message());
      if (kind != exposition::EntryKind::kSample) continue;
      auto [place, is_new] = places.try_emplace(std::string(parser.entry().series), capture.texts.size());
      if (is_new) {
        model::LabelsBuilder labels;
        Check(parser.ReadLabels(labels));
        capture.labels.push_back(labels.Build());
        capture.texts.push_back(place->first);
        values.push_back(model::NormalNan());
      }
      values[place->second] = parser.entry().value;
    }
  }
  for (std::vector<double>& values : capture.values) values.resize(capture.texts.size(), model::NormalNan());
  if (capture.values.empty()) Die("no bodies in " + dir);
  return capture;
}

std::string InstanceOf(size_t target) { return fmt::format("host-{:03}:9100", target); }

// A series' text with the target's labels in it.
std::string TextFor(const std::string& series, size_t target) {
  std::string own = fmt::format("instance=\"{}\",job=\"node\"", InstanceOf(target));
  size_t brace = series.find('{');
  if (brace == std::string::npos) return series + "{" + own + "}";
  return series.substr(0, brace + 1) + own + "," + series.substr(brace + 1);
}

void PrintText(const Capture& capture, size_t targets, int64_t steps, int64_t step_s, int64_t start_s,
               bool in_ms) {
  std::vector<std::string> texts;
  for (size_t target = 0; target < targets; ++target) {
    for (const std::string& series : capture.texts) texts.push_back(TextFor(series, target));
  }
  std::string out;
  for (int64_t step = 0; step < steps; ++step) {
    for (size_t target = 0; target < targets; ++target) {
      const auto& values = capture.values[(static_cast<size_t>(step) + target * 7) % capture.values.size()];
      for (size_t i = 0; i < capture.texts.size(); ++i) {
        if (values[i] != values[i]) continue;
        out += texts[target * capture.texts.size() + i];
        fmt::format_to(std::back_inserter(out), " {} {}{}\n", values[i], start_s + step * step_s,
                       in_ms ? "000" : "");
      }
    }
    if (out.size() > (8 << 20)) {
      std::fwrite(out.data(), 1, out.size(), stdout);
      out.clear();
    }
  }
  if (!in_ms) out += "# EOF\n";
  std::fwrite(out.data(), 1, out.size(), stdout);
}

uint64_t BytesBelow(core::FileSystem& fs, const std::string& dir) {
  uint64_t bytes = 0;
  for (const core::FileInfo& entry : Take(fs.List(dir))) {
    bytes += entry.is_directory ? BytesBelow(fs, core::JoinPath(dir, entry.name)) : entry.size_bytes;
  }
  return bytes;
}

uint64_t StatusBytes(const char* key) {
  FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) Die("no /proc/self/status");
  char line[256];
  uint64_t kib = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, key, std::strlen(key)) == 0)
      kib = std::strtoull(line + std::strlen(key) + 1, nullptr, 10);
  }
  std::fclose(file);
  return kib << 10;
}

void ResetPeak() {
  FILE* file = std::fopen("/proc/self/clear_refs", "w");
  if (file == nullptr) Die("/proc/self/clear_refs cannot be written");
  std::fputs("5", file);
  std::fclose(file);
}

// A store in a directory that is filled in simulated time.
class Filled {
 public:
  Filled(std::string dir, tsdb::BlockForm format) {
    options_.dir = std::move(dir);
    options_.block_form = format;
    options_.run_maintenance_thread = false;
    options_.retention_ms = 365LL * 24 * 3600 * 1000;
    db_ = Take(tsdb::Db::Open(fs_, clock_, core::Logger::Discard(), registry_, options_));
  }

  core::ManualClock& clock() { return clock_; }
  tsdb::Db& db() { return *db_; }
  core::FileSystem& fs() { return fs_; }
  const std::string& dir() const { return options_.dir; }

 private:
  core::PosixFileSystem fs_;
  core::ManualClock clock_{kFillStart};
  core::Registry registry_;
  tsdb::DbOptions options_;
  std::unique_ptr<tsdb::Db> db_;
};

void Fill(const Capture& capture, size_t targets, int64_t steps, int64_t step_s, const std::string& dir,
          tsdb::BlockForm format) {
  Filled store(dir, format);
  std::vector<model::Labels> labels;
  for (size_t target = 0; target < targets; ++target) {
    for (const model::Labels& series : capture.labels) {
      model::LabelsBuilder builder(series);
      builder.Set("instance", InstanceOf(target));
      builder.Set("job", "node");
      labels.push_back(builder.Build());
    }
  }
  std::vector<model::SeriesRef> refs(labels.size());
  uint64_t samples = 0;
  for (int64_t step = 0; step < steps; ++step) {
    core::TimestampMs time_ms = kFillStart + step * step_s * 1000;
    store.clock().Set(time_ms);
    for (size_t target = 0; target < targets; ++target) {
      const auto& values = capture.values[(static_cast<size_t>(step) + target * 7) % capture.values.size()];
      auto appender = store.db().NewAppender();
      for (size_t i = 0; i < capture.labels.size(); ++i) {
        if (values[i] != values[i]) continue;
        size_t place = target * capture.labels.size() + i;
        auto result = appender->Append(refs[place], labels[place], time_ms, values[i]);
        if (result.outcome != model::AppendOutcome::kOk) Die(model::OutcomeText(result.outcome));
        refs[place] = result.ref;
        ++samples;
      }
      Check(appender->Commit());
    }
    if (step % 40 == 0) Check(store.db().Maintain());
  }
  for (int i = 0; i < 20; ++i) Check(store.db().Maintain());  // what compaction still has to do
  Check(store.db().Close());
  tsdb::Stats stats = Take(store.db().GetStats());
  uint64_t block_samples = 0;
  core::TimestampMs blocks_end_ms = 0;
  for (const tsdb::BlockInfo& block : store.db().Blocks()) {
    block_samples += block.samples;
    blocks_end_ms = std::max(blocks_end_ms, block.end_ms);
  }
  fmt::print(
      "{{\"samples\": {}, \"block_samples\": {}, \"block_bytes\": {}, \"all_bytes\": {}, \"blocks\": {}, "
      "\"blocks_end_ms\": {}}}\n",
      samples, block_samples, stats.blocks_bytes, BytesBelow(store.fs(), dir), stats.blocks, blocks_end_ms);
}

// A million series over some hours, one sample a minute, half of them moving.
void Cut(size_t series, const std::string& dir) {
  Filled store(dir, tsdb::BlockForm::kDense);
  constexpr size_t kPerTarget = 2000;
  constexpr int64_t kStepMs = 60'000;
  std::vector<model::SeriesRef> refs(series);
  auto round = [&](int64_t step) {
    core::TimestampMs time_ms = kFillStart + step * kStepMs;
    store.clock().Set(time_ms);
    for (size_t begin = 0; begin < series; begin += kPerTarget) {
      auto appender = store.db().NewAppender();
      for (size_t i = begin; i < std::min(series, begin + kPerTarget); ++i) {
        model::Labels labels;
        if (refs[i] == 0) {
          labels = model::Labels::Of({{"__name__", fmt::format("load_metric_{}_total", i % kPerTarget / 20)},
                                      {"code", fmt::format("{}", 200 + i % 5)},
                                      {"handler", fmt::format("/api/v1/resource/{}", i % 20)},
                                      {"instance", fmt::format("host-{}:9100", i / kPerTarget)},
                                      {"job", "load"},
                                      {"method", i % 3 == 0 ? "GET" : "POST"},
                                      {"region", "eu-central-1"},
                                      {"zone", fmt::format("zone-{}", i / kPerTarget % 3)}});
        }
        double value = static_cast<double>(i % 20 < 13 ? i : i + static_cast<size_t>(step) * (i % 97));
        refs[i] = appender->Append(refs[i], labels, time_ms, value).ref;
      }
      Check(appender->Commit());
    }
  };
  int64_t step = 0;
  for (; step < 175; ++step) round(step);
  Check(store.db().Maintain());
  uint64_t steady = StatusBytes("VmRSS:");
  std::vector<uint64_t> peaks;
  for (; step < 430; ++step) {
    round(step);
    if (step % 10 != 0) continue;
    ResetPeak();
    uint64_t blocks = Take(store.db().GetStats()).blocks;
    Check(store.db().Maintain());
    if (Take(store.db().GetStats()).blocks != blocks) peaks.push_back(StatusBytes("VmHWM:"));
  }
  if (peaks.empty()) Die("no block was cut");
  uint64_t peak = *std::max_element(peaks.begin(), peaks.end());
  fmt::print(
      "{{\"series\": {}, \"steady_bytes\": {}, \"peak_bytes\": {}, \"blocks_written\": {}, \"ratio\": "
      "{:.3f}}}\n",
      series, steady, peak, peaks.size(), static_cast<double>(peak) / static_cast<double>(steady));
  Check(store.db().Close());
}

int64_t Number(const char* text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
  if (error != std::errc() || *end != '\0') Die(fmt::format("not a number: {}", text));
  return number;
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view what = argc > 1 ? argv[1] : "";
  core::PosixFileSystem fs;
  if ((what == "text" || what == "import") && argc == 7) {
    int64_t step_s = Number(argv[5]);
    PrintText(ReadCapture(fs, argv[2]), static_cast<size_t>(Number(argv[3])), Number(argv[4]) * 3600 / step_s,
              step_s, Number(argv[6]), what == "import");
  } else if (what == "fill" && argc == 8) {
    int64_t step_s = Number(argv[5]);
    auto format =
        std::string_view(argv[7]) == "prometheus" ? tsdb::BlockForm::kPrometheus : tsdb::BlockForm::kDense;
    Fill(ReadCapture(fs, argv[2]), static_cast<size_t>(Number(argv[3])), Number(argv[4]) * 3600 / step_s,
         step_s, argv[6], format);
  } else if (what == "cut" && argc == 4) {
    Cut(static_cast<size_t>(Number(argv[2])), argv[3]);
  } else {
    std::fputs("usage: see the head of bench/store/store_load.cc\n", stderr);
    return 2;
  }
  return 0;
}
