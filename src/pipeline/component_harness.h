// For tests: everything that components are made with, in one object, and a consumer to put behind them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "config/node.h"
#include "pipeline/component.h"
#include "pipeline/test_telemetry.h"

namespace sextant::pipeline {

// The path of conformance data below otel/.
inline std::string OtelConformancePath(const std::string& name) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return (set != nullptr ? set : SEXTANT_CONFORMANCE_DEFAULT) + std::string("/otel/") + name;
}

inline std::string ReadTestFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Polls until the condition holds; gives up after a time that no working machine needs.
inline bool WaitUntil(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// A directory that goes away with the object.
class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pipeline-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

class ComponentHarness {
 public:
  // With the system's clock, or another one, which outlives this.
  explicit ComponentHarness(const core::Clock* clock = nullptr)
      : io_({.threads = 1}),
        executor_({.threads = 4, .queue_limit_tasks = 1'000}),
        http_(io_, registry),
        value_{.io = io_,
               .executor = executor_,
               .clock = clock != nullptr ? *clock : clock_,
               .telemetry = registry,
               .server_metrics = registry,
               .logger = core::Logger::Discard(),
               .http = http_,
               .extensions = extensions,
               .version = "1.2.3",
               .instance_id = "me"} {}
  ~ComponentHarness() {
    http_.Stop();
    executor_.Stop();
    io_.Stop();
  }

  Environment& operator*() { return value_; }
  Environment* operator->() { return &value_; }
  net::IoContext& io() { return io_; }
  core::Executor& executor() { return executor_; }
  net::HttpClient& http() { return http_; }
  const core::Clock& clock() { return value_.clock; }

  ComponentSettings Settings(const ComponentType& type, core::Logger logger = core::Logger::Discard()) {
    return {.id = {.type = type.name, .name = ""}, .environment = value_, .logger = std::move(logger)};
  }
  ComponentSettings Settings(std::string type, std::string name = "") {
    return {
        .id = {std::move(type), std::move(name)}, .environment = value_, .logger = core::Logger::Discard()};
  }

  // Reads settings; the document lives as long as this object.
  core::Result<ConfigPtr> Read(const ComponentType& type, const std::string& yaml) {
    SEXTANT_ASSIGN(auto document, config::Document::Parse(yaml, "c.yml"));
    documents_.push_back(std::make_unique<config::Document>(std::move(document)));
    return type.read(documents_.back()->root());
  }
  // "" when the settings are good.
  std::string ErrorOf(const ComponentType& type, const std::string& yaml) {
    auto config = Read(type, yaml);
    return config ? "" : std::string(config.error().message());
  }

  // Null, and the test has failed, when the settings are bad or the component cannot be made.
  std::unique_ptr<Extension> MakeExtension(const ComponentType& type, const std::string& yaml) {
    return Make<Extension>(
        type, yaml, [&](const ConfigPtr& config) { return type.make_extension(Settings(type), config); });
  }
  std::unique_ptr<Processor> MakeProcessor(const ComponentType& type, const std::string& yaml, Signal signal,
                                           Consumer& next) {
    return Make<Processor>(type, yaml, [&](const ConfigPtr& config) {
      return type.make_processor(Settings(type), config, signal, next);
    });
  }
  // One that makes metrics.
  std::unique_ptr<Connector> MakeConnector(const ComponentType& type, const std::string& yaml, Signal from,
                                           Consumer& next) {
    return Make<Connector>(type, yaml, [&](const ConfigPtr& config) {
      return type.make_connector(Settings(type), config, from, Signal::kMetrics, next);
    });
  }

  std::string Metrics() const { return registry.RenderText(); }
  // Whether the metrics have this line.
  bool HasMetric(const std::string& line) const { return Metrics().find(line + "\n") != std::string::npos; }
  // The value of a metric's line, by its text before the value; -1 without such a line.
  double MetricValue(const std::string& series) const {
    const std::string metrics = Metrics();
    const size_t at = metrics.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(metrics.substr(at + series.size() + 2));
  }

  class Extensions final : public ExtensionHost {
   public:
    Extension* FindExtension(std::string_view id) const override {
      auto found = by_id.find(std::string(id));
      return found == by_id.end() ? nullptr : found->second;
    }
    std::vector<std::string> ExtensionIds() const override {
      std::vector<std::string> ids;
      for (const auto& [id, extension] : by_id) ids.push_back(id);
      return ids;
    }
    std::vector<PipelineInfo> Pipelines() const override { return pipelines; }

    std::map<std::string, Extension*> by_id;
    std::vector<PipelineInfo> pipelines;
  };

  core::Registry registry;
  Extensions extensions;

 private:
  template <typename Kind, typename MakeOne>
  std::unique_ptr<Kind> Make(const ComponentType& type, const std::string& yaml, MakeOne&& make) {
    auto config = Read(type, yaml);
    EXPECT_TRUE(config) << config.error().message();
    if (!config) return nullptr;
    auto made = make(*config);
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::move(*made) : nullptr;
  }

  core::SystemClock clock_;
  net::IoContext io_;
  core::Executor executor_;
  net::HttpClient http_;
  Environment value_;
  std::vector<std::unique_ptr<config::Document>> documents_;
};

// Keeps the batches that it gets, and refuses them as it is told; from any thread.
class NotingConsumer final : public Consumer {
 public:
  void Consume(Telemetry batch, Done done) override {
    Outcome outcome;
    {
      std::lock_guard lock(mutex_);
      if (!refusals_.empty()) {
        outcome = tl::unexpected(refusals_.front());
        refusals_.pop_front();
      } else if (refuses_all_) {
        outcome = tl::unexpected(Refusal{.message = "not now"});
      } else {
        batches_.push_back(std::move(batch));
      }
      ++calls_;
      changed_.notify_all();
    }
    done(std::move(outcome));
  }

  void RefuseNext(Refusal refusal) {
    std::lock_guard lock(mutex_);
    refusals_.push_back(std::move(refusal));
  }
  void RefuseAll(bool refuses) {
    std::lock_guard lock(mutex_);
    refuses_all_ = refuses;
  }
  size_t calls() const {
    std::lock_guard lock(mutex_);
    return calls_;
  }
  // What was taken, for a test that knows that nobody hands on any more.
  const std::vector<Telemetry>& batches() const { return batches_; }
  // What was taken since the last time.
  std::vector<Telemetry> Take() {
    std::lock_guard lock(mutex_);
    return std::exchange(batches_, {});
  }
  // What was taken; waits until there are so many batches or items, a long while.
  std::vector<Telemetry> WaitForBatches(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return batches_.size() >= count; });
    return batches_;
  }
  size_t WaitForItems(size_t count) {
    std::unique_lock lock(mutex_);
    auto items = [&] {
      size_t sum = 0;
      for (const Telemetry& batch : batches_) sum += batch.CountItems();
      return sum;
    };
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return items() >= count; });
    return items();
  }
  void WaitForCalls(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return calls_ >= count; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Telemetry> batches_;
  std::deque<Refusal> refusals_;
  bool refuses_all_ = false;
  size_t calls_ = 0;
};

