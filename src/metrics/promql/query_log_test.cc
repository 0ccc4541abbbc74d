#include "metrics/promql/query_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "metrics/promql/engine.h"
#include "metrics/promql/test_storage.h"

namespace sextant::promql {
namespace {

using testing::HasSubstr;

class QueryLogTest : public testing::Test {
 protected:
  QueryLogTest() {
    folder_ = std::filesystem::temp_directory_path() /
              ("query_log_test." + std::to_string(::getpid()) + "." +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    for (int i = 0; i < 10; ++i) storage_.Add(model::Labels::Of({{"__name__", "up"}}), i * 1000, i);
    options_.query_log = &log_;
  }
  ~QueryLogTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const char* name) const { return (folder_ / name).string(); }
  static std::vector<std::string> Lines(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::filesystem::path folder_;
  core::PosixFileSystem files_;
  core::SystemClock clock_;
  core::Registry registry_;
  QueryLog log_{files_, clock_, &registry_};
  TestStorage storage_;
  EngineOptions options_;
};

TEST_F(QueryLogTest, WritesALinePerQuery) {
  Engine engine(options_, clock_, nullptr);
  ASSERT_TRUE(engine.Instant(storage_, "up", 5'000));
  ASSERT_TRUE(log_.SetFile(Path("a.log")));
  QueryOptions query;
  query.origin = R"("httpRequest":{"clientIP":"127.0.0.1"})";
  ASSERT_TRUE(engine.Range(storage_, "sum(up)", 1'000, 5'000, 2'000, query));
  ASSERT_FALSE(
      engine.Instant(storage_, R"(up + on () (up or label_replace(vector(1), "a", "b", "", "")))", 5'500));
  ASSERT_FALSE(engine.Instant(storage_, "up(", 5'000));

  std::vector<std::string> lines = Lines(Path("a.log"));
  ASSERT_EQ(lines.size(), 2U);
  simdjson::dom::parser parser;
  simdjson::dom::element line = parser.parse(lines[0]);
  EXPECT_EQ(line["msg"].get_string().value(), "promql query logged");
  EXPECT_EQ(line["level"].get_string().value(), "INFO");
  EXPECT_EQ(line["params"]["query"].get_string().value(), "sum(up)");
  EXPECT_EQ(line["params"]["start"].get_string().value(), "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(line["params"]["end"].get_string().value(), "1970-01-01T00:00:05.000Z");
  EXPECT_EQ(line["params"]["step"].get_int64().value(), 2);
  EXPECT_EQ(line["stats"]["samples"]["totalQueryableSamples"].get_int64().value(), 3);
  EXPECT_EQ(line["httpRequest"]["clientIP"].get_string().value(), "127.0.0.1");
  EXPECT_THAT(lines[1], HasSubstr(R"("error":"found duplicate series)"));
  EXPECT_THAT(lines[1], HasSubstr(R"("step":0)"));
}

TEST_F(QueryLogTest, AnotherFileTakesOverAndNoneEndsIt) {
  Engine engine(options_, clock_, nullptr);
  ASSERT_TRUE(log_.SetFile(Path("a.log")));
  EXPECT_THAT(registry_.RenderText(), HasSubstr("prometheus_engine_query_log_enabled 1\n"));
  ASSERT_TRUE(engine.Instant(storage_, "up", 5'000));
  ASSERT_TRUE(log_.SetFile(Path("b.log")));
  ASSERT_TRUE(engine.Instant(storage_, "up", 6'000));
  // A file that cannot be opened changes nothing.
  EXPECT_FALSE(log_.SetFile(Path("missing/c.log")));
  ASSERT_TRUE(engine.Instant(storage_, "up", 7'000));
  ASSERT_TRUE(log_.SetFile(""));
  ASSERT_TRUE(engine.Instant(storage_, "up", 8'000));
  EXPECT_EQ(Lines(Path("a.log")).size(), 1U);
  EXPECT_EQ(Lines(Path("b.log")).size(), 2U);
  EXPECT_THAT(registry_.RenderText(), HasSubstr("prometheus_engine_query_log_enabled 0\n"));
}

}  // namespace
}  // namespace sextant::promql
