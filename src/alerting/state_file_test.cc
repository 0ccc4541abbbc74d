#include "alerting/state_file.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "core/fault_file.h"

namespace sextant::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StateFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = ::testing::TempDir() + "sextant_state_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // What a new process reads, snapshot first.
  std::vector<std::string> Read() {
    std::vector<std::string> out;
    warnings_.clear();
    StateFile file(posix_, dir_, "s");
    const auto keep = [&out](std::string_view bytes) -> core::Status {
      if (bytes == "bad") return core::Fail(core::Code::kCorruption, "is bad");
      out.emplace_back(bytes);
      return {};
    };
    EXPECT_TRUE(file.Load(keep, keep, [this](const std::string& text) { warnings_ += text + "\n"; }));
    return out;
  }
  static core::Status Put(StateFile& file, std::vector<std::string> records) {
    return file.Append(records, true);
  }

  core::PosixFileSystem posix_;
  std::string dir_;
  std::string warnings_;
};

TEST_F(StateFileTest, SnapshotThenRecords) {
  EXPECT_THAT(Read(), IsEmpty());
  StateFile file(posix_, dir_, "s");
  ASSERT_TRUE(Put(file, {"one", "two"}));
  EXPECT_THAT(Read(), ElementsAre("one", "two"));
  ASSERT_TRUE(file.Replace("all"));
  ASSERT_TRUE(Put(file, {"three"}));
  EXPECT_THAT(Read(), ElementsAre("all", "three"));
  EXPECT_EQ(warnings_, "");
}

TEST_F(StateFileTest, TornEndIsDroppedAndOverwritten) {
  {
    StateFile file(posix_, dir_, "s");
    Read();
    ASSERT_TRUE(Put(file, {"one", "two"}));
  }
  const std::string path = dir_ + "/s.journal";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(Read(), ElementsAre("one"));
  EXPECT_THAT(warnings_, HasSubstr("not written whole"));
  StateFile file(posix_, dir_, "s");
  const auto ignore = [](std::string_view) -> core::Status { return {}; };
  ASSERT_TRUE(file.Load(ignore, ignore, [](const std::string&) {}));
  ASSERT_TRUE(Put(file, {"three"}));
  EXPECT_THAT(Read(), ElementsAre("one", "three"));
  EXPECT_EQ(warnings_, "");
}

TEST_F(StateFileTest, DamagedSnapshotIsPutAside) {
  Read();
  ASSERT_TRUE(core::WriteFileAtomically(posix_, dir_ + "/s", "bad"));
  EXPECT_THAT(Read(), IsEmpty());
  EXPECT_THAT(warnings_, HasSubstr("put aside"));
  EXPECT_TRUE(std::filesystem::exists(dir_ + "/s.damaged"));
}

// Whatever operation fails, in whatever way: what was acknowledged is read again, and nothing else but what
// was being written.
TEST_F(StateFileTest, EveryOperationMayFail) {
  for (const core::Fault fault : {core::Fault::kFail, core::Fault::kTorn, core::Fault::kGarbled}) {
    for (uint64_t n = 1; n < 100; ++n) {
      std::filesystem::remove_all(dir_);
      core::FaultFileSystem files(posix_);
      Read();
      std::vector<std::string> promised;
      {
        StateFile file(files, dir_, "s");
        files.FailOperation(n, fault);
        const auto put = [&](const std::string& record) {
          if (Put(file, {record})) promised.push_back(record);
        };
        put("one");
        put("two");
        std::string all;
        for (const std::string& record : promised) all += record;
        if (file.Replace(all)) promised = {all};
        put("three");
        put("four");
      }
      const std::vector<std::string> read = Read();
      for (const std::string& record : promised) {
        EXPECT_THAT(read, ::testing::Contains(HasSubstr(record))) << n;
      }
      if (files.operations() < n) break;
    }
  }
}

}  // namespace
}  // namespace sextant::alerting
