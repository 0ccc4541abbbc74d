#include "net/http_client.h"

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "net/curl_on_demand.h"
#include "net/fetch_state.h"
#include "net/io_internal.h"
#include "net/plain_client.h"

namespace sextant::net {

namespace {

using core::Code;
using Descriptor = asio::posix::basic_stream_descriptor<IoExecutor>;
using TimePoint = std::chrono::steady_clock::time_point;
using CurlMultiPtr = std::unique_ptr<CURLM, CurlDeleter<curl_multi_cleanup>>;

constexpr size_t kMaxPooledHandles = 64;
constexpr size_t kMaxPooledBuffers = 64;
constexpr size_t kMaxPooledBufferBytes = 1 << 20;
constexpr size_t kMaxPooledDecompressors = 4;  // some 200 KB each, and as many as threads are used

// A socket that libcurl wants watched. It belongs to libcurl: only the watching is ours.
struct Watch {
  explicit Watch(const IoExecutor& executor) : descriptor(executor) {}
  Descriptor descriptor;
  int wanted = 0;  // CURL_POLL_IN, _OUT, _INOUT
  bool is_waiting_in = false;
  bool is_waiting_out = false;
  bool is_gone = false;
};

}  // namespace

using Fetching = FetchHandle::State;

struct HttpClient::Impl : std::enable_shared_from_this<HttpClient::Impl> {
  Impl(IoContext& io_in, core::Registry& registry_in, HttpClientOptions options_in);

  // On the loop.
  void Begin(const std::shared_ptr<Fetching>& fetch);
  void BeginAuthorized(const std::shared_ptr<Fetching>& fetch, core::Result<FetchRequest> request);
  core::Status PrepareCurl();
  core::Status SetUpTransfer(Fetching& fetch);
  void BeginWithCurl(const std::shared_ptr<Fetching>& fetch);
  void OnPlainEnd(const std::shared_ptr<Fetching>& fetch, PlainClient::Ended how);
  void CountInFlight();
  void CancelOne(const std::shared_ptr<Fetching>& fetch);
  void CancelAll();
  void Act(curl_socket_t socket, int events);
  void CollectEnded();
  void Detach(const std::shared_ptr<Fetching>& fetch);
  void Deliver(const std::shared_ptr<Fetching>& fetch);
  void SetWatch(curl_socket_t socket, int what);
  void Wait(curl_socket_t socket, const std::shared_ptr<Watch>& watch);
  static int OnSocket(CURL* easy, curl_socket_t socket, int what, void* self, void* watch);
  void Arm();
  void OnDeadline();
  static int OnTimer(CURLM* multi, long timeout_ms, void* self);

  // Anywhere.
  std::shared_ptr<Fetching> Fetch(std::shared_ptr<const PreparedRequest> request, std::string body_buffer,
                                  FetchDelivery delivery, FetchCallback callback);
  void Authorize(const std::shared_ptr<Fetching>& fetch);
  void Finish(Fetching& fetch);
  std::string TakeBuffer();
  void GiveBuffer(std::string buffer);
  Decompressor TakeDecompressor();
  void GiveDecompressor(Decompressor decompressor);
  void CountEnd(int status);

  IoContext& io;
  IoLoop& loop;
  core::Registry& registry;
  const HttpClientOptions options;
  core::Gauge& in_flight;

  // Used on the loop only.
  CurlMultiPtr multi;
  std::optional<SteadyTimer> timer;
  TimePoint deadline = TimePoint::max();  // libcurl's
  TimePoint armed = TimePoint::max();     // the timer's
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches;
  std::unordered_map<CURL*, std::shared_ptr<Fetching>> running;
  std::unordered_set<std::shared_ptr<Fetching>> authorizing;  // not begun yet
  std::vector<CurlEasyPtr> idle_handles;
  std::shared_ptr<PlainClient> plain;
  bool is_stopped = false;

  std::mutex stop_mutex;
  bool has_stop_ended = false;  // guarded by stop_mutex

  std::mutex pools_mutex;
  std::vector<std::string> buffers;
  std::vector<Decompressor> decompressors;

