// What comes of one request: header fields and body within the request's limits, then the response or the
// error. Fed by whoever speaks HTTP for it (curl's callbacks in transfer.cc, response_reader.h). Not
// thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/compression.h"
#include "net/http_client.h"

namespace sextant::net {

class ResponseCollector {
 public:
  // Keeps `request`, whose limits count. `body_buffer`: its capacity is used for the body.
  ResponseCollector(std::shared_ptr<const FetchRequest> request, std::string body_buffer);

  const FetchRequest& request() const { return *request_; }

  // For compressed bytes; give it a warm one before and take it back after.
  std::string& compressed() { return compressed_; }

  // Takes a line of the header, the status line included: that begins a response anew. False when the limit
  // is passed, which is then the outcome.
  bool AppendHeader(std::string_view line);
  // The same for a piece of the body as sent.
  bool AppendBody(std::string_view piece);
  const HttpHeaders& headers() const { return response_.headers; }

  // The response's status and the URL it came from; empty: the request's own.
  void SetEnd(int status, std::string_view final_url);
  // Forgets what came, for another attempt.
  void Restart();
  // Makes this the outcome.
  void Fail(core::Error error) { error_ = std::move(error); }
  void Fail(core::Code code, std::string_view message) { Fail(WithUrl(code, message)); }
  bool has_failed() const { return error_.has_value(); }

  // Makes the response, inflating the body: may take a while. Once.
  core::Result<FetchResponse> TakeResult(Decompressor& decompressor);

  // An error worded as Go's client does: Get "URL": MESSAGE. The URL's password is hidden.
  core::Error WithUrl(core::Code code, std::string_view message) const;

 private:
  void BeginBody();

  const std::shared_ptr<const FetchRequest> request_;
  std::string compressed_;
  size_t header_bytes_ = 0;
  bool is_compressed_ = false;
  bool has_body_begun_ = false;
  FetchResponse response_;
  std::optional<core::Error> error_;
};

// A URL as it may be shown: without its password.
std::string RedactUrl(const std::string& url);

}  // namespace sextant::net
