#include "dashboards/provisioner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sextant::dashboards {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Variable(const std::string& name) { return name == "ADDRESS" ? "http://a:1" : ""; }

class ProvisionerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(::testing::TempDir()) / "provisioner_test";
    fs::remove_all(dir_);
    fs::create_directories(dir_ / "dashboards");
    fs::create_directories(dir_ / "datasources");
  }
  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << text;
  }
  void WriteProvider(const std::string& more = "") {
    Write("dashboards/p.yaml", "apiVersion: 1\nproviders:\n- name: p\n  " + more +
                                   "\n  options:\n    path: boards\n    foldersFromFilesStructure: true\n");
  }
  Provisioned Read() {
    auto read = provisioner_->Read(true);
    return read.value_or(Provisioned{});
  }
  static std::vector<std::string> Uids(const Provisioned& read) {
    std::vector<std::string> uids;
    for (const auto& dashboard : read.dashboards) uids.push_back(dashboard.uid);
    return uids;
  }

  fs::path dir_;
  std::unique_ptr<Provisioner> provisioner_ =
      std::make_unique<Provisioner>((fs::path(::testing::TempDir()) / "provisioner_test").string(), Variable);
};

TEST_F(ProvisionerTest, FoldersAreThoseOfTheFiles) {
  WriteProvider();
  Write("boards/a.json", R"({"uid":"a","title":"A"})");
  Write("boards/x/team/b.json", R"({"uid":"b","title":"B"})");
  Write("boards/readme.txt", "no dashboard");
  Provisioned read = Read();
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_THAT(Uids(read), ElementsAre("a", "b"));
  ASSERT_EQ(read.folders.size(), 1u);
  EXPECT_EQ(read.folders[0].title, "team");
  EXPECT_EQ(read.dashboards[0].folder_uid, "");
  EXPECT_EQ(read.dashboards[1].folder_uid, read.folders[0].uid);
  EXPECT_EQ(read.dashboards[1].external_id, "x/team/b.json");
}

TEST_F(ProvisionerTest, ABadFileLeavesTheRestAndStaysAsItWas) {
  WriteProvider();
  Write("boards/a.json", R"({"uid":"a","title":"A"})");
  Write("boards/b.json", "{");
  Write("boards/c.json", R"({"uid":"c","title":"C"})");
  Provisioned read = Read();
  EXPECT_THAT(Uids(read), ElementsAre("a", "c"));
  EXPECT_THAT(read.problems, ElementsAre(HasSubstr("b.json: not a dashboard in JSON")));
  Write("boards/a.json", R"({"uid":"a"})");
  read = Read();
  EXPECT_THAT(Uids(read), ElementsAre("a", "c"));
  EXPECT_THAT(read.problems[0], HasSubstr("Dashboard title cannot be empty (it stays as it was before)"));
}

TEST_F(ProvisionerTest, NothingNewIsNoAnswer) {
  WriteProvider();
  Write("boards/a.json", R"({"uid":"a","title":"A"})");
  EXPECT_TRUE(provisioner_->Read(false));
  EXPECT_FALSE(provisioner_->Read(false));
  Write("boards/b.json", R"({"uid":"b","title":"B"})");
  auto read = provisioner_->Read(false);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->dashboards.size(), 2u);
  fs::remove(dir_ / "boards/a.json");
  read = provisioner_->Read(false);
  ASSERT_TRUE(read);
  EXPECT_THAT(Uids(*read), ElementsAre("b"));
}

TEST_F(ProvisionerTest, AConfigMapIsReadOnceAndFollowed) {
  WriteProvider();
  Write("boards/..1/a.json", R"({"uid":"a","title":"old"})");
  Write("boards/..2/a.json", R"({"uid":"a","title":"newer"})");
  fs::create_directory_symlink("..1", dir_ / "boards/..data");
  fs::create_symlink("..data/a.json", dir_ / "boards/a.json");
  Provisioned read = Read();
  EXPECT_THAT(read.problems, IsEmpty());
  ASSERT_EQ(read.dashboards.size(), 1u);
  EXPECT_THAT(*read.dashboards[0].json, HasSubstr("old"));
  fs::create_directory_symlink("..2", dir_ / "boards/..next");
  fs::rename(dir_ / "boards/..next", dir_ / "boards/..data");
  auto changed = provisioner_->Read(false);
  ASSERT_TRUE(changed);
  EXPECT_THAT(*changed->dashboards[0].json, HasSubstr("newer"));
}

