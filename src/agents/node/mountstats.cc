// node_mountstats_nfs_*: what the NFS client counts for each mount, /proc/self/mountstats.
#include <set>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Named {
  std::string_view name;
  std::string_view help;
  MetricType type = MetricType::kCounter;
};

// Columns of the line "bytes:".
constexpr Named kBytes[] = {
    {"node_mountstats_nfs_read_bytes_total", "Bytes read with read()."},
    {"node_mountstats_nfs_write_bytes_total", "Bytes written with write()."},
    {"node_mountstats_nfs_direct_read_bytes_total", "Bytes read with read() and O_DIRECT."},
    {"node_mountstats_nfs_direct_write_bytes_total", "Bytes written with write() and O_DIRECT."},
    {"node_mountstats_nfs_total_read_bytes_total", "Bytes read from the server."},
    {"node_mountstats_nfs_total_write_bytes_total", "Bytes written to the server."},
    {"node_mountstats_nfs_read_pages_total", "Pages read for mapped files."},
    {"node_mountstats_nfs_write_pages_total", "Pages written for mapped files."},
};

// Columns of the line "events:".
constexpr Named kEvents[] = {
    {"node_mountstats_nfs_event_inode_revalidate_total", "Attributes of inodes checked with the server."},
    {"node_mountstats_nfs_event_dnode_revalidate_total", "Directory entries checked with the server."},
    {"node_mountstats_nfs_event_data_invalidate_total", "Caches of inodes cleared."},
    {"node_mountstats_nfs_event_attribute_invalidate_total", "Cached attributes of inodes dropped."},
    {"node_mountstats_nfs_event_vfs_open_total", "Files and directories opened."},
    {"node_mountstats_nfs_event_vfs_lookup_total", "Names looked up in directories."},
    {"node_mountstats_nfs_event_vfs_access_total", "Permissions checked."},
    {"node_mountstats_nfs_event_vfs_update_page_total", "Pages updated."},
    {"node_mountstats_nfs_event_vfs_read_page_total", "Pages read one by one."},
    {"node_mountstats_nfs_event_vfs_read_pages_total", "Groups of pages read."},
    {"node_mountstats_nfs_event_vfs_write_page_total", "Pages written one by one."},
    {"node_mountstats_nfs_event_vfs_write_pages_total", "Groups of pages written."},
    {"node_mountstats_nfs_event_vfs_getdents_total", "Directories read."},
    {"node_mountstats_nfs_event_vfs_setattr_total", "Attributes changed."},
    {"node_mountstats_nfs_event_vfs_flush_total", "Flushes of pending writes."},
    {"node_mountstats_nfs_event_vfs_fsync_total", "Calls of fsync()."},
    {"node_mountstats_nfs_event_vfs_lock_total", "Locks asked for."},
    {"node_mountstats_nfs_event_vfs_file_release_total", "Files closed."},
    {"", ""},  // congestion waits, which the kernel no longer counts
    {"node_mountstats_nfs_event_truncation_total", "Files truncated."},
    {"node_mountstats_nfs_event_write_extension_total", "Files grown by writes."},
    {"node_mountstats_nfs_event_silly_rename_total", "Open files removed, and so renamed."},
    {"node_mountstats_nfs_event_short_read_total", "Reads that got less than asked for."},
    {"node_mountstats_nfs_event_short_write_total", "Writes that wrote less than asked for."},
    {"node_mountstats_nfs_event_jukebox_delay_total", "Times that the server asked for patience."},
    {"node_mountstats_nfs_event_pnfs_read_total", "Reads over parallel NFS."},
    {"node_mountstats_nfs_event_pnfs_write_total", "Writes over parallel NFS."},
};