  std::mutex counters_mutex;
  std::map<int, core::Counter*> counters;  // by status, 0 for errors
};

HttpClient::Impl::Impl(IoContext& io_in, core::Registry& registry_in, HttpClientOptions options_in)
    : io(io_in),
      loop(*io_in.impl().loops.front()),
      registry(registry_in),
      options(std::move(options_in)),
      in_flight(registry.AddGauge("sextant_http_client_requests_in_flight",
                                  "HTTP requests that we made and wait for.")),
      timer(std::in_place, loop.context.get_executor()),
      plain(std::make_shared<PlainClient>(
          loop, options, [this](const std::shared_ptr<Fetching>& fetch, PlainClient::Ended how) {
            OnPlainEnd(fetch, how);
          })) {}

// With the first request that needs it.
core::Status HttpClient::Impl::PrepareCurl() {
  if (multi != nullptr) return {};
  SEXTANT_TRY(LoadCurl());
  multi.reset(curl_multi_init());
  SEXTANT_CHECK(multi != nullptr);
  curl_multi_setopt(multi.get(), CURLMOPT_SOCKETFUNCTION, &Impl::OnSocket);
  curl_multi_setopt(multi.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi.get(), CURLMOPT_TIMERFUNCTION, &Impl::OnTimer);
  curl_multi_setopt(multi.get(), CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(options.max_idle_connections));
  curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                    static_cast<long>(options.max_connections_per_host));
  return {};
}

std::string HttpClient::Impl::TakeBuffer() {
  std::lock_guard lock(pools_mutex);
  if (buffers.empty()) return {};
  std::string buffer = std::move(buffers.back());
  buffers.pop_back();
  buffer.clear();
  return buffer;
}

void HttpClient::Impl::GiveBuffer(std::string buffer) {
  if (buffer.capacity() < 1'024 || buffer.capacity() > kMaxPooledBufferBytes) return;
  std::lock_guard lock(pools_mutex);
  if (buffers.size() < kMaxPooledBuffers) buffers.push_back(std::move(buffer));
}

Decompressor HttpClient::Impl::TakeDecompressor() {
  std::lock_guard lock(pools_mutex);
  if (decompressors.empty()) return {};
  Decompressor decompressor = std::move(decompressors.back());
  decompressors.pop_back();
  return decompressor;
}

void HttpClient::Impl::GiveDecompressor(Decompressor decompressor) {
  std::lock_guard lock(pools_mutex);
  if (decompressors.size() < kMaxPooledDecompressors) decompressors.push_back(std::move(decompressor));
}

void HttpClient::Impl::CountInFlight() {
  in_flight.Set(static_cast<double>(running.size() + plain->in_flight()));
}

void HttpClient::Impl::Begin(const std::shared_ptr<Fetching>& fetch) {
  if (is_stopped) {
    fetch->collector.Fail(Code::kCancelled, "context canceled");
    Deliver(fetch);
    return;
  }
  fetch->collector.compressed() = TakeBuffer();
  fetch->deadline = std::chrono::steady_clock::now() +
                    std::chrono::milliseconds(std::max<int64_t>(1, fetch->prepared->request.timeout_ms));
  if (!plain->Takes(*fetch)) return BeginWithCurl(fetch);
  plain->Begin(fetch);
  CountInFlight();
}

// Goes on with a request that its authorizer has completed, unless it was given up meanwhile.
void HttpClient::Impl::BeginAuthorized(const std::shared_ptr<Fetching>& fetch,
                                       core::Result<FetchRequest> request) {
  if (authorizing.erase(fetch) == 0) return;
  if (!request) {
    fetch->collector.Fail(request.error().code(), request.error().message());
    return Deliver(fetch);
  }
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(fetch->deadline -
                                                                    std::chrono::steady_clock::now());
  if (left.count() <= 0) {
    fetch->collector.Fail(Code::kDeadlineExceeded, "context deadline exceeded");
    return Deliver(fetch);
  }
  request->timeout_ms = left.count();
  auto successor =
      std::make_shared<Fetching>(PrepareRequest(std::move(*request), options.user_agent), std::string());
  successor->delivery = fetch->delivery;
  successor->callback = std::move(fetch->callback);
  successor->client = weak_from_this();
  fetch->successor = successor;
  Begin(successor);
}

void HttpClient::Impl::OnPlainEnd(const std::shared_ptr<Fetching>& fetch, PlainClient::Ended how) {
  if (how == PlainClient::Ended::kGivenUp) return BeginWithCurl(fetch);
  CountInFlight();
  Deliver(fetch);
}

core::Status HttpClient::Impl::SetUpTransfer(Fetching& fetch) {
  if (core::Status ready = PrepareCurl(); !ready) {
    return tl::unexpected(fetch.collector.WithUrl(ready.error().code(), ready.error().message()));
  }
  if (idle_handles.empty()) {
    fetch.easy.reset(curl_easy_init());
  } else {
    fetch.easy = std::move(idle_handles.back());
    idle_handles.pop_back();
  }
  SEXTANT_CHECK(fetch.easy != nullptr);
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(fetch.deadline -
                                                                    std::chrono::steady_clock::now());
  return fetch.transfer.emplace(fetch.collector).SetUp(fetch.easy.get(), options, left.count());
}

void HttpClient::Impl::BeginWithCurl(const std::shared_ptr<Fetching>& fetch) {
  if (core::Status status = SetUpTransfer(*fetch); !status) {
    fetch->easy = nullptr;
    fetch->collector.Fail(std::move(status).error());
    Deliver(fetch);
    return;
  }
  running.emplace(fetch->easy.get(), fetch);
  CountInFlight();
  curl_multi_add_handle(multi.get(), fetch->easy.get());
}

// libcurl moves its one deadline with every transfer. Moving a timer costs a system call, so it is only moved
// forward in time; when it goes off too early it is set again.
int HttpClient::Impl::OnTimer(CURLM*, long timeout_ms, void* self) {
  auto* impl = static_cast<Impl*>(self);
  if (!impl->timer) return 0;
  impl->deadline = timeout_ms < 0 ? TimePoint::max()
                                  : std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  if (timeout_ms == 0) {
    // At once, but not from inside libcurl.
    asio::post(impl->loop.context, [weak = impl->weak_from_this()] {
      if (auto alive = weak.lock()) alive->OnDeadline();
    });
  } else if (impl->deadline < impl->armed) {
    impl->Arm();
  }
  return 0;
}

void HttpClient::Impl::Arm() {
  armed = deadline;
  timer->expires_at(deadline);
  timer->async_wait([weak = weak_from_this()](const error_code& error) {
    auto alive = weak.lock();
    if (error || alive == nullptr) return;
    alive->armed = TimePoint::max();
    alive->OnDeadline();
  });
}

void HttpClient::Impl::OnDeadline() {
  if (is_stopped) return;
  if (deadline <= std::chrono::steady_clock::now()) {
    deadline = TimePoint::max();
    Act(CURL_SOCKET_TIMEOUT, 0);
  }
  if (timer && deadline < armed) Arm();
}

int HttpClient::Impl::OnSocket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  static_cast<Impl*>(self)->SetWatch(socket, what);
  return 0;
}

