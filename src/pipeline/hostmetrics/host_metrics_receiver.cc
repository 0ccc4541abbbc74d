#include "pipeline/hostmetrics/host_metrics_receiver.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>

#include "net/io.h"
#include "pipeline/fields.h"
#include "pipeline/hostmetrics/host_scraper.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;

constexpr size_t kShownErrors = 5;
constexpr int64_t kLogEveryNs = 600'000'000'000;  // the same scraper's errors

struct HostScrapers {
  std::optional<CpuScraperConfig> cpu;
  std::optional<DiskScraperConfig> disk;
  std::optional<FilesystemScraperConfig> filesystem;
  std::optional<LoadScraperConfig> load;
  std::optional<MemoryScraperConfig> memory;
  std::optional<NetworkScraperConfig> network;
  std::optional<PagingScraperConfig> paging;
  std::optional<ProcessScraperConfig> process;
  std::optional<ProcessesScraperConfig> processes;
  std::optional<SystemScraperConfig> system;
};

struct HostMetricsConfig {
  core::DurationMs collection_interval_ms = 60'000;
  core::DurationMs initial_delay_ms = 1'000;
  std::string root_path;  // empty: this process's own
  HostScrapers scrapers;
};

const config::Struct& FieldsOf(const HostScrapers*) {
  using namespace config;
  using C = HostScrapers;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::cpu>("cpu", Section<CpuScraperConfig>()),
      Member<&C::disk>("disk", Section<DiskScraperConfig>()),
      Member<&C::filesystem>("filesystem", Section<FilesystemScraperConfig>()),
      Member<&C::load>("load", Section<LoadScraperConfig>()),
      Member<&C::memory>("memory", Section<MemoryScraperConfig>()),
      Member<&C::network>("network", Section<NetworkScraperConfig>()),
      Member<&C::paging>("paging", Section<PagingScraperConfig>()),
      Member<&C::process>("process", Section<ProcessScraperConfig>()),
      Member<&C::processes>("processes", Section<ProcessesScraperConfig>()),
      Member<&C::system>("system", Section<SystemScraperConfig>()),
      NotYet("nfs", "the node collectors nfs and nfsd have its numbers"),
  });
  return kFields;
}

std::vector<std::unique_ptr<HostScraper>> MakeScrapers(const HostScrapers& config) {
  std::vector<std::unique_ptr<HostScraper>> scrapers;
  if (config.cpu) scrapers.push_back(MakeCpuScraper(*config.cpu));
  if (config.disk) scrapers.push_back(MakeDiskScraper(*config.disk));
  if (config.filesystem) scrapers.push_back(MakeFilesystemScraper(*config.filesystem));
  if (config.load) scrapers.push_back(MakeLoadScraper(*config.load));
  if (config.memory) scrapers.push_back(MakeMemoryScraper(*config.memory));
  if (config.network) scrapers.push_back(MakeNetworkScraper(*config.network));
  if (config.paging) scrapers.push_back(MakePagingScraper(*config.paging));
  if (config.process) scrapers.push_back(MakeProcessScraper(*config.process));
  if (config.processes) scrapers.push_back(MakeProcessesScraper(*config.processes));
  if (config.system) scrapers.push_back(MakeSystemScraper(*config.system));
  return scrapers;
}

Status CheckReceiver(HostMetricsConfig& config, config::Node node) {
  if (config.collection_interval_ms <= 0)
    return node.Fail("\"collection_interval\": requires positive value");
  if (config.initial_delay_ms < 0) return node.Fail("\"initial_delay\": requires non-negative value");
  if (MakeScrapers(config.scrapers).empty())
    return node.Fail("must specify at least one scraper when using hostmetrics receiver");
  if (!config.root_path.empty() && !node::IsDirectory(config.root_path))
    return node.Find("root_path").Fail("invalid root_path: {} is no folder", config.root_path);
  return {};
}

const config::Struct& FieldsOf(const HostMetricsConfig*) {
  using namespace config;
  using C = HostMetricsConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::collection_interval_ms>("collection_interval", GoDuration()),
          Member<&C::initial_delay_ms>("initial_delay", GoDuration()),
          Member<&C::root_path>("root_path"),
          Member<&C::scrapers>("scrapers"),
          NotYet("timeout", "reading the kernel's tables takes milliseconds").Allowing({"0", "0s"}),
          NotYet("metadata_collection_interval", "events about the host as an entity are not made"),
      },
      &CheckReceiver);
  return kFields;
}

node::HostPaths PathsBelow(std::string root) {
  while (root.ends_with('/')) root.pop_back();
  node::HostPaths paths;
  if (root.empty()) return paths;
  paths.procfs = root + "/proc";
  paths.sysfs = root + "/sys";
  paths.rootfs = root;
  paths.udev_data = root + "/run/udev/data";
  return paths;
}

