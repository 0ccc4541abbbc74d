// Responses of servers: read in two pieces as in one, with the same outcome.
#include <cstdlib>
#include <string>

#include "net/response_reader.h"

namespace {

using namespace sextant;

struct Outcome {
  net::ResponseReader::Progress progress = net::ResponseReader::Progress::kMore;
  bool is_ok = false;
  std::string body;
  bool operator==(const Outcome&) const = default;
};

Outcome Read(std::string_view first, std::string_view second) {
  auto request = std::make_shared<net::FetchRequest>();
  request->url = "http://x/";
  request->max_body_bytes = 1 << 16;
  request->max_header_bytes = 1 << 12;
  net::ResponseCollector collector(request, {});
  net::ResponseReader reader(collector);
  Outcome out;
  for (std::string_view piece : {first, second}) {
    if (out.progress == net::ResponseReader::Progress::kMore) out.progress = reader.Feed(piece);
  }
  if (out.progress == net::ResponseReader::Progress::kMore) out.progress = reader.FeedEnd();
  net::Decompressor decompressor;
  auto response = collector.TakeResult(decompressor);
  out.is_ok = response.has_value();
  if (response && out.progress == net::ResponseReader::Progress::kDone) out.body = response->body;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  size_t split = static_cast<size_t>(data[0]) % size;
  std::string_view response = text.substr(1);
  split = std::min(split, response.size());
  // Where a whole response comes at once, what follows it does not matter; in pieces it is never read.
  if (!(Read(response.substr(0, split), response.substr(split)) == Read(response, {}))) std::abort();
  return 0;
}