TEST_F(ProvisionerTest, OneUidIsOneDashboard) {
  WriteProvider();
  Write("boards/a.json", R"({"uid":"a","title":"A"})");
  Write("boards/b.json", R"({"uid":"a","title":"B"})");
  Write("boards/c.json", R"({"title":"no uid"})");
  Provisioned read = Read();
  EXPECT_EQ(read.dashboards.size(), 2u);
  EXPECT_THAT(read.problems, ElementsAre(HasSubstr("b.json: the uid a is that of")));
  EXPECT_EQ(read.dashboards[1].uid, Read().dashboards[1].uid);
}

TEST_F(ProvisionerTest, BoundsAreKept) {
  WriteProvider();
  for (int i = 0; i < 5; ++i)
    Write(fmt::format("boards/{}.json", i), fmt::format(R"({{"uid":"u{0}","title":"T{0}"}})", i));
  Write("boards/a/b/c/deep.json", R"({"uid":"deep","title":"Deep"})");
  ProvisioningLimits limits;
  limits.files = 4;  // with the provider's
  provisioner_ = std::make_unique<Provisioner>(dir_.string(), Variable, limits);
  Provisioned read = Read();
  EXPECT_EQ(read.dashboards.size(), 3u);
  EXPECT_THAT(read.problems, ElementsAre(HasSubstr("is left out: 4 files")));
  limits = {};
  limits.depth = 2;
  provisioner_ = std::make_unique<Provisioner>(dir_.string(), Variable, limits);
  read = Read();
  EXPECT_EQ(read.dashboards.size(), 5u);
  EXPECT_THAT(read.problems, ElementsAre(HasSubstr("folders are read 2 deep")));
}

TEST_F(ProvisionerTest, WrongConfigurationNamesFileLineAndField) {
  struct Case {
    const char* yaml;
    const char* problem;
  };
  for (const Case& one : {
           Case{"providers: []\n", "p.yaml:1:1: apiVersion is missing"},
           Case{"apiVersion: 2\n", "apiVersion: this version reads apiVersion 1, not 2"},
           Case{"- name: a\n", "before apiVersion 1"},
           Case{"apiVersion: 1\nproviders:\n- type: file\n", "p.yaml:3:3: providers[0]: name is missing"},
           Case{"apiVersion: 1\nproviders:\n- name: a\n", "options.path is missing"},
           Case{"apiVersion: 1\nproviders:\n- name: a\n  disableDeletion: maybe\n",
                "p.yaml:4:20: providers[0].disableDeletion: expected true or false, got \"maybe\""},
           Case{"apiVersion: 1\nproviders:\n- name: a\n  orgId: 2\n",
                "orgId: there is only the organisation 1"},
           Case{"apiVersion: 1\nproviders:\n- name: a\n  type: s3\n", "type must be \"file\", not \"s3\""},
           Case{"apiVersion: 1\nproviders:\n- name: a\n  folderr: x\n", "did you mean \"folder\"?"},
           Case{"apiVersion: 1\nproviders:\n- name: a\n  folder: x\n  options: {path: /, "
                "foldersFromFilesStructure: true}\n",
                "must be empty where foldersFromFilesStructure"},
           Case{"apiVersion: 1\nproviders:\n- name: a\n  options: {path: /nonexistent}\n",
                "provider a: /nonexistent is no folder"},
       }) {
    Write("dashboards/p.yaml", one.yaml);
    provisioner_ = std::make_unique<Provisioner>(dir_.string(), Variable);
    EXPECT_THAT(Read().problems, ElementsAre(HasSubstr(one.problem))) << one.yaml;
  }
}