class HostMetricsReceiver final : public Receiver {
 public:
  HostMetricsReceiver(const ComponentSettings& settings, const HostMetricsConfig& config, Consumer& next)
      : environment_(settings.environment),
        logger_(settings.logger),
        interval_ms_(config.collection_interval_ms),
        delay_ms_(config.initial_delay_ms),
        paths_(PathsBelow(config.root_path)),
        next_(next),
        accepted_(ReceiverCounter(settings, "accepted",
                                  "Number of metric points successfully pushed into the "
                                  "pipeline.")),
        refused_(ReceiverCounter(settings, "refused",
                                 "Number of metric points that could not be pushed into the pipeline.")),
        timer_(environment_.io, environment_.executor, core::Priority::kIngest) {
    for (std::unique_ptr<HostScraper>& scraper : MakeScrapers(config.scrapers))
      scrapers_.push_back(Watched(settings, std::move(scraper)));
  }

  Status Start() override {
    ScrapeAt(environment_.clock.MonotonicNs() + delay_ms_ * 1'000'000);
    return {};
  }

  void Shutdown() override {
    is_stopped_ = true;
    timer_.Cancel();
    // A scrape that was running when the first call came may have armed the timer once more.
    timer_.Cancel();
  }

 private:
  struct Watched {
    Watched(const ComponentSettings& settings, std::unique_ptr<HostScraper> made)
        : scraper(std::move(made)),
          scraped(Counter(settings, "scraped", "Number of metric points successfully scraped.")),
          errored(Counter(settings, "errored", "Number of metric points that were unable to be scraped.")) {}

    core::Counter& Counter(const ComponentSettings& settings, std::string_view what,
                           std::string_view help) const {
      return settings.environment.telemetry.AddCounter(
          fmt::format("otelcol_scraper_{}_metric_points", what), help,
          {{"receiver", settings.id.Text()}, {"scraper", std::string(scraper->name())}});
    }

    std::unique_ptr<HostScraper> scraper;
    core::Counter& scraped;
    core::Counter& errored;
    int64_t logged_ns = 0;  // when its errors were last told; 0: never
  };

  static core::Counter& ReceiverCounter(const ComponentSettings& settings, std::string_view what,
                                        std::string_view help) {
    return settings.environment.telemetry.AddCounter(fmt::format("otelcol_receiver_{}_metric_points", what),
                                                     help,
                                                     {{"receiver", settings.id.Text()}, {"transport", ""}});
  }

  void ScrapeAt(int64_t monotonic_ns) {
    timer_.StartAt(monotonic_ns, [this, monotonic_ns] {
      Scrape();
      if (is_stopped_) return;
      // After a pause (a suspended machine) the rhythm begins anew.
      const int64_t now_ns = environment_.clock.MonotonicNs();
      const int64_t next_ns = monotonic_ns + interval_ms_ * 1'000'000;
      ScrapeAt(next_ns > now_ns ? next_ns : now_ns + interval_ms_ * 1'000'000);
    });
  }

  void Scrape() {
    otlp::MetricsData data;
    for (Watched& one : scrapers_) {
      const size_t before = otlp::CountPoints(data);
      HostLook look{paths_, environment_.clock, environment_.version, data};
      one.scraper->Scrape(look);
      one.scraped.Increment(static_cast<double>(otlp::CountPoints(data) - before));
      one.errored.Increment(static_cast<double>(look.missing_points));
      TellErrors(one, look);
    }
    const auto points = static_cast<double>(otlp::CountPoints(data));
    if (points == 0) return;
    next_.Consume(Telemetry(std::move(data)), [this, points](Outcome outcome) {
      if (outcome) return accepted_.Increment(points);
      refused_.Increment(points);
      // The host is looked at again soon, and tells its totals then.
      logger_.Warn("metrics of the host were refused",
                   {{"err", outcome.error().message}, {"points", points}});
    });
  }

  void TellErrors(Watched& one, const HostLook& look) {
    const int64_t now_ns = environment_.clock.MonotonicNs();
    if (look.errors.empty() || (one.logged_ns != 0 && now_ns - one.logged_ns < kLogEveryNs)) return;
    one.logged_ns = now_ns;
    std::string text;
    for (size_t i = 0; i < std::min(kShownErrors, look.errors.size()); ++i)
      text += (i == 0 ? "" : "; ") + look.errors[i];
    if (look.errors.size() > kShownErrors)
      text += fmt::format("; and {} more", look.errors.size() - kShownErrors);
    logger_.Error("Error scraping metrics", {{"scraper", one.scraper->name()}, {"error", text}});
  }

  Environment& environment_;
  const core::Logger logger_;
  const core::DurationMs interval_ms_;
  const core::DurationMs delay_ms_;
  const node::HostPaths paths_;
  Consumer& next_;
  core::Counter& accepted_;
  core::Counter& refused_;
  std::vector<Watched> scrapers_;  // used by one callback of the timer at a time
  std::atomic<bool> is_stopped_{false};
  net::Timer timer_;  // last, so that it ends first
};

Made<Receiver> Make(const ComponentSettings& settings, const HostMetricsConfig& config,
                    const Outputs& outputs) {
  return std::make_unique<HostMetricsReceiver>(settings, config, *outputs.metrics);
}

}  // namespace

ComponentType HostMetricsReceiverType() {
  return ReceiverType<HostMetricsConfig>("hostmetrics", {"host_metrics"}, {Signal::kMetrics}, &Make);
}

}  // namespace sextant::pipeline
