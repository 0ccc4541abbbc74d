#include "core/log.h"

#include <unistd.h>

#include <array>
#include <ctime>

namespace sextant::core {

namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warn", "error"};
constexpr size_t kMaxValueBytes = 16 * 1024;

void AppendEscaped(std::string& out, std::string_view text) {
  for (char c : text.substr(0, kMaxValueBytes)) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

void AppendField(std::string& out, LogFormat format, std::string_view key, std::string_view value) {
  if (format == LogFormat::kJson) {
    out += ",\"";
    AppendEscaped(out, key);
    out += "\":\"";
    AppendEscaped(out, value);
    out += '"';
    return;
  }
  out += ' ';
  out += key;
  out += '=';
  bool quotes = NeedsQuotes(value);
  if (quotes) out += '"';
  AppendEscaped(out, value);
  if (quotes) out += '"';
}

std::string FormatTime(TimestampMs now_ms) {
  std::time_t seconds = now_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, now_ms % 1000);
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view text) {
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (text == kLevelNames[i]) return static_cast<LogLevel>(i);
  }
  return Fail(Code::kInvalidArgument, "unknown log level \"{}\": use debug, info, warn or error", text);
}

Result<LogFormat> ParseLogFormat(std::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return Fail(Code::kInvalidArgument, "unknown log format \"{}\": use logfmt or json", text);
}

void WriteToStderr(std::string_view line) {
  // A log line that cannot be written has nowhere else to go.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

struct Logger::Sink {
  const Clock& clock;
  LogOptions options;
};

Logger::Logger(const Clock& clock, LogOptions options)
    : sink_(std::make_shared<Sink>(Sink{clock, std::move(options)})) {}

Logger::Logger(std::shared_ptr<const Sink> sink, std::string context)
    : sink_(std::move(sink)), context_(std::move(context)) {}

Logger Logger::Discard() { return Logger(nullptr, ""); }

Logger Logger::With(std::string_view key, std::string_view value) const {
  if (!sink_) return *this;
  std::string context = context_;
  AppendField(context, sink_->options.format, key, value);
  return Logger(sink_, std::move(context));
}

bool Logger::IsEnabled(LogLevel level) const { return sink_ && level >= sink_->options.level; }

void Logger::Debug(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kDebug, message, fields);
}
void Logger::Info(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kInfo, message, fields);
}
void Logger::Warn(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kWarn, message, fields);
}
void Logger::Error(std::string_view message, std::initializer_list<LogField> fields) const {
  Write(LogLevel::kError, message, fields);
}

void Logger::Write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  if (!IsEnabled(level)) return;
  LogFormat format = sink_->options.format;
  std::string line;
  line.reserve(256);
  std::string time = FormatTime(sink_->clock.NowMs());
  std::string_view level_name = kLevelNames[static_cast<size_t>(level)];
  if (format == LogFormat::kJson) {
    line += fmt::format("{{\"time\":\"{}\",\"level\":\"{}\"", time, level_name);
  } else {
    line += fmt::format("time={} level={}", time, level_name);
  }
  AppendField(line, format, "msg", message);
  line += context_;
  for (const LogField& field : fields) AppendField(line, format, field.key, field.value);
  line += format == LogFormat::kJson ? "}\n" : "\n";
  sink_->options.writer(line);
}

}  // namespace sextant::core
