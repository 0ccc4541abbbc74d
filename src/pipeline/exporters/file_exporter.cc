#include "pipeline/exporters/file_exporter.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

#include "net/body_compression.h"
#include "pipeline/delivery/queued_exporter.h"
#include "pipeline/exporters/grouped_files.h"
#include "pipeline/exporters/rotating_file.h"
#include "pipeline/fields.h"
#include "pipeline/settings/client_config.h"
#include "pipeline/settings/directory.h"
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

struct GroupByConfig {
  bool enabled = false;
  std::string resource_attribute = "fileexporter.path_segment";
  int64_t max_open_files = 100;
};

struct FileConfig {
  std::string path;
  bool append = false;
  std::optional<RotationConfig> rotation;
  FileFormat format = FileFormat::kJson;
  std::string compression;
  CompressionParams compression_params;
  core::DurationMs flush_interval_ms = 1'000;
  bool create_directory = false;
  std::string directory_permissions = "0755";
  GroupByConfig group_by;
};

Status CheckRotation(RotationConfig& config, config::Node node) {
  if (config.max_megabytes < 0 || config.max_days < 0 || config.max_backups < 0) {
    return node.Fail("max_megabytes, max_days and max_backups must not be negative");
  }
  if (config.max_megabytes == 0) config.max_megabytes = 100;
  return {};
}

Status CheckGroupBy(const FileConfig& config, config::Node node) {
  if (!config.group_by.enabled) return {};
  if (std::ranges::count(config.path, '*') != 1) {
    return node.Fail("path must contain exactly one * when group_by is enabled");
  }
  if (config.path.front() == '*') return node.Fail("path must not start with * when group_by is enabled");
  if (config.group_by.resource_attribute.empty()) {
    return node.Fail("resource_attribute must not be empty when group_by is enabled");
  }
  if (config.group_by.max_open_files < 1) return node.Fail("max_open_files must be positive");
  if (config.rotation) return node.Fail("rotation and group_by enabled at the same time is not supported");
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
  if (!config.compression.empty()) {
    auto level = static_cast<int>(std::clamp<int64_t>(config.compression_params.level, -100, 100));
    if (Status good = net::CheckBodyCompression(config.compression, level); !good) {
      return node.Fail("{}", good.error().message());
    }
  } else if (config.compression_params.level != 0) {
    return node.Fail("compression_params without compression");
  }
  if (Result<unsigned> bits = ParsePermissions(config.directory_permissions); !bits) {
    return node.Fail("{}", bits.error().message());
  }
  SEXTANT_TRY(CheckGroupBy(config, node));
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

const config::Struct& FieldsOf(const GroupByConfig*) {
  using namespace config;
  using C = GroupByConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::enabled>("enabled"),
      Member<&C::resource_attribute>("resource_attribute"),
      Member<&C::max_open_files>("max_open_files").AlwaysWritten(),
  });
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
          Member<&C::compression_params>("compression_params"),
          Member<&C::directory_permissions>("directory_permissions"),
          Member<&C::group_by>("group_by"),
          NotYet("encoding", "use format"),
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

// The data of a batch by an attribute of its resources, in the order of the values. What lacks the attribute
// is under no value.
template <typename Data>
std::map<std::optional<std::string>, Telemetry> SplitData(Data& data, std::string_view attribute) {
  std::map<std::optional<std::string>, Data> parts;
  for (auto& resource : data.resources) {
    const otlp::AnyValue* value = otlp::FindAttribute(resource.resource.attributes, attribute);
    std::optional<std::string> segment;
    if (value != nullptr) segment = otlp::ValueText(*value);
    Data& part = parts[segment];
    if (part.resources.empty()) part.memory = std::as_const(data.memory);
    part.resources.push_back(std::move(resource));
  }
  std::map<std::optional<std::string>, Telemetry> batches;
  for (auto& [segment, part] : parts) batches.emplace(segment, Telemetry(std::move(part)));
  return batches;
}

