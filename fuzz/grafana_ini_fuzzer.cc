// grafana.ini as somebody wrote it: its syntax and its settings.
#include <cstdint>

#include "users/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // No files of the machine.
  if (text.find("__file") != std::string_view::npos) return 0;
  auto entries = sextant::users::ParseIni(text, "grafana.ini");
  if (!entries) return 0;
  auto settings = sextant::users::ReadSettings(*entries, "grafana.ini", [](const std::string& name) {
    return name.starts_with("GF_") ? std::string() : name;
  });
  if (settings) SEXTANT_CHECK(!settings->has_proxy || !settings->proxy_whitelist.empty());
  return 0;
}
