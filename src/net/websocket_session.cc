#include "net/websocket_session.h"

#include <boost/asio/dispatch.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

namespace sextant::net {

namespace {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using core::Code;
using core::Fail;

class Session final : public LoopMember, public std::enable_shared_from_this<Session> {
 public:
  explicit Session(WebSocketUpgrade upgrade)
      : ticket_(std::move(upgrade.ticket)),
        core_(std::move(upgrade.core)),
        loop_(std::move(upgrade.loop)),
        tls_context_(std::move(upgrade.tls_context)),
        route_(*upgrade.route),
        request_(std::move(upgrade.request)),
        socket_(std::move(*upgrade.stream)),
        in_(kWebSocketMaxMessageBytes) {}

  void Begin();

  // From any thread.
  core::Status Send(std::string message, bool is_text);
  void Close(uint16_t code, std::string reason);
  bool IsOpen() const { return is_open_.load(); }

  void BeginStop() override { StartClose(1001, "the server stops"); }
  void CloseNow() override { socket_.next_layer().Close(); }
  void Sweep(MonotonicTime) override {}  // Beast keeps the time

 private:
  struct Message {
    std::string text;
    bool is_text;
  };

  void Open();
  void Read();
  void Deliver();
  void StartWrite();
  void StartClose(uint16_t code, const std::string& reason);
  void OnClosed();
  void RunOnClose();
  bool RunOnExecutor(std::function<void()> work);

  ConnectionTicket ticket_;  // first, so that it is given back when all else is gone
  const std::shared_ptr<ServerCore> core_;
  const std::shared_ptr<ServerLoop> loop_;
  const std::shared_ptr<asio::ssl::context> tls_context_;
  const Route& route_;
  HttpRequest request_;
  websocket::stream<Stream, false> socket_;  // without compression of messages
  beast::flat_buffer in_;
  WebSocketEvents events_;  // written and called on the executor, one task at a time
  std::deque<Message> out_;
  bool is_writing_ = false;
  bool is_closing_ = false;
  bool is_handler_running_ = false;
  bool is_closed_ = false;
  bool is_accepted_ = false;
  std::atomic<bool> is_open_{true};
  std::atomic<size_t> unsent_bytes_{0};
};

// What users hold: it does not keep the connection alive.
class Handle final : public WebSocket {
 public:
  explicit Handle(std::weak_ptr<Session> session) : session_(std::move(session)) {}

  core::Status SendText(std::string message) override { return Send(std::move(message), true); }
  core::Status SendBinary(std::string message) override { return Send(std::move(message), false); }
  void Close(uint16_t code, std::string_view reason) override {
    if (auto session = session_.lock()) session->Close(code, std::string(reason));
  }
  bool IsOpen() const override {
    auto session = session_.lock();
    return session != nullptr && session->IsOpen();
  }

 private:
  core::Status Send(std::string message, bool is_text) {
    if (auto session = session_.lock()) return session->Send(std::move(message), is_text);
    return Fail(Code::kCancelled, "the WebSocket is closed");
  }

