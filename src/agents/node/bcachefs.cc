// node_bcachefs_*: /sys/fs/bcachefs, a folder per file system.
#include <cmath>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

// Names each error with its file system and file.
class Reader {
 public:
  Reader(std::string folder, std::string_view uuid, MetricSink& sink)
      : folder_(std::move(folder)), uuid_(uuid), sink_(sink) {}

  core::Status Collect() {
    sink_.GetFamily("node_bcachefs_info", "A bcachefs file system.", MetricType::kGauge, {"uuid"})
        .Add({uuid_}, 1);
    SEXTANT_TRY(CollectCacheSize());
    SEXTANT_TRY(ForLines("compression_stats", 1, [this](auto& fields) { return AddCompression(fields); }));
    SEXTANT_TRY(ForLines("errors", 0, [this](auto& fields) { return AddErrorCount(fields); }));
    SEXTANT_TRY(CollectCounters());
    SEXTANT_TRY(ForLines("btree_write_stats", 1, [this](auto& fields) { return AddWrites(fields); }));
    return CollectDevices();
  }

 private:
  using Fields = std::vector<std::string_view>;

  // "2.05G" in units of 1024, cut to whole bytes.
  static core::Result<double> ParseSize(std::string_view text) {
    text = TrimSpace(text);
    static constexpr std::string_view kUnits = "kmgtpe";
    int shift = 0;
    if (!text.empty()) {
      const char last = static_cast<char>(text.back() | 0x20);  // lower case
      if (const size_t unit = kUnits.find(last); unit != std::string_view::npos) {
        shift = 10 * static_cast<int>(unit + 1);
        text.remove_suffix(1);
      }
    }
    SEXTANT_ASSIGN(const double value, ParseFloat(TrimSpace(text)));
    return std::trunc(std::ldexp(value, shift));
  }

  static std::string_view WithoutColon(std::string_view text) {
    return text.ends_with(':') ? text.substr(0, text.size() - 1) : text;
  }

  // The text of a file that older kernels may not have: then empty.
  core::Result<std::string> ReadOptional(const std::string& file) const {
    auto text = ReadHostFile(folder_ + "/" + file);
    if (!text && text.error().code() == core::Code::kNotFound) return std::string();
    return text;
  }

  template <typename OnFields>
  core::Status ForLines(const std::string& file, int heading_lines, OnFields on_fields) {
    SEXTANT_ASSIGN(const std::string text, ReadOptional(file));
    std::string_view rest = text;
    std::string_view line;
    Fields fields;
    while (NextLine(rest, line)) {
      if (heading_lines-- > 0) continue;
      SplitFields(line, fields);
      SEXTANT_TRY(on_fields(fields).map_error(core::AddContext("{}/{}", folder_, file)));
    }
    return {};
  }

  MetricFamily& Family(std::string_view name, std::string_view help, MetricType type,
                       std::string_view label) {
    return sink_.GetFamily(name, help, type, {label, "uuid"});
  }

  core::Status CollectCacheSize() {
    SEXTANT_ASSIGN(const std::string text, ReadOptional("btree_cache_size"));
    double size = 0;
    if (!TrimSpace(text).empty()) {
      SEXTANT_ASSIGN(size, ParseSize(text).map_error(core::AddContext("{}/btree_cache_size", folder_)));
    }
    sink_
        .GetFamily("node_bcachefs_btree_cache_size_bytes", "Memory that the B-tree's cache uses.",
                   MetricType::kGauge, {"uuid"})
        .Add({uuid_}, size);
    return {};
  }

  core::Status AddCompression(const Fields& fields) {
    if (fields.size() < 3) return {};
    SEXTANT_ASSIGN(const double compressed, ParseSize(fields[1]));
    SEXTANT_ASSIGN(const double uncompressed, ParseSize(fields[2]));
    const std::string_view algorithm = WithoutColon(fields[0]);
    Family("node_bcachefs_compression_compressed_bytes", "Size on disk of what an algorithm compressed.",
           MetricType::kGauge, "algorithm")
        .Add({algorithm, uuid_}, compressed);
    Family("node_bcachefs_compression_uncompressed_bytes", "Size of the data that an algorithm compressed.",
           MetricType::kGauge, "algorithm")
        .Add({algorithm, uuid_}, uncompressed);
    return {};
  }

  core::Status AddErrorCount(const Fields& fields) {
    if (fields.size() < 2) return {};
    SEXTANT_ASSIGN(const uint64_t count, ParseUnsigned(fields[1]));
    Family("node_bcachefs_errors_total", "Errors by their type.", MetricType::kCounter, "error_type")
        .Add({fields[0], uuid_}, static_cast<double>(count));
    return {};
  }

  core::Status CollectCounters() {
    const auto names = ListDirectory(folder_ + "/counters");
    if (!names) return {};
    for (const std::string& name : *names) {
      const std::string path = folder_ + "/counters/" + name;
      SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
      SEXTANT_ASSIGN(const double value, ParseCounter(text).map_error(core::AddContext("{}", path)));
      sink_
          .GetFamily(fmt::format("node_bcachefs_{}_total", MetricNamePart(name)),
                     fmt::format("The file system's counter {} since it was made.", name),
                     MetricType::kCounter, {"uuid"})
          .Add({uuid_}, value);
    }
    return {};
  }

  static core::Result<double> ParseCounter(std::string_view text) {
    static constexpr std::string_view kSinceMount = "since mount:";
    static constexpr std::string_view kSinceCreation = "since filesystem creation:";
    double value = 0;
    bool is_known = false;
    std::string_view line;
    while (NextLine(text, line)) {
      is_known |= line.starts_with(kSinceMount);
      if (!line.starts_with(kSinceCreation)) continue;
      is_known = true;
      SEXTANT_ASSIGN(value, ParseSize(line.substr(kSinceCreation.size())));
    }
    if (!is_known) return core::Fail(core::Code::kInvalidArgument, "not a counter");
    return value;
  }