void HttpClient::Impl::SetWatch(curl_socket_t socket, int what) {
  auto it = watches.find(socket);
  if (what == CURL_POLL_REMOVE) {
    if (it == watches.end()) return;
    it->second->is_gone = true;
    it->second->descriptor.release();  // the descriptor stays libcurl's
    watches.erase(it);
    return;
  }
  if (it == watches.end()) {
    it = watches.emplace(socket, std::make_shared<Watch>(loop.context.get_executor())).first;
    error_code error;
    it->second->descriptor.assign(socket, error);
    SEXTANT_CHECK(!error);
  }
  it->second->wanted = what;
  Wait(socket, it->second);
}

void HttpClient::Impl::Wait(curl_socket_t socket, const std::shared_ptr<Watch>& watch) {
  if (watch->is_gone) return;
  if ((watch->wanted & CURL_POLL_IN) != 0 && !watch->is_waiting_in) {
    watch->is_waiting_in = true;
    watch->descriptor.async_wait(Descriptor::wait_read,
                                 [this, alive = shared_from_this(), socket, watch](const error_code&) {
                                   watch->is_waiting_in = false;
                                   if (watch->is_gone || is_stopped) return;
                                   if ((watch->wanted & CURL_POLL_IN) != 0) Act(socket, CURL_CSELECT_IN);
                                   Wait(socket, watch);
                                 });
  }
  if ((watch->wanted & CURL_POLL_OUT) != 0 && !watch->is_waiting_out) {
    watch->is_waiting_out = true;
    watch->descriptor.async_wait(Descriptor::wait_write,
                                 [this, alive = shared_from_this(), socket, watch](const error_code&) {
                                   watch->is_waiting_out = false;
                                   if (watch->is_gone || is_stopped) return;
                                   if ((watch->wanted & CURL_POLL_OUT) != 0) Act(socket, CURL_CSELECT_OUT);
                                   Wait(socket, watch);
                                 });
  }
}