std::map<std::optional<std::string>, Telemetry> Split(Telemetry batch, std::string_view attribute) {
  switch (batch.signal()) {
    case Signal::kTraces:
      return SplitData(batch.MutableTraces(), attribute);
    case Signal::kMetrics:
      return SplitData(batch.MutableMetrics(), attribute);
    case Signal::kLogs:
      break;
  }
  return SplitData(batch.MutableLogs(), attribute);
}

class FileSender final : public Sender {
 public:
  FileSender(const ComponentSettings& settings, const FileConfig& config)
      : config_(config),
        clock_(settings.environment.clock),
        logger_(settings.logger),
        dropped_(settings.environment.telemetry.AddCounter(
            "sextant_otelcol_file_dropped_items_total",
            "Items whose resource has no attribute, or none that makes a path, to choose a file by.",
            {{"exporter", settings.id.Text()}})) {}

  Status Start() override {
    SEXTANT_ASSIGN(unsigned permissions, ParsePermissions(config_.directory_permissions));
    if (config_.group_by.enabled) {
      grouped_ = std::make_unique<GroupedFiles>(
          fs_, clock_,
          GroupedFilesOptions{.path = config_.path,
                              .max_open_files = static_cast<size_t>(config_.group_by.max_open_files),
                              .appends = config_.append,
                              .directory_permissions = permissions});
      return {};
    }
    if (config_.create_directory) {
      SEXTANT_TRY(MakeDirectory(fs_, core::ParentPath(config_.path), permissions));
    }
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
    if (Status synced = grouped_ ? grouped_->Sync() : file_->Sync(); !synced) {
      logger_.Error("the file may lack its end", {{"path", config_.path}, {"err", synced.error()}});
    }
  }

  void Send(Telemetry batch, Done done) override {
    if (grouped_) return SendGrouped(std::move(batch), std::move(done));
    Result<std::string> bytes = Encode(batch);
    if (!bytes) return done(Refuse(bytes.error().message(), true));
    Status written = file_->Write(*bytes);
    done(written ? Outcome() : Refuse(written.error().message()));
  }

 private:
  Result<std::string> Encode(const Telemetry& batch) const {
    std::string bytes = EncodeBatch(
        batch, config_.format == FileFormat::kJson ? OtlpEncoding::kJson : OtlpEncoding::kProtobuf);
    if (!config_.compression.empty()) {
      std::string compressed;
      SEXTANT_TRY(net::CompressBody(config_.compression, static_cast<int>(config_.compression_params.level),
                                    bytes, compressed));
      return WithSize(compressed);
    }
    if (config_.format == FileFormat::kProto) return WithSize(bytes);
    return bytes + '\n';
  }

  void SendGrouped(Telemetry batch, Done done) {
    for (auto& [segment, part] : Split(std::move(batch), config_.group_by.resource_attribute)) {
      if (!segment) {
        Drop(part, "a resource lacks the attribute " + config_.group_by.resource_attribute);
        continue;
      }
      Result<std::string> bytes = Encode(part);
      if (!bytes) return done(Refuse(bytes.error().message(), true));
      Status written = grouped_->Write(*segment, *bytes);
      if (written) continue;
      if (written.error().code() != core::Code::kInvalidArgument)
        return done(Refuse(written.error().message()));
      Drop(part, written.error().message());
    }
    done({});
  }

  void Drop(const Telemetry& part, const std::string& reason) {
    dropped_.Increment(static_cast<double>(part.CountItems()));
    if (!has_warned_.exchange(true)) {
      logger_.Warn("data is dropped, and only counted from now on", {{"err", reason}});
    }
  }

  const FileConfig config_;
  const core::Clock& clock_;
  const core::Logger logger_;
  core::Counter& dropped_;
  std::atomic<bool> has_warned_{false};
  core::PosixFileSystem fs_;
  std::unique_ptr<RotatingFile> file_;  // or
  std::unique_ptr<GroupedFiles> grouped_;
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
