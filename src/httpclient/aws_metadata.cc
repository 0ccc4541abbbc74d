#include "httpclient/aws_metadata.h"

#include <algorithm>

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr core::DurationMs kMostMs = 5'000;
constexpr size_t kMaxAnswerBytes = 1 << 20;
constexpr size_t kShownAnswerBytes = 512;

}  // namespace

Result<std::string> AwsBodyOf(const Result<net::FetchResponse>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 200) return answer->body;
  std::string error = ReadStsError(answer->body);
  if (error.empty()) error = answer->body.substr(0, kShownAnswerBytes);
  return Fail(Code::kPermissionDenied, "HTTP status {} {}: {}", answer->status,
              net::StatusText(answer->status), error);
}

net::FetchRequest AwsMetadata::RequestTo(const std::string& path) const {
  net::FetchRequest request;
  request.url = url_ + path;
  request.timeout_ms = std::min(timeout_ms_, kMostMs);
  request.max_body_bytes = kMaxAnswerBytes;
  request.follow_redirects = false;
  return request;
}

void AwsMetadata::Open(const AwsInstanceMetadata& metadata, core::DurationMs timeout_ms, Send send,
                       Opened opened) {
  std::shared_ptr<AwsMetadata> session(new AwsMetadata(metadata.url, timeout_ms, std::move(send)));
  net::FetchRequest request = session->RequestTo("/latest/api/token");
  request.method = "PUT";
  request.headers.Set("X-aws-ec2-metadata-token-ttl-seconds", "21600");
  session->send_(std::move(request), [session, allows_v1 = metadata.allows_v1,
                                      opened = std::move(opened)](const Result<net::FetchResponse>& answer) {
    // Version 1 has no tokens.
    bool has_none = answer && (answer->status == 403 || answer->status == 404 || answer->status == 405);
    if (has_none && allows_v1) return opened(session);
    Result<std::string> token = AwsBodyOf(answer);
    if (!token) return opened(tl::unexpected(token.error()));
    session->token_ = std::move(*token);
    opened(session);
  });
}

void AwsMetadata::Get(const std::string& path, Answer done) const {
  net::FetchRequest request = RequestTo("/latest/meta-data/" + path);
  if (!token_.empty()) request.headers.Set("X-aws-ec2-metadata-token", token_);
  send_(std::move(request), [self = shared_from_this(), done = std::move(done)](
                                const Result<net::FetchResponse>& answer) { done(AwsBodyOf(answer)); });
}

}  // namespace sextant::httpclient
