// Shared by this module's tests: an environment with real threads, consumers that note what they get, small
// batches.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "pipeline/component.h"

namespace sextant::pipeline {

class NoExtensions final : public ExtensionHost {
 public:
  Extension* FindExtension(std::string_view) const override { return nullptr; }
};

// All that components stand on.
class TestEnvironment {
 public:
  TestEnvironment() = default;

  ComponentSettings Settings(std::string type, std::string name = "") {
    return {{std::move(type), std::move(name)}, environment, environment.logger};
  }
  std::string Metrics() const { return telemetry.RenderText(); }

  core::SystemClock clock;
  core::Registry telemetry;
  core::Registry server_metrics;
  core::Executor executor{{.threads = 4}};
  net::IoContext io;
  net::HttpClient http{io, server_metrics};
  NoExtensions extensions;
  Environment environment{io,   executor,   clock,  telemetry,      server_metrics, core::Logger::Discard(),
                          http, extensions, "test", "test-instance"};
};

// Takes batches, and refuses as it is told.
class TakingConsumer final : public Consumer {
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

// So many spans of one resource, named "<prefix>0", "<prefix>1", …
inline Telemetry Spans(size_t count, const std::string& prefix = "s") {
  otlp::TracesData data;
  otlp::ScopeSpans& scope = data.resources.emplace_back().scopes.emplace_back();
  for (size_t i = 0; i < count; ++i) {
    otlp::Span& span = scope.spans.emplace_back();
    span.name = data.memory.Copy(fmt::format("{}{}", prefix, i));
  }
  return Telemetry(std::move(data));
}

// The names of a batch's spans, in their order.
inline std::vector<std::string> SpanNames(const Telemetry& batch) {
  std::vector<std::string> names;
  for (const otlp::ResourceSpans& resource : batch.traces().resources) {
    for (const otlp::ScopeSpans& scope : resource.scopes) {
      for (const otlp::Span& span : scope.spans) names.emplace_back(span.name);
    }
  }
  return names;
}

// Consumes and waits for the outcome.
inline Outcome ConsumeAndWait(Consumer& consumer, Telemetry batch) {
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Outcome> outcome;
  };
  auto state = std::make_shared<State>();
  consumer.Consume(std::move(batch), [state](Outcome outcome) {
    std::lock_guard lock(state->mutex);
    state->outcome = std::move(outcome);
    state->changed.notify_all();
  });
  std::unique_lock lock(state->mutex);
  bool has_come =
      state->changed.wait_for(lock, std::chrono::seconds(60), [&] { return state->outcome.has_value(); });
  return has_come ? *state->outcome : Refuse("no outcome within a minute");
}

// The value of a metric's line, by its text before the value; -1 without such a line.
inline double MetricValue(const std::string& metrics, const std::string& series) {
  size_t at = metrics.find("\n" + series + " ");
  if (at == std::string::npos) return -1;
  return std::stod(metrics.substr(at + series.size() + 2));
}

}  // namespace sextant::pipeline
