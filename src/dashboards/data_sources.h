// Data sources: what a dashboard's queries go to. There are always the server's own stores; provisioning
// files add others under their names and uids.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::dashboards {

enum class SourceKind {
  kOwnMetrics,     // this server's store, in Prometheus' API
  kOwnAlerts,      // this server's Alertmanager
  kRemoteMetrics,  // another server with Prometheus' API
  kRemoteAlerts,   // another Alertmanager
  kUnsupported,    // shown by name, not asked
};

// As a data source file says, and what it comes to.
struct DataSource {
  std::string uid;
  std::string name;
  std::string type;  // "prometheus", "alertmanager", …
  std::string url;
  std::string access = "proxy";
  std::string user;
  std::string database;
  std::string basic_auth_user;
  std::string basic_auth_password;
  std::string json_data = "{}";  // an object
  std::vector<std::pair<std::string, std::string>> headers;
  std::string ca_pem;
  std::string cert_pem;
  std::string key_pem;
  std::string server_name;
  bool basic_auth = false;
  bool skips_verification = false;
  bool with_credentials = false;
  bool is_default = false;
  bool is_read_only = true;
  int64_t version = 1;
  int64_t min_step_ms = 0;  // jsonData.timeInterval; 0: not said
  int64_t timeout_ms = 30'000;
  SourceKind kind = SourceKind::kUnsupported;
  std::string why_unsupported;
};
using DataSourcePtr = std::shared_ptr<const DataSource>;

// What a source of this type and URL is, without regard to its other settings. `is_own` knows the URLs that
// mean this server; an empty URL does so too.
SourceKind KindOf(std::string_view type, std::string_view url,
                  const std::function<bool(std::string_view url)>& is_own);

// All data sources. Thread-safe; readers get unchanging values.
class DataSources {
 public:
  // `has_alerts`: whether the server's own Alertmanager is one of them.
  explicit DataSources(bool has_alerts);

  // In place of those given before. Where nothing else is the default, the server's own metrics are.
  void SetProvisioned(std::vector<DataSource> sources);

  // Sorted by name.
  std::vector<DataSourcePtr> List() const;
  // Null when there is none.
  DataSourcePtr FindUid(std::string_view uid) const;
  DataSourcePtr FindName(std::string_view name) const;
  DataSourcePtr FindId(int64_t id) const;
  // What a dashboard's reference means: a uid or a name, or by type the default or else the first of it;
  // empty ones mean the default. Null when there is none.
  DataSourcePtr Resolve(std::string_view uid_or_name, std::string_view type) const;

 private:
  using List_ = std::vector<DataSourcePtr>;
  template <typename Holds>
  DataSourcePtr FindWhere(Holds holds) const;

  const bool has_alerts_;
  std::atomic<std::shared_ptr<const List_>> sources_;
};

}  // namespace sextant::dashboards