// Columns of a line of "per-op statistics"; times are in milliseconds.
struct OperationColumn {
  Named metric;
  double divisor = 1;
};
constexpr OperationColumn kOperations[] = {
    {{"node_mountstats_nfs_operations_requests_total", "Requests of an operation."}},
    {{"node_mountstats_nfs_operations_transmissions_total", "Transmissions of an operation's requests."}},
    {{"node_mountstats_nfs_operations_major_timeouts_total", "Major timeouts of an operation."}},
    {{"node_mountstats_nfs_operations_sent_bytes_total", "Bytes sent for an operation, headers included."}},
    {{"node_mountstats_nfs_operations_received_bytes_total",
      "Bytes received for an operation, headers included."}},
    {{"node_mountstats_nfs_operations_queue_time_seconds_total", "Time that requests waited to be sent."},
     1'000},
    {{"node_mountstats_nfs_operations_response_time_seconds_total", "Time until the answers came."}, 1'000},
    {{"node_mountstats_nfs_operations_request_time_seconds_total", "Time that requests took altogether."},
     1'000},
    {{"node_mountstats_nfs_operations_errors_total", "Errors of an operation."}},
};

// Columns of a line "xprt:". Those of UDP lack three.
constexpr Named kTransport[] = {
    {"node_mountstats_nfs_transport_bind_total", "Connections made from scratch."},
    {"node_mountstats_nfs_transport_connect_total", "TCP connections made."},
    {"", ""},  // time spent connecting
    {"node_mountstats_nfs_transport_idle_time_seconds", "Time since the last traffic.", MetricType::kGauge},
    {"node_mountstats_nfs_transport_sends_total", "Requests sent."},
    {"node_mountstats_nfs_transport_receives_total", "Answers received."},
    {"node_mountstats_nfs_transport_bad_transaction_ids_total", "Answers to no known request."},
    {"", ""},  // requests in flight, summed
    {"node_mountstats_nfs_transport_backlog_queue_total", "Entries of the backlog queue, summed."},
    {"node_mountstats_nfs_transport_maximum_rpc_slots", "Most requests in flight at once.",
     MetricType::kGauge},
    {"node_mountstats_nfs_transport_sending_queue_total", "Entries of the sending queue, summed."},
    {"node_mountstats_nfs_transport_pending_queue_total", "Entries of the pending queue, summed."},
};

// A mount, by what its numbers belong to: mounts of the same export share them.
struct MountKey {
  std::string export_path;
  std::string protocol;
  std::string address;
  auto operator<=>(const MountKey&) const = default;
};

std::string_view Option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const size_t comma = options.find(',');
    const std::string_view option = options.substr(0, comma);
    if (option.starts_with(wanted)) return option.substr(wanted.size());
    options.remove_prefix(comma == std::string_view::npos ? options.size() : comma + 1);
  }
  return {};
}

// The lines of one mount.
struct MountText {
  std::string_view device;
  std::string_view mount_point;
  std::vector<std::string_view> lines;
};

class MountWriter {
 public:
  MountWriter(const MountText& mount, MetricSink& sink) : mount_(mount), sink_(sink) { FindKey(); }

  const MountKey& key() const { return key_; }

  void AddInfo() {
    sink_
        .GetFamily("node_mountstats_nfs_mountpoint_info", "Where an export is mounted; always 1.",
                   MetricType::kGauge, {"export", "mountaddr", "mountpoint", "protocol"})
        .Add({key_.export_path, key_.address, mount_.mount_point, key_.protocol}, 1);
  }

  core::Status AddNumbers() {
    bool is_in_operations = false;
    for (std::string_view line : mount_.lines) {
      std::vector<std::string_view> fields;
      SplitFields(line, fields);
      if (fields.empty()) continue;
      if (line.find("per-op statistics") != std::string_view::npos) {
        is_in_operations = true;
      } else if (is_in_operations) {
        SEXTANT_TRY(AddOperation(fields));
      } else if (fields[0] == "age:" && fields.size() >= 2) {
        SEXTANT_ASSIGN(const double age, ParseFloat(fields[1]));
        Add({"node_mountstats_nfs_age_seconds_total", "Time since the mount."}, age);
      } else if (fields[0] == "bytes:") {
        SEXTANT_TRY(AddColumns(fields, kBytes));
      } else if (fields[0] == "events:") {
        SEXTANT_TRY(AddColumns(fields, kEvents));
      } else if (fields[0] == "xprt:") {
        SEXTANT_TRY(AddTransport(fields));
      }
    }
    return {};
  }

 private:
  void FindKey() {
    key_.export_path = mount_.device;
    for (std::string_view line : mount_.lines) {
      std::vector<std::string_view> fields;
      SplitFields(line, fields);
      if (fields.size() < 2) continue;
      if (fields[0] == "opts:") key_.address = Option(fields[1], "mountaddr=");
      if (fields[0] == "xprt:" && key_.protocol.empty()) key_.protocol = fields[1];
    }
    // NFS 4 does not say; the export does.
    if (key_.address.empty()) key_.address = key_.export_path.substr(0, key_.export_path.find(':'));
  }

  void Add(const Named& metric, double value) {
    sink_.GetFamily(metric.name, metric.help, metric.type, {"export", "mountaddr", "protocol"})
        .Add({key_.export_path, key_.address, key_.protocol}, value);
  }

  core::Status AddColumns(const std::vector<std::string_view>& fields, std::span<const Named> columns) {
    for (size_t i = 0; i < columns.size() && i + 1 < fields.size(); ++i) {
      SEXTANT_ASSIGN(const double value, ParseFloat(fields[i + 1]));
      if (!columns[i].name.empty()) Add(columns[i], value);
    }
    return {};
  }

  core::Status AddOperation(const std::vector<std::string_view>& fields) {
    if (!fields[0].ends_with(':')) return {};
    const std::string_view operation = fields[0].substr(0, fields[0].size() - 1);
    for (size_t i = 0; i < std::size(kOperations) && i + 1 < fields.size(); ++i) {
      const OperationColumn& column = kOperations[i];
      SEXTANT_ASSIGN(uint64_t count, ParseUnsigned(fields[i + 1]));
      // The kernel's queue time can underflow; what fits into a float without loss is kept of it.
      if (column.divisor != 1) count %= 1ULL << 53;
      const double value = static_cast<double>(count) / column.divisor;
      sink_
          .GetFamily(column.metric.name, column.metric.help, column.metric.type,
                     {"export", "mountaddr", "operation", "protocol"})
          .Add({key_.export_path, key_.address, operation, key_.protocol}, value);
    }
    return {};
  }

  core::Status AddTransport(const std::vector<std::string_view>& fields) {
    if (fields.size() < 3) return {};
    const bool is_udp = fields[1] == "udp" || fields[1] == "udp6";
    const std::string number = std::to_string(transport_count_++);
    size_t next = 3;  // behind the port
    double values[std::size(kTransport)] = {};
    for (size_t column = 0; column < std::size(kTransport); ++column) {
      const bool is_missing = is_udp && column >= 1 && column <= 3;
      if (is_missing || next >= fields.size()) continue;
      SEXTANT_ASSIGN(values[column], ParseFloat(fields[next++]));
    }
    for (size_t column = 0; column < std::size(kTransport); ++column) {
      const Named& metric = kTransport[column];
      if (metric.name.empty()) continue;
      sink_.GetFamily(metric.name, metric.help, metric.type, {"export", "mountaddr", "protocol", "transport"})
          .Add({key_.export_path, key_.address, key_.protocol, number}, values[column]);
    }
    return {};
  }

  const MountText& mount_;
  MetricSink& sink_;
  MountKey key_;
  size_t transport_count_ = 0;
};

// "device HOST:/DIR mounted on /mnt with fstype nfs4 statvers=1.1" and indented lines behind it.
std::vector<MountText> SplitMounts(std::string_view text) {
  std::vector<MountText> mounts;
  std::string_view line;
  bool is_nfs = false;
  while (NextLine(text, line)) {
    if (line.starts_with("device ")) {
      std::vector<std::string_view> fields;
      SplitFields(line, fields);
      is_nfs = fields.size() >= 9 && (fields[7] == "nfs" || fields[7] == "nfs4");
      if (is_nfs) mounts.push_back({fields[1], fields[4], {}});
    } else if (is_nfs) {
      mounts.back().lines.push_back(line);
    }
  }
  return mounts;
}

core::Status CollectMountstats(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("self/mountstats");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  std::set<MountKey> known;
  for (const MountText& mount : SplitMounts(text)) {
    MountWriter writer(mount, sink);
    writer.AddInfo();
    if (!known.insert(writer.key()).second) continue;
    SEXTANT_TRY(writer.AddNumbers().map_error(core::AddContext("{}: {}", path, mount.device)));
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeMountstatsCollector() {
  return std::make_unique<StatelessCollector>("mountstats", CollectMountstats);
}

}  // namespace sextant::node
