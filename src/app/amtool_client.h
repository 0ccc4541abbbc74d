// Asks the API of an Alertmanager, ours or the original, for `sextant amtool`: one question at a time,
// waiting for its answer. Errors are worded as the original's generated client words them. Used by one
// thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerting/matchers.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::app {

using TextMap = std::map<std::string, std::string>;

// What is shown of an alert; `json` is all of it, as it came.
struct ShownAlert {
  std::string json;
  TextMap labels;
  TextMap annotations;
  core::TimestampMs starts_at_ms = 0;
  core::TimestampMs ends_at_ms = 0;
  std::string generator_url;
  std::string state;
};

struct ShownSilence {
  std::string json;
  std::string id;
  alerting::Matchers matchers;
  core::TimestampMs starts_at_ms = 0;
  core::TimestampMs ends_at_ms = 0;
  core::TimestampMs updated_at_ms = 0;
  std::string created_by;
  std::string comment;
  TextMap annotations;
};

struct ShownStatus {
  std::string json;
  std::string config;
  std::string uptime;
  std::vector<std::pair<std::string, std::string>> version_info;
  std::string cluster_json;
  std::string cluster_status;
  std::string cluster_name;
  std::vector<std::pair<std::string, std::string>> peers;  // address, name
};

class AmtoolClient {
 public:
  struct Options {
    std::string url;  // "http://host:9093/prefix"
    core::DurationMs timeout_ms = 30'000;
    std::string http_config_file;  // empty: none
  };
  // kInvalidArgument for a URL or a file that is none.
  static core::Result<std::unique_ptr<AmtoolClient>> Connect(Options options);
  virtual ~AmtoolClient() = default;

  using Params = std::vector<std::pair<std::string, std::string>>;
  virtual core::Result<std::vector<ShownAlert>> Alerts(const Params& params) = 0;
  virtual core::Status PostAlert(std::string json) = 0;
  virtual core::Result<std::vector<ShownSilence>> Silences(const Params& params) = 0;
  virtual core::Result<ShownSilence> FindSilence(const std::string& id) = 0;
  // The id that the silence has now. kNotFound when it was to be changed and is not there.
  virtual core::Result<std::string> PostSilence(const ShownSilence& silence) = 0;
  virtual core::Status ExpireSilence(const std::string& id) = 0;
  virtual core::Result<ShownStatus> Status() = 0;
  // What a configuration would have told whom; the answer's JSON, which only ours gives.
  virtual core::Result<std::string> DryRun(std::string config, const Params& params) = 0;
};

// A list of silences, as the API writes it and `silence query -o json` does.
core::Result<std::vector<ShownSilence>> ParseSilences(std::string_view json);
core::Result<std::vector<ShownAlert>> ParseAlerts(std::string_view json);

}  // namespace sextant::app
