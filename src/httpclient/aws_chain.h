// Gets keys as a plan of aws_credentials.h says, and assumes roles with them (AWS STS, version 2011-06-15).
//
// Keys that came over the network or from a program are kept until thirty seconds before they expire, or for
// ten minutes when they do not say; they are got once for all who wait. STS is asked in the region, at
// AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL where these are set. A program may run for 25 seconds, the
// instance's metadata must answer within five.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/http_client_config.h"
#include "core/clock.h"
#include "httpclient/aws_credentials.h"
#include "net/http_client.h"

namespace sextant::httpclient {

class AwsChain {
 public:
  using Send = net::RequestAuthorizer::Send;
  using Use = std::function<void(const core::Result<AwsCredentials>& keys)>;

  virtual ~AwsChain() = default;

  // Calls `use` once, from inside or later from any thread, with keys that are good now. `region` is that of
  // STS. `send` is used for the sake of `cause`, with its timeout. Any thread.
  virtual void Get(const net::FetchRequest& cause, const std::string& region, const Send& send, Use use) = 0;
};

// For the keys, profile and role of a configuration. `clock` must outlive it; its end waits for a program
// that it runs.
std::shared_ptr<AwsChain> MakeAwsChain(config::SigV4Config config, const core::Clock& clock,
                                       Environment environment = ProcessEnvironment);

}  // namespace sextant::httpclient