// Waits for what becomes of a batch, a long while.
class KeptOutcome {
 public:
  Done done() {
    return [state = state_](Outcome outcome) {
      std::lock_guard lock(state->mutex);
      state->outcome = std::move(outcome);
      state->changed.notify_all();
    };
  }
  Outcome Wait() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, std::chrono::seconds(60), [&] { return state_->outcome.has_value(); });
    EXPECT_TRUE(state_->outcome.has_value());
    return state_->outcome.value_or(Refuse("no outcome within a minute"));
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Outcome> outcome;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();  // also of an outcome that comes too late
};

// Consumes and waits for the outcome.
inline Outcome ConsumeAndWait(Consumer& consumer, Telemetry batch) {
  KeptOutcome outcome;
  consumer.Consume(std::move(batch), outcome.done());
  return outcome.Wait();
}

// For components that compute as they are called: a clock that stands, and a consumer behind.
class ComponentTest : public testing::Test {
 protected:
  std::unique_ptr<Processor> MakeProcessor(const ComponentType& type, const std::string& yaml,
                                           Signal signal) {
    return harness_.MakeProcessor(type, yaml, signal, next_);
  }
  std::unique_ptr<Connector> MakeConnector(const ComponentType& type, const std::string& yaml, Signal from) {
    return harness_.MakeConnector(type, yaml, from, next_);
  }

  core::ManualClock clock_{1'000};
  NotingConsumer next_;
  ComponentHarness harness_{&clock_};
};

}  // namespace sextant::pipeline
