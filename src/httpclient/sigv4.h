// AWS Signature Version 4: requests signed with a secret key
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
#pragma once

#include <memory>
#include <string>

#include "config/http_client_config.h"
#include "core/clock.h"
#include "httpclient/aws_credentials.h"
#include "net/http_client.h"

namespace sextant::httpclient {

struct AwsScope {
  std::string region;
  std::string service;
};

// Signs `request`: all of its headers but a few that proxies change, its URL and its body. Takes the place of
// other credentials; sets Host (as the URL has it), X-Amz-Date, X-Amz-Security-Token when there is a session,
// and Authorization. kInvalidArgument for a URL that is none. The request must not change any more.
core::Status SignAwsRequest(const AwsCredentials& credentials, const AwsScope& scope,
                            core::TimestampMs now_ms, net::FetchRequest& request);

// Signs each request of a user with the keys that hold then (aws_chain.h), of its role where it names one.
// Errors are those of finding keys and region. `clock` must outlive it, and the requests under way.
std::shared_ptr<net::RequestAuthorizer> MakeSigV4Authorizer(
    const config::SigV4Config& config, const core::Clock& clock,
    const Environment& environment = ProcessEnvironment);

}  // namespace sextant::httpclient
