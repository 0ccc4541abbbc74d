#include "app/promtool/check_discovery.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

#include "config/prometheus_config.h"
#include "core/clock.h"
#include "core/duration.h"
#include "core/executor.h"
#include "core/json_writer.h"
#include "metrics/discovery/manager.h"
#include "metrics/relabel/relabel.h"
#include "metrics/scrape/target_builder.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::promtool {

namespace {

using core::Result;

// What service discovery finds for a job within a time.
std::vector<discovery::TargetGroup> Discover(const config::ScrapeConfig& job, core::DurationMs timeout_ms,
                                             Output& output) {
  if (job.discovery.empty()) return {};
  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor({.threads = 3, .queue_limit_tasks = 1'000});
  net::IoContext io;
  net::HttpClient client(io, registry);
  std::mutex mutex;
  std::condition_variable found;
  std::optional<discovery::TargetSets> sets;  // guarded by mutex
  std::string log;                            // likewise
  core::Logger logger(clock, {.level = core::LogLevel::kWarn,
                              .format = core::LogFormat::kLogfmt,
                              .writer = [&](std::string_view line) {
                                std::lock_guard lock(mutex);
                                log += line;
                              }});
  discovery::ManagerOptions options;
  options.name = "promtool";
  options.interval_ms = timeout_ms;
  discovery::Manager manager({io, client, executor, clock, registry, logger, "Sextant promtool"}, options,
                             [&](discovery::TargetSets update) {
                               std::lock_guard lock(mutex);
                               sets = std::move(update);
                               found.notify_all();
                             });
  manager.Apply({{job.job_name, job.discovery}});
  {
    std::unique_lock lock(mutex);
    found.wait_for(lock, std::chrono::milliseconds(timeout_ms + 1'000), [&] { return sets.has_value(); });
  }
  manager.Stop();
  client.Stop();
  output.err += log;
  if (!sets) return {};
  auto own = sets->find(job.job_name);
  return own == sets->end() ? std::vector<discovery::TargetGroup>() : own->second;
}

std::string LabelsJson(const model::Labels& labels) {
  if (labels.empty()) return "{}";
  core::JsonWriter json;
  std::string out = "{";
  for (model::LabelView label : labels) {
    core::JsonWriter name;
    name.String(label.name);
    core::JsonWriter value;
    value.String(label.value);
    out += fmt::format("{}\n      {}: {}", out.size() > 1 ? "," : "", std::move(name).Take(),
                       std::move(value).Take());
  }
  return out + "\n    }";
}

std::string ResultJson(const model::Labels& discovered, const model::Labels& labels) {
  return fmt::format("  {{\n    \"discoveredLabels\": {},\n    \"labels\": {}\n  }}", LabelsJson(discovered),
                     LabelsJson(labels));
}

}  // namespace

Result<int> CheckServiceDiscovery(const CommandArguments& arguments, Output& output) {
  const std::vector<std::string>& words = arguments.positional();
  if (words.empty()) return RequireFiles({}, "config-file").map([] { return kFailure; });
  if (words.size() == 1) return RequireFiles({}, "job").map([] { return kFailure; });
  SEXTANT_TRY(RequireFiles({words[0]}, "config-file"));
  SEXTANT_ASSIGN(core::DurationMs timeout_ms, core::ParseDuration(arguments.Get("timeout", "30s")));
  auto config = config::LoadPrometheusConfig(words[0]);
  if (config && arguments.IsOn("agent")) {
    if (core::Status allowed = config::CheckForAgent(*config); !allowed)
      config = tl::unexpected(allowed.error());
  }
  if (!config) {
    output.ErrorLine("Cannot load config " + config.error().message());
    return kFailure;
  }
  auto job = std::ranges::find_if(config->scrape_configs,
                                  [&](const config::ScrapeConfig& one) { return one.job_name == words[1]; });
  if (job == config->scrape_configs.end()) {
    output.ErrorLine(fmt::format("Job {} not found. Select one of:", words[1]));
    for (const config::ScrapeConfig& one : config->scrape_configs) output.ErrorLine("\t" + one.job_name);
    return kFailure;
  }
  std::vector<discovery::TargetGroup> groups = Discover(*job, timeout_ms, output);
  SEXTANT_ASSIGN(relabel::Rules rules, relabel::Rules::Compile(job->relabel_configs));
  scrape::TargetList list = scrape::BuildTargets(*job, rules, groups);
  std::string results;
  auto add = [&](const model::Labels& discovered, const model::Labels& labels) {
    results += (results.empty() ? "\n" : ",\n") + ResultJson(discovered, labels);
  };
  for (const scrape::ScrapeTarget& target : list.active) add(target.discovered_labels, target.labels);
  for (const model::Labels& dropped : list.dropped) add(dropped, {});
  for (const core::Error& error : list.errors) output.ErrorLine(error.message());
  output.out += results.empty() ? "[]" : fmt::format("[{}\n]", results);
  return list.errors.empty() ? kSuccess : kFailure;
}

}  // namespace sextant::promtool
