// HTTP messages as handlers and callers see them: headers, a request, a response. Plain values; move them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "net/url.h"

namespace sextant::net {

// "OK", "Not Found", ...; "" for a status without a registered reason (RFC 9110, RFC 6585).
std::string_view StatusText(int status);

// ASCII letters compared without case, as header names are.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// Header fields in the order they came; names compare without case. All text sits in one buffer.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

  // The first value of `name`, or "". Views are valid until the headers change.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // Whether a comma-separated list header ("Connection: keep-alive, Upgrade") holds `token`, without case.
  bool HasToken(std::string_view name, std::string_view token) const;

  void Add(std::string_view name, std::string_view value);
  // Replaces all fields of this name by one.
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name);
  void Clear();

  size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  std::string_view name(size_t index) const {
    return View(fields_[index].name_begin, fields_[index].name_size);
  }
  std::string_view value(size_t index) const {
    return View(fields_[index].value_begin, fields_[index].value_size);
  }

 private:
  struct Field {
    uint32_t name_begin;
    uint32_t name_size;
    uint32_t value_begin;
    uint32_t value_size;
  };
  std::string_view View(uint32_t begin, uint32_t size) const {
    return std::string_view(text_).substr(begin, size);
  }

  std::string text_;
  std::vector<Field> fields_;
};

// A request that was read whole: its body is complete, decompressed and within the route's limit.
struct HttpRequest {
  std::string method;        // "GET"; as written by the client
  std::string target;        // as in the request line: "/api/v1/query?query=up"
  std::string path;          // decoded, without the route prefix: "/api/v1/query"
  std::string query_string;  // raw, without '?'
  int version_minor = 1;     // HTTP/1.<this>
  HttpHeaders headers;
  std::string body;
  std::string remote_address;  // "127.0.0.1:40312"
  std::string user;            // who authenticated; "" without authentication
  std::string role;            // what the server's AccessGate says of them; "" without one
  bool is_tls = false;
  int64_t received_ns = 0;  // when it was complete, on the monotonic clock

  // What the route's pattern matched: {"name", "job"} for "/api/v1/label/{name}/values", {"*", "rest/of/it"}
  // for a prefix. Decoded.
  std::vector<std::pair<std::string, std::string>> path_params;

  // Becomes true when the client has gone away or the server stops: whoever computes long should look now and
  // then.
  std::shared_ptr<const std::atomic<bool>> cancelled;

  bool IsCancelled() const { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); }
  // The value of a path parameter, or "".
  std::string_view PathParam(std::string_view name) const;
  // The URL's own parameters; malformed pairs are dropped.
  QueryParams Query() const { return ParseQueryLeniently(query_string); }
  // Body parameters of a POST, PUT or PATCH with a urlencoded body first, then the URL's (Go's
  // Request.ParseForm). kInvalidArgument for malformed ones, kResourceExhausted above kMaxQueryParams.
  core::Result<QueryParams> Form() const;
};

// A response whose body is complete. The server adds Date, Content-Length, Connection, and Content-Encoding
// when it compresses.
struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  // When not empty, sent instead of `body` without a copy; must stay as it is for the server's life (embedded
  // assets).
  std::string_view static_body;

  std::string_view Body() const { return static_body.empty() ? std::string_view(body) : static_body; }

  // text/plain; charset=utf-8
  static HttpResponse Text(int status, std::string body);
  // application/json
  static HttpResponse Json(int status, std::string body);
  // text/html; charset=utf-8
  static HttpResponse Html(int status, std::string body);
  // An empty body and a Location.
  static HttpResponse Redirect(int status, std::string_view location);
};

}  // namespace sextant::net
