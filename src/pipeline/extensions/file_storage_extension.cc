#include "pipeline/extensions/file_storage_extension.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/file.h"
#include "pipeline/extensions/key_value_file.h"
#include "pipeline/fields.h"
#include "pipeline/settings/directory.h"
#include "pipeline/storage.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr uint64_t kMib = 1 << 20;
constexpr std::string_view kEnding = ".kv";

struct CompactionConfig {
  bool on_start = false;
  bool on_rebound = false;
  std::string directory = "/var/lib/otelcol/file_storage";
  int64_t rebound_needed_threshold_mib = 100;
  int64_t rebound_trigger_threshold_mib = 10;
  int64_t max_transaction_size = 65'536;
  core::DurationMs check_interval_ms = 5'000;
  bool cleanup_on_start = false;
};

struct FileStorageConfig {
  std::string directory = "/var/lib/otelcol/file_storage";
  core::DurationMs timeout_ms = 1'000;
  CompactionConfig compaction;
  bool fsync = false;
  bool create_directory = false;
  std::string directory_permissions = "0750";
  bool recreate = false;
  int64_t max_size = 0;
};

// The directory's state when settings are read, as the collector checks it then.
Status CheckDirectory(const std::string& directory, bool may_be_absent, config::Node node) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) {
    std::string reason = fmt::format("stat {}: {}", directory, std::strerror(errno));
    if (errno != ENOENT) {
      return node.Fail("problem accessing configured directory: {}, err: {}", directory, reason);
    }
    if (may_be_absent) return {};
    return node.Fail(
        "directory must exist: {}. You can enable the create_directory option to automatically create it",
        reason);
  }
  if (!S_ISDIR(info.st_mode)) return node.Fail("{} is not a directory", directory);
  return {};
}

Status CheckFileStorage(FileStorageConfig& config, config::Node node) {
  config::Node compaction = node.Find("compaction");
  if (config::Node directory = compaction.Find("directory");
      directory && config.compaction.directory != config.directory) {
    return directory.FailAtKey(
        Code::kUnimplemented,
        "a directory other than `directory` is not supported yet: files are compacted where they are");
  }
  config.compaction.directory = config.directory;
  SEXTANT_TRY(CheckDirectory(config.directory, config.create_directory, node));
  if (config.compaction.max_transaction_size < 0) {
    return node.Fail("max transaction size for compaction cannot be less than 0");
  }
  if (config.compaction.on_rebound && config.compaction.check_interval_ms <= 0) {
    return node.Fail("compaction check interval must be positive when rebound compaction is set");
  }
  if (config.max_size < 0) return node.Fail("max_size must not be negative");
  if (config.create_directory) {
    if (Result<unsigned> bits = ParsePermissions(config.directory_permissions); !bits)
      return node.Fail("{}", bits.error().message());
  }
  return {};
}

