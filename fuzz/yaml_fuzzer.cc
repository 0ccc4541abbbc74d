// YAML documents: reading, walking and decoding any bytes as a configuration must end with a tree or an
// error.
#include <cstdint>
#include <string>
#include <string_view>

#include "config/decode.h"
#include "config/node.h"
#include "config/prometheus_config.h"
#include "core/result.h"

using sextant::config::Document;
using sextant::config::Node;
using sextant::config::PrometheusConfig;

namespace {

size_t CountNodes(Node node) {
  size_t count = 1;
  for (Node child : node.children()) count += CountNodes(child);
  return count;
}

}  // namespace

// libfyaml 0.7 loses a few hundred bytes on some malformed documents; ours must still be none.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfyaml\n"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto document = Document::ParseAll(text, "fuzz.yml", {.size_bytes = 1 << 16, .nodes = 20'000});
  if (!document) {
    SEXTANT_CHECK(!document.error().message().empty());
    return 0;
  }
  for (Node root : document->roots()) CountNodes(root);
  // Only what reads no other files.
  auto config = sextant::config::Decode<PrometheusConfig>(document->root());
  if (!config) return 0;
  std::string dump = sextant::config::DumpPrometheusConfig(*config);
  auto again = Document::Parse(dump, "dump.yml");
  SEXTANT_CHECK(again.has_value());
  SEXTANT_CHECK(sextant::config::Decode<PrometheusConfig>(again->root()).has_value());
  return 0;
}
