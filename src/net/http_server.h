// An HTTP server: HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113) on the same ports, and gRPC over the latter.
//
//   SEXTANT_ASSIGN(auto server, HttpServer::Start(io, executor, clock, registry, logger, std::move(router),
//                                                 {.listen = {"127.0.0.1:9090"}}));
//   ...
//   server->Stop(5'000);
//
// A connection lives on one I/O loop: bytes are read, parsed and routed there; the handler runs on the
// executor (unless its route is inline), the answer goes back to the loop. Requests of one connection are
// answered one after the other, also when pipelined. While a handler works, the connection is watched, so
// that it learns when the client has gone.
//
// HTTP/2 is spoken with clients that begin with its preface, or that ask for it under TLS (ALPN). Requests of
// one connection are then answered side by side, each cancelled when its client resets the stream.
//
// What the server refuses (malformed, too large, too slow, too many) is answered with one line of text where
// an answer is possible, closes the connection and counts in sextant_http_refused_total{reason}.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/result.h"
#include "core/trace.h"
#include "net/access_gate.h"
#include "net/io.h"
#include "net/router.h"

namespace sextant::net {

struct HttpLimits {
  size_t max_header_bytes = 64 << 10;     // request line and fields together; 431 above
  size_t max_header_fields = 100;         // 431 above
  size_t max_target_bytes = 32 << 10;     // 414 above
  size_t max_pipelined_bytes = 64 << 10;  // read ahead while an answer is being made; then reading pauses
  size_t max_connections = 1'000;         // 503 and close above
  size_t max_buffered_body_bytes = 512 << 20;  // request bodies of all connections together; 503 above
  uint32_t max_concurrent_streams = 250;       // requests of one HTTP/2 connection; refused above
};

struct HttpTimeouts {
  core::DurationMs header_ms = 10'000;  // from the first byte of a request to the end of its header; 408
  core::DurationMs body_ms = 60'000;    // for the whole body; 408
  core::DurationMs idle_ms = 120'000;   // between requests; closes
  core::DurationMs write_ms = 30'000;   // without any progress in sending; closes
  core::DurationMs tls_handshake_ms = 10'000;
  core::DurationMs websocket_ping_ms = 30'000;
  // An HTTP/2 connection that was silent for so long is asked for a sign of life, and closed when none comes
  // in time. 0: never.
  core::DurationMs http2_ping_ms = 0;
  core::DurationMs http2_ping_timeout_ms = 20'000;
  // An HTTP/2 connection takes no new requests after this time, and is cut when the grace has passed too. 0:
  // never, and without end.
  core::DurationMs http2_max_age_ms = 0;
  core::DurationMs http2_max_age_grace_ms = 0;
};

// What becomes of clients' certificates.
enum class ClientCertificates {
  kNotAsked,
  kAsked,             // taken as they are
  kRequired,          // likewise, but there must be one
  kVerifiedIfGiven,   // by the client authorities, or the system's without any
  kRequiredVerified,  // likewise, and there must be one
};

// Who may connect and how: what Prometheus' web configuration file says.
struct WebSecurity {
  // Each as a file's name or as the text itself, PEM.
  std::string cert_file = {};  // a chain
  std::string cert = {};
  std::string key_file = {};
  std::string key = {};
  std::string client_ca_file = {};
  std::string client_ca = {};
  ClientCertificates client_certificates = ClientCertificates::kNotAsked;
  std::vector<std::string> client_allowed_sans = {};  // a verified certificate must have one; empty: any
  std::string min_tls_version = "TLS12";              // TLS12 or TLS13
  std::string max_tls_version = {};                   // likewise; empty: the newest
  std::vector<std::string> cipher_suites = {};        // of TLS 1.2, by Go's names; empty: the library's
  bool prefers_own_cipher_suites = true;
  std::vector<std::string> curves = {};  // by Go's names; empty: the library's

  // Without it HTTP/2 is not spoken, and so no gRPC.
  bool http2 = true;

  // Requests of all clients together: so many at once, then one per interval; 0: no limit.
  core::DurationMs rate_interval_ms = 0;
  int64_t rate_burst = 0;

  // Whether TLS is on.
  bool has_tls() const { return !cert_file.empty() || !cert.empty(); }

  // Name → bcrypt hash; authentication is on when not empty.
  std::map<std::string, std::string> basic_auth_users = {};
};

struct HttpServerOptions {
  // "host:port", ":port" (all addresses), "[::1]:port"; port 0 picks a free one. "fd:3" is a TCP socket that
  // the process was started with and that listens already.
  std::vector<std::string> listen = {"127.0.0.1:9090"};
  WebSecurity security = {};
  HttpLimits limits = {};
  HttpTimeouts timeouts = {};
  // Asked for every request who may do what; null: everybody everything. Not together with basic_auth_users,
  // which take the same header.
  std::shared_ptr<AccessGate> gate = nullptr;
  // Adds headers to the answer of every request that was read whole, whoever answers. Runs on the I/O
  // threads: must be quick.
  std::function<void(const HttpRequest& request, HttpHeaders& headers)> add_headers = nullptr;
  // Makes a span of every request ("GET /api/v1/query"), below the client's if it sent one; the handler finds
  // it in the request's headers (trace_headers.h). Null: none.
  core::Tracer* tracer = nullptr;
};

class HttpServer {
 public:
  // Binds all addresses and starts serving. All references must outlive the server. Errors: kInvalidArgument
  // (a malformed address, an unreadable or wrong certificate, a hash that is not bcrypt), kUnavailable
  // (address in use), kPermissionDenied (privileged port).
  static core::Result<std::unique_ptr<HttpServer>> Start(IoContext& io, core::Executor& executor,
                                                         const core::Clock& clock, core::Registry& registry,
                                                         core::Logger logger, Router router,
                                                         HttpServerOptions options);
  ~HttpServer();  // Stop(0)
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The port bound for listen[index].
  uint16_t bound_port(size_t index = 0) const;
  // "127.0.0.1:9090", with the true port.
  std::string bound_address(size_t index = 0) const;

  // Replaces the routes for new requests, so that a server can answer for itself while what it serves is
  // still being made ready. Once. Thread-safe otherwise.
  void SetRouter(Router router);

  // Replaces certificates and users for new connections and requests; on an error everything stays as it was.
  // TLS cannot be switched on or off while running (kInvalidArgument). Thread-safe.
  core::Status SetSecurity(const WebSecurity& security);

  // Stops accepting, closes idle connections, ends endless answers and WebSockets, gives requests under way
  // up to `grace_ms`, then cuts what is left. Returns when no handler runs and no connection is open. The
  // executor must still be running. Not from an I/O thread; may be called again.
  void Stop(core::DurationMs grace_ms);

  struct Impl;

 private:
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Checks a web configuration without serving: files readable, certificate and key match, hashes are bcrypt.
core::Status ValidateWebSecurity(const WebSecurity& security);

}  // namespace sextant::net
