#include "pipeline/extensions/file_storage_extension.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "pipeline/component_harness.h"
#include "pipeline/storage.h"

namespace sextant::pipeline {

namespace {

class FileStorageTest : public testing::Test {
 protected:
  Storage& Start(const std::string& more = "") {
    extension_ = environment_.MakeExtension(type_, "directory: " + directory_.path() + "\n" + more);
    core::Status started = extension_->Start();
    EXPECT_TRUE(started) << started.error().message();
    environment_.extensions.by_id["file_storage"] = extension_.get();
    auto storage = FindStorage(environment_.extensions, "file_storage");
    EXPECT_TRUE(storage);
    return **storage;
  }
  std::unique_ptr<StorageClient> Open(Storage& storage, std::string_view name = "traces") {
    auto client = storage.Open(ComponentKind::kExporter, {"otlp", "tempo"}, name);
    EXPECT_TRUE(client) << client.error().message();
    return client ? std::move(*client) : nullptr;
  }

  const ComponentType type_ = FileStorageExtensionType();
  ComponentHarness environment_;
  TestDirectory directory_;
  std::unique_ptr<Extension> extension_;
};

TEST_F(FileStorageTest, KeepsTheKeysOfEachComponentApart) {
  Storage& storage = Start("fsync: true");
  auto traces = Open(storage, "traces");
  auto logs = Open(storage, "logs");
  ASSERT_TRUE(traces->Set("k", "of traces"));
  EXPECT_EQ(*logs->Get("k"), std::nullopt);
  traces.reset();
  traces = Open(Start(), "traces");
  EXPECT_EQ(*traces->Get("k"), "of traces");
  EXPECT_TRUE(std::filesystem::exists(directory_ / "exporter_otlp_tempo_traces.kv"));
}

TEST_F(FileStorageTest, NamesFilesAsTheOriginalDoes) {
  EXPECT_EQ(StorageFileName(ComponentKind::kReceiver, {"filelog", ""}, ""), "receiver_filelog_.kv");
  EXPECT_EQ(StorageFileName(ComponentKind::kExporter, {"otlp", "a/b"}, "traces"),
            "exporter_otlp_a~002Fb_traces.kv");
}

TEST_F(FileStorageTest, GivesUpOnAFileThatIsOpen) {
  Storage& storage = Start("timeout: 30ms");
  auto first = Open(storage);
  auto second = storage.Open(ComponentKind::kExporter, {"otlp", "tempo"}, "traces");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), core::Code::kUnavailable);
}

TEST_F(FileStorageTest, PutsADamagedFileAsideOnlyWhenToldSo) {
  directory_.Write("exporter_otlp_tempo_traces.kv", "this is no storage");
  auto refused = Start().Open(ComponentKind::kExporter, {"otlp", "tempo"}, "traces");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), core::Code::kCorruption);
  auto client = Open(Start("recreate: true"));
  EXPECT_TRUE(client->Set("k", "v"));
  int backups = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
    backups += file.path().extension() == ".backup";
  }
  EXPECT_EQ(backups, 1);
}

TEST_F(FileStorageTest, MakesItsDirectory) {
  std::string path = directory_ / "new/deep";
  auto extension = environment_.MakeExtension(
      type_, "directory: " + path + "\ncreate_directory: true\ndirectory_permissions: '0700'");
  ASSERT_TRUE(extension->Start());
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(FileStorageTest, RemovesWhatCompactionsHaveLeft) {
  directory_.Write("tempdb123", "x");
  directory_.Write("exporter_a_b.kv.compacting", "x");
  directory_.Write("other", "x");
  Start("compaction: {cleanup_on_start: true}");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "tempdb123"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "exporter_a_b.kv.compacting"));
  EXPECT_TRUE(std::filesystem::exists(directory_ / "other"));
}

TEST_F(FileStorageTest, RefusesBadSettings) {
  auto error = [&](const std::string& yaml) { return environment_.ErrorOf(type_, yaml); };
  EXPECT_NE(
      error("directory: /nowhere/at/all")
          .find("directory must exist: stat /nowhere/at/all: No such file or directory. You can enable the "
                "create_directory option to automatically create it"),
      std::string::npos);
  std::string file = directory_.Write("file", "");
  EXPECT_NE(error("directory: " + file).find(file + " is not a directory"), std::string::npos);
  std::string here = "directory: " + directory_.path() + "\n";
  EXPECT_NE(error(here + "create_directory: true\ndirectory_permissions: rwx")
                .find("directory_permissions value must be a valid octal representation"),
            std::string::npos);
  EXPECT_NE(error(here + "create_directory: true\ndirectory_permissions: '07771'")
                .find("directory_permissions contain invalid bits for file access"),
            std::string::npos);
  EXPECT_NE(error(here + "compaction: {max_transaction_size: -1}")
                .find("max transaction size for compaction cannot be less than 0"),
            std::string::npos);
  EXPECT_NE(error(here + "compaction: {on_rebound: true, check_interval: 0s}")
                .find("compaction check interval must be positive when rebound compaction is set"),
            std::string::npos);
  EXPECT_NE(error(here + "compaction: {directory: /tmp}").find("compaction.directory"), std::string::npos);
}

TEST_F(FileStorageTest, NamesWhatKeepsNothing) {
  EXPECT_EQ(FindStorage(environment_.extensions, "absent").error().message(),
            "no storage client extension found: \"absent\"");
}

}  // namespace

}  // namespace sextant::pipeline
