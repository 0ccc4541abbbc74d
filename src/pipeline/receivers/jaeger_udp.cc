#include "pipeline/receivers/jaeger_udp.h"

#include <condition_variable>
#include <deque>
#include <mutex>

#include "net/udp_server.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Result;
using core::Status;

constexpr int64_t kMaxQueueSize = 100'000;
constexpr int64_t kMaxPacketSize = 65'535;
constexpr int64_t kMaxWorkers = 256;
constexpr int64_t kMaxSocketBuffer = 1 << 30;
constexpr std::chrono::seconds kStopWait{10};

template <int64_t Min, int64_t Max>
Status CheckRange(const int64_t& value, Node node) {
  if (value >= Min && value <= Max) return {};
  return node.Fail("must be from {} to {}", Min, Max);
}

}  // namespace

class JaegerUdp::State : public std::enable_shared_from_this<JaegerUdp::State> {
 public:
  State(const ComponentSettings& settings, const JaegerUdpConfig& config, const std::string& transport,
        Decode decode, Consumer& next)
      : settings_(settings),
        config_(config),
        decode_(decode),
        next_(next),
        metrics_(settings.environment.telemetry, settings.id, transport),
        full_(AddDropped(transport, "queue_full")),
        cut_(AddDropped(transport, "too_large")),
        malformed_(AddDropped(transport, "malformed")) {}

  Status Start() {
    SEXTANT_ASSIGN(
        server_, net::UdpServer::Start(settings_.environment.io,
                                       {.listen = LocalAddress(config_.endpoint),
                                        .max_packet_bytes = static_cast<size_t>(config_.max_packet_size),
                                        .socket_buffer_bytes = static_cast<int>(config_.socket_buffer_size)},
                                       [this](net::UdpPacket packet) { Take(std::move(packet)); }));
    return {};
  }

  uint16_t port() const { return server_->bound_port(); }

  void Stop() {
    server_->Stop();
    {
      std::lock_guard lock(mutex_);
      ++workers_;
    }
    // What is left, should the executor have had no room for a worker.
    Work();
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, kStopWait, [&] { return workers_ == 0 && under_way_ == 0; });
    full_.Increment(static_cast<double>(queue_.size()));
    queue_.clear();
  }

 private:
  core::Counter& AddDropped(const std::string& transport, const char* reason) {
    return settings_.environment.telemetry.AddCounter(
        "sextant_otelcol_jaeger_dropped_packets_total", "UDP packets of spans that were not taken.",
        {{"receiver", settings_.id.Text()}, {"transport", transport}, {"reason", reason}});
  }

  // On the I/O thread.
  void Take(net::UdpPacket packet) {
    if (packet.is_cut) {
      cut_.Increment();
      return;
    }
    bool needs_worker = false;
    {
      std::lock_guard lock(mutex_);
      if (queue_.size() >= static_cast<size_t>(config_.queue_size)) {
        full_.Increment();
        return;
      }
      queue_.push_back(std::move(packet));
      needs_worker = workers_ < config_.workers;
      if (needs_worker) ++workers_;
    }
    if (!needs_worker) return;
    Status submitted = settings_.environment.executor.Submit(core::Priority::kIngest,
                                                             [self = shared_from_this()] { self->Work(); });
    // The packet stays for another worker, or for the next packet's.
    if (!submitted) EndWorker();
  }

  void EndWorker() {
    std::lock_guard lock(mutex_);
    --workers_;
    idle_.notify_all();
  }

  void Work() {
    while (true) {
      net::UdpPacket packet;
      {
        std::lock_guard lock(mutex_);
        if (queue_.empty()) {
          --workers_;
          idle_.notify_all();
          return;
        }
        packet = std::move(queue_.front());
        queue_.pop_front();
      }
      HandOn(std::move(packet));
    }
  }

  void HandOn(net::UdpPacket packet) {
    auto bytes = std::make_shared<const std::string>(std::move(packet.bytes));
    Result<otlp::TracesData> data = decode_(*bytes);
    if (!data) {
      malformed_.Increment();
      settings_.logger.Debug("a packet is no batch of spans",
                             {{"err", data.error()}, {"from", packet.remote_address}});
      return;
    }
    data->memory.Keep(bytes, bytes->size());
    Telemetry batch(std::move(*data));
    size_t items = batch.CountItems();
    if (items == 0) return;
    batch.client = ClientOf(packet.remote_address, {}, false);
    {
      std::lock_guard lock(mutex_);
      ++under_way_;
    }
    next_.Consume(std::move(batch), [self = shared_from_this(), items](Outcome outcome) {
      self->metrics_.Count(Signal::kTraces, items, outcome.has_value());
      std::lock_guard lock(self->mutex_);
      --self->under_way_;
      self->idle_.notify_all();
    });
  }

  const ComponentSettings settings_;
  const JaegerUdpConfig config_;
  const Decode decode_;
  Consumer& next_;
  ReceiverMetrics metrics_;
  core::Counter& full_;
  core::Counter& cut_;
  core::Counter& malformed_;
  std::unique_ptr<net::UdpServer> server_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<net::UdpPacket> queue_;  // guarded by mutex_
  int64_t workers_ = 0;               // guarded by mutex_
  size_t under_way_ = 0;              // batches without an outcome; guarded by mutex_
};

const config::Struct& FieldsOf(const JaegerUdpConfig*) {
  using namespace config;
  using C = JaegerUdpConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::endpoint>("endpoint"),
      Member<&C::queue_size>("queue_size").Check(&CheckRange<1, kMaxQueueSize>),
      Member<&C::max_packet_size>("max_packet_size").Check(&CheckRange<1, kMaxPacketSize>),
      Member<&C::workers>("workers").Check(&CheckRange<1, kMaxWorkers>),
      Member<&C::socket_buffer_size>("socket_buffer_size").Check(&CheckRange<0, kMaxSocketBuffer>),
  });
  return kFields;
}

Result<std::unique_ptr<JaegerUdp>> JaegerUdp::Start(const ComponentSettings& settings,
                                                    const JaegerUdpConfig& config, std::string transport,
                                                    Decode decode, Consumer& next) {
  auto state = std::make_shared<State>(settings, config, transport, decode, next);
  SEXTANT_TRY(state->Start());
  return std::unique_ptr<JaegerUdp>(new JaegerUdp(std::move(state)));
}

JaegerUdp::JaegerUdp(std::shared_ptr<State> state) : state_(std::move(state)) {}

JaegerUdp::~JaegerUdp() { Stop(); }

uint16_t JaegerUdp::port() const { return state_->port(); }

void JaegerUdp::Stop() {
  if (std::shared_ptr<State> state = std::move(state_)) state->Stop();
}

}  // namespace sextant::pipeline
