// One connection of HTTP/1.1 on its I/O loop: reads bytes into the RequestReader, authenticates, routes,
// hands requests to handlers and sends what their exchanges post. Internal to net: includes Asio.
//
//   kReading ──header──► kChecking (password) ──► kReading ──body──► kHandling ──answer sent──► kReading ...
//        └── refused, or the last answer ──► kLingering ──► closed
//
// A connection that turns out to speak HTTP/2 goes on as an Http2Connection. All methods run on the loop's
// thread, except PostOutput.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/exchange.h"
#include "net/request_reader.h"
#include "net/server_core.h"
#include "net/stream.h"

namespace sextant::net {

struct Admission;

using MonotonicTime = std::chrono::steady_clock::time_point;

// Something open that a server must be able to end.
class LoopMember {
 public:
  virtual ~LoopMember() = default;
  // The server stops: end soon, and at once what has no end by itself.
  virtual void BeginStop() = 0;
  virtual void CloseNow() = 0;
  // Called now and then, to act on deadlines.
  virtual void Sweep(MonotonicTime now) = 0;
};

// A server's share of one I/O loop. Used on that loop's thread.
class ServerLoop : public std::enable_shared_from_this<ServerLoop> {
 public:
  ServerLoop(IoLoop& io_in, std::chrono::milliseconds sweep_interval);

  void Add(std::shared_ptr<LoopMember> member);
  void Remove(LoopMember* member);
  void BeginStop();
  void CloseAll();

  IoLoop& io;

 private:
  void ScheduleSweep();
  std::vector<std::shared_ptr<LoopMember>> Snapshot() const;

  const std::chrono::milliseconds sweep_interval_;
  SteadyTimer sweep_timer_;
  bool is_sweeping_ = false;
  std::unordered_map<LoopMember*, std::shared_ptr<LoopMember>> members_;
};

// Counts a connection against the limit for as long as it lives.
class ConnectionTicket {
 public:
  explicit ConnectionTicket(std::shared_ptr<ServerCore> core) : core_(std::move(core)) {}
  ~ConnectionTicket() {
    if (core_ != nullptr) core_->RemoveConnection();
  }
  ConnectionTicket(ConnectionTicket&&) noexcept = default;
  ConnectionTicket& operator=(ConnectionTicket&&) = delete;

 private:
  std::shared_ptr<ServerCore> core_;
};

class HttpConnection final : public ExchangeOutput,
                             public LoopMember,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  // `tls_context` is null for plain connections.
  HttpConnection(std::shared_ptr<ServerCore> core, std::shared_ptr<ServerLoop> loop, ConnectionTicket ticket,
                 TcpSocket socket, std::shared_ptr<asio::ssl::context> tls_context);
  ~HttpConnection() override;

  void Begin();

  void PostOutput(std::shared_ptr<Exchange> exchange, OutputPiece piece) override;
  ServerCore& core() override { return *core_; }

  void BeginStop() override;
  void CloseNow() override;
  void Sweep(MonotonicTime now) override;

 private:
  enum class Phase { kHandshake, kReading, kChecking, kHandling, kLingering, kClosed };

  void Handshake();
  void AnswerPlainHttp();
  void Advance();
  void StartRead();
  void OnRead(const error_code& error, size_t bytes);
  void MakeRoomToRead();
  void ShrinkInput();

  void ContinueAsHttp2();
  void OnHeader();
  void OnAdmission(Admission admission);
  void OnAuthenticated();
  void Plan(HttpResponse response);
  void OnRequest();
  bool CheckExpectation();
  bool CheckWebSocket();
  void UpgradeToWebSocket();
  void Refuse(int status, std::string_view reason, std::string_view message);
  bool AccountBody();

  void OnOutput(const std::shared_ptr<Exchange>& exchange, OutputPiece piece);
  void QueueRaw(std::string bytes, bool closes);
  void StartWrite();
  void OnWritten(const error_code& error, size_t bytes);
  void OnResponseSent(bool closes);
  void Linger();

  std::string_view input() const { return std::string_view(in_).substr(in_begin_, in_end_ - in_begin_); }
  const HttpTimeouts& timeouts() const { return core_->options.timeouts; }
  MonotonicTime DeadlineIn(core::DurationMs delay_ms) const;

  ConnectionTicket ticket_;  // first, so that it is given back when all else is gone
  const std::shared_ptr<ServerCore> core_;
  const std::shared_ptr<ServerLoop> loop_;
  std::shared_ptr<asio::ssl::context> tls_context_;  // lives as long as the stream that uses it
  std::unique_ptr<Stream> stream_;                   // null after an upgrade
  std::string remote_address_;
  Phase phase_ = Phase::kReading;

  // Input: in_[in_begin_, in_end_) waits to be parsed.
  std::string in_;
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  bool is_reading_ = false;
  bool has_eof_ = false;
  bool is_fresh_ = true;  // nothing was read that is not the beginning of HTTP/2's preface
  size_t lingered_bytes_ = 0;
  RequestReader reader_;

  // The current request.
  RouteMatch match_;
  std::string user_;
  std::string role_;
  std::optional<HttpResponse> planned_;  // the answer is decided, only the body must be skipped
  int64_t request_begin_ns_ = 0;
  size_t accounted_body_bytes_ = 0;
  std::shared_ptr<Exchange> exchange_;

  // Output.
  std::deque<OutputPiece> out_;
  size_t out_offset_ = 0;  // bytes of the first piece already sent
  bool is_writing_ = false;

  MonotonicTime read_deadline_ = MonotonicTime::max();
  MonotonicTime write_deadline_ = MonotonicTime::max();
};

}  // namespace sextant::net
