// A provisioning folder as Grafana has it, read again and again:
//
//   dashboards/*.yaml     providers, each of which names a folder with dashboards in JSON
//   datasources/*.yaml    data sources
//
// What is broken is left out, or stays as it was when it could be read, and is told as a problem; the rest is
// there all the same. Hidden names are passed over and links followed, so that mounted ConfigMaps (`..data`)
// are read once and changes of their link are seen.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "dashboards/data_sources.h"
#include "dashboards/expand.h"
#include "dashboards/library.h"
#include "dashboards/provisioning_files.h"

namespace sextant::dashboards {

struct ProvisioningLimits {
  size_t files = 10'000;                   // of dashboards and configuration
  size_t total_bytes = size_t{256} << 20;  // of all of them
  size_t depth = 16;                       // of folders below a provider's
  size_t config_bytes = 1 << 20;           // of one configuration file
};

// What all files say together.
struct Provisioned {
  std::vector<ProvisionedDashboard> dashboards;
  std::vector<Folder> folders;
  std::vector<DataSource> sources;  // without their kind
  std::vector<std::string> problems;
};

// One thread at a time.
class Provisioner {
 public:
  // `dir` need not exist.
  Provisioner(std::string dir, ReadVariable variable, ProvisioningLimits limits = {});

  // Looks at all files and reads those that have changed; nothing when none has since the last time, unless
  // `always`.
  std::optional<Provisioned> Read(bool always);
  // When to look again: the shortest updateIntervalSeconds of the providers, 10 s without any.
  core::DurationMs interval_ms() const { return interval_ms_; }

 private:
  struct Seen;  // one walk through all files
  struct Signature {
    uint64_t device = 0;
    uint64_t inode = 0;
    uint64_t size_bytes = 0;
    int64_t modified_ns = 0;
    friend bool operator==(const Signature&, const Signature&) = default;
  };
  // What was read from a file, the last time that it could be.
  template <typename T>
  struct Cached {
    Signature signature;
    std::optional<T> value;
    std::string problem;
  };
  struct DashboardFile {
    std::string uid;  // of the document; may be empty
    std::shared_ptr<const std::string> json;
    core::TimestampMs modified_ms = 0;
  };

  static core::Result<Signature> Look(const std::string& path);
  template <typename T, typename Parse>
  const Cached<T>& Remember(std::map<std::string, Cached<T>>& cache, const std::string& path,
                            size_t limit_bytes, Seen& seen, Parse parse);
  std::vector<std::string> ConfigFiles(const char* folder, Seen& seen) const;
  void ReadProvider(const DashboardProvider& provider, Seen& seen);
  void Walk(const DashboardProvider& provider, const std::string& root, const std::string& below,
            size_t depth, Seen& seen);
  void AddDashboard(const DashboardProvider& provider, const std::string& path, const std::string& below,
                    const std::string& folder_title, Seen& seen);
  void ReadSources(Seen& seen);

  const std::string dir_;
  const ReadVariable variable_;
  const ProvisioningLimits limits_;
  core::DurationMs interval_ms_ = 10'000;
  std::map<std::string, Cached<std::vector<DashboardProvider>>> providers_;
  std::map<std::string, Cached<DataSourceFile>> sources_;
  std::map<std::string, Cached<DashboardFile>> dashboards_;
  std::string last_state_;
};

}  // namespace sextant::dashboards
