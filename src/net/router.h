// Which handler answers which method and path.
//
//   Router router;
//   router.Add("GET", "/-/healthy", [](const HttpRequest&) { return HttpResponse::Text(200, "Healthy.\n"); },
//              {.run_inline = true});
//   router.Add("GET", "/api/v1/label/{name}/values", ListValues);
//   router.Add("GET", "/assets/*", ServeAsset);
//   router.AddStream("GET", "/api/v1/notifications/live", Subscribe);
//
// A pattern is a path whose segments are literal or "{name}" (exactly one segment), and which may end in "/*"
// (the rest, possibly empty). A literal path wins over a parameter, a parameter over a prefix, a longer
// prefix over a shorter. GET routes answer HEAD too. OPTIONS answers 204 with Allow unless it has a route of
// its own; a path that exists with other methods answers 405 with Allow, an unknown one 404.
//
// Fill it, then give it to an HttpServer: from then on it does not change and any thread may match.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/executor.h"
#include "net/grpc.h"
#include "net/http_message.h"
#include "net/response_writer.h"
#include "net/websocket.h"

namespace sextant::net {

// Makes the whole answer. May take its time: it runs on the executor. Must not throw.
using Handler = std::function<HttpResponse(const HttpRequest& request)>;
// Answers through the writer, in pieces or later from any thread. Must not throw.
using StreamHandler = std::function<void(HttpRequest request, ResponseWriter writer)>;

struct RouteOptions {
  core::Priority priority = core::Priority::kQuery;
  // Runs on the I/O thread: only for handlers that take microseconds and never wait. Bodies are never
  // decompressed there, so such a route takes none.
  bool run_inline = false;
  size_t max_body_bytes = 64 << 20;  // as sent and after decompression
  // Content codings of request bodies that the handler undoes itself ("snappy"); others than gzip, deflate,
  // zstd and these are answered with 415.
  std::vector<std::string> passed_encodings = {};
  // Compress answers when the client accepts it and the content type says text.
  bool compress = true;
  // The label `handler` of this route's metrics; empty: the pattern.
  std::string metric_name = {};
};

enum class RouteKind { kWhole, kStream, kWebSocket, kGrpc };

// One registered route.
struct Route {
  std::string method;
  std::string pattern;
  RouteKind kind = RouteKind::kWhole;
  RouteOptions options;
  Handler handler;
  StreamHandler stream_handler;
  WebSocketHandler websocket_handler;
  GrpcHandler grpc_handler;
  size_t index = 0;  // position among all routes of the router
};

struct RouteMatch {
  // The route, or null: then `status` is 404, 405, 204 (OPTIONS) or 400 (a malformed path), `allow` the
  // methods that the path knows ("GET, HEAD, OPTIONS") and `error` what a 400 says.
  const Route* route = nullptr;
  int status = 404;
  std::string allow;
  std::string error;
  std::string path;  // decoded, without the prefix
  std::vector<std::pair<std::string, std::string>> path_params;
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // Registers a route. A malformed pattern or the same method and pattern twice is a programmer's error
  // (stops).
  void Add(std::string_view method, std::string_view pattern, Handler handler, RouteOptions options = {});
  void AddStream(std::string_view method, std::string_view pattern, StreamHandler handler,
                 RouteOptions options = {});
  // A GET with "Upgrade: websocket".
  void AddWebSocket(std::string_view pattern, WebSocketHandler handler, RouteOptions options = {});

  // Unary gRPC calls of "/package.Service/Method", over HTTP/2 only, whatever the prefix: gRPC's clients know
  // none. The limit max_body_bytes is that of a message, compressed and not. A route that runs inline is
  // called on the executor all the same when its message is compressed.
  void AddGrpc(std::string_view method, GrpcHandler handler, RouteOptions options = {});

  // All routes live below this path ("/prometheus"; "" and "/" mean none). Others answer 404, except that "/"
  // redirects there.
  void SetPrefix(std::string_view prefix);
  const std::string& prefix() const { return prefix_; }

  // Decides on a request's method and raw path (still escaped, without the query).
  RouteMatch Match(std::string_view method, std::string_view raw_path) const;

  // The route of a gRPC method, or null.
  const Route* FindGrpc(std::string_view method) const;
  // Whether some method of this service ("package.Service") has a route.
  bool HasGrpcService(std::string_view service) const;

  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

 private:
  struct Pattern;
  void AddRoute(std::unique_ptr<Route> route);
  Pattern& FindOrAddPattern(std::string_view pattern);
  const Pattern* FindPattern(std::string_view path, RouteMatch& match) const;

  std::string prefix_;
  std::vector<std::unique_ptr<Route>> routes_;
  std::vector<std::unique_ptr<Pattern>> patterns_;
  std::unordered_map<std::string, Pattern*> literal_patterns_;
  std::map<std::string, const Route*, std::less<>> grpc_routes_;
};

}  // namespace sextant::net
