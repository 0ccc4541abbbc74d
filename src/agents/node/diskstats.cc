// node_disk_*: /proc/diskstats, with what udev and sysfs know of each device.
#include <map>

#include "agents/node/host_tables.h"
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

constexpr double kSectorBytes = 512;         // always, whatever the device says
constexpr double kSecondsPerTick = 1 / 1e3;  // times are in milliseconds
constexpr size_t kLeadingFields = 3;         // major, minor, name

struct Column {
  std::string_view name;
  std::string_view help;
  MetricType type;
  double factor;
};

constexpr Column kColumns[] = {
    {"node_disk_reads_completed_total", "The total number of reads completed successfully.",
     MetricType::kCounter, 1},
    {"node_disk_reads_merged_total", "The total number of reads merged.", MetricType::kCounter, 1},
    {"node_disk_read_bytes_total", "The total number of bytes read successfully.", MetricType::kCounter,
     kSectorBytes},
    {"node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.",
     MetricType::kCounter, kSecondsPerTick},
    {"node_disk_writes_completed_total", "The total number of writes completed successfully.",
     MetricType::kCounter, 1},
    {"node_disk_writes_merged_total", "The number of writes merged.", MetricType::kCounter, 1},
    {"node_disk_written_bytes_total", "The total number of bytes written successfully.", MetricType::kCounter,
     kSectorBytes},
    {"node_disk_write_time_seconds_total", "This is the total number of seconds spent by all writes.",
     MetricType::kCounter, kSecondsPerTick},
    {"node_disk_io_now", "The number of I/Os currently in progress.", MetricType::kGauge, 1},
    {"node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", MetricType::kCounter,
     kSecondsPerTick},
    {"node_disk_io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os.",
     MetricType::kCounter, kSecondsPerTick},
    {"node_disk_discards_completed_total", "The total number of discards completed successfully.",
     MetricType::kCounter, 1},
    {"node_disk_discards_merged_total", "The total number of discards merged.", MetricType::kCounter, 1},
    {"node_disk_discarded_sectors_total", "The total number of sectors discarded successfully.",
     MetricType::kCounter, 1},
    {"node_disk_discard_time_seconds_total", "This is the total number of seconds spent by all discards.",
     MetricType::kCounter, kSecondsPerTick},
    {"node_disk_flush_requests_total", "The total number of flush requests completed successfully",
     MetricType::kCounter, 1},
    {"node_disk_flush_requests_time_seconds_total",
     "This is the total number of seconds spent by all flush requests.", MetricType::kCounter,
     kSecondsPerTick},
};

struct AtaProperty {
  std::string_view property;
  std::string_view name;
  std::string_view help;
};

constexpr AtaProperty kAtaProperties[] = {
    {"ID_ATA_WRITE_CACHE", "node_disk_ata_write_cache", "ATA disk has a write cache."},
    {"ID_ATA_WRITE_CACHE_ENABLED", "node_disk_ata_write_cache_enabled",
     "ATA disk has its write cache enabled."},
    {"ID_ATA_ROTATION_RATE_RPM", "node_disk_ata_rotation_rate_rpm",
     "ATA disk rotation rate in RPMs (0 for SSDs)."},
};

// Device properties in udev's database: "E:NAME=value" lines of /run/udev/data/b<major>:<minor>.
class UdevProperties {
 public:
  UdevProperties(const HostPaths& paths, std::string_view major, std::string_view minor) {
    auto text = ReadHostFile(fmt::format("{}/b{}:{}", paths.udev_data, major, minor));
    if (!text) return;  // containers have no udev database
    text_ = *std::move(text);
    std::string_view rest = text_;
    std::string_view line;
    while (NextLine(rest, line)) {
      const size_t equals = line.find('=');
      if (!line.starts_with("E:") || equals == std::string_view::npos) continue;
      properties_[line.substr(2, equals - 2)] = line.substr(equals + 1);
    }
  }
  UdevProperties(const UdevProperties&) = delete;
  UdevProperties& operator=(const UdevProperties&) = delete;

  std::string_view Get(std::string_view name) const {
    const auto found = properties_.find(name);
    return found == properties_.end() ? std::string_view() : found->second;
  }
  std::string_view FirstOf(std::initializer_list<std::string_view> names) const {
    for (std::string_view name : names) {
      if (const std::string_view value = Get(name); !value.empty()) return value;
    }
    return {};
  }

