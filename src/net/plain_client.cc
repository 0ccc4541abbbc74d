#include "net/plain_client.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "net/response_reader.h"
#include "net/socket_text.h"

namespace sextant::net {

namespace {

using asio::ip::tcp;
using core::Code;

constexpr size_t kReadBytes = 32 << 10;
constexpr size_t kMaxPooledBuffers = 32;
constexpr size_t kMaxOddUrls = 4'096;
constexpr std::chrono::seconds kIdleSweep{30};

// Where a host is that PrepareRequest takes for a plain one.
std::vector<tcp::endpoint> EndpointsOf(const std::string& host, uint16_t port) {
  error_code error;
  asio::ip::address address = asio::ip::make_address(host, error);
  if (!error) return {tcp::endpoint(address, port)};
  return {tcp::endpoint(asio::ip::address_v6::loopback(), port),
          tcp::endpoint(asio::ip::address_v4::loopback(), port)};
}

}  // namespace

// One connection and what it does: at most one fetch at a time. Handlers under way hold it; after Close they
// find no fetch and end.
class PlainConnection : public std::enable_shared_from_this<PlainConnection> {
 public:
  using Fetching = FetchHandle::State;

  PlainConnection(PlainClient& client, const PreparedRequest& prepared)
      : client_(client.weak_from_this()),
        socket_(client.loop_.context.get_executor()),
        key_(prepared.host, prepared.port) {}

  const PlainClient::Key& key() const { return key_; }
  PlainClient::TimePoint unused_since() const { return unused_since_; }
  void set_unused_since(PlainClient::TimePoint when) { unused_since_ = when; }

  // For a connection that is not open yet.
  void Connect(const std::shared_ptr<Fetching>& fetch);
  // For one that is.
  void Send(const std::shared_ptr<Fetching>& fetch, bool is_reused);
  // Whether nothing has come since the last response: what a server says unasked is no answer.
  bool IsQuiet();
  // Leaves the fetch, if there is one.
  void Close();

 private:
  using Progress = ResponseReader::Progress;

  void OnConnected(const error_code& error);
  void WriteRest(size_t sent);
  void Read();
  void OnRead(const error_code& error, size_t size);
  void OnBroken(std::string_view operation, const error_code& error);
  void OnEndOfStream();
  void OnProgress(Progress progress);
  void Finish();
  void GiveUp();
  void Fail(Code code, std::string_view message);
  void Leave(PlainClient::Ended how);

  std::weak_ptr<PlainClient> client_;
  TcpSocket socket_;
  const PlainClient::Key key_;
  std::string address_;  // of the peer, for errors
  PlainClient::TimePoint unused_since_;

