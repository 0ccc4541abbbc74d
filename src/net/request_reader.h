// Reads one HTTP/1.1 request after the other from bytes as they arrive (RFC 9112), without sockets, so that
// it can be tested and fuzzed. The caller feeds bytes; the reader stops at the end of each header, where the
// caller decides about the body, and at the end of each request. It refuses what two readers could understand
// differently (request smuggling).
//
// Internal to net. Belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_message.h"
#include "net/http_server.h"

namespace sextant::net {

// Why a request is answered with an error by the server itself.
struct Refusal {
  int status = 400;
  std::string_view reason = "";  // label of the counter: "malformed", "header_bytes", ...
  std::string message = {};
};

class RequestReader {
 public:
  enum class State {
    kHeader,      // wants the bytes of a header
    kHeaderDone,  // a header is complete: look at request(), then call ReadBody
    kBody,        // wants the bytes of the body
    kDone,        // the request is complete: take it, then call Next
    kRefused,     // see refusal(); nothing more can be read
  };

  explicit RequestReader(const HttpLimits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Uses up a prefix of `bytes` and returns its length; what is left must be at the front of the next call,
  // together with more. Only in kHeader and kBody.
  size_t Feed(std::string_view bytes);

  // In kHeaderDone: goes on to the body, or to kDone when there is none. A longer body is refused with 413.
  void ReadBody(size_t max_bytes);

  // After kDone: begins the next request.
  void Next();

  State state() const { return state_; }
  // Header fields from kHeaderDone on, the body at kDone. May be moved from at kDone.
  HttpRequest& request() { return request_; }
  const Refusal& refusal() const { return refusal_; }
  // From kHeaderDone on: whether the client wants the connection kept.
  bool keeps_alive() const { return keeps_alive_; }
  // In kHeaderDone: whether a body follows.
  bool has_body() const { return has_body_; }
  // Whether bytes of the current request were seen.
  bool has_begun() const { return has_begun_; }
  // The raw path of the target, without query; valid while request() is.
  std::string_view raw_path() const;

 private:
  class Parser;
  void Refuse(int status, std::string_view reason, std::string message);
  void FinishHeader();
  size_t FeedParser(std::string_view bytes);

  const HttpLimits limits_;
  State state_ = State::kHeader;
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;
  Refusal refusal_;
  size_t max_body_bytes_ = 0;
  size_t header_bytes_ = 0;  // of the current header, already used up
  size_t path_begin_ = 0;    // where the raw path is in request_.target
  size_t path_size_ = 0;
  bool keeps_alive_ = false;
  bool has_body_ = false;
  bool has_begun_ = false;
};

}  // namespace sextant::net