  const std::weak_ptr<Session> session_;
};

void Session::Begin() {
  loop_->Add(shared_from_this());
  websocket::stream_base::timeout timeout{};
  timeout.handshake_timeout = std::chrono::milliseconds(core_->options.timeouts.header_ms);
  // Beast sends a ping after half of this.
  timeout.idle_timeout = std::chrono::milliseconds(2 * core_->options.timeouts.websocket_ping_ms);
  timeout.keep_alive_pings = true;
  socket_.set_option(timeout);
  socket_.auto_fragment(false);  // a message is one frame
  socket_.read_message_max(kWebSocketMaxMessageBytes);

  beast::http::request<beast::http::empty_body> upgrade;
  upgrade.method(beast::http::verb::get);
  upgrade.target(request_.target);
  upgrade.version(11);
  for (size_t i = 0; i < request_.headers.size(); ++i) {
    upgrade.insert(request_.headers.name(i), request_.headers.value(i));
  }
  socket_.async_accept(upgrade, [self = shared_from_this()](const error_code& error) {
    if (error) {
      self->core_->CountRefusal("websocket_handshake");
      self->OnClosed();
      return;
    }
    self->is_accepted_ = true;
    self->core_->MetricsOf(self->route_).Observe(101, 0, 0);
    self->Open();
  });
}

// Runs work of the handler on the executor, one at a time; the connection goes on when it calls back.
bool Session::RunOnExecutor(std::function<void()> work) {
  core_->AddHandler();
  is_handler_running_ = true;
  core::Status submitted =
      core_->executor.Submit(route_.options.priority, [self = shared_from_this(), work = std::move(work)] {
        try {
          work();
        } catch (const std::exception& exception) {
          self->core_->logger.Error("WebSocket handler failed",
                                    {{"handler", self->route_.pattern}, {"error", exception.what()}});
        }
        asio::post(self->loop_->io.context, [self] {
          self->is_handler_running_ = false;
          if (self->is_closed_) {
            self->RunOnClose();
          } else {
            self->Read();
          }
        });
        self->core_->RemoveHandler();
      });
  if (submitted) return true;
  is_handler_running_ = false;
  core_->RemoveHandler();
  core_->CountRefusal("executor_full");
  return false;
}

void Session::Open() {
  bool is_running = RunOnExecutor([this] {
    events_ = route_.websocket_handler(std::move(request_), std::make_shared<Handle>(weak_from_this()));
  });
  if (is_running) return;
  StartClose(1013, "the server is busy; try again later");
  Read();
}

void Session::Read() {
  in_.clear();
  socket_.async_read(in_, [self = shared_from_this()](const error_code& error, size_t bytes) {
    self->core_->received_bytes.Increment(static_cast<double>(bytes));
    if (error) {
      self->OnClosed();
    } else {
      self->Deliver();
    }
  });
}

void Session::Deliver() {
  std::string message = beast::buffers_to_string(in_.data());
  bool is_running =
      RunOnExecutor([this, message = std::move(message), is_text = socket_.got_text()]() mutable {
        if (events_.on_message) events_.on_message(std::move(message), is_text);
      });
  if (is_running) return;
  StartClose(1013, "the server is busy; try again later");
  Read();
}

core::Status Session::Send(std::string message, bool is_text) {
  if (!is_open_.load()) return Fail(Code::kCancelled, "the WebSocket is closed");
  if (unsent_bytes_.fetch_add(message.size()) > kWebSocketMaxUnsentBytes) {
    unsent_bytes_.fetch_sub(message.size());
    return Fail(Code::kResourceExhausted, "the WebSocket's peer reads too slowly");
  }
  asio::post(loop_->io.context, [self = shared_from_this(), message = std::move(message), is_text]() mutable {
    self->out_.push_back({std::move(message), is_text});
    self->StartWrite();
  });
  return {};
}

void Session::StartWrite() {
  if (is_writing_ || out_.empty() || is_closing_ || is_closed_) return;
  is_writing_ = true;
  socket_.text(out_.front().is_text);
  socket_.async_write(asio::buffer(out_.front().text),
                      [self = shared_from_this()](const error_code& error, size_t bytes) {
                        self->is_writing_ = false;
                        self->core_->sent_bytes.Increment(static_cast<double>(bytes));
                        self->unsent_bytes_.fetch_sub(self->out_.front().text.size());
                        self->out_.pop_front();
                        if (!error) self->StartWrite();  // otherwise the read reports the end
                      });
}

void Session::Close(uint16_t code, std::string reason) {
  asio::post(loop_->io.context, [self = shared_from_this(), code, reason = std::move(reason)] {
    self->StartClose(code, reason);
  });
}

void Session::StartClose(uint16_t code, const std::string& reason) {
  if (is_closing_ || is_closed_) return;
  is_closing_ = true;
  is_open_ = false;
  if (!is_accepted_) {
    CloseNow();
    return;
  }
  // A control frame carries at most 123 bytes of reason (RFC 6455 5.5).
  websocket::close_reason wanted(static_cast<websocket::close_code>(code), reason.substr(0, 123));
  socket_.async_close(wanted, [self = shared_from_this()](const error_code&) { self->CloseNow(); });
}

void Session::OnClosed() {
  if (is_closed_) return;
  is_closed_ = true;
  is_open_ = false;
  CloseNow();
  if (!is_handler_running_) RunOnClose();
}

void Session::RunOnClose() {
  auto self = shared_from_this();
  loop_->Remove(this);
  core_->AddHandler();
  auto call = [self] {
    if (self->events_.on_close) self->events_.on_close();
    self->events_ = {};
    self->core_->RemoveHandler();
  };
  // Whoever waits for the end must learn of it, even when the executor takes no more work.
  if (!core_->executor.Submit(route_.options.priority, call)) call();
}

}  // namespace

void StartWebSocket(WebSocketUpgrade upgrade) { std::make_shared<Session>(std::move(upgrade))->Begin(); }

}  // namespace sextant::net
