// One end of an HTTP/2 connection (RFC 9113), server or client, without sockets: bytes in, bytes out, so that
// it can be tested and fuzzed. It keeps the streams, collects header fields within limits, queues what is to
// be sent under the peer's flow control, and ends the connection of a peer that floods it. What a stream
// means, its owner knows.
//
// Internal to net; nghttp2 stays behind this header. Belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/result.h"
#include "net/http_message.h"

namespace sextant::net {

inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Error codes of RFC 9113, section 7.
enum class Http2Error : uint32_t {
  kNone = 0,
  kProtocol = 1,
  kInternal = 2,
  kRefusedStream = 7,
  kCancel = 8,
  kEnhanceYourCalm = 11,
};

struct Http2Options {
  bool is_server = true;
  size_t max_header_bytes = 64 << 10;     // names and values of a header, or of a trailer, together
  size_t max_header_fields = 100;         // likewise
  uint32_t max_concurrent_streams = 250;  // that the peer may open
  // What the peer may send before it must wait for us. Whatever arrives is taken at once, so these bound
  // nothing; the owner does.
  uint32_t stream_window_bytes = 4 << 20;
  uint32_t connection_window_bytes = 16 << 20;
  uint32_t max_frame_bytes = 256 << 10;
  // Streams that the peer may cancel, and frames that cause work without use (PING, SETTINGS, PRIORITY, empty
  // DATA): so many at once, and so many a second from then on. Above: GOAWAY.
  double reset_burst = 900;  // nghttp2 has a limit of its own somewhat above
  double resets_per_second = 33;
  double control_burst = 5'000;
  double controls_per_second = 500;
};

class Http2Session;

// One request and its answer. The owner derives its own.
class Http2Stream {
 public:
  virtual ~Http2Stream() = default;

  int32_t id() const { return id_; }

  // What the peer has sent. A server sees method to path, a client the status.
  std::string method;
  std::string scheme;
  std::string authority;
  std::string path;
  int status = 0;
  HttpHeaders headers;
  HttpHeaders trailers;
  // The header or trailer was larger than allowed, by bytes or by fields ("header_bytes"): what went over is
  // missing.
  std::string_view header_excess = {};
  bool has_all_of_peer = false;  // the peer's side has ended

  // Bytes of ours that wait to be sent.
  size_t unsent_bytes() const { return unsent_bytes_; }
  // Our side was ended by the owner.
  bool is_ended() const { return is_ended_; }
  // Counts up whenever bytes of ours go out.
  uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  friend class Http2Session;
  struct Piece {
    std::string owned;
    std::string_view borrowed;
    size_t offset = 0;
    std::string_view rest() const {
      return (borrowed.empty() ? std::string_view(owned) : borrowed).substr(offset);
    }
  };

  int32_t id_ = 0;
  size_t header_bytes_ = 0;
  size_t header_fields_ = 0;
  bool is_in_trailers_ = false;
  bool has_header_ = false;  // the (final) header was complete
  std::deque<Piece> pieces_;
  size_t unsent_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
  HttpHeaders trailers_to_send_;
  bool is_begun_ = false;
  bool is_ended_ = false;
  bool is_deferred_ = false;
};

class Http2Session {
 public:
  // Called from inside Receive and Produce. Callbacks may call the session's other methods, but not these
  // two.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The peer opens a stream (server only).
    virtual std::unique_ptr<Http2Stream> NewStream() = 0;
    // The header is complete.
    virtual void OnHeader(Http2Stream& stream) = 0;
    virtual void OnData(Http2Stream& stream, std::string_view bytes) = 0;
    // The peer's side is complete, trailers included.
    virtual void OnEnd(Http2Stream& stream) = 0;
    // Our side was sent whole while the peer's still comes (server only). Resetting the stream with kNone
    // tells the client to stop (RFC 9113 8.1), at the risk that it takes that for an error.
    virtual void OnAnsweredEarly(Http2Stream& stream) = 0;
    // So many bytes of the body were put on the wire.
    virtual void OnSent(Http2Stream& stream, size_t bytes) = 0;
    // Both sides have ended, or the stream was reset by either (then `error` is not kNone). It is gone when
    // this returns.
    virtual void OnClosed(Http2Stream& stream, Http2Error error) = 0;
    // The peer will take no more streams; those above `last_id` were not looked at, and are closed.
    virtual void OnGoAway(int32_t last_id, std::string_view text) = 0;
    virtual void OnPong() = 0;
    // The peer did what is refused: "http2_protocol", "http2_resets", "http2_controls", "http2_headers".
    virtual void OnRefused(std::string_view reason) = 0;
  };

  Http2Session(const Http2Options& options, Owner& owner);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Takes all of `bytes`. On an error the connection is of no use: produce what is left, then close it.
  core::Status Receive(std::string_view bytes, int64_t now_ns);
  // Appends what is to be sent next, about `max_bytes`; nothing when there is nothing.
  void Produce(std::string& out, size_t max_bytes);
  // Whether the connection has served its purpose: both sides have nothing more to say.
  bool is_finished() const;

  // Client: opens a stream, whose body Append and End complete. Null when the session takes no more.
  Http2Stream* Open(std::unique_ptr<Http2Stream> stream, std::string_view method, std::string_view scheme,
                    std::string_view authority, std::string_view path, const HttpHeaders& fields);
  // Server: begins the answer. With `ends` there is no body and no trailer.
  void Begin(Http2Stream& stream, int status, const HttpHeaders& fields, bool ends);
  // Server: a preliminary answer (100).
  void Inform(Http2Stream& stream, int status);
  // Queues a piece of the body; `borrowed` must live as long as the stream.
  void Append(Http2Stream& stream, std::string owned, std::string_view borrowed = {});
  // Ends our side behind what is queued.
  void End(Http2Stream& stream, HttpHeaders trailers = {});
  // Cuts the stream off. OnClosed follows from Produce.
  void Reset(Http2Stream& stream, Http2Error error);

  // Tells the peer that no new streams are taken; those under way go on.
  void GoAway(Http2Error error, std::string_view text = {});
  // The same, and gives up those under way.
  void Terminate(Http2Error error);
  void Ping();

  // Null when it has closed.
  Http2Stream* Find(int32_t id);
  size_t open_streams() const { return streams_.size(); }
  void ForEach(const std::function<void(Http2Stream&)>& visit);
  // A header has begun and is not complete.
  bool is_in_header() const { return is_in_header_; }
  // The peer has sent its settings, which shows that it speaks HTTP/2.
  bool has_settings() const { return has_settings_; }

  struct Impl;  // nghttp2's callbacks

 private:
  struct Bucket {
    double tokens;
    int64_t filled_ns = 0;
  };
  bool TakeToken(Bucket& bucket, double burst, double per_second);
  void OnControl();
  void Flooded(std::string_view reason);
  void BrokenProtocol();

  const Http2Options options_;
  Owner& owner_;
  std::unique_ptr<Impl> impl_;
  std::unordered_map<int32_t, std::unique_ptr<Http2Stream>> streams_;
  Bucket resets_;
  Bucket controls_;
  int64_t now_ns_ = 0;
  size_t block_bytes_ = 0;  // of the header block being read, stored or not
  bool is_in_header_ = false;
  bool is_flooded_ = false;
  bool has_settings_ = false;
  bool has_refused_ = false;  // the owner was told that the peer breaks the protocol
};

}  // namespace sextant::net
