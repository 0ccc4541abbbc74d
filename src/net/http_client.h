// An asynchronous HTTP/1.1 client that keeps connections open between requests.
//
//   client.Fetch({.url = "http://127.0.0.1:9100/metrics", .timeout_ms = 5'000},
//                {.executor = &executor, .priority = core::Priority::kIngest},
//                [](core::Result<FetchResponse> result) { ... });
//
// All transfers run on one I/O loop; bodies are inflated where the callback runs. Every Fetch calls back
// exactly once: with an answer (whatever its status), or an error worded like Go's, since users of the
// originals know those:
//   Get "http://127.0.0.1:1/metrics": dial tcp 127.0.0.1:1: connect: connection refused
//   Get "http://10.0.0.1/": context deadline exceeded
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/metrics.h"
#include "core/result.h"
#include "net/http_message.h"
#include "net/io.h"

namespace sextant::net {

// How to speak TLS with a server. File paths are PEM; files are read when a connection is opened.
struct TlsClientOptions {
  std::string ca_file = {};    // empty: the system's
  std::string cert_file = {};  // client certificate
  std::string key_file = {};
  std::string server_name = {};  // expected in the certificate instead of the URL's host
  // The same as PEM text, in place of the files.
  std::string ca_pem = {};
  std::string cert_pem = {};
  std::string key_pem = {};
  bool insecure_skip_verify = false;
  std::string min_version = {};  // "", "TLS10", "TLS11", "TLS12", "TLS13"
  std::string max_version = {};  // likewise
  // Offered to the server (ALPN, RFC 7301) in this order, without "h2", which we do not speak; empty:
  // "http/1.1".
  std::vector<std::string> next_protos = {};
};

class RequestAuthorizer;

struct FetchRequest {
  std::string method = "GET";
  std::string url = {};
  HttpHeaders headers = {};
  std::string body = {};  // sent when not empty, and for POST and PUT also when empty

  // Sent as Authorization unless empty; never passed on to another host by a redirect.
  std::string basic_user = {};
  std::string basic_password = {};
  std::string bearer_token = {};

  std::shared_ptr<const TlsClientOptions> tls = {};
  std::string proxy_url = {};  // empty: none
  // Hosts, domains, addresses and networks that are reached without the proxy, with commas.
  std::string no_proxy = {};
  // The environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY count in place of these two; never for this
  // machine.
  bool proxy_from_environment = false;
  HttpHeaders proxy_connect_headers = {};  // for the proxy alone, when it is asked for a tunnel
  // Connects to this Unix socket in place of the URL's host; empty: to the host.
  std::string unix_socket = {};

  // Completes the request before it is sent; its time counts as the request's.
  std::shared_ptr<RequestAuthorizer> authorizer = {};

  // A new connection goes to any of the host's addresses, not to the first that answers.
  bool shuffles_addresses = false;

  core::DurationMs timeout_ms = 30'000;  // for everything
  bool follow_redirects = true;
  int max_redirects = 10;
  bool accept_compressed = true;     // asks for gzip and zstd, and inflates
  size_t max_body_bytes = 64 << 20;  // of the body after inflating
  size_t max_header_bytes = 256 << 10;
  // Takes the body as it comes, whatever the status, on an I/O thread: so it must be short. The response's
  // body stays empty then, max_body_bytes does not count, and nothing is inflated.
  std::function<void(std::string_view piece)> on_data = nullptr;
};

// A request made ready for a client, to be sent often without being looked at each time. Immutable.
struct PreparedRequest;

struct FetchResponse {
  int status = 0;
  HttpHeaders headers = {};   // of the last response, after redirects; Content-Encoding as sent
  std::string body = {};      // inflated
  size_t received_bytes = 0;  // body as sent
  std::string final_url = {};
};

using FetchCallback = std::function<void(core::Result<FetchResponse> result)>;

// Completes requests that need more than what stands in a configuration: a token that is fetched first, a
// signature over what goes out. Shared by the requests of one user; thread-safe.
class RequestAuthorizer {
 public:
  // Sends a request of the authorizer's own. The callback runs on an I/O thread, or in the calling one.
  using Send = std::function<void(FetchRequest request, FetchCallback callback)>;
  using Done = std::function<void(core::Result<FetchRequest> request)>;

  virtual ~RequestAuthorizer() = default;
  // Hands on the completed request, or why it cannot be, once: from inside, or later from any thread. Called
  // in the thread of Fetch, and may read small files there.
  virtual void Authorize(FetchRequest request, const Send& send, Done done) = 0;
};

// Where a callback runs. Without an executor: on the I/O thread, so it must be short.
struct FetchDelivery {
  core::Executor* executor = nullptr;  // must outlive the transfer
  core::Priority priority = core::Priority::kIngest;
};

// A transfer under way. Copies mean the same transfer; dropping them does not cancel.
class FetchHandle {
 public:
  FetchHandle() = default;
  // The callback gets kCancelled unless it has run or is about to. Thread-safe, returns at once.
  void Cancel();

  struct State;
  explicit FetchHandle(std::weak_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::weak_ptr<State> state_;
};

struct HttpClientOptions {
  std::string user_agent = "sextant";
  size_t max_idle_connections = 4'096;  // kept open for reuse
  size_t max_connections_per_host = 0;  // 0: no limit
  core::DurationMs max_idle_ms = 300'000;
};

class HttpClient {
 public:
  // `io` must outlive the client, `registry` also the last callback. Counts in `registry`:
  // sextant_http_client_requests_total{code},
  // ..._in_flight.
  HttpClient(IoContext& io, core::Registry& registry, HttpClientOptions options = {});
  ~HttpClient();  // stops
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Begins a transfer; never waits and never calls back from inside. Errors in the callback: kInvalidArgument
  // (URL, TLS files), kUnavailable (lookup, connect, broken off), kDeadlineExceeded, kResourceExhausted
  // (limits; the executor's queue is full: then the callback runs on the I/O thread), kCancelled,
  // kPermissionDenied (certificate not trusted). Thread-safe.
  FetchHandle Fetch(FetchRequest request, FetchDelivery delivery, FetchCallback callback);
  // The same for a request that was prepared by this client. The capacity of `body_buffer` is used for the
  // response's body: pass the last one, as it is, to keep it warm.
  FetchHandle Fetch(std::shared_ptr<const PreparedRequest> request, std::string body_buffer,
                    FetchDelivery delivery, FetchCallback callback);
  // Never fails: what is wrong with the request is told when it is fetched. Thread-safe.
  std::shared_ptr<const PreparedRequest> Prepare(FetchRequest request) const;

  // Cancels all transfers, waits until their callbacks were handed over, closes all connections. Later
  // fetches fail with kCancelled. Not from an I/O thread; may be called again.
  void Stop();

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

// The same in the calling thread, with a connection of its own: for command-line tools and tests.
core::Result<FetchResponse> FetchSync(FetchRequest request);

}  // namespace sextant::net
