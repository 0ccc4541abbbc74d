// Reads one HTTP/1.1 response (RFC 9112) from a connection's bytes into a collector: the straight case of a
// final response with Content-Length, chunks, or a body until the connection ends. Whatever else there is
// (interim responses, other transfer codings, broken syntax) it only recognizes as such.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/response_collector.h"

namespace sextant::net {

class ResponseReader {
 public:
  enum class Progress {
    kMore,    // give it the bytes that follow
    kDone,    // the response is complete
    kOdd,     // not the straight case; what the collector has is of no use
    kFailed,  // a limit of the request was passed: the collector has the error
  };

  // `collector` must outlive the reader.
  explicit ResponseReader(ResponseCollector& collector) : collector_(collector) {}

  // The bytes that came. Nothing may follow kDone, kOdd or kFailed.
  Progress Feed(std::string_view bytes);
  // The peer has ended its side: kDone when that is how this body ends, else kMore: the response is cut off.
  Progress FeedEnd() const;

  bool has_begun() const { return has_begun_; }
  // After kDone: whether another request may be sent on the connection.
  bool may_reuse() const { return may_reuse_; }
  int status() const { return status_; }
  // After kDone: whether it sends the client elsewhere.
  bool is_redirect() const;

 private:
  enum class Part { kHead, kSized, kChunkSize, kChunk, kChunkEnd, kTrailer, kUntilEnd };

  Progress ReadHead(std::string_view& bytes);
  Progress TakeHead(std::string_view head);
  bool TakeStatusLine(std::string_view line);
  Progress ChooseBody();
  Progress ReadSized(std::string_view& bytes);
  Progress ReadChunked(std::string_view& bytes);
  Progress TakeChunkLine(std::string_view line);
  bool ReadLine(std::string_view& bytes, std::string_view& line);

  ResponseCollector& collector_;
  Part part_ = Part::kHead;
  bool has_begun_ = false;
  bool may_reuse_ = false;
  int status_ = 0;
  uint64_t left_ = 0;         // of the body or chunk
  size_t framing_bytes_ = 0;  // of chunk lines and trailers
  std::string held_;          // a head or line whose end has not come
};

}  // namespace sextant::net
