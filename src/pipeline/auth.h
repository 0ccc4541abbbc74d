// Who may send to a receiver, and what an exporter says who it is: what the extensions for authentication
// (basicauth, bearertokenauth) do for the components that name them under `auth`.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "pipeline/component.h"

namespace sextant::pipeline {

// Checks requests. Any thread but those of I/O, several at once: a check may take tens of milliseconds.
class ServerAuthenticator {
 public:
  // The first value of a header (or of gRPC metadata), names without regard to case; nothing: not sent.
  using HeaderLookup = std::function<std::optional<std::string_view>(std::string_view name)>;

  virtual ~ServerAuthenticator() = default;
  // kPermissionDenied with the reason, worded as the collector's; servers answer with 401 or
  // Unauthenticated.
  virtual core::Status Authenticate(const HeaderLookup& headers) = 0;
};

// Gives requests their credentials. Any thread; reads small files.
class ClientAuthenticator {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  virtual ~ClientAuthenticator() = default;
  // What to send with a request now: asked for each, since credentials may change. Names for HTTP/1; gRPC has
  // them in small letters.
  virtual core::Result<Headers> RequestHeaders() = 0;
  // Whether gRPC must not send them without TLS.
  virtual bool NeedsTls() const { return true; }
};

// The authenticators of extensions by their ids. kInvalidArgument in the collector's words when there is
// none, or when it is no such. They live as long as the extensions do.
core::Result<ServerAuthenticator*> FindServerAuthenticator(const ExtensionHost& extensions,
                                                           std::string_view id);
core::Result<ClientAuthenticator*> FindClientAuthenticator(const ExtensionHost& extensions,
                                                           std::string_view id);

}  // namespace sextant::pipeline
