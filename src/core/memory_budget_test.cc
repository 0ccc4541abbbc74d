#include "core/memory_budget.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sextant::core {
namespace {

void WriteFile(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST(MemoryBudget, SharesRefuseWhatTheyDoNotHave) {
  Registry registry;
  MemoryBudget budget(1000, registry);
  MemoryShare& share = budget.AddShare("queries", 0.25);
  EXPECT_TRUE(share.Take(200));
  Status refused = share.Take(51);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(refused.error().message(), "memory for queries is used up (200B of 250B)");
  EXPECT_NE(registry.RenderText().find("sextant_memory_refusals_total{share=\"queries\"} 1\n"),
            std::string::npos);
  share.GiveBack(200);
  EXPECT_TRUE(share.Take(250));
}

TEST(MemoryBudget, FindsTheSmallestCgroupLimit) {
  std::filesystem::path root = std::filesystem::path(testing::TempDir()) / "cgroup_root";
  std::filesystem::remove_all(root);
  WriteFile(root / "proc/self/cgroup", "0::/a/b\n");
  WriteFile(root / "sys/fs/cgroup/a/memory.max", "1048576\n");
  WriteFile(root / "sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(DetectMemoryLimitBytes(root), 1048576u);
  std::filesystem::remove_all(root);
  EXPECT_GT(DetectMemoryLimitBytes(root), 64u << 20);  // nothing there: physical memory
}

TEST(MemoryBudget, ReadsSizes) {
  EXPECT_EQ(*ParseBytes("0"), 0u);
  EXPECT_EQ(*ParseBytes("512"), 512u);
  EXPECT_EQ(*ParseBytes("512B"), 512u);
  EXPECT_EQ(*ParseBytes("1KB"), 1024u);
  EXPECT_EQ(*ParseBytes("1.5GiB"), 1610612736u);
  EXPECT_EQ(FormatBytes(1610612736u), "1.5GiB");
  for (const char* text : {"", "MB", "1XB", "-1MB", "1MBs", "nanMB", "1e30GB", "1 MB"}) {
    EXPECT_FALSE(ParseBytes(text)) << text;
  }
}

}  // namespace
}  // namespace sextant::core
