// Provisioning files, dashboards' JSON and variables in values: any bytes are read, or refused with a
// message.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dashboards/document.h"
#include "dashboards/provisioning_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace dashboards = sextant::dashboards;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // Files that the text may name are none of a fuzzer's business.
  if (text.find("__file") != std::string_view::npos) return 0;
  auto variable = [](const std::string& name) { return name + "$X"; };
  if (auto providers = dashboards::ReadProviders(text, "p.yaml", variable); !providers)
    SEXTANT_CHECK(!providers.error().message().empty());
  if (auto sources = dashboards::ReadDataSources(text, "d.yaml", variable); !sources)
    SEXTANT_CHECK(!sources.error().message().empty());
  if (auto expanded = dashboards::Expand(text, variable); !expanded)
    SEXTANT_CHECK(!expanded.error().message().empty());
  if (auto document = dashboards::ReadDocument(text)) {
    std::string with_identity = dashboards::WithIdentity(text, 7, "u", 3);
    auto again = dashboards::ReadDocument(with_identity);
    SEXTANT_CHECK(again && again->uid == "u" && again->version == 3);
  }
  return 0;
}
