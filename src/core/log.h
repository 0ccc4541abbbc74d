// Structured logging: one line per event, logfmt or JSON, on standard error.
//
//   logger.Info("block written", {{"series", count}, {"path", path}});
//   core::Logger scrape_log = logger.With("component", "scrape");
//
// A Logger is a small handle (copy it freely) to a sink that outlives it. Any thread may log; a line is
// written with one system call, without a lock. Messages start in lower case; values that repeat go into
// fields.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::core {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

// "debug", "info", "warn", "error"; kInvalidArgument otherwise.
Result<LogLevel> ParseLogLevel(std::string_view text);
// "logfmt", "json"; kInvalidArgument otherwise.
Result<LogFormat> ParseLogFormat(std::string_view text);

// One key and its value, already text.
struct LogField {
  std::string_view key;
  std::string value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  LogField(std::string_view k, const Error& v) : key(k), value(v.message()) {}
  template <typename T>
    requires(std::integral<T> || std::floating_point<T>)
  LogField(std::string_view k, T v) : key(k), value(fmt::format("{}", v)) {}
};

// Where finished lines go. Write gets a whole line with its newline; called from any thread.
using LogWriter = std::function<void(std::string_view line)>;

// Writes to standard error with one write(2).
void WriteToStderr(std::string_view line);

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
  LogWriter writer = WriteToStderr;
};

class Logger {
 public:
  // `clock` must outlive all copies.
  Logger(const Clock& clock, LogOptions options);

  // A logger that discards everything; for tests.
  static Logger Discard();

  // A logger that adds this field to every line.
  Logger With(std::string_view key, std::string_view value) const;

  bool IsEnabled(LogLevel level) const;

  void Debug(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void Info(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void Warn(std::string_view message, std::initializer_list<LogField> fields = {}) const;
  void Error(std::string_view message, std::initializer_list<LogField> fields = {}) const;

 private:
  struct Sink;
  Logger(std::shared_ptr<const Sink> sink, std::string context);
  void Write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const;

  std::shared_ptr<const Sink> sink_;
  std::string context_;  // already formatted fields, each with a leading separator
};

}  // namespace sextant::core
