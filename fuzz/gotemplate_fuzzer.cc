// Parses the input as a template and executes it on a little data: neither may crash, hang or grow without
// bound.
#include <cstddef>
#include <cstdint>
#include <string>

#include "gotemplate/alertmanager.h"
#include "gotemplate/prometheus.h"
#include "gotemplate/template.h"

namespace gt = sextant::gotemplate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size > 4096) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes), size);

  gt::Options options{.missing_key = gt::MissingKey::kZero, .limits = {}};
  options.limits.max_steps = 20'000;
  options.limits.max_output_bytes = size_t{64} << 10;
  options.limits.max_allocated_bytes = size_t{1} << 20;
  const gt::Value labels =
      gt::Value::OfMap({{"alertname", gt::Value::String("Disk")}, {"n", gt::Value::Int(3)}});
  const gt::Value data =
      gt::Value::OfMap({{"Labels", labels},
                        {"List", gt::Value::Strings({"a", "b<c>", "\xff"})},
                        {"Value", gt::Value::Float(1.5e9)},
                        {"StartsAt", gt::Value::OfTime(gt::Time::FromUnixMs(1767323045678))}});

  const gt::AlertmanagerEnvironment alertmanager;
  static_cast<void>(
      gt::TemplateSet(gt::AlertmanagerFunctions(), options).ExecuteText("t", text, data, &alertmanager));
  gt::PrometheusEnvironment prometheus;
  prometheus.query = [](const std::string&) -> sextant::core::Result<std::vector<gt::QuerySample>> {
    return std::vector<gt::QuerySample>{{{{"instance", "a"}}, 1, ""}, {{{"instance", "b"}}, 2, ""}};
  };
  static_cast<void>(
      gt::TemplateSet(gt::PrometheusFunctions(), options).ExecuteText("t", text, data, &prometheus));
  return 0;
}
