// What the tests of indexes and blocks share: a directory that goes away, the conformance data, and series
// made from a seed.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/file.h"
#include "metrics/promfiles/index_reader.h"
#include "model/labels.h"

namespace sextant::promfiles {

class TestDirectory {
 public:
  TestDirectory() {
    path_ = ::testing::TempDir() + "sextant-promfiles-XXXXXX";
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~TestDirectory() {
    core::PosixFileSystem fs;
    EXPECT_TRUE(core::RemoveAll(fs, path_).has_value());
  }
  std::string File(std::string_view name) const { return core::JoinPath(path_, name); }

 private:
  std::string path_;
};

// A folder of Prometheus' own data; "" when it is absent.
inline std::string ConformanceDir(std::string_view name) {
  const char* dir = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path = core::JoinPath(dir != nullptr ? dir : SEXTANT_CONFORMANCE_DEFAULT, "prometheus/tsdb");
  path = core::JoinPath(path, name);
  return core::PosixFileSystem().Stat(path) ? path : "";
}

inline void CopyDirectory(core::FileSystem& fs, const std::string& from, const std::string& to) {
  ASSERT_TRUE(fs.MakeDirectories(to).has_value());
  auto entries = fs.List(from);
  ASSERT_TRUE(entries.has_value());
  for (const core::FileInfo& entry : *entries) {
    if (entry.is_directory) {
      CopyDirectory(fs, core::JoinPath(from, entry.name), core::JoinPath(to, entry.name));
      continue;
    }
    auto bytes = core::ReadFile(fs, core::JoinPath(from, entry.name), 1 << 30);
    ASSERT_TRUE(bytes.has_value());
    ASSERT_TRUE(core::WriteFileAtomically(fs, core::JoinPath(to, entry.name), *bytes).has_value());
  }
}

// Label sets in their order, each with chunks.
using IndexedSeries = std::map<model::Labels, std::vector<ChunkMeta>>;

inline IndexedSeries RandomSeries(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  auto below = [&random](uint64_t limit) { return random() % limit; };
  IndexedSeries series;
  while (series.size() < count) {
    model::LabelsBuilder builder;
    builder.Set("__name__", "metric_" + std::to_string(below(1 + count / 20)));
    builder.Set("job", below(2) == 0 ? "a" : "b");
    if (below(3) != 0) builder.Set("instance", "host-" + std::to_string(below(count)) + ":9100");
    if (below(4) == 0) builder.Set("path", "/" + std::string(below(200), 'x'));
    if (below(10) == 0) builder.Set("é", "日本");
    series[builder.Build()];
  }
  uint64_t offset = 8;
  for (auto& [labels, chunks] : series) {
    TimestampMs time_ms = -1'000'000 + static_cast<TimestampMs>(below(2'000'000));
    for (uint64_t i = below(5); i > 0; --i) {
      TimestampMs begin_ms = time_ms + 1 + static_cast<TimestampMs>(below(100'000));
      time_ms = begin_ms + static_cast<TimestampMs>(below(7'200'000));
      chunks.push_back({offset, begin_ms, time_ms});
      offset += 1 + below(1000);
      if (below(50) == 0) offset = ((offset >> 32) + 1) << 32 | 8;
    }
  }
  return series;
}

}  // namespace sextant::promfiles
