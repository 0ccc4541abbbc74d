#include "pipeline/exporters/debug_exporter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "pipeline/delivery/queued_exporter.h"
#include "pipeline/exporters/debug_text.h"
#include "pipeline/exporters/message_sampler.h"

namespace sextant::pipeline {

namespace {

enum class Verbosity { kBasic, kNormal, kDetailed };

struct DebugConfig {
  Verbosity verbosity = Verbosity::kBasic;
  int64_t sampling_initial = 2;
  int64_t sampling_thereafter = 1;
  bool use_internal_logger = true;
  std::vector<std::string> output_paths = {"stdout"};
  std::optional<QueueConfig> sending_queue;
};

core::Result<Verbosity> ReadVerbosity(config::Node node) {
  SEXTANT_ASSIGN(std::string text, node.AsText());
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (text == "basic") return Verbosity::kBasic;
  if (text == "normal") return Verbosity::kNormal;
  if (text == "detailed") return Verbosity::kDetailed;
  if (text == "none") return node.Fail("verbosity level \"None\" is not supported");
  return node.Fail("unknown metrics level \"{}\"", text);
}

std::string_view VerbosityName(Verbosity verbosity) {
  return verbosity == Verbosity::kBasic ? "Basic" : verbosity == Verbosity::kNormal ? "Normal" : "Detailed";
}

core::Status CheckDebug(DebugConfig& config, config::Node node) {
  if (!config.use_internal_logger && config.output_paths.empty()) {
    return node.Fail("output_paths must not be empty when use_internal_logger is false");
  }
  return {};
}

const config::Struct& FieldsOf(const DebugConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<DebugConfig>(
      {
          Member<&DebugConfig::verbosity>(
              "verbosity",
              Custom<Verbosity>(ReadVerbosity,
                                [](const Verbosity& v, YamlWriter& out) { out.Text(VerbosityName(v)); })),
          Member<&DebugConfig::sampling_initial>("sampling_initial").AlwaysWritten(),
          Member<&DebugConfig::sampling_thereafter>("sampling_thereafter").AlwaysWritten(),
          Member<&DebugConfig::use_internal_logger>("use_internal_logger").AlwaysWritten(),
          Member<&DebugConfig::output_paths>("output_paths"),
          Member<&DebugConfig::sending_queue>("sending_queue", Section<QueueConfig>()),
          NotYet("output"),
      },
      &CheckDebug);
  return kFields;
}

// A file, or one of the standard streams, that is written as a whole each time.
class Output {
 public:
  Output(int fd, bool is_owned) : fd_(fd), is_owned_(is_owned) {}
  Output(Output&& other) noexcept : fd_(other.fd_), is_owned_(std::exchange(other.is_owned_, false)) {}
  Output& operator=(Output&&) = delete;
  ~Output() {
    if (is_owned_) ::close(fd_);
  }

  static core::Result<Output> Open(const std::string& path) {
    if (path == "stdout") return Output(STDOUT_FILENO, false);
    if (path == "stderr") return Output(STDERR_FILENO, false);
    constexpr std::string_view kScheme = "file://";
    std::string file = path.starts_with(kScheme) ? path.substr(kScheme.size()) : path;
    int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
      return core::Fail(core::Code::kIo, "couldn't open sink \"{}\": open {}: {}", path, file,
                        std::strerror(errno));
    }
    return Output(fd, true);
  }

  bool Write(std::string_view text) const {
    while (!text.empty()) {
      ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<size_t>(written));
    }
    return true;
  }

 private:
  int fd_;
  bool is_owned_;
};

size_t CountMetrics(const otlp::MetricsData& data) {
  size_t count = 0;
  for (const auto& resource : data.resources) {
    for (const auto& scope : resource.scopes) count += scope.metrics.size();
  }
  return count;
}

struct Counted {
  std::string_view name;
  size_t count;
};

// What one batch is called, and what is counted in it.
struct Summary {
  std::string_view title;
  std::vector<Counted> counts;
};