  std::shared_ptr<Fetching> fetch_;
  std::optional<ResponseReader> reader_;
  PlainClient::Buffer buffer_;
  bool is_reused_ = false;
};

bool PlainConnection::IsQuiet() {
  char byte;
  return recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

void PlainConnection::Connect(const std::shared_ptr<Fetching>& fetch) {
  fetch_ = fetch;
  std::vector<tcp::endpoint> endpoints = EndpointsOf(key_.first, key_.second);
  address_ = FormatAddress(endpoints.back().data());  // the last one is named if all refuse
  asio::async_connect(socket_, endpoints,
                      [self = shared_from_this()](const error_code& error, const tcp::endpoint& endpoint) {
                        if (self->fetch_ == nullptr) return;
                        if (!error) self->address_ = FormatAddress(endpoint.data());
                        self->OnConnected(error);
                      });
}

void PlainConnection::OnConnected(const error_code& error) {
  if (error) {
    return Fail(Code::kUnavailable,
                fmt::format("dial tcp {}: connect: {}", address_, DescribeErrno(error.value())));
  }
  Send(fetch_, false);
}

void PlainConnection::Send(const std::shared_ptr<Fetching>& fetch, bool is_reused) {
  auto client = client_.lock();
  if (client == nullptr) return;
  fetch_ = fetch;
  is_reused_ = is_reused;
  reader_.emplace(fetch->collector);
  buffer_ = client->TakeBuffer();
  error_code error;
  if (!is_reused) {
    socket_.set_option(tcp::no_delay(true), error);
    socket_.non_blocking(true, error);
  }
  size_t sent = socket_.write_some(asio::buffer(fetch->prepared->head), error);
  if (error && error != asio::error::would_block) {
    // Not from inside: the caller of Begin does not expect an end yet.
    asio::post(socket_.get_executor(), [self = shared_from_this(), error] {
      if (self->fetch_ != nullptr) self->OnBroken("write", error);
    });
    return;
  }
  if (error) sent = 0;
  if (sent < fetch->prepared->head.size()) return WriteRest(sent);
  Read();
}

void PlainConnection::WriteRest(size_t sent) {
  asio::async_write(socket_, asio::buffer(fetch_->prepared->head) + sent,
                    [self = shared_from_this(), fetch = fetch_](const error_code& error, size_t) {
                      if (self->fetch_ != fetch) return;
                      if (error) return self->OnBroken("write", error);
                      self->Read();
                    });
}

void PlainConnection::Read() {
  socket_.async_read_some(asio::buffer(buffer_.get(), kReadBytes),
                          [self = shared_from_this(), fetch = fetch_](const error_code& error, size_t size) {
                            if (self->fetch_ == fetch && fetch != nullptr) self->OnRead(error, size);
                          });
}

void PlainConnection::OnRead(const error_code& error, size_t size) {
  if (error == asio::error::eof) return OnEndOfStream();
  if (error) return OnBroken("read", error);
  OnProgress(reader_->Feed({buffer_.get(), size}));
}

void PlainConnection::OnProgress(Progress progress) {
  switch (progress) {
    case Progress::kMore:
      return Read();
    case Progress::kDone:
      return Finish();
    case Progress::kOdd:
      return GiveUp();
    case Progress::kFailed:
      return Leave(PlainClient::Ended::kDone);
  }
}

void PlainConnection::OnEndOfStream() {
  if (reader_->FeedEnd() == Progress::kDone) return Finish();
  if (!reader_->has_begun() && is_reused_) return OnBroken("read", asio::error::eof);
  Fail(Code::kUnavailable, reader_->has_begun() ? "unexpected EOF" : "EOF");
}

// A server may close an idle connection just when it is used again: that is tried once more on another.
void PlainConnection::OnBroken(std::string_view operation, const error_code& error) {
  auto client = client_.lock();
  if (is_reused_ && !reader_->has_begun() && client != nullptr) {
    std::shared_ptr<Fetching> fetch = std::move(fetch_);
    Close();
    return client->Open(fetch);
  }
  Fail(Code::kUnavailable, fmt::format("{} tcp {}: {}", operation, address_, DescribeErrno(error.value())));
}

void PlainConnection::Finish() {
  if (reader_->is_redirect() && fetch_->prepared->request.follow_redirects) return GiveUp();
  fetch_->collector.SetEnd(reader_->status(), {});
  auto client = client_.lock();
  if (client == nullptr || !reader_->may_reuse()) return Leave(PlainClient::Ended::kDone);
  std::shared_ptr<Fetching> fetch = std::move(fetch_);
  fetch->connection = nullptr;
  client->GiveBuffer(std::move(buffer_));
  client->Return(shared_from_this());
  client->End(fetch, PlainClient::Ended::kDone);
}

void PlainConnection::GiveUp() {
  if (auto client = client_.lock()) client->NoteOdd(*fetch_->prepared);
  fetch_->collector.Restart();
  Leave(PlainClient::Ended::kGivenUp);
}

void PlainConnection::Fail(Code code, std::string_view message) {
  fetch_->collector.Fail(code, message);
  Leave(PlainClient::Ended::kDone);
}

void PlainConnection::Leave(PlainClient::Ended how) {
  std::shared_ptr<Fetching> fetch = std::move(fetch_);
  Close();
  if (auto client = client_.lock()) client->End(fetch, how);
}

void PlainConnection::Close() {
  if (fetch_ != nullptr) fetch_->connection = nullptr;
  fetch_ = nullptr;
  error_code ignored;
  socket_.close(ignored);
  if (auto client = client_.lock(); client != nullptr && buffer_ != nullptr) {
    client->GiveBuffer(std::move(buffer_));
  }
}

PlainClient::PlainClient(IoLoop& loop, const HttpClientOptions& options, EndCallback on_end)
    : loop_(loop), options_(options), on_end_(std::move(on_end)), timer_(loop.context.get_executor()) {}

PlainClient::~PlainClient() = default;

bool PlainClient::Takes(const Fetching& fetch) const {
  return fetch.prepared->is_plain && options_.max_connections_per_host == 0 &&
         !odd_urls_.contains(fetch.prepared->request.url);
}

void PlainClient::NoteOdd(const PreparedRequest& prepared) {
  if (odd_urls_.size() >= kMaxOddUrls) odd_urls_.clear();
  odd_urls_.insert(prepared.request.url);
}

void PlainClient::Begin(const std::shared_ptr<Fetching>& fetch) {
  running_.insert(fetch);
  ArmFor(fetch->deadline);
  auto connection = TakeIdle(*fetch->prepared);
  if (connection == nullptr) return Open(fetch);
  fetch->connection = connection;
  connection->Send(fetch, true);
}

void PlainClient::Open(const std::shared_ptr<Fetching>& fetch) {
  fetch->connection = std::make_shared<Connection>(*this, *fetch->prepared);
  fetch->connection->Connect(fetch);
}

std::shared_ptr<PlainConnection> PlainClient::TakeIdle(const PreparedRequest& prepared) {
  auto it = idle_.find(Key(prepared.host, prepared.port));
  if (it == idle_.end()) return nullptr;
  auto& connections = it->second;
  std::shared_ptr<Connection> found;
  while (found == nullptr && !connections.empty()) {
    found = std::move(connections.back());
    connections.pop_back();
    --idle_count_;
    if (found->IsQuiet()) continue;
    found->Close();
    found = nullptr;
  }
  if (connections.empty()) idle_.erase(it);
  return found;
}

void PlainClient::Return(const std::shared_ptr<Connection>& connection) {
  if (is_stopped_ || idle_count_ >= options_.max_idle_connections) return connection->Close();
  auto now = std::chrono::steady_clock::now();
  connection->set_unused_since(now);
  idle_[connection->key()].push_back(connection);
  ++idle_count_;
  ArmFor(now + kIdleSweep);
}

void PlainClient::End(const std::shared_ptr<Fetching>& fetch, Ended how) {
  fetch->connection = nullptr;
  if (running_.erase(fetch) > 0) on_end_(fetch, how);
}

void PlainClient::Cancel(const std::shared_ptr<Fetching>& fetch) {
  running_.erase(fetch);
  if (auto connection = fetch->connection) connection->Close();
}

std::vector<std::shared_ptr<FetchHandle::State>> PlainClient::Stop() {
  is_stopped_ = true;
  timer_.cancel();
  std::vector<std::shared_ptr<Fetching>> left(running_.begin(), running_.end());
  for (const auto& fetch : left) Cancel(fetch);
  for (auto& [key, connections] : idle_) {
    for (auto& connection : connections) connection->Close();
  }
  idle_.clear();
  buffers_.clear();
  return left;
}

PlainClient::Buffer PlainClient::TakeBuffer() {
  if (buffers_.empty()) return Buffer(new char[kReadBytes]);
  Buffer buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void PlainClient::GiveBuffer(Buffer buffer) {
  if (buffers_.size() < kMaxPooledBuffers) buffers_.push_back(std::move(buffer));
}

// Moving a timer costs a system call, so it is moved towards us only: gone off too early, it is set again.
void PlainClient::ArmFor(TimePoint when) {
  if (is_stopped_ || when >= armed_) return;
  armed_ = when;
  timer_.expires_at(when);
  timer_.async_wait([weak = weak_from_this()](const error_code& error) {
    auto alive = weak.lock();
    if (error || alive == nullptr || alive->is_stopped_) return;
    alive->armed_ = TimePoint::max();
    alive->OnTimer();
  });
}

void PlainClient::OnTimer() {
  auto now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<Fetching>> late;
  TimePoint next = TimePoint::max();
  for (const auto& fetch : running_) {
    if (fetch->deadline <= now) {
      late.push_back(fetch);
    } else {
      next = std::min(next, fetch->deadline);
    }
  }
  for (const auto& fetch : late) {
    if (fetch->connection == nullptr) continue;
    auto connection = fetch->connection;
    connection->Close();
    fetch->collector.Fail(Code::kDeadlineExceeded, "context deadline exceeded");
    End(fetch, Ended::kDone);
  }
  CloseIdle(now - std::chrono::milliseconds(options_.max_idle_ms));
  if (idle_count_ > 0) next = std::min(next, now + kIdleSweep);
  ArmFor(next);
}

void PlainClient::CloseIdle(TimePoint unused_since) {
  for (auto it = idle_.begin(); it != idle_.end();) {
    auto& connections = it->second;
    idle_count_ -= std::erase_if(connections, [&](const std::shared_ptr<Connection>& connection) {
      if (connection->unused_since() > unused_since) return false;
      connection->Close();
      return true;
    });
    it = connections.empty() ? idle_.erase(it) : std::next(it);
  }
}

}  // namespace sextant::net