  core::Status AddWrites(const Fields& fields) {
    if (fields.size() < 3) return {};
    SEXTANT_ASSIGN(const uint64_t count, ParseUnsigned(fields[1]));
    SEXTANT_ASSIGN(const double size, ParseSize(fields[2]));
    const std::string_view type = WithoutColon(fields[0]);
    Family("node_bcachefs_btree_writes_total", "Writes of the B-tree by their cause.", MetricType::kCounter,
           "type")
        .Add({type, uuid_}, static_cast<double>(count));
    Family("node_bcachefs_btree_write_average_size_bytes", "Average size of the B-tree's writes.",
           MetricType::kGauge, "type")
        .Add({type, uuid_}, size);
    return {};
  }

  core::Status CollectDevices() {
    SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(folder_));
    for (const std::string& name : names) {
      if (name.starts_with("dev-") && IsDirectory(folder_ + "/" + name)) SEXTANT_TRY(CollectDevice(name));
    }
    return {};
  }

  core::Status CollectDevice(const std::string& folder_name) {
    const std::string_view device = std::string_view(folder_name).substr(4);
    const AttributeFolder folder(folder_ + "/" + folder_name);
    sink_
        .GetFamily("node_bcachefs_device_info", "A device of the file system.", MetricType::kGauge,
                   {"device", "label", "state", "uuid"})
        .Add({device, folder.Text("label").value_or(""), folder.Text("state").value_or(""), uuid_}, 1);
    double bucket_size = 0;
    if (const auto text = folder.Text("bucket_size"); text && !text->empty()) {
      SEXTANT_ASSIGN(bucket_size,
                     ParseSize(*text).map_error(core::AddContext("{}/{}/bucket_size", folder_, folder_name)));
    }
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      Family(name, help, MetricType::kGauge, "device").Add({device, uuid_}, value);
    };
    add("node_bcachefs_device_bucket_size_bytes", "Size of a bucket.", bucket_size);
    add("node_bcachefs_device_buckets", "Buckets of the device.",
        static_cast<double>(folder.Number("nbuckets").value_or(0)));
    add("node_bcachefs_device_durability", "Copies that one copy on this device counts for.",
        static_cast<double>(folder.Number("durability").value_or(0)));
    SEXTANT_TRY(CollectIoDone(folder_name, device));
    return CollectIoErrors(folder_name, device);
  }

  // "read:" and "write:" head lines of "type : bytes".
  core::Status CollectIoDone(const std::string& folder_name, std::string_view device) {
    SEXTANT_ASSIGN(const std::string text, ReadOptional(folder_name + "/io_done"));
    std::string_view rest = text;
    std::string_view line;
    std::string_view operation;
    while (NextLine(rest, line)) {
      line = TrimSpace(line);
      if (line == "read:" || line == "write:") operation = WithoutColon(line);
      const size_t colon = line.find(':');
      if (operation.empty() || colon == std::string_view::npos || colon + 1 == line.size()) continue;
      SEXTANT_ASSIGN(const uint64_t bytes,
                     ParseUnsigned(TrimSpace(line.substr(colon + 1)))
                         .map_error(core::AddContext("{}/{}/io_done", folder_, folder_name)));
      sink_
          .GetFamily("node_bcachefs_device_io_done_bytes_total", "Bytes read and written by what they were.",
                     MetricType::kCounter, {"data_type", "device", "operation", "uuid"})
          .Add({TrimSpace(line.substr(0, colon)), device, operation, uuid_}, static_cast<double>(bytes));
    }
    return {};
  }

  // Counts since the file system was made, then the same since a later time.
  core::Status CollectIoErrors(const std::string& folder_name, std::string_view device) {
    SEXTANT_ASSIGN(const std::string text, ReadOptional(folder_name + "/io_errors"));
    std::string_view rest = text;
    std::string_view line;
    bool is_since_creation = false;
    while (NextLine(rest, line)) {
      if (line.starts_with("IO errors since filesystem creation")) {
        is_since_creation = true;
        continue;
      }
      if (line.starts_with("IO errors since ")) break;
      const size_t colon = line.find(':');
      if (!is_since_creation || colon == std::string_view::npos) continue;
      SEXTANT_ASSIGN(const uint64_t count,
                     ParseUnsigned(TrimSpace(line.substr(colon + 1)))
                         .map_error(core::AddContext("{}/{}/io_errors", folder_, folder_name)));
      sink_
          .GetFamily("node_bcachefs_device_io_errors_total", "Errors of the device by their type.",
                     MetricType::kCounter, {"device", "type", "uuid"})
          .Add({device, TrimSpace(line.substr(0, colon)), uuid_}, static_cast<double>(count));
    }
    return {};
  }

  const std::string folder_;
  const std::string_view uuid_;
  MetricSink& sink_;
};

core::Status CollectBcachefs(const HostPaths& paths, MetricSink& sink) {
  const std::string base = paths.Sys("fs/bcachefs");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  bool has_any = false;
  for (const std::string& uuid : names) {
    if (!IsDirectory(base + "/" + uuid)) continue;
    has_any = true;
    SEXTANT_TRY(Reader(base + "/" + uuid, uuid, sink).Collect());
  }
  if (!has_any) return core::Fail(core::Code::kNotFound, "{}: no file systems", base);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeBcachefsCollector() {
  return std::make_unique<StatelessCollector>("bcachefs", CollectBcachefs);
}

}  // namespace sextant::node
