// Files of /proc and /sys that are read again and again: they stay open, which saves half of the price of
// reading them. Files of other file systems may be replaced by others of the same name, and are opened each
// time. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agents/node/collectors.h"
#include "core/result.h"

namespace sextant::node {

class OpenFiles {
 public:
  // Whether single records (lines, mostly) of a file may be longer than 2 KiB.
  enum class Records { kShort, kAnyLength };

  // As ReadHostFile, ReadAttribute and ReadNumber. Short records save the read that finds the end.
  core::Result<std::string> Read(const std::string& path, Records records = Records::kShort);
  std::optional<std::string> Attribute(const std::string& path);
  std::optional<int64_t> Number(const std::string& path);

  // Closes all: for paths that lead to something else now, which an open file does not notice.
  void Forget();

 private:
  class File;

  int ReadText(const std::string& path, Records records, std::string& text);
  std::shared_ptr<File> Find(const std::string& path);
  void Keep(const std::string& path, std::shared_ptr<File> file);

  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<File>> files_;  // guarded by mutex_
};

// A collector that remembers nothing but its open files.
class FileCollector final : public Collector {
 public:
  using Function = std::function<core::Status(OpenFiles&, const HostPaths&, MetricSink&)>;
  FileCollector(std::string_view name, Function function) : name_(name), function_(std::move(function)) {}
  std::string_view name() const override { return name_; }
  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    return function_(files_, paths, sink);
  }

 private:
  const std::string_view name_;  // a literal
  const Function function_;
  OpenFiles files_;
};

}  // namespace sextant::node
