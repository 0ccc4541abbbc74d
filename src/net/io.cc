#include "net/io.h"

#include <algorithm>
#include <condition_variable>
#include <optional>

#include "net/io_internal.h"

namespace sextant::net {

IoContext::IoContext(IoOptions options) : impl_(std::make_unique<Impl>()) {
  for (size_t i = 0; i < std::max<size_t>(1, options.threads); ++i) {
    impl_->loops.push_back(std::make_unique<IoLoop>());
    IoLoop& loop = *impl_->loops.back();
    loop.thread = std::thread([&loop] { loop.context.run(); });
  }
}

IoContext::~IoContext() { Stop(); }

void IoContext::Post(std::function<void()> callback) {
  asio::post(impl_->loops.front()->context, std::move(callback));
}

void IoContext::Stop() {
  std::lock_guard lock(impl_->stop_mutex);
  impl_->is_stopped = true;
  for (auto& loop : impl_->loops) loop->context.stop();
  for (auto& loop : impl_->loops) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

// Shared with the waits under way, which may outlive the Timer. The generation tells a wait that it was
// replaced.
struct Timer::State : std::enable_shared_from_this<Timer::State> {
  State(IoContext& io, core::Executor* to_executor, core::Priority at_priority)
      : executor(to_executor),
        priority(at_priority),
        timer(std::in_place, io.impl().PickLoop().context.get_executor()) {}

  using TimePoint = std::chrono::steady_clock::time_point;

  // With the lock held.
  void Arm(TimePoint when) {
    timer->expires_at(when);
    timer->async_wait([self = shared_from_this(), wanted = generation](const error_code& error) {
      if (!error) self->Expire(wanted);
    });
  }

  void Expire(uint64_t wanted) {
    if (executor == nullptr) {
      Run(wanted);
      return;
    }
    core::Status status =
        executor->Submit(priority, [self = shared_from_this(), wanted] { self->Run(wanted); });
    if (status || status.error().code() != core::Code::kResourceExhausted) return;
    std::lock_guard lock(mutex);
    if (wanted == generation) Arm(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
  }

  void Run(uint64_t wanted) {
    std::function<void()> call;
    {
      std::unique_lock lock(mutex);
      // A run restarted from its own callback with a time that has passed waits for that callback to end.
      done.wait(lock, [&] { return running == std::thread::id() || running == std::this_thread::get_id(); });
      if (wanted != generation) return;
      call = std::move(callback);
      callback = nullptr;
      running = std::this_thread::get_id();
    }
    call();
    call = nullptr;
    std::lock_guard lock(mutex);
    running = std::thread::id();
    done.notify_all();
  }

  void Start(TimePoint when, std::function<void()> new_callback) {
    std::unique_lock lock(mutex);
    ++generation;
    callback.swap(new_callback);
    Arm(when);
    lock.unlock();  // before what was replaced is destroyed
  }

  void Cancel() {
    std::function<void()> dropped;  // destroyed without the lock
    std::unique_lock lock(mutex);
    ++generation;
    dropped = std::move(callback);
    callback = nullptr;
    timer->cancel();
    done.wait(lock, [&] { return running == std::thread::id() || running == std::this_thread::get_id(); });
    lock.unlock();
  }

  // A task that still waits in the executor may keep this alive for longer than the loops live.
  void Detach() {
    Cancel();
    std::lock_guard lock(mutex);
    timer.reset();
  }

  core::Executor* const executor;
  const core::Priority priority;
  std::mutex mutex;
  std::condition_variable done;
  std::optional<SteadyTimer> timer;
  std::function<void()> callback;
  uint64_t generation = 0;
  std::thread::id running;
};

Timer::Timer(IoContext& io) : state_(std::make_shared<State>(io, nullptr, core::Priority::kIngest)) {}

Timer::Timer(IoContext& io, core::Executor& executor, core::Priority priority)
    : state_(std::make_shared<State>(io, &executor, priority)) {}

Timer::~Timer() { state_->Detach(); }

void Timer::StartAt(int64_t monotonic_ns, std::function<void()> callback) {
  state_->Start(State::TimePoint(std::chrono::nanoseconds(monotonic_ns)), std::move(callback));
}

void Timer::StartAfter(core::DurationMs delay_ms, std::function<void()> callback) {
  state_->Start(std::chrono::steady_clock::now() + std::chrono::milliseconds(delay_ms), std::move(callback));
}

void Timer::Cancel() { state_->Cancel(); }

}  // namespace sextant::net
