// Asks the API of a server, ours or Prometheus', from a command: one question at a time, waiting for its
// answer.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/http_client_config.h"
#include "core/clock.h"
#include "core/result.h"

namespace sextant::app {

struct ApiBucket {
  int boundaries = 0;  // 0 closed on the right, 1 on the left, 2 open, 3 closed on both sides
  double lower = 0;
  double upper = 0;
  double count = 0;
};

struct ApiHistogram {
  double count = 0;
  double sum = 0;
  std::vector<ApiBucket> buckets;
};

using ApiLabels = std::map<std::string, std::string>;

struct ApiPoint {
  core::TimestampMs time_ms = 0;
  double value = 0;
  std::optional<ApiHistogram> histogram = std::nullopt;  // instead of the value
};

struct ApiSeries {
  ApiLabels labels;
  std::vector<ApiPoint> floats;
  std::vector<ApiPoint> histograms;
};

// The value of a query.
struct ApiValue {
  std::string type;  // "vector", "matrix", "scalar", "string"
  std::vector<ApiSeries> series;
  ApiPoint scalar;
  std::string text;
};

// "x{a=\"b\", c=\"d\"}", as Prometheus' Go clients print a metric; without a name, or labels, what there is.
std::string MetricText(const ApiLabels& labels);
// All labels in braces.
std::string LabelSetText(const ApiLabels& labels);

using ApiParams = std::vector<std::pair<std::string, std::string>>;
using ApiHeaders = std::vector<std::pair<std::string, std::string>>;

class ApiClient {
 public:
  // `server`: "http://host:9090/prefix"; without a scheme, http. kInvalidArgument when it is no URL.
  static core::Result<std::unique_ptr<ApiClient>> Connect(std::string_view server, ApiHeaders headers = {},
                                                          config::HttpClientConfig http = {});
  virtual ~ApiClient() = default;

  // Errors are worded as Prometheus' Go client words them: "bad_data: invalid parameter …".
  virtual core::Result<ApiValue> Query(std::string_view path, const ApiParams& params) = 0;
  virtual core::Result<std::vector<ApiLabels>> Series(const ApiParams& params) = 0;
  // Warnings are appended.
  virtual core::Result<std::vector<std::string>> LabelValues(std::string_view name, const ApiParams& params,
                                                             std::vector<std::string>& warnings) = 0;
};

// The data of a query's answer, parsed; kInvalidArgument for what is none. Exposed for tests.
core::Result<ApiValue> ParseQueryData(std::string_view json);

}  // namespace sextant::app