const config::Struct& FieldsOf(const CompactionConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<CompactionConfig>({
      Member<&CompactionConfig::on_start>("on_start"),
      Member<&CompactionConfig::on_rebound>("on_rebound"),
      Member<&CompactionConfig::directory>("directory"),
      Member<&CompactionConfig::rebound_needed_threshold_mib>("rebound_needed_threshold_mib").AlwaysWritten(),
      Member<&CompactionConfig::rebound_trigger_threshold_mib>("rebound_trigger_threshold_mib")
          .AlwaysWritten(),
      Member<&CompactionConfig::max_transaction_size>("max_transaction_size").AlwaysWritten(),
      Member<&CompactionConfig::check_interval_ms>("check_interval", GoDuration()),
      Member<&CompactionConfig::cleanup_on_start>("cleanup_on_start"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const FileStorageConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<FileStorageConfig>(
      {
          Member<&FileStorageConfig::directory>("directory"),
          Member<&FileStorageConfig::timeout_ms>("timeout", GoDuration()),
          Member<&FileStorageConfig::compaction>("compaction"),
          Member<&FileStorageConfig::fsync>("fsync"),
          Member<&FileStorageConfig::create_directory>("create_directory"),
          Member<&FileStorageConfig::directory_permissions>("directory_permissions"),
          Member<&FileStorageConfig::recreate>("recreate"),
          Member<&FileStorageConfig::max_size>("max_size"),
      },
      &CheckFileStorage);
  return kFields;
}

class FileStorage final : public Extension, public Storage {
 public:
  FileStorage(const ComponentSettings& settings, const FileStorageConfig& config)
      : config_(config), logger_(settings.logger), clock_(settings.environment.clock) {}

  Status Start() override {
    if (config_.create_directory) {
      SEXTANT_ASSIGN(unsigned permissions, ParsePermissions(config_.directory_permissions));
      SEXTANT_TRY(MakeDirectory(fs_, config_.directory, permissions));
    }
    return config_.compaction.cleanup_on_start ? CleanUp() : Status();
  }

  Result<std::unique_ptr<StorageClient>> Open(ComponentKind kind, const ComponentId& id,
                                              std::string_view name) override {
    std::string path = core::JoinPath(config_.directory, StorageFileName(kind, id, name));
    std::string former = path.substr(0, path.size() - kEnding.size());
    if (fs_.Stat(former)) {
      logger_.Warn("a file of the original collector is not read: what it holds is not sent",
                   {{"path", former}});
    }
    Result<std::unique_ptr<KeyValueFile>> file = OpenFile(path);
    if (!file && file.error().code() == Code::kCorruption && config_.recreate) {
      std::string backup = fmt::format("{}.{}.backup", path, clock_.NowMs());
      logger_.Error("the file is damaged, it is put aside and begun anew",
                    {{"err", file.error()}, {"backup", backup}});
      SEXTANT_TRY(fs_.Rename(path, backup));
      file = OpenFile(path);
    }
    if (!file) return tl::unexpected(file.error());
    if ((*file)->torn_bytes() > 0) {
      logger_.Warn("cut off what was being written when the process ended",
                   {{"path", path}, {"bytes", (*file)->torn_bytes()}});
    }
    if (config_.compaction.on_start) SEXTANT_TRY((*file)->Compact());
    return std::move(*file);
  }

 private:
  KeyValueOptions Options() const {
    KeyValueOptions options;
    options.syncs_each_write = config_.fsync;
    options.max_bytes = static_cast<uint64_t>(config_.max_size);
    options.compaction_batch_items = static_cast<size_t>(config_.compaction.max_transaction_size);
    if (config_.compaction.on_rebound) {
      auto mib = [](int64_t count) { return static_cast<uint64_t>(std::max<int64_t>(count, 0)) * kMib; };
      options.rebound_needed_bytes =
          std::max<uint64_t>(mib(config_.compaction.rebound_needed_threshold_mib), 1);
      options.rebound_trigger_bytes = mib(config_.compaction.rebound_trigger_threshold_mib);
    }
    return options;
  }

  // Waits for the file as long as `timeout` says when another process has it.
  Result<std::unique_ptr<KeyValueFile>> OpenFile(const std::string& path) {
    constexpr core::DurationMs kPauseMs = 20;
    for (core::DurationMs waited_ms = 0;; waited_ms += kPauseMs) {
      Result<std::unique_ptr<KeyValueFile>> file = KeyValueFile::Open(fs_, path, Options());
      bool is_taken = !file && file.error().code() == Code::kUnavailable;
      if (!is_taken || waited_ms >= config_.timeout_ms) return file;
      std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
    }
  }

  // Files that a compaction has left: the collector's, and ours.
  Status CleanUp() {
    SEXTANT_ASSIGN(std::vector<core::FileInfo> files, fs_.List(config_.directory));
    for (const core::FileInfo& info : files) {
      if (info.is_directory) continue;
      if (!info.name.starts_with("tempdb") && !info.name.ends_with(".compacting")) continue;
      SEXTANT_TRY(fs_.Remove(core::JoinPath(config_.directory, info.name)));
    }
    return {};
  }

  const FileStorageConfig config_;
  const core::Logger logger_;
  const core::Clock& clock_;
  core::PosixFileSystem fs_;
};

Made<Extension> MakeFileStorage(const ComponentSettings& settings, const FileStorageConfig& config) {
  return std::make_unique<FileStorage>(settings, config);
}

}  // namespace

std::string StorageFileName(ComponentKind kind, const ComponentId& id, std::string_view name) {
  std::string raw = fmt::format("{}_{}_{}", KindName(kind), id.type, id.name);
  if (!name.empty()) raw += fmt::format("_{}", name);
  std::string safe;
  for (char c : raw) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '-' || c == '.';
    safe += is_plain ? std::string(1, c) : fmt::format("~{:04X}", static_cast<unsigned char>(c));
  }
  return safe + std::string(kEnding);
}

ComponentType FileStorageExtensionType() {
  return ExtensionType<FileStorageConfig>("file_storage", {}, &MakeFileStorage);
}

}  // namespace sextant::pipeline
