// Configurations of the collector: expanding and reading any bytes must end with a configuration or an error,
// and what is printed of a configuration is YAML.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/node.h"
#include "pipeline/config_resolver.h"
#include "pipeline/service_config.h"

namespace pipeline = sextant::pipeline;
namespace core = sextant::core;

extern "C" const char* __lsan_default_suppressions() { return "leak:libfyaml\n"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1 << 14) return 0;
  std::string text(reinterpret_cast<const char*>(data), size);
  pipeline::ConfigProviders providers;
  providers.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "ADDRESS") return "127.0.0.1:4317";
    if (name == "LIST") return "[otlp, nop]";
    if (name == "NEST") return "${env:ADDRESS}";
    return std::nullopt;
  };
  providers.read_file = [&](const std::string& path) -> core::Result<std::string> {
    if (path == "fuzz.yaml") return text;
    return core::Fail(core::Code::kNotFound, "no such file");
  };
  providers.fetch = [](const std::string&) -> core::Result<std::string> {
    return core::Fail(core::Code::kUnavailable, "no network");
  };
  auto resolved = pipeline::ResolveConfig({"fuzz.yaml"}, providers, core::Logger::Discard());
  if (!resolved) {
    if (resolved.error().message().empty()) std::abort();
    return 0;
  }
  auto loaded = pipeline::ReadCollectorConfig(*resolved);
  if (!loaded) {
    if (loaded.error().message().empty()) std::abort();
    return 0;
  }
  if (!sextant::config::Document::Parse(pipeline::PrintConfig(loaded->config), "printed")) std::abort();
  return 0;
}
