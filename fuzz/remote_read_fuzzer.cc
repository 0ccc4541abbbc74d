// Remote read requests, and both kinds of answers: whatever is read is within its bounds.
#include <cstdint>
#include <string_view>

#include "wire/remote_read.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::wire;
  std::string_view all(reinterpret_cast<const char*>(data), size);
  size_t answered = 0;
  [[maybe_unused]] auto whole =
      ParseReadResponse(all, [&](const auto& labels, sextant::model::SampleColumns samples) {
        answered += labels.size() + samples.size();
        return sextant::core::Status();
      });
  SEXTANT_CHECK(answered <= size);
  if (auto chunked = ParseChunkedReadResponse(all)) SEXTANT_CHECK(chunked->size() <= size);
  auto request = ParseReadRequest({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  SEXTANT_CHECK(request->queries.size() <= kMaxReadQueries);
  size_t bytes = 0;
  for (const ReadQuery& query : request->queries) {
    SEXTANT_CHECK(query.matchers.size() <= kMaxReadMatchers);
    for (const ReadQuery::Matcher& matcher : query.matchers)
      bytes += matcher.name.size() + matcher.value.size();
  }
  SEXTANT_CHECK(bytes <= size);
  return 0;
}
