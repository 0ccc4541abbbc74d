#include "pipeline/exporters/file_exporter.h"

#include <optional>

#include "net/compression.h"
#include "pipeline/delivery/queued_exporter.h"
#include "pipeline/exporters/rotating_file.h"
#include "pipeline/fields.h"
#include "pipeline/telemetry_codec.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;

enum class FileFormat { kJson, kProto };

struct RotationConfig {
  int64_t max_megabytes = 100;
  int64_t max_days = 0;
  int64_t max_backups = 100;
  bool localtime = false;
};

struct FileConfig {
  std::string path;
  bool append = false;
  std::optional<RotationConfig> rotation;
  FileFormat format = FileFormat::kJson;
  std::string compression;
  core::DurationMs flush_interval_ms = 1'000;
  bool create_directory = false;
};

Status CheckRotation(RotationConfig& config, config::Node node) {
  if (config.max_megabytes < 0 || config.max_days < 0 || config.max_backups < 0) {
    return node.Fail("max_megabytes, max_days and max_backups must not be negative");
  }
  if (config.max_megabytes == 0) config.max_megabytes = 100;
  return {};
}

Status CheckFile(FileConfig& config, config::Node node) {
  if (config.path.empty()) return node.Fail("path must be non-empty");
  if (config.append && !config.compression.empty()) {
    return node.Fail("append and compression enabled at the same time is not supported");
  }
  if (config.append && config.rotation) {
    return node.Fail("append and rotation enabled at the same time is not supported");
  }
  if (!config.compression.empty() && config.compression != "zstd") {
    return node.Fail("compression is not supported");
  }
  if (config.flush_interval_ms < 0) return node.Fail("flush_interval must be larger than zero");
  return {};
}

const config::Struct& FieldsOf(const RotationConfig*) {
  using namespace config;
  using C = RotationConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::max_megabytes>("max_megabytes").AlwaysWritten(),
          Member<&C::max_days>("max_days"),
          Member<&C::max_backups>("max_backups").AlwaysWritten(),
          Member<&C::localtime>("localtime"),
      },
      &CheckRotation);
  return kFields;
}

const config::Struct& FieldsOf(const FileConfig*) {
  using namespace config;
  using C = FileConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::path>("path"),
          Member<&C::append>("append"),
          Member<&C::rotation>("rotation", Section<RotationConfig>()),
          Member<&C::format>("format",
                             Enum<FileFormat>({{"json", FileFormat::kJson}, {"proto", FileFormat::kProto}},
                                              "format type is not supported: {}")),
          Member<&C::compression>("compression"),
          Member<&C::flush_interval_ms>("flush_interval", GoDuration()),
          Member<&C::create_directory>("create_directory"),
          NotYet("directory_permissions", "directories get 0755 within the umask"),
          NotYet("encoding", "use format"),
          NotYet("group_by", "use one exporter for each file"),
      },
      &CheckFile);
  return kFields;
}

// A message with its size in front, in four bytes, the highest first.
std::string WithSize(std::string_view message) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((message.size() >> shift) & 0xff);
  return out += message;
}

class FileSender final : public Sender {
 public:
  FileSender(const ComponentSettings& settings, const FileConfig& config)
      : config_(config), clock_(settings.environment.clock), logger_(settings.logger) {}

  Status Start() override {
    if (config_.create_directory) SEXTANT_TRY(fs_.MakeDirectories(core::ParentPath(config_.path)));
    RotationOptions options;
    if (config_.rotation) {
      constexpr uint64_t kMegabyte = 1 << 20;
      options.max_bytes = static_cast<uint64_t>(config_.rotation->max_megabytes) * kMegabyte;
      options.max_days = config_.rotation->max_days;
      options.max_backups = config_.rotation->max_backups;
      options.local_time = config_.rotation->localtime;
    }
    // A file that is rotated goes on where it was, as the original's does.
    bool appends = config_.append || config_.rotation.has_value();
    SEXTANT_ASSIGN(file_, RotatingFile::Open(fs_, clock_, config_.path, appends, options));
    return {};
  }

  void Shutdown() override {
    if (Status synced = file_->Sync(); !synced) {
      logger_.Error("the file may lack its end", {{"path", config_.path}, {"err", synced.error()}});
    }
  }

  void Send(Telemetry batch, Done done) override {
    std::string bytes = EncodeBatch(
        batch, config_.format == FileFormat::kJson ? OtlpEncoding::kJson : OtlpEncoding::kProtobuf);
    if (!config_.compression.empty()) {
      std::string compressed;
      if (Status made = net::Compress(net::Encoding::kZstd, bytes, compressed); !made) {
        return done(Refuse(made.error().message(), true));
      }
      bytes = WithSize(compressed);
    } else if (config_.format == FileFormat::kProto) {
      bytes = WithSize(bytes);
    } else {
      bytes += '\n';
    }
    Status written = file_->Write(bytes);
    done(written ? Outcome() : Refuse(written.error().message()));
  }

 private:
  const FileConfig config_;
  const core::Clock& clock_;
  const core::Logger logger_;
  core::PosixFileSystem fs_;
  std::unique_ptr<RotatingFile> file_;
};

Made<Exporter> MakeFile(const ComponentSettings& settings, const FileConfig& config, Signal signal) {
  RetryConfig no_retry;
  no_retry.enabled = false;
  return MakeQueuedExporter(settings, signal, std::nullopt, no_retry,
                            std::make_unique<FileSender>(settings, config));
}

}  // namespace

ComponentType FileExporterType() {
  return ExporterType<FileConfig>("file", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs}, &MakeFile);
}

}  // namespace sextant::pipeline
