// For tests: everything that components are made with, in one object.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
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
  net::IoContext& io() { return io_; }
  core::Executor& executor() { return executor_; }
  const core::Clock& clock() { return value_.clock; }

  ComponentSettings Settings(const ComponentType& type, core::Logger logger = core::Logger::Discard()) {
    return {.id = {.type = type.name, .name = ""}, .environment = value_, .logger = std::move(logger)};
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

  std::unique_ptr<Extension> MakeExtension(const ComponentType& type, const std::string& yaml) {
    auto config = Read(type, yaml);
    EXPECT_TRUE(config) << config.error().message();
    if (!config) return nullptr;
    auto made = type.make_extension(Settings(type), *config);
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::move(*made) : nullptr;
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
  core::SystemClock clock_;
  net::IoContext io_;
  core::Executor executor_;
  net::HttpClient http_;
  Environment value_;
  std::vector<std::unique_ptr<config::Document>> documents_;
};

// Keeps what it gets.
class KeepingConsumer final : public Consumer {
 public:
  void Consume(Telemetry batch, Done done) override {
    {
      std::lock_guard lock(mutex_);
      batches_.push_back(std::move(batch));
    }
    done({});
  }
  std::vector<Telemetry> Take() {
    std::lock_guard lock(mutex_);
    return std::exchange(batches_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Telemetry> batches_;
};

// Waits for what becomes of a batch.
class KeptOutcome {
 public:
  Done done() {
    return [this](Outcome outcome) {
      std::lock_guard lock(mutex_);
      outcome_ = std::move(outcome);
    };
  }
  Outcome Wait() {
    EXPECT_TRUE(WaitUntil([&] {
      std::lock_guard lock(mutex_);
      return outcome_.has_value();
    }));
    std::lock_guard lock(mutex_);
    return outcome_.value_or(Outcome());
  }

 private:
  std::mutex mutex_;
  std::optional<Outcome> outcome_;
};

}  // namespace sextant::pipeline