 private:
  std::string text_;
  std::map<std::string_view, std::string_view> properties_;  // views into text_
};

void CollectFilesystem(std::string_view device, const UdevProperties& udev, MetricSink& sink) {
  if (udev.Get("ID_FS_TYPE").empty()) return;
  sink.GetFamily("node_disk_filesystem_info", "Info about disk filesystem.", MetricType::kGauge,
                 {"device", "type", "usage", "uuid", "version"})
      .Add({device, udev.Get("ID_FS_TYPE"), udev.Get("ID_FS_USAGE"), udev.Get("ID_FS_UUID"),
            udev.Get("ID_FS_VERSION")},
           1);
}

void CollectDeviceMapper(std::string_view device, const UdevProperties& udev, MetricSink& sink) {
  if (udev.Get("DM_NAME").empty()) return;
  sink.GetFamily("node_disk_device_mapper_info", "Info about disk device mapper.", MetricType::kGauge,
                 {"device", "lv_layer", "lv_name", "name", "uuid", "vg_name"})
      .Add({device, udev.Get("DM_LV_LAYER"), udev.Get("DM_LV_NAME"), udev.Get("DM_NAME"), udev.Get("DM_UUID"),
            udev.Get("DM_VG_NAME")},
           1);
}

void CollectAta(std::string_view device, const UdevProperties& udev, MetricSink& sink) {
  if (udev.Get("ID_ATA").empty()) return;
  for (const AtaProperty& property : kAtaProperties) {
    const auto value = ParseFloat(udev.Get(property.property));
    if (value)
      sink.GetFamily(property.name, property.help, MetricType::kGauge, {"device"}).Add({device}, *value);
  }
}

void CollectInfo(OpenFiles& files, const HostPaths& paths, const std::vector<std::string_view>& fields,
                 MetricSink& sink) {
  const std::string_view major = fields[0], minor = fields[1], device = fields[2];
  const UdevProperties udev(paths, major, minor);
  const auto rotational = files.Attribute(paths.Sys(fmt::format("block/{}/queue/rotational", device)));
  sink.GetFamily("node_disk_info", "Info of /sys/block/<block_device>.", MetricType::kGauge,
                 {"device", "major", "minor", "model", "path", "revision", "rotational", "serial", "wwn"})
      .Add({device, major, minor, udev.Get("ID_MODEL"), udev.Get("ID_PATH"), udev.Get("ID_REVISION"),
            rotational == "1" ? "1" : "0",
            udev.FirstOf({"SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"}), udev.Get("ID_WWN")},
           1);
  CollectFilesystem(device, udev, sink);
  CollectDeviceMapper(device, udev, sink);
  CollectAta(device, udev, sink);
}

core::Status CollectColumns(const std::vector<std::string_view>& fields, MetricSink& sink) {
  for (size_t i = 0; i < std::size(kColumns) && kLeadingFields + i < fields.size(); ++i) {
    const Column& column = kColumns[i];
    SEXTANT_ASSIGN(const double value, ParseFloat(fields[kLeadingFields + i]));
    sink.GetFamily(column.name, column.help, column.type, {"device"}).Add({fields[2]}, value * column.factor);
  }
  return {};
}

core::Status CollectDiskstats(OpenFiles& files, const NameFilter& devices, const HostPaths& paths,
                              MetricSink& sink) {
  const std::string path = paths.Proc("diskstats");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  return ForEachDisk(
             text,
             [&](const std::vector<std::string_view>& fields) -> core::Status {
               if (devices.IsIgnored(fields[2])) return {};
               CollectInfo(files, paths, fields, sink);
               return CollectColumns(fields, sink).map_error(core::AddContext("device {}", fields[2]));
             })
      .map_error(core::AddContext("{}", path));
}

}  // namespace

std::unique_ptr<Collector> MakeDiskstatsCollector(const NodeOptions& options) {
  return std::make_unique<FileCollector>(
      "diskstats",
      [devices = options.diskstats_devices](OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
        return CollectDiskstats(files, devices, paths, sink);
      });
}

}  // namespace sextant::node
