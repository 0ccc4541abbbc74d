// A collector's configuration from its sources: files, environment, web, and text on the command line,
// merged in their order, with `${…}` expanded in all values (the collector's confmap).
//
//   ${env:NAME}  ${env:NAME:-default}  ${NAME}  ${file:PATH}  ${yaml:TEXT}  ${http://…}  $$ for a dollar
//
// What stands for a whole value is read as YAML and so may be a number, a list or a mapping; a field that
// wants text gets the characters as they were. Inside a text it is put in as text.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"
#include "core/log.h"
#include "core/result.h"

namespace sextant::pipeline {

// Where values come from; replaced in tests.
struct ConfigProviders {
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::function<core::Result<std::string>(const std::string& path)> read_file;
  std::function<core::Result<std::string>(const std::string& url)> fetch;

  // The process's own.
  static ConfigProviders System();
};

// What `--set key=value` means, as a source of its own: "yaml:a::b: value". kInvalidArgument without `=`.
core::Result<std::string> SourceOfSet(std::string_view setting);

// Reads and merges all sources and expands them. Sources are "file:PATH" or a path, "env:NAME",
// "yaml:TEXT", "http://…", "https://…". Errors name the source and place.
core::Result<config::Value> ResolveConfig(const std::vector<std::string>& sources,
                                          const ConfigProviders& providers, const core::Logger& logger);

// The same of one that has been read already, as part of another file.
core::Result<config::Value> ResolveConfig(config::Value value, const ConfigProviders& providers,
                                          const core::Logger& logger);

}  // namespace sextant::pipeline
