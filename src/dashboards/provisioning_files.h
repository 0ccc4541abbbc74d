// Grafana's provisioning files: dashboard providers and data sources, read from YAML with variables expanded.
//
// Errors are one line with file, line, column and field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "dashboards/data_sources.h"
#include "dashboards/expand.h"

namespace sextant::dashboards {

// One item of `providers:` in a file of dashboards/.
struct DashboardProvider {
  std::string name;
  std::string folder;
  std::string folder_uid;
  std::string path;  // as written
  bool disables_deletion = false;
  bool allows_changes = false;
  bool takes_folders_from_files = false;
  int64_t interval_s = 10;
};

core::Result<std::vector<DashboardProvider>> ReadProviders(std::string_view text, std::string file_name,
                                                           const ReadVariable& variable);

struct DataSourceFile {
  std::vector<DataSource> sources;   // `kind` is left to the caller
  std::vector<std::string> deleted;  // names; checked, and without effect where all sources are of files
};

core::Result<DataSourceFile> ReadDataSources(std::string_view text, std::string file_name,
                                             const ReadVariable& variable);

}  // namespace sextant::dashboards
