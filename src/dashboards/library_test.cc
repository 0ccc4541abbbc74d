#include "dashboards/library.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/clock.h"
#include "dashboards/document.h"

namespace sextant::dashboards {
namespace {

using core::Code;

class LibraryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "library_test.sqlite";
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    Attach(library_);
  }
  void Attach(Library& library) {
    auto store = Store::Open(path_);
    ASSERT_TRUE(store) << store.error().message();
    ASSERT_TRUE(library.Attach(std::move(*store)));
  }
  Code CodeOfSave(std::string json, std::string folder = "", bool overwrite = false) {
    auto saved = library_.Save({std::move(json), std::move(folder), "", overwrite});
    return saved ? Code::kInternal : saved.error().code();
  }
  static ProvisionedDashboard File(std::string uid, std::string title, bool allows_changes) {
    ProvisionedDashboard file;
    file.json =
        std::make_shared<const std::string>(fmt::format(R"({{"uid":"{}","title":"{}"}})", uid, title));
    file.uid = std::move(uid);
    file.external_id = "a.json";
    file.allows_changes = allows_changes;
    return file;
  }

  std::string path_;
  core::ManualClock clock_{1'000};
  Library library_{clock_};
};

TEST_F(LibraryTest, BuiltinOnesAreShownAndMayBeSavedOver) {
  ASSERT_TRUE(library_.AddBuiltin(R"({"uid":"home","title":"Home","tags":["a",1],"panels":[]})"));
  ASSERT_NE(library_.Find("home"), nullptr);
  EXPECT_EQ(library_.Find("home")->tags, std::vector<std::string>{"a"});
  EXPECT_EQ(library_.Find("nothing"), nullptr);
  EXPECT_EQ(library_.AddBuiltin(R"({"uid":"home","title":"B"})").error().code(), Code::kAlreadyExists);
  EXPECT_EQ(library_.Delete("home").error().code(), Code::kPermissionDenied);
  auto saved = library_.Save({R"({"uid":"home","title":"Mine","version":1})", "", "", false});
  ASSERT_TRUE(saved) << saved.error().message();
  EXPECT_EQ(library_.Find("home")->title, "Mine");
  ASSERT_TRUE(library_.Delete("home"));
  EXPECT_EQ(library_.Find("home")->title, "Home");
}

TEST_F(LibraryTest, RefusesWhatIsNoDashboard) {
  for (const char* json : {"", "[]", "{", "{}", R"({"uid":"a"})", R"({"uid":"a/b","title":"x"})",
                           R"({"uid":7,"title":"x"})", R"({"title":" "})"}) {
    EXPECT_EQ(CodeOfSave(json), Code::kInvalidArgument) << json;
  }
  EXPECT_EQ(CodeOfSave(R"({"uid":")" + std::string(41, 'a') + R"(","title":"x"})"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOfSave(R"({"title":"x"})", "nowhere"), Code::kNotFound);
}

TEST_F(LibraryTest, SavesVersionsAndNoticesOtherChanges) {
  auto saved = library_.Save({R"({"title":"New","panels":[1]})", "", "first", false});
  ASSERT_TRUE(saved) << saved.error().message();
  std::string uid = (*saved)->uid;
  EXPECT_EQ((*saved)->version, 1);
  clock_.Set(5'000);
  std::string next = fmt::format(R"({{"uid":"{}","title":"New 2","version":1}})", uid);
  ASSERT_TRUE(library_.Save({next, "", "second", false}));
  EXPECT_EQ(CodeOfSave(next), Code::kAlreadyExists);
  ASSERT_TRUE(library_.Save({next, "", "third", true}));
  DashboardPtr found = library_.Find(uid);
  EXPECT_EQ(found->version, 3);
  EXPECT_EQ(found->created_ms, 1'000);
  EXPECT_EQ(found->updated_ms, 5'000);
  auto versions = library_.Versions(uid);
  ASSERT_TRUE(versions);
  ASSERT_EQ(versions->size(), 3u);
  EXPECT_EQ(versions->front().message, "third");
  EXPECT_NE(library_.Version(uid, 1)->json.find("\"panels\":[1]"), std::string::npos);
  EXPECT_EQ(library_.Version(uid, 9).error().code(), Code::kNotFound);
}

TEST_F(LibraryTest, KeepsTheLastVersionsOnly) {
  for (int i = 0; i < Store::kKeptVersions + 5; ++i)
    ASSERT_TRUE(library_.Save({R"({"uid":"a","title":"A"})", "", "", true}));
  EXPECT_EQ(library_.Versions("a")->size(), static_cast<size_t>(Store::kKeptVersions));
}

TEST_F(LibraryTest, WhatIsSavedIsThereAfterARestart) {
  ASSERT_TRUE(library_.CreateFolder("team", "Team"));
  ASSERT_TRUE(library_.Save({R"({"uid":"a","title":"A"})", "team", "", false}));
  Library again(clock_);
  Attach(again);
  ASSERT_NE(again.Find("a"), nullptr);
  EXPECT_EQ(again.Find("a")->folder_uid, "team");
  EXPECT_EQ(again.Folders().at(0).title, "Team");
}

TEST_F(LibraryTest, OneThatCannotBeReadLeavesTheOthers) {
  ASSERT_TRUE(library_.Save({R"({"uid":"good","title":"Good"})", "", "", false}));
  ASSERT_TRUE(library_.Save({R"({"uid":"bad","title":"Bad"})", "", "", false}));
  {
    auto db = sqlite::Database::Open(path_, {"test", "", 1});
    ASSERT_TRUE(db) << db.error().message();
    ASSERT_TRUE((*db)->Run("UPDATE dashboards SET json = '{' WHERE uid = 'bad'"));
  }
  Library again(clock_);
  auto store = Store::Open(path_);
  ASSERT_TRUE(store);
  auto problems = again.Attach(std::move(*store));
  ASSERT_TRUE(problems) << problems.error().message();
  ASSERT_EQ(problems->size(), 1U);
  EXPECT_NE(problems->front().find("saved dashboard bad cannot be read"), std::string::npos);
  EXPECT_NE(again.Find("good"), nullptr);
  EXPECT_EQ(again.Find("bad"), nullptr);
  EXPECT_TRUE(again.Save({R"({"uid":"new","title":"New"})", "", "", false}));
  EXPECT_TRUE(again.Save({R"({"uid":"bad","title":"Bad again"})", "", "", false}));
}

TEST_F(LibraryTest, ProvisionedOnesRefuseChangesUnlessTheirProviderAllowsThem) {
  library_.SetProvisioned({File("fixed", "Fixed", false), File("open", "Open", true)}, {});
  EXPECT_EQ(CodeOfSave(R"({"uid":"fixed","title":"x","version":1})"), Code::kPermissionDenied);
  EXPECT_EQ(library_.Delete("open").error().code(), Code::kPermissionDenied);
  ASSERT_TRUE(library_.Save({R"({"uid":"open","title":"Changed","version":1})", "", "", false}));
  EXPECT_EQ(library_.Find("open")->title, "Changed");
  EXPECT_EQ(library_.Find("open")->origin, Origin::kProvisioned);
  // The same file again leaves the change, another one takes its place.
  library_.SetProvisioned({File("open", "Open", true)}, {});
  EXPECT_EQ(library_.Find("open")->title, "Changed");
  library_.SetProvisioned({File("open", "Newer", true)}, {});
  EXPECT_EQ(library_.Find("open")->title, "Newer");
  EXPECT_EQ(library_.Find("fixed"), nullptr);
}

TEST_F(LibraryTest, WhatMayNotBeDeletedStaysWithoutItsFile) {
  ProvisionedDashboard file = File("kept", "Kept", false);
  file.stays_without_file = true;
  library_.SetProvisioned({file}, {});
  library_.SetProvisioned({}, {});
  ASSERT_NE(library_.Find("kept"), nullptr);
  EXPECT_EQ(library_.Find("kept")->origin, Origin::kSaved);
  ASSERT_TRUE(library_.Delete("kept"));
}

TEST_F(LibraryTest, Folders) {
  auto folder = library_.CreateFolder("", "Team");
  ASSERT_TRUE(folder);
  EXPECT_EQ(library_.CreateFolder("", "Team").error().code(), Code::kAlreadyExists);
  EXPECT_EQ(library_.CreateFolder("", "").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(library_.CreateFolder("a/b", "x").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(library_.RenameFolder(folder->uid, "T", 7).error().code(), Code::kAlreadyExists);
  ASSERT_TRUE(library_.RenameFolder(folder->uid, "T", 1));
  ASSERT_TRUE(library_.Save({R"({"uid":"a","title":"A"})", folder->uid, "", false}));
  ASSERT_TRUE(library_.DeleteFolder(folder->uid));
  EXPECT_EQ(library_.Find("a"), nullptr);
  EXPECT_EQ(library_.DeleteFolder(folder->uid).error().code(), Code::kNotFound);
}

TEST_F(LibraryTest, WithoutAStoreNothingIsSaved) {
  Library alone(clock_);
  EXPECT_EQ(alone.Save({R"({"title":"A"})", "", "", false}).error().code(), Code::kUnavailable);
  EXPECT_EQ(alone.CreateFolder("", "A").error().code(), Code::kUnavailable);
}

TEST(Store, AForeignFileIsRefused) {
  std::string path = ::testing::TempDir() + "store_test_foreign";
  std::filesystem::remove(path);
  {
    FILE* file = fopen(path.c_str(), "w");
    for (int i = 0; i < 1'000; ++i) fputs("no database ", file);
    fclose(file);
  }
  auto store = Store::Open(path);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), Code::kCorruption);
}

TEST(Document, SlugsAndIdentities) {
  EXPECT_EQ(Slug("Node / CPU (5m)"), "node-cpu-5m");
  EXPECT_EQ(Slug("/"), "-");
  EXPECT_EQ(WithIdentity(R"({"id":1,"title":"a","x":{"uid":2}})", 7, "u", 3),
            R"({"title":"a","x":{"uid":2},"id":7,"uid":"u","version":3})");
  EXPECT_EQ(DeriveUid("a"), DeriveUid("a"));
  EXPECT_GT(NumericId(""), 0);
}

}  // namespace
}  // namespace sextant::dashboards
