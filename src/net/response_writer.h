// How a handler answers when one HttpResponse is not enough: in pieces, later, or without end.
//
//   void Export(HttpRequest request, ResponseWriter writer) {
//     writer.Start(200, {{"Content-Type", "text/plain"}});
//     while (MorePieces() && writer.Write(NextPiece())) {}
//     writer.Finish();
//   }
//
// A ResponseWriter is a movable handle to one exchange; keep it as long as you like, use it from any thread,
// one at a time. Dropping it before an answer was begun sends a 500; dropping it in the middle of a body cuts
// the connection, so that the client sees that something is missing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_message.h"

namespace sextant::net {

class Exchange;  // the server's side of one request

class ResponseWriter {
 public:
  explicit ResponseWriter(std::shared_ptr<Exchange> exchange);
  ~ResponseWriter();
  ResponseWriter(ResponseWriter&&) noexcept;
  ResponseWriter& operator=(ResponseWriter&&) noexcept;

  // The whole answer at once; returns without waiting for the network. Ends the exchange.
  void Send(HttpResponse response);

  // Begins an answer in pieces (chunked for HTTP/1.1, until close for 1.0; or exactly Content-Length if
  // given).
  void Start(int status, HttpHeaders headers);
  // The same for an answer without natural end, such as events: not compressed, exempt from the
  // write-progress watch while idle, and ended at once when the server stops.
  void StartEndless(int status, HttpHeaders headers);

  // Sends a piece. Waits while more than 256 KiB are unsent, so never call it on an I/O thread (run_inline).
  // kCancelled once the client is gone, too slow for the server's write timeout, or the server stops: give up
  // then.
  core::Status Write(std::string_view piece);
  // Like Write but never waits: kResourceExhausted when more than 256 KiB are unsent, the piece is then not
  // sent.
  core::Status TryWrite(std::string_view piece);
  // Sends what the compressor holds back. Not needed before Finish.
  core::Status Flush();
  // Ends the answer.
  void Finish();

  // True once the client is gone or the server stops.
  bool IsCancelled() const;
  // Calls `callback` once, on an I/O thread, when IsCancelled becomes true (at once if it is). It must be
  // short. Not called after the exchange has ended. Replaces a callback set before.
  void OnCancelled(std::function<void()> callback);

 private:
  std::shared_ptr<Exchange> exchange_;
};

// Server-sent events (HTML Living Standard, 9.2) over a ResponseWriter. Never waits.
class SseWriter {
 public:
  // Answers 200 with text/event-stream.
  explicit SseWriter(ResponseWriter writer);

  // One event. `event` and `id` may be empty; newlines in `data` become several data lines. Errors as
  // TryWrite; a client that is too slow should be dropped. Event and id must hold no newline
  // (kInvalidArgument).
  core::Status Send(std::string_view event, std::string_view data, std::string_view id = "");
  // A comment, to keep proxies from closing an idle connection.
  core::Status KeepAlive();
  void Finish() { writer_.Finish(); }

  bool IsCancelled() const { return writer_.IsCancelled(); }
  void OnCancelled(std::function<void()> callback) { writer_.OnCancelled(std::move(callback)); }

 private:
  ResponseWriter writer_;
};

}  // namespace sextant::net
