#include "pipeline/extensions/pprof_extension.h"

#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>

#include "core/file.h"
#include "core/heap_sampling.h"
#include "net/compression.h"
#include "net/io.h"
#include "net/response_writer.h"
#include "pipeline/extensions/cpu_profile.h"
#include "pipeline/extensions/heap_profile.h"
#include "pipeline/settings/endpoint.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;

constexpr int64_t kDefaultSeconds = 30;
constexpr int64_t kMaxSeconds = 300;
constexpr size_t kMaxRunning = 16;

struct PprofConfig {
  std::string endpoint = "localhost:1777";
  std::string save_to_file;
};

const config::Struct& FieldsOf(const PprofConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<PprofConfig>({
      Member<&PprofConfig::endpoint>("endpoint"),
      Member<&PprofConfig::save_to_file>("save_to_file"),
      NotYet("block_profile_fraction", "only CPU time and memory are profiled").Allowing({"0"}),
      NotYet("mutex_profile_fraction", "only CPU time and memory are profiled").Allowing({"0"}),
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
                       ProfileCpu(request, std::move(writer));
                     });
    for (const auto& [name, column] :
         {std::pair("heap", "inuse_space"), std::pair("allocs", "alloc_space")}) {
      router.AddStream("GET", fmt::format("/debug/pprof/{}", name),
                       [this, name, column](const net::HttpRequest& request, net::ResponseWriter writer) {
                         ProfileHeap(request, std::move(writer), name, column);
                       });
    }
    router.Add("GET", "/debug/pprof/{name}", [](const net::HttpRequest& request) {
      return net::HttpResponse::Text(
          501, fmt::format("{} is not supported: this program has profiles of CPU time and memory only\n",
                           request.PathParam("name")));
    });
    net::HttpServerOptions options;
    options.listen = {config_.endpoint};
    heap_.emplace();
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
    Running(net::IoContext& io, core::Executor& executor, net::ResponseWriter out, std::string file_name,
            std::function<std::string()> end)
        : writer(std::move(out)),
          name(std::move(file_name)),
          finish(std::move(end)),
          timer(io, executor, core::Priority::kBackground) {}
    net::ResponseWriter writer;
    std::string name;
    std::function<std::string()> finish;  // the profile
    net::Timer timer;
  };

  static net::HttpResponse Index() {
    return net::HttpResponse::Html(
        200,
        "<html><head><title>/debug/pprof/</title></head><body>\n"
        "<p>Profiles of this process, for pprof:</p>\n<ul>\n"
        "<li><a href=\"profile?seconds=30\">profile</a>: CPU time, for as many "
        "seconds as are asked for</li>\n"
        "<li><a href=\"heap\">heap</a>: what is in memory, by who allocated it</li>\n"
        "<li><a href=\"allocs\">allocs</a>: the same, shown by what was allocated in all; both take "
        "<code>seconds</code> for what happens meanwhile</li>\n"
        "<li><a href=\"cmdline\">cmdline</a>: the command line of this process</li>\n"
        "</ul></body></html>\n");
  }

  void ProfileCpu(const net::HttpRequest& request, net::ResponseWriter writer) {
    Result<int64_t> seconds = Seconds(request, kDefaultSeconds);
    if (!seconds) return writer.Send(net::HttpResponse::Text(400, seconds.error().message() + "\n"));
    Result<std::unique_ptr<CpuProfiler>> profiler = CpuProfiler::Start(environment_.clock);
    if (!profiler) {
      return writer.Send(net::HttpResponse::Text(
          500, fmt::format("Could not enable CPU profiling: {}\n", profiler.error().message())));
    }
    std::shared_ptr<CpuProfiler> cpu = std::move(*profiler);
    RunFor(*seconds, std::move(writer), "profile", [cpu] { return cpu->Finish(); });
  }

  // `shown` is the column that pprof shows unless it is told otherwise.
  void ProfileHeap(const net::HttpRequest& request, net::ResponseWriter writer, const char* name,
                   const char* shown) {
    if (!core::HeapSampling::IsPossible()) {
      return writer.Send(net::HttpResponse::Text(501, "this program is built without profiles of memory\n"));
    }
    if (std::string_view debug = request.Query().Get("debug"); !debug.empty() && debug != "0") {
      return writer.Send(
          net::HttpResponse::Text(400, "debug is not supported: there is the format of pprof only\n"));
    }
    Result<int64_t> seconds = Seconds(request, 0);
    if (!seconds) return writer.Send(net::HttpResponse::Text(400, seconds.error().message() + "\n"));
    HeapProfileInfo info{.shown_column = shown, .started_ms = environment_.clock.NowMs()};
    if (*seconds == 0) {
      return SendProfile(writer, name, EncodeHeapProfile({}, heap_->Sites(), info));
    }
    info.duration_ms = *seconds * 1'000;
    RunFor(*seconds, std::move(writer), name,
           [this, info, before = heap_->Sites()] { return EncodeHeapProfile(before, heap_->Sites(), info); });
  }

  // The parameter `seconds`, or the default without it.
  static Result<int64_t> Seconds(const net::HttpRequest& request, int64_t otherwise) {
    std::string text(request.Query().Get("seconds"));
    if (text.empty()) return otherwise;
    int64_t seconds = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds < 1 || seconds > kMaxSeconds) {
      return core::Fail(core::Code::kInvalidArgument, "seconds must be a number from 1 to {}", kMaxSeconds);
    }
    return seconds;
  }

  void RunFor(int64_t seconds, net::ResponseWriter writer, std::string name,
              std::function<std::string()> finish) {
    auto running = std::make_shared<Running>(environment_.io, environment_.executor, std::move(writer),
                                             std::move(name), std::move(finish));
    bool has_place = false;
    {
      std::lock_guard lock(mutex_);
      has_place = running_.size() < kMaxRunning;
      if (has_place) running_.insert(running);
    }
    if (!has_place) {
      return running->writer.Send(net::HttpResponse::Text(429, "too many profiles are being taken\n"));
    }
    running->timer.StartAfter(seconds * 1'000, [this, running] { End(running); });
  }

  void End(const std::shared_ptr<Running>& running) {
    {
      std::lock_guard lock(mutex_);
      if (running_.erase(running) == 0) return;
    }
    SendProfile(running->writer, running->name, running->finish());
  }

  static void SendProfile(net::ResponseWriter& writer, const std::string& name, std::string_view profile) {
    net::HttpResponse response;
    response.headers.Set("Content-Type", "application/octet-stream");
    response.headers.Set("Content-Disposition", fmt::format("attachment; filename=\"{}\"", name));
    response.headers.Set("X-Content-Type-Options", "nosniff");
    response.body = Gzip(profile);
    writer.Send(std::move(response));
  }

  const ComponentSettings settings_;
  Environment& environment_;
  const PprofConfig config_;
  std::optional<core::HeapSampling> heap_;  // from start to end
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
