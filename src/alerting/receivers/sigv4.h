// Amazon's request signature, version 4, for requests whose body is in hand.
// Specification: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
#pragma once

#include <string>

#include "core/clock.h"
#include "net/http_client.h"

namespace sextant::alerting {

struct SigV4Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // of temporary credentials; empty: none
};

// Adds X-Amz-Date, X-Amz-Security-Token and Authorization. Everything that is in the request's headers by
// then is signed, with its host and body; the query must be sorted and escaped already. Pure but for
// `request`.
void SignRequest(net::FetchRequest& request, const SigV4Credentials& credentials, const std::string& region,
                 const std::string& service, core::TimestampMs now_ms);

}  // namespace sextant::alerting
