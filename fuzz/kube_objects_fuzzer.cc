// What an API server sends: objects, pages of lists, lines of watches.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kube/objects.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  using sextant::kube::Kind;
  auto kind = static_cast<Kind>(data[0] % 7);
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)sextant::kube::ParseObject(text, kind);
  (void)sextant::kube::ParseList(text, kind);
  (void)sextant::kube::ParseEvent(text, kind);
  (void)sextant::kube::StatusMessage(text);
  return 0;
}
