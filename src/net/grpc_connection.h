// One HTTP/2 connection of a GrpcClient: connects, speaks TLS, and carries calls until it is lost. Internal
// to net: includes Asio.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/grpc_client.h"
#include "net/grpc_wire.h"
#include "net/http2_session.h"
#include "net/stream.h"

namespace sextant::net {

class GrpcConnection;

// A call, from Call until its callback was handed over. Used on the client's loop, but for what is const.
struct GrpcCallHandle::State {
  GrpcRequest request;
  FetchDelivery delivery;
  GrpcCallback callback;
  std::weak_ptr<GrpcClient::Impl> client;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  bool is_done = false;
  bool was_retried = false;                       // a server that never looked at it is asked again once
  std::weak_ptr<GrpcConnection> connection = {};  // while a stream carries it
  int32_t stream_id = 0;
};
using GrpcCallPtr = std::shared_ptr<GrpcCallHandle::State>;

class GrpcConnection final : public Http2Session::Owner, public std::enable_shared_from_this<GrpcConnection> {
 public:
  using Endpoints = std::vector<asio::ip::tcp::endpoint>;
  enum class State { kIdle, kConnecting, kReady, kPausing, kDraining, kClosed };

  // The client, as a connection sees it. It outlives its connections' use: they are closed before it goes.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The state has changed; of kPausing the error says why.
    virtual void OnState(GrpcConnection& connection) = 0;
    virtual void OnResult(const GrpcCallPtr& call, GrpcResult result) = 0;
    // The server has not looked at the call: it may be made elsewhere.
    virtual void OnUnseen(const GrpcCallPtr& call, GrpcStatus status) = 0;
  };

  GrpcConnection(Owner& owner, IoLoop& loop, const GrpcClientOptions& options,
                 std::shared_ptr<asio::ssl::context> tls_context);

  State state() const { return state_; }
  const std::string& error() const { return error_; }  // of the last attempt, or why it was lost
  const Endpoints& endpoints() const { return endpoints_; }
  void SetEndpoints(Endpoints endpoints) { endpoints_ = std::move(endpoints); }

  // From kIdle: tries the endpoints one after the other, until the options' time is over.
  void Connect();
  // In kReady. `compressed` is the message, unless the encoding is kIdentity.
  void Start(const GrpcCallPtr& call, GrpcEncoding encoding, std::string_view compressed);
  void Cancel(const GrpcCallPtr& call);
  void Close(const std::string& reason);
  // No new calls; closes when those it has are over.
  void Drain();
  // Closes it without a word to the owner, who goes, and gives back the calls it had.
  std::vector<GrpcCallPtr> Detach();

  // Http2Session::Owner
  std::unique_ptr<Http2Stream> NewStream() override { return std::make_unique<Http2Stream>(); }
  void OnHeader(Http2Stream&) override {}
  void OnData(Http2Stream& stream, std::string_view bytes) override;
  void OnEnd(Http2Stream&) override {}
  void OnAnsweredEarly(Http2Stream&) override {}
  void OnSent(Http2Stream&, size_t) override {}
  void OnClosed(Http2Stream& stream, Http2Error error) override;
  void OnGoAway(int32_t last_id, std::string_view text) override;
  void OnPong() override {}
  void OnRefused(std::string_view) override {}

 private:
  struct CallStream;
  // A socket and its buffers. Operations under way hold it, and those of a former one are ignored.
  struct Wire {
    explicit Wire(Stream stream_in) : stream(std::move(stream_in)) {}
    Stream stream;
    std::string in;
    std::string out;
    size_t out_offset = 0;
    bool is_writing = false;
  };
  using Time = std::chrono::steady_clock::time_point;

  void TryNext();
  void OnConnected();
  void OnSecured();
  void AttemptFailed(const std::string& what);
  void Pause();
  void StartRead();
  void OnRead(const error_code& error, size_t bytes);
  void ScheduleFlush();
  void Flush();
  void StartWrite();
  std::vector<GrpcCallPtr> DropSession();
  void ScheduleKeepalive();
  void CheckKeepalive();
  GrpcResult ResultOf(CallStream& stream, Http2Error error) const;
  std::optional<GrpcStatus> Decode(CallStream& stream, GrpcResult& result) const;

  Owner* owner_;  // null once closed
  IoLoop& loop_;
  const GrpcClientOptions& options_;
  const std::shared_ptr<asio::ssl::context> tls_context_;
  const std::string authority_;
  State state_ = State::kIdle;
  std::string error_;
  Endpoints endpoints_;
  size_t next_endpoint_ = 0;
  int failures_ = 0;            // in a row
  std::shared_ptr<Wire> wire_;  // null when there is no socket
  std::unique_ptr<Http2Session> session_;
  SteadyTimer timer_;  // connecting, then pausing, then keepalive
  bool is_flush_due_ = false;
  bool has_settings_ = false;  // the server has spoken
  Time last_read_{};
  bool is_pinged_ = false;
};

}  // namespace sextant::net