void HttpClient::Impl::Act(curl_socket_t socket, int events) {
  int still_running = 0;
  curl_multi_socket_action(multi.get(), socket, events, &still_running);
  CollectEnded();
}

void HttpClient::Impl::CollectEnded() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    auto it = running.find(message->easy_handle);
    if (it == running.end()) continue;
    std::shared_ptr<Fetching> fetch = it->second;
    fetch->transfer->NoteEnd(message->easy_handle, message->data.result);
    Detach(fetch);
    Deliver(fetch);
  }
}

// Takes a transfer out of libcurl's hands.
void HttpClient::Impl::Detach(const std::shared_ptr<Fetching>& fetch) {
  curl_multi_remove_handle(multi.get(), fetch->easy.get());
  running.erase(fetch->easy.get());
  CountInFlight();
  curl_easy_reset(fetch->easy.get());
  if (idle_handles.size() < kMaxPooledHandles) idle_handles.push_back(std::move(fetch->easy));
  fetch->easy = nullptr;
}

void HttpClient::Impl::CountEnd(int status) {
  std::lock_guard lock(counters_mutex);
  core::Counter*& counter = counters[status];
  if (counter == nullptr) {
    counter = &registry.AddCounter("sextant_http_client_requests_total",
                                   "HTTP requests that we made, by the answer's status.",
                                   {{"code", status != 0 ? std::to_string(status) : "error"}});
  }
  counter->Increment();
}

void HttpClient::Impl::Finish(Fetching& fetch) {
  Decompressor decompressor = TakeDecompressor();
  core::Result<FetchResponse> result = fetch.collector.TakeResult(decompressor);
  GiveDecompressor(std::move(decompressor));
  GiveBuffer(std::move(fetch.collector.compressed()));
  CountEnd(result ? result->status : 0);
  FetchCallback callback = std::move(fetch.callback);
  callback(std::move(result));
}

void HttpClient::Impl::Deliver(const std::shared_ptr<Fetching>& fetch) {
  if (fetch->delivery.executor == nullptr) {
    Finish(*fetch);
    return;
  }
  core::Status submitted = fetch->delivery.executor->Submit(
      fetch->delivery.priority, [self = shared_from_this(), fetch] { self->Finish(*fetch); });
  if (submitted) return;
  fetch->collector.Fail(submitted.error().code(), submitted.error().message());
  Finish(*fetch);
}

void HttpClient::Impl::CancelOne(const std::shared_ptr<Fetching>& fetch) {
  if (fetch->successor != nullptr) return CancelOne(std::shared_ptr<Fetching>(fetch->successor));
  if (authorizing.erase(fetch) != 0) {
    // It has not begun.
  } else if (fetch->connection != nullptr) {
    plain->Cancel(fetch);
    CountInFlight();
  } else if (fetch->easy != nullptr) {
    Detach(fetch);
  } else {
    return;  // over
  }
  fetch->collector.Fail(Code::kCancelled, "context canceled");
  Deliver(fetch);
}

void HttpClient::Impl::CancelAll() {
  is_stopped = true;
  while (!authorizing.empty()) CancelOne(std::shared_ptr<Fetching>(*authorizing.begin()));
  while (!running.empty()) CancelOne(std::shared_ptr<Fetching>(running.begin()->second));
  for (const auto& fetch : plain->Stop()) {
    fetch->collector.Fail(Code::kCancelled, "context canceled");
    Deliver(fetch);
  }
  CountInFlight();
  timer.reset();  // tasks of the executor may keep this object for longer than the loops live
  idle_handles.clear();
  multi = nullptr;  // closes the connections, and takes the last watches away
  for (auto& [socket, watch] : watches) {
    watch->is_gone = true;
    watch->descriptor.release();
  }
  watches.clear();
}

void FetchHandle::Cancel() {
  auto state = state_.lock();
  auto client = state != nullptr ? state->client.lock() : nullptr;
  if (client == nullptr) return;
  asio::post(client->loop.context, [client, state] { client->CancelOne(state); });
}

HttpClient::HttpClient(IoContext& io, core::Registry& registry, HttpClientOptions options)
    : impl_(std::make_shared<Impl>(io, registry, std::move(options))) {}

HttpClient::~HttpClient() { Stop(); }

