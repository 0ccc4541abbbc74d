// Escapes the input as a template that writes HTML and executes it: it may not crash, hang or grow without
// bound, and what is filled in as text must not come out as a tag.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gotemplate/alertmanager.h"
#include "gotemplate/template.h"

namespace gt = sextant::gotemplate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size > 4096) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  gt::Options options{.missing_key = gt::MissingKey::kZero, .limits = {}};
  options.limits.max_steps = 20'000;
  options.limits.max_output_bytes = size_t{64} << 10;
  options.limits.max_allocated_bytes = size_t{1} << 20;
  const gt::Value data = gt::Value::OfMap({{"Text", gt::Value::String("<script>\"'`&\xff\n</script>")},
                                           {"Url", gt::Value::String("javascript:alert(1)")},
                                           {"List", gt::Value::Strings({"a", "b<c>", "{x: y}"})},
                                           {"Value", gt::Value::Float(1.5e9)}});
  const gt::AlertmanagerEnvironment environment;
  gt::TemplateSet set(gt::AlertmanagerFunctions(), options);
  static_cast<void>(set.Parse("parts", "{{ define \"part\" }}<b title='{{ . }}'>{{ . }}</b>{{ end }}"));
  static_cast<void>(set.ExecuteHtmlText("t", text, data, &environment));

  // The input as static text around a value, unless it is a template itself.
  if (text.find("{{") != std::string::npos || text.find("<script>\"") != std::string::npos) return 0;
  const auto page = set.ExecuteHtmlText("t", text + "{{ .Text }}", data, &environment);
  if (page && page->find("<script>\"'`&") != std::string::npos) std::abort();
  return 0;
}