Summary Summarize(const Telemetry& batch) {
  switch (batch.signal()) {
    case Signal::kTraces:
      return {"Traces", {{"resource spans", batch.traces().resources.size()}, {"spans", batch.CountItems()}}};
    case Signal::kMetrics:
      return {"Metrics",
              {{"resource metrics", batch.metrics().resources.size()},
               {"metrics", CountMetrics(batch.metrics())},
               {"data points", batch.CountItems()}}};
    case Signal::kLogs:
      return {"Logs",
              {{"resource logs", batch.logs().resources.size()}, {"log records", batch.CountItems()}}};
  }
  return {};
}

std::string TextOf(const Telemetry& batch, Verbosity verbosity) {
  auto text = [&](const auto& data) {
    return verbosity == Verbosity::kDetailed ? DetailedText(data) : NormalText(data);
  };
  switch (batch.signal()) {
    case Signal::kTraces:
      return text(batch.traces());
    case Signal::kMetrics:
      return text(batch.metrics());
    case Signal::kLogs:
      return text(batch.logs());
  }
  return "";
}

class DebugSender final : public Sender {
 public:
  DebugSender(const ComponentSettings& settings, const DebugConfig& config, std::vector<Output> outputs)
      : config_(config),
        logger_(settings.logger),
        sampler_(settings.environment.clock, config.sampling_initial, config.sampling_thereafter),
        outputs_(std::move(outputs)) {}

  void Send(Telemetry batch, Done done) override {
    bool is_written = WriteSummary(Summarize(batch));
    if (config_.verbosity != Verbosity::kBasic) {
      is_written &= WriteText(TextOf(batch, config_.verbosity));
    }
    done(is_written ? Outcome() : Refuse("the output of the debug exporter cannot be written"));
  }

 private:
  bool WriteSummary(const Summary& summary) {
    if (!sampler_.Passes(summary.title)) return true;
    if (config_.use_internal_logger) {
      core::Logger logger = logger_;
      for (const Counted& item : summary.counts) {
        std::string key(item.name);
        std::ranges::replace(key, ' ', '_');
        logger = logger.With(key, fmt::to_string(item.count));
      }
      logger.Info(summary.title);
      return true;
    }
    std::string line = fmt::format("{}\t{{", summary.title);
    for (size_t i = 0; i < summary.counts.size(); ++i) {
      line +=
          fmt::format("{}\"{}\": {}", i == 0 ? "" : ", ", summary.counts[i].name, summary.counts[i].count);
    }
    return WriteAll(line + "}\n");
  }

  bool WriteText(const std::string& text) {
    if (!sampler_.Passes(text)) return true;
    if (!config_.use_internal_logger) return WriteAll(text + "\n");
    logger_.Info(text);
    return true;
  }

  bool WriteAll(const std::string& text) {
    bool is_written = true;
    for (const Output& output : outputs_) is_written &= output.Write(text);
    return is_written;
  }

  const DebugConfig config_;
  const core::Logger logger_;
  MessageSampler sampler_;
  const std::vector<Output> outputs_;
};

Made<Exporter> MakeDebug(const ComponentSettings& settings, const DebugConfig& config, Signal signal) {
  std::vector<Output> outputs;
  if (!config.use_internal_logger) {
    for (const std::string& path : config.output_paths) {
      SEXTANT_ASSIGN(Output output, Output::Open(path));
      outputs.push_back(std::move(output));
    }
  }
  RetryConfig no_retry;
  no_retry.enabled = false;
  return MakeQueuedExporter(settings, signal, config.sending_queue, no_retry,
                            std::make_unique<DebugSender>(settings, config, std::move(outputs)));
}

}  // namespace

ComponentType DebugExporterType() {
  return ExporterType<DebugConfig>("debug", {}, {Signal::kTraces, Signal::kMetrics, Signal::kLogs},
                                   &MakeDebug);
}

}  // namespace sextant::pipeline