FetchHandle HttpClient::Fetch(FetchRequest request, FetchDelivery delivery, FetchCallback callback) {
  return Fetch(Prepare(std::move(request)), {}, delivery, std::move(callback));
}

std::shared_ptr<const PreparedRequest> HttpClient::Prepare(FetchRequest request) const {
  return PrepareRequest(std::move(request), impl_->options.user_agent);
}

FetchHandle HttpClient::Fetch(std::shared_ptr<const PreparedRequest> request, std::string body_buffer,
                              FetchDelivery delivery, FetchCallback callback) {
  return FetchHandle(impl_->Fetch(std::move(request), std::move(body_buffer), delivery, std::move(callback)));
}

std::shared_ptr<Fetching> HttpClient::Impl::Fetch(std::shared_ptr<const PreparedRequest> request,
                                                  std::string body_buffer, FetchDelivery delivery,
                                                  FetchCallback callback) {
  auto fetch = std::make_shared<Fetching>(std::move(request), std::move(body_buffer));
  fetch->delivery = delivery;
  fetch->callback = std::move(callback);
  fetch->client = weak_from_this();
  if (fetch->prepared->request.authorizer != nullptr) {
    Authorize(fetch);
  } else {
    asio::post(loop.context, [self = shared_from_this(), fetch] { self->Begin(fetch); });
  }
  return fetch;
}

void HttpClient::Impl::Authorize(const std::shared_ptr<Fetching>& fetch) {
  std::shared_ptr<Impl> self = shared_from_this();
  FetchRequest request = fetch->prepared->request;
  std::shared_ptr<RequestAuthorizer> authorizer = std::move(request.authorizer);
  request.authorizer = nullptr;
  fetch->deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(request.timeout_ms);
  asio::post(loop.context, [self, fetch] {
    if (self->is_stopped) return self->Begin(fetch);
    self->authorizing.insert(fetch);
  });
  authorizer->Authorize(
      std::move(request),
      [weak = weak_from_this()](FetchRequest own, FetchCallback callback) {
        if (auto alive = weak.lock()) {
          alive->Fetch(PrepareRequest(std::move(own), alive->options.user_agent), {}, {},
                       std::move(callback));
        } else {
          callback(core::Fail(Code::kCancelled, "context canceled"));
        }
      },
      [self, fetch](core::Result<FetchRequest> completed) {
        asio::post(self->loop.context, [self, fetch, completed = std::move(completed)]() mutable {
          self->BeginAuthorized(fetch, std::move(completed));
        });
      });
}

void HttpClient::Stop() {
  std::lock_guard lock(impl_->stop_mutex);
  if (impl_->has_stop_ended) return;
  impl_->has_stop_ended = true;
  if (impl_->io.impl().is_stopped.load()) {
    impl_->CancelAll();  // nothing else runs any more
    return;
  }
  std::promise<void> done;
  asio::post(impl_->loop.context, [&] {
    impl_->CancelAll();
    done.set_value();
  });
  done.get_future().wait();
}

core::Result<FetchResponse> FetchSync(FetchRequest request) {
  SEXTANT_TRY(LoadCurl());
  if (std::shared_ptr<RequestAuthorizer> authorizer = std::move(request.authorizer)) {
    request.authorizer = nullptr;
    std::promise<core::Result<FetchRequest>> completed;
    ResponseCollector named(std::make_shared<const FetchRequest>(request), {});  // for errors
    authorizer->Authorize(
        std::move(request),
        [](FetchRequest own, const FetchCallback& callback) { callback(FetchSync(std::move(own))); },
        [&](core::Result<FetchRequest> done) { completed.set_value(std::move(done)); });
    core::Result<FetchRequest> result = completed.get_future().get();
    if (!result) return tl::unexpected(named.WithUrl(result.error().code(), result.error().message()));
    request = std::move(*result);
  }
  CurlEasyPtr easy(curl_easy_init());
  SEXTANT_CHECK(easy != nullptr);
  core::DurationMs timeout_ms = request.timeout_ms;
  ResponseCollector collector(std::make_shared<const FetchRequest>(std::move(request)), {});
  Transfer transfer(collector);
  SEXTANT_TRY(transfer.SetUp(easy.get(), {}, timeout_ms));
  transfer.NoteEnd(easy.get(), curl_easy_perform(easy.get()));
  Decompressor decompressor;
  return collector.TakeResult(decompressor);
}

}  // namespace sextant::net
