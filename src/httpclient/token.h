// Bearer tokens that a server gives: its answers, and requests that wait for a token and carry it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "httpclient/kept_value.h"
#include "net/http_client.h"

namespace sextant::httpclient {

struct Token {
  std::string type;  // "Bearer"
  std::string value;
  int64_t life_seconds = 0;        // 0: it does not say
  int64_t expires_seconds = 0;     // since the Unix epoch; 0: it does not say
  std::string quota_project = {};  // Google's: who pays; sent as X-Goog-User-Project
};

using KeptToken = KeptValue<Token>;

// A server's answer to a request for a token (RFC 6749, 5), as JSON or as a form; errors are worded like Go's
// oauth2. Any thread.
core::Result<Token> ReadTokenAnswer(const core::Result<net::FetchResponse>& answer);

// A POST of a form for the sake of `cause`, with its timeout and user agent.
net::FetchRequest FormRequest(const net::FetchRequest& cause, const std::string& url,
                              const net::QueryParams& form);

// Where tokens come from. Called by one thread at a time for Fetch, by any for the rest.
class TokenSource {
 public:
  using Send = net::RequestAuthorizer::Send;

  virtual ~TokenSource() = default;
  // Before each request: whether a token from before is not to be used any more (true after a secret has
  // changed), or why there can be none.
  virtual core::Result<bool> IsChanged() { return false; }
  // Gets one and stores it, once; from inside or later.
  virtual void Fetch(const net::FetchRequest& cause, const Send& send, KeptToken::Store store) = 0;
};

// Puts the tokens of `source` into requests. `clock` must outlive it.
std::shared_ptr<net::RequestAuthorizer> MakeTokenAuthorizer(std::shared_ptr<TokenSource> source,
                                                            const core::Clock& clock);

}  // namespace sextant::httpclient
