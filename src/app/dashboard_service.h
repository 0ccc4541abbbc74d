// Dashboards and data sources of the platform: those built in, those of the provisioning folder, which is
// looked at again and again, and those saved in the data directory.
//
// Thread-safe after Start, except where it says otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/services.h"
#include "config/sextant_config.h"
#include "core/file.h"
#include "core/result.h"
#include "dashboards/annotations.h"
#include "dashboards/data_sources.h"
#include "dashboards/library.h"
#include "dashboards/provisioner.h"
#include "net/io.h"

namespace sextant::app {

class DashboardService {
 public:
  struct Options {
    std::string data_dir;
    bool has_alerts = false;  // an Alertmanager of the server's own
    // Knows whether a URL means this server.
    std::function<bool(std::string_view url)> is_own_url;
  };

  DashboardService(Services& services, Options options);
  ~DashboardService();  // stops
  DashboardService(const DashboardService&) = delete;
  DashboardService& operator=(const DashboardService&) = delete;

  // Loads the built-in dashboards and the saved ones. When the database of the latter cannot be read the
  // error is logged, and nothing can be saved.
  core::Status Start();
  // Takes the section of the configuration, and reads its folder. From one thread.
  void Apply(const config::GrafanaSection& section);
  // No looking again from now on.
  void Stop();

  // Reads all files again, and gives what is wrong with them.
  std::vector<std::string> Reload();
  std::vector<std::string> Problems() const;

  dashboards::Library& library() { return library_; }
  const dashboards::DataSources& sources() const { return sources_; }
  dashboards::Annotations& annotations() { return annotations_; }

 private:
  void Look(bool always);
  void Use(dashboards::Provisioned provisioned);
  void StartTimer();

  Services& services_;
  const Options options_;
  const core::Logger logger_;
  core::Gauge& problem_count_;
  dashboards::Library library_;
  dashboards::DataSources sources_;
  dashboards::Annotations annotations_;
  net::Timer timer_;
  std::mutex look_mutex_;                                 // one look at a time
  std::unique_ptr<dashboards::Provisioner> provisioner_;  // guarded by look_mutex_; null: no folder
  std::vector<std::string> local_urls_;                   // likewise
  std::string dir_;                                       // likewise
  std::atomic<bool> is_stopped_ = false;
  std::vector<std::string> saved_problems_;  // of the database, set by Start
  std::atomic<std::shared_ptr<const std::vector<std::string>>> problems_;
};

}  // namespace sextant::app
