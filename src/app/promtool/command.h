// What promtool's commands share: arguments as kingpin reads them, and what is printed.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/http_client_config.h"
#include "core/result.h"
#include "metrics/promql/engine.h"
#include "net/http_client.h"

namespace sextant::promtool {

// What a command says; printed when it ends.
struct Output {
  std::string out;
  std::string err;

  void Line(std::string_view line) { out.append(line).append("\n"); }
  void ErrorLine(std::string_view line) { err.append(line).append("\n"); }
};

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kLintFailure = 3;

// Arguments of one command: positional ones, and flags (`--name=value`, `--name value`, `--switch`,
// `--no-switch`).
class CommandArguments {
 public:
  // `with_value`: flags that take one; of these only `repeatable` may come again. kInvalidArgument with
  // kingpin's words for what it does not take.
  static core::Result<CommandArguments> Parse(const std::vector<std::string>& arguments,
                                              std::initializer_list<std::string_view> with_value,
                                              std::initializer_list<std::string_view> switches,
                                              std::initializer_list<std::string_view> repeatable = {});

  const std::vector<std::string>& positional() const { return positional_; }
  std::string Get(std::string_view flag, std::string_view otherwise = "") const;
  // All values of a flag that may be repeated, in order.
  std::vector<std::string> GetAll(std::string_view flag) const;
  bool IsOn(std::string_view flag) const { return Get(flag) == "true"; }

 private:
  std::vector<std::string> positional_;
  std::map<std::string, std::vector<std::string>, std::less<>> flags_;
};

// Switches PromQL's features on; kUnimplemented for the first name that is none of them.
core::Status EnableFeatures(const std::vector<std::string>& names, promql::EngineOptions& engine);

// Reads --http.config.file; "" is the default configuration.
core::Result<config::HttpClientConfig> LoadHttpConfig(const std::string& path);

// Sends one request with such a configuration and waits for its answer. Errors are those of reading files of
// secrets, and net::FetchSync's.
core::Result<net::FetchResponse> FetchOnce(const config::HttpClientConfig& http, net::FetchRequest request);

// kInvalidArgument with kingpin's words for the first file that is not there, and when there are none.
core::Status RequireFiles(const std::vector<std::string>& files, std::string_view what);

}  // namespace sextant::promtool
