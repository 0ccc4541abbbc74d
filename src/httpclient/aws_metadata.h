// EC2's instance metadata service: what an instance may ask about itself, with a token of version 2, or
// without one where the instance has version 1 only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "httpclient/aws_credentials.h"
#include "net/http_client.h"

namespace sextant::httpclient {

class AwsMetadata : public std::enable_shared_from_this<AwsMetadata> {
 public:
  using Send = net::RequestAuthorizer::Send;
  using Opened = std::function<void(core::Result<std::shared_ptr<const AwsMetadata>> session)>;
  using Answer = std::function<void(core::Result<std::string> body)>;

  // Begins a session: hands it to `opened` once, from inside or later from any thread. Each request of it has
  // `timeout_ms`, at most five seconds.
  static void Open(const AwsInstanceMetadata& metadata, core::DurationMs timeout_ms, Send send,
                   Opened opened);

  // What stands at a path below /latest/meta-data/, at most 1 MiB; calls `done` once, as Open does.
  // kPermissionDenied for an answer that is not 200. Any thread.
  void Get(const std::string& path, Answer done) const;

 private:
  AwsMetadata(std::string url, core::DurationMs timeout_ms, Send send)
      : url_(std::move(url)), timeout_ms_(timeout_ms), send_(std::move(send)) {}
  net::FetchRequest RequestTo(const std::string& path) const;

  const std::string url_;
  const core::DurationMs timeout_ms_;
  const Send send_;
  std::string token_;  // empty: version 1
};

// The body of an answer with status 200; kPermissionDenied for another, with what STS' XML or else the body
// says.
core::Result<std::string> AwsBodyOf(const core::Result<net::FetchResponse>& answer);

}  // namespace sextant::httpclient
