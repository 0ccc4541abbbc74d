#include "net/response_collector.h"

#include <algorithm>
#include <charconv>

#include "net/compression.h"
#include "net/url.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Error;

// A body buffer is reserved by what is announced up to here, and grows with what arrives above.
constexpr size_t kMaxReservedBytes = 4 << 20;

// "Get", "Post": how Go's http client names a method in its errors.
std::string TitleCase(std::string_view method) {
  std::string out(method);
  for (size_t i = 1; i < out.size(); ++i) {
    if (out[i] >= 'A' && out[i] <= 'Z') out[i] = static_cast<char>(out[i] - 'A' + 'a');
  }
  return out;
}

std::string_view TrimLine(std::string_view text) {
  while (!text.empty() &&
         (text.back() == '\r' || text.back() == '\n' || text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

}  // namespace

std::string RedactUrl(const std::string& url) {
  auto parsed = ParseUrl(url);
  if (!parsed || parsed->password.empty()) return url;
  size_t at = url.find('@');
  size_t colon = url.find(':', url.find("://") + 3);
  return url.substr(0, colon + 1) + "***" + url.substr(at);
}

ResponseCollector::ResponseCollector(std::shared_ptr<const FetchRequest> request, std::string body_buffer)
    : request_(std::move(request)) {
  response_.body = std::move(body_buffer);
}

Error ResponseCollector::WithUrl(Code code, std::string_view message) const {
  return Error(code,
               fmt::format("{} \"{}\": {}", TitleCase(request_->method), RedactUrl(request_->url), message));
}

bool ResponseCollector::AppendHeader(std::string_view line) {
  bool is_status_line = line.starts_with("HTTP/");
  if (is_status_line) {  // a new response: the last one was a redirect or a 1xx
    response_.headers.Clear();
    header_bytes_ = 0;
  }
  header_bytes_ += line.size();
  if (header_bytes_ > request_->max_header_bytes) {
    Fail(Code::kResourceExhausted,
         fmt::format("the response's header is larger than {} bytes", request_->max_header_bytes));
    return false;
  }
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || is_status_line) return true;
  response_.headers.Add(TrimLine(line.substr(0, colon)), TrimLine(line.substr(colon + 1)));
  return true;
}

void ResponseCollector::BeginBody() {
  has_body_begun_ = true;
  auto encoding = ParseEncoding(response_.headers.Get("Content-Encoding"));
  is_compressed_ = request_->accept_compressed && encoding.has_value() && *encoding != Encoding::kIdentity;
  std::string_view length = response_.headers.Get("Content-Length");
  size_t announced = 0;
  std::from_chars(length.data(), length.data() + length.size(), announced);
  std::string& body = is_compressed_ ? compressed_ : response_.body;
  body.clear();
  body.reserve(std::min({announced, request_->max_body_bytes, kMaxReservedBytes}));
}

bool ResponseCollector::AppendBody(std::string_view piece) {
  if (request_->on_data) {
    request_->on_data(piece);
    return true;
  }
  if (!has_body_begun_) BeginBody();
  std::string& body = is_compressed_ ? compressed_ : response_.body;
  if (piece.size() > request_->max_body_bytes - std::min(body.size(), request_->max_body_bytes)) {
    Fail(Code::kResourceExhausted,
         fmt::format("the response's body is larger than {} bytes", request_->max_body_bytes));
    return false;
  }
  body.append(piece);
  return true;
}

void ResponseCollector::SetEnd(int status, std::string_view final_url) {
  response_.status = status;
  response_.final_url = final_url.empty() ? request_->url : std::string(final_url);
}

void ResponseCollector::Restart() {
  header_bytes_ = 0;
  is_compressed_ = false;
  has_body_begun_ = false;
  response_.headers.Clear();
  error_.reset();
}

core::Result<FetchResponse> ResponseCollector::TakeResult(Decompressor& decompressor) {
  if (error_) return tl::unexpected(std::move(*error_));
  if (!has_body_begun_) response_.body.clear();
  if (!is_compressed_) {
    response_.received_bytes = response_.body.size();
    return std::move(response_);
  }
  response_.received_bytes = compressed_.size();
  auto encoding = ParseEncoding(response_.headers.Get("Content-Encoding"));
  core::Status status = decompressor.Decompress(encoding.value_or(Encoding::kIdentity), compressed_,
                                                request_->max_body_bytes, response_.body);
  if (!status) return tl::unexpected(WithUrl(status.error().code(), status.error().message()));
  return std::move(response_);
}

}  // namespace sextant::net