TEST_F(ProvisionerTest, DataSourcesWithVariablesAndSecrets) {
  Write("secret", "  hush\n");
  Write("datasources/d.yaml", R"(
apiVersion: 1
deleteDatasources:
- {name: Old, orgId: 1}
datasources:
- name: Far
  uid: far
  type: prometheus
  url: $ADDRESS/prefix
  isDefault: true
  basicAuth: true
  basicAuthUser: me
  jsonData: {timeInterval: 30s, httpHeaderName1: X-Scope, httpMethod: POST, depth: 3, list: [a, true]}
  secureJsonData:
    basicAuthPassword: $__file{)" +
                                  (dir_ / "secret").string() + R"(}
    httpHeaderValue1: pays $$5
- name: Loki
  type: loki
  url: http://loki:3100
- name: Far
  type: prometheus
)");
  Provisioned read = Read();
  EXPECT_THAT(read.problems, ElementsAre(HasSubstr("there is a data source Far")));
  ASSERT_EQ(read.sources.size(), 2u);
  const DataSource& far = read.sources[0];
  EXPECT_EQ(far.url, "http://a:1/prefix");
  EXPECT_EQ(far.basic_auth_password, "hush");
  EXPECT_EQ(far.min_step_ms, 30'000);
  EXPECT_EQ(far.headers, (std::vector<std::pair<std::string, std::string>>{{"X-Scope", "pays $5"}}));
  EXPECT_EQ(
      far.json_data,
      R"({"timeInterval":"30s","httpHeaderName1":"X-Scope","httpMethod":"POST","depth":3,"list":["a",true]})");
  EXPECT_FALSE(read.sources[1].uid.empty());
}

TEST_F(ProvisionerTest, WhatASourceCannotHaveIsRefusedByName) {
  for (const auto& [yaml, problem] : std::vector<std::pair<std::string, std::string>>{
           {"type: prometheus", "datasources[0]: name is missing"},
           {"name: a", "type is missing"},
           {"name: a\n  type: prometheus\n  access: direct", "access must be \"proxy\""},
           {"name: a\n  type: prometheus\n  jsonData: {sigV4Auth: true}", "sigV4Auth is not supported"},
           {"name: a\n  type: prometheus\n  url: ${ADDRESS", "has no closing brace"},
           {"name: a\n  type: prometheus\n  url: $__vault{x}", "$__vault{…} is not supported"},
           {"name: a\n  type: prometheus\n  jsonData: {timeInterval: soon}", "jsonData.timeInterval"},
       }) {
    Write("datasources/d.yaml", "apiVersion: 1\ndatasources:\n- " + yaml + "\n");
    provisioner_ = std::make_unique<Provisioner>(dir_.string(), Variable);
    EXPECT_THAT(Read().problems, ElementsAre(HasSubstr(problem))) << yaml;
  }
}

TEST(DataSources, OwnOnesAreThereAndReferencesAreResolved) {
  auto is_own = [](std::string_view url) { return url == "http://me"; };
  EXPECT_EQ(KindOf("prometheus", "", is_own), SourceKind::kOwnMetrics);
  EXPECT_EQ(KindOf("prometheus", "http://me", is_own), SourceKind::kOwnMetrics);
  EXPECT_EQ(KindOf("prometheus", "http://other", is_own), SourceKind::kRemoteMetrics);
  EXPECT_EQ(KindOf("alertmanager", "http://other", is_own), SourceKind::kRemoteAlerts);
  EXPECT_EQ(KindOf("loki", "", is_own), SourceKind::kUnsupported);
  DataSources sources(true);
  EXPECT_EQ(sources.List().size(), 2u);
  EXPECT_EQ(sources.Resolve("", "")->uid, "sextant");
  DataSource far;
  far.uid = "far";
  far.name = "Far";
  far.type = "prometheus";
  far.is_default = true;
  sources.SetProvisioned({far});
  EXPECT_EQ(sources.Resolve("", "prometheus")->uid, "far");
  EXPECT_EQ(sources.Resolve("Far", "")->uid, "far");
  EXPECT_EQ(sources.Resolve("sextant", "")->name, "Sextant");
  EXPECT_EQ(sources.Resolve("nobody", "prometheus"), nullptr);
  EXPECT_EQ(sources.Resolve("", "alertmanager")->uid, "sextant-alerts");
}

}  // namespace
}  // namespace sextant::dashboards
