// Who may ask for what, decided for each request when its header was read and before its body is: an
// HttpServer consults the gate that its options name, for every route and also where there is none.
//
// Check runs on the I/O threads and must not wait. What takes longer (a password, a first visit that is
// written down) is kMustVerify: Verify is then called on the executor, a bounded number at a time. Both are
// called from any thread, several at once. The request has its header, path, address and TLS state, but no
// body, and no path parameters.
#pragma once

#include <string>

#include "net/http_message.h"

namespace sextant::net {

struct Route;

struct AccessDecision {
  enum class Kind { kAllowed, kRefused, kMustVerify };

  Kind kind = Kind::kAllowed;
  std::string user = {};     // kAllowed: becomes HttpRequest::user
  std::string role = {};     // kAllowed: becomes HttpRequest::role
  HttpResponse answer = {};  // kRefused: what the client gets
};

class AccessGate {
 public:
  virtual ~AccessGate() = default;
  // `route` is null when nothing is at the path.
  virtual AccessDecision Check(const HttpRequest& request, const Route* route) = 0;
  // Never kMustVerify.
  virtual AccessDecision Verify(const HttpRequest& request, const Route* route) = 0;
};

}  // namespace sextant::net
