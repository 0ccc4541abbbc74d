#include "pipeline/extensions/pprof_extension.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>

#include "core/file.h"
#include "net/compression.h"
#include "net/io.h"
#include "net/response_writer.h"
#include "pipeline/extensions/cpu_profile.h"
#include "pipeline/settings/endpoint.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;

constexpr int64_t kDefaultSeconds = 30;
constexpr int64_t kMaxSeconds = 300;

struct PprofConfig {
  std::string endpoint = "localhost:1777";
  std::string save_to_file;
};

const config::Struct& FieldsOf(const PprofConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<PprofConfig>({
      Member<&PprofConfig::endpoint>("endpoint"),
      Member<&PprofConfig::save_to_file>("save_to_file"),
      NotYet("block_profile_fraction", "only CPU time is profiled").Allowing({"0"}),
      NotYet("mutex_profile_fraction", "only CPU time is profiled").Allowing({"0"}),
      NotYet("dialer", "a server does not dial"),
      NotYet("transport").Allowing({"tcp"}),
  });
  return kFields;
}

std::string Gzip(std::string_view bytes) {
  std::string compressed;
  // Fails only for codings that do not compress.
  static_cast<void>(net::Compress(net::Encoding::kGzip, bytes, compressed));
  return compressed;
}

std::string CommandLine() {
  std::ifstream file("/proc/self/cmdline");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class Pprof final : public Extension {
 public:
  Pprof(const ComponentSettings& settings, PprofConfig config)
      : settings_(settings), environment_(settings.environment), config_(std::move(config)) {}

  Status Start() override {
    net::Router router;
    router.Add("GET", "/debug/pprof/", [](const net::HttpRequest&) { return Index(); });
    router.Add("GET", "/debug/pprof/cmdline",
               [](const net::HttpRequest&) { return net::HttpResponse::Text(200, CommandLine()); });
    router.AddStream("GET", "/debug/pprof/profile",
                     [this](const net::HttpRequest& request, net::ResponseWriter writer) {
                       Profile(request, std::move(writer));
                     });
    router.Add("GET", "/debug/pprof/{name}", [](const net::HttpRequest& request) {
      return net::HttpResponse::Text(
          501, fmt::format("{} is not supported yet: this program has the profile of CPU time only\n",
                           request.PathParam("name")));
    });
    net::HttpServerOptions options;
    options.listen = {config_.endpoint};
    SEXTANT_ASSIGN(endpoint_, Endpoint::Start(settings_, std::move(router), std::move(options)));
    if (config_.save_to_file.empty()) return {};
    SEXTANT_ASSIGN(whole_, CpuProfiler::Start(environment_.clock));
    return {};
  }

  void Shutdown() override {
    std::set<std::shared_ptr<Running>> running;
    {
      std::lock_guard lock(mutex_);
      running = running_;
    }
    for (const std::shared_ptr<Running>& profile : running) {
      profile->timer.Cancel();
      End(profile);
    }
    endpoint_->Stop();
    if (!whole_) return;
    core::PosixFileSystem files;
    std::string profile = Gzip(whole_->Finish());
    if (Status saved = core::WriteFileAtomically(files, config_.save_to_file, profile); !saved) {
      settings_.logger.Error("the profile cannot be saved", {{"err", saved.error()}});
    }
  }

 private:
  // A profile that a client waits for.
  struct Running {
    Running(net::IoContext& io, core::Executor& executor, net::ResponseWriter out,
            std::unique_ptr<CpuProfiler> cpu)
        : writer(std::move(out)),
          profiler(std::move(cpu)),
          timer(io, executor, core::Priority::kBackground) {}
    net::ResponseWriter writer;
    std::unique_ptr<CpuProfiler> profiler;
    net::Timer timer;
  };

  static net::HttpResponse Index() {
    return net::HttpResponse::Html(
        200,
        "<html><head><title>/debug/pprof/</title></head><body>\n"
        "<p>Profiles of this process, for pprof:</p>\n<ul>\n"
        "<li><a href=\"profile?seconds=30\">profile</a>: CPU time, for as many "
        "seconds as are asked for</li>\n"
        "<li><a href=\"cmdline\">cmdline</a>: the command line of this process</li>\n"
        "</ul></body></html>\n");
  }

  void Profile(const net::HttpRequest& request, net::ResponseWriter writer) {
    int64_t seconds = kDefaultSeconds;
    if (std::string text(request.Query().Get("seconds")); !text.empty()) {
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
      if (error != std::errc() || end != text.data() + text.size() || seconds < 1 || seconds > kMaxSeconds) {
        return writer.Send(net::HttpResponse::Text(
            400, fmt::format("seconds must be a number from 1 to {}\n", kMaxSeconds)));
      }
    }
    Result<std::unique_ptr<CpuProfiler>> profiler = CpuProfiler::Start(environment_.clock);
    if (!profiler) {
      return writer.Send(net::HttpResponse::Text(
          500, fmt::format("Could not enable CPU profiling: {}\n", profiler.error().message())));
    }
    auto running = std::make_shared<Running>(environment_.io, environment_.executor, std::move(writer),
                                             std::move(*profiler));
    {
      std::lock_guard lock(mutex_);
      running_.insert(running);
    }
    running->timer.StartAfter(seconds * 1'000, [this, running] { End(running); });
  }

  void End(const std::shared_ptr<Running>& running) {
    {
      std::lock_guard lock(mutex_);
      if (running_.erase(running) == 0) return;
    }
    net::HttpResponse response;
    response.headers.Set("Content-Type", "application/octet-stream");
    response.headers.Set("Content-Disposition", "attachment; filename=\"profile\"");
    response.headers.Set("X-Content-Type-Options", "nosniff");
    response.body = Gzip(running->profiler->Finish());
    running->writer.Send(std::move(response));
  }

  const ComponentSettings settings_;
  Environment& environment_;
  const PprofConfig config_;
  std::unique_ptr<Endpoint> endpoint_;
  std::unique_ptr<CpuProfiler> whole_;  // from start to end, for save_to_file
  std::mutex mutex_;
  std::set<std::shared_ptr<Running>> running_;  // guarded by mutex_
};

Made<Extension> MakePprof(const ComponentSettings& settings, const PprofConfig& config) {
  return std::make_unique<Pprof>(settings, config);
}

}  // namespace

ComponentType PprofExtensionType() { return ExtensionType<PprofConfig>("pprof", {}, &MakePprof); }

}  // namespace sextant::pipeline
