// Hostile bytes through the path that every HTTP request takes before a handler sees it: the request reader,
// the router, the query and form parsers, credentials and content codings. What is read must not depend on
// how the bytes were split.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/basic_auth.h"
#include "net/compression.h"
#include "net/request_reader.h"
#include "net/router.h"

namespace {

using namespace sextant;
using net::RequestReader;
using State = net::RequestReader::State;

constexpr size_t kMaxBodyBytes = 4 << 10;

const net::Router& TestRouter() {
  static const net::Router router = [] {
    net::Router made;
    auto nothing = [](const net::HttpRequest&) { return net::HttpResponse(); };
    for (const char* pattern : {"/", "/metrics", "/api/v1/label/{name}/values", "/api/v1/*", "/assets/*"}) {
      made.Add("GET", pattern, nothing);
    }
    made.Add("POST", "/api/v1/query", nothing);
    return made;
  }();
  return router;
}

// What a server would do with a request, as text.
std::string Serve(const RequestReader& reader, const net::HttpRequest& request) {
  net::RouteMatch match = TestRouter().Match(request.method, reader.raw_path());
  std::string seen = request.method + " " + std::to_string(match.status) + " " + match.path;
  for (const auto& [name, value] : match.path_params) seen += " " + name + "=" + value;
  for (size_t i = 0; i < request.headers.size(); ++i) {
    seen.append("\n").append(request.headers.name(i)).append(": ").append(request.headers.value(i));
  }
  net::HttpRequest decoded = request;
  if (auto encoding = net::ParseEncoding(request.headers.Get("Content-Encoding"))) {
    std::string body;
    if (net::Decompress(*encoding, request.body, kMaxBodyBytes, body)) {
      SEXTANT_CHECK(body.size() <= kMaxBodyBytes);
      decoded.body = std::move(body);
    }
  }
  if (auto form = decoded.Form()) seen += "\n" + form->Encode();
  seen += "\n" + request.Query().Encode();
  std::string user;
  static const net::BasicAuth auth({});
  SEXTANT_CHECK(auth.Check(request.headers.Get("Authorization"), user) != net::BasicAuth::Verdict::kAccepted);
  seen += net::EncodingName(net::NegotiateEncoding(request.headers.Get("Accept-Encoding")));
  return seen + "\n" + user + "\n" + request.body + "\n";
}

// Reads all requests in `bytes`, arriving `step` at a time.
std::string ReadAll(std::string_view bytes, size_t step) {
  net::HttpLimits limits{.max_header_bytes = 4'000, .max_header_fields = 20, .max_target_bytes = 500};
  RequestReader reader(limits);
  std::string seen;
  std::string pending;
  while (true) {
    switch (reader.state()) {
      case State::kHeader:
      case State::kBody: {
        size_t used = pending.empty() ? 0 : reader.Feed(pending);
        SEXTANT_CHECK(used <= pending.size());
        pending.erase(0, used);
        bool needs_more = reader.state() == State::kHeader || reader.state() == State::kBody;
        if (used != 0 || !needs_more) break;
        if (bytes.empty()) return seen;
        pending += bytes.substr(0, step);
        bytes.remove_prefix(std::min(step, bytes.size()));
        break;
      }
      case State::kHeaderDone:
        reader.ReadBody(kMaxBodyBytes);
        break;
      case State::kDone:
        SEXTANT_CHECK(reader.request().body.size() <= kMaxBodyBytes);
        seen += Serve(reader, reader.request());
        reader.Next();
        break;
      case State::kRefused:
        SEXTANT_CHECK(reader.refusal().status >= 400 && !reader.refusal().message.empty());
        return seen + "refused";  // which of several faults is found first may differ
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string whole = ReadAll(bytes, size + 1);
  std::string pieces = ReadAll(bytes, 7);
  // A malformed header that never ends may be refused at once, or waited for until it times out.
  bool waits = whole.starts_with(pieces) && whole.substr(pieces.size()) == "refused";
  SEXTANT_CHECK(pieces == whole || waits);
  return 0;
}
