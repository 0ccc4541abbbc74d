// The collectors: each reads one area of the host and adds it to a sink under node_exporter's names.
//
// Collect may run on several threads at once (two scrapers); a collector that remembers something guards it
// itself and holds no lock while it reads. kNotFound means that this host has no such data: the collector
// counts as failed, as in node_exporter, but nobody is warned.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/node/host_files.h"
#include "agents/node/metric_sink.h"
#include "agents/node/options.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::node {

class Collector {
 public:
  virtual ~Collector() = default;
  virtual std::string_view name() const = 0;
  virtual core::Status Collect(const HostPaths& paths, MetricSink& sink) = 0;
};

// A collector that remembers nothing.
class StatelessCollector final : public Collector {
 public:
  using Function = std::function<core::Status(const HostPaths&, MetricSink&)>;
  StatelessCollector(std::string_view name, Function function)
      : name_(name), function_(std::move(function)) {}
  std::string_view name() const override { return name_; }
  core::Status Collect(const HostPaths& paths, MetricSink& sink) override { return function_(paths, sink); }

 private:
  const std::string_view name_;  // a literal
  const Function function_;
};

std::unique_ptr<Collector> MakeConntrackCollector();
std::unique_ptr<Collector> MakeCpuCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeCpufreqCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeDiskstatsCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeEntropyCollector();
std::unique_ptr<Collector> MakeFilefdCollector();
std::unique_ptr<Collector> MakeLoadavgCollector();
std::unique_ptr<Collector> MakeMeminfoCollector();
std::unique_ptr<Collector> MakeNetclassCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeNetdevCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeNetstatCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeOsCollector();
std::unique_ptr<Collector> MakePressureCollector();
std::unique_ptr<Collector> MakeSchedstatCollector();
std::unique_ptr<Collector> MakeSockstatCollector();
std::unique_ptr<Collector> MakeSoftnetCollector();
std::unique_ptr<Collector> MakeStatCollector(const NodeOptions& options);
std::unique_ptr<Collector> MakeTimeCollector(const core::Clock& clock);
std::unique_ptr<Collector> MakeTimexCollector();
std::unique_ptr<Collector> MakeUnameCollector();
std::unique_ptr<Collector> MakeVmstatCollector(const NodeOptions& options);

// What statfs(2) says of a mount.
struct FilesystemUsage {
  double size_bytes = 0;
  double free_bytes = 0;
  double available_bytes = 0;
  double files = 0;
  double files_free = 0;
};
// Asks for the usage of the file system at a path. May block for ever on a dead network mount, and is
// therefore only called on threads that can be given up.
using UsageReader = std::function<core::Result<FilesystemUsage>(const std::string& path)>;
// The operating system's.
core::Result<FilesystemUsage> ReadFilesystemUsage(const std::string& path);

std::unique_ptr<Collector> MakeFilesystemCollector(const NodeOptions& options, UsageReader read_usage);

// All collectors that the options enable, sorted by name. `clock` must outlive them.
std::vector<std::unique_ptr<Collector>> MakeCollectors(const NodeOptions& options, const core::Clock& clock);

}  // namespace sextant::node
