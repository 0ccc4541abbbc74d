#include "metrics/scrape/manager.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "httpclient/settings.h"
#include "metrics/scrape/accept_header.h"
#include "metrics/scrape/scrape_offset.h"

namespace sextant::scrape {

namespace {

using core::Result;
using core::Status;

constexpr size_t kMaxBodyBytes = 256 << 20;  // when the configuration sets no limit

net::FetchRequest MakeRequest(const config::ScrapeConfig& job, const std::string& user_agent,
                              const core::Clock& clock) {
  net::FetchRequest request;
  request.headers.Set("Accept", AcceptHeader(job.scrape_protocols, job.names.escaping_scheme()));
  request.headers.Set("User-Agent", user_agent);
  request.accept_compressed = job.enable_compression;
  request.max_body_bytes = job.limits.body_size_limit_bytes > 0
                               ? static_cast<size_t>(job.limits.body_size_limit_bytes)
                               : kMaxBodyBytes;
  httpclient::ApplyHttpConfig(job.http, clock, request);
  return request;
}

std::optional<exposition::Format> FallbackFormat(config::ScrapeProtocol protocol) {
  switch (protocol) {
    case config::ScrapeProtocol::kNone:
      return std::nullopt;
    case config::ScrapeProtocol::kPrometheusProto:
      return exposition::Format::kProtobuf;
    case config::ScrapeProtocol::kPrometheusText004:
    case config::ScrapeProtocol::kPrometheusText100:
      return exposition::Format::kPrometheusText;
    case config::ScrapeProtocol::kOpenMetricsText001:
    case config::ScrapeProtocol::kOpenMetricsText100:
      return exposition::Format::kOpenMetrics;
  }
  return std::nullopt;
}

// A job's configuration without its targets, secrets included, so that a changed one is noticed.
std::string Fingerprint(const config::ScrapeConfig& job) {
  config::ScrapeConfig rest = job;
  rest.static_configs.clear();
  rest.discovery = {};
  return config::WriteYaml(rest) + config::RevealSecrets(job.http);
}

}  // namespace

ScrapeManager::ScrapeManager(net::IoContext& io, net::HttpClient& client, core::Executor& executor,
                             const core::Clock& clock, model::Appendable& storage, core::Registry& registry,
                             core::Logger logger, std::string user_agent, core::DurationMs time_tolerance_ms,
                             core::Tracer* tracer, const exposition::ParserOptions& parser)
    : logger_(logger.With("component", "scrape")),
      user_agent_(std::move(user_agent)),
      parser_(parser),
      metrics_(registry),
      metadata_(registry),
      services_{io,       client,   executor,          clock, storage, metadata_,
                metrics_, buffers_, time_tolerance_ms, tracer} {}

ScrapeManager::~ScrapeManager() { Stop(); }

Result<ScrapeManager::Pool> ScrapeManager::MakePool(const config::ScrapeConfig& job) const {
  auto settings = std::make_shared<PoolSettings>();
  settings->name = job.job_name;
  settings->samples.honor_labels = job.honor_labels;
  settings->samples.honor_timestamps = job.honor_timestamps;
  settings->samples.track_timestamps_staleness = job.track_timestamps_staleness;
  settings->samples.fallback_format = FallbackFormat(job.fallback_scrape_protocol);
  exposition::ParserOptions& parser = settings->samples.parser;
  parser = parser_;
  parser.native_histograms = job.scrape_native_histograms.value_or(false);
  parser.classic_histograms = job.always_scrape_classic_histograms.value_or(false);
  parser.custom_buckets = job.convert_classic_histograms_to_nhcb.value_or(false);
  settings->samples.name_scheme = job.names.scheme();
  settings->samples.limits = job.limits;
  settings->samples.histogram_limits = job.histogram_limits;
  settings->samples.extra_metrics = job.extra_scrape_metrics.value_or(false);
  if (auto log = failure_logs_.find(job.scrape_failure_log_file); log != failure_logs_.end()) {
    settings->failure_log = log->second;
  }
  SEXTANT_ASSIGN(settings->samples.metric_relabel, relabel::Rules::Compile(job.metric_relabel_configs));
  settings->request = MakeRequest(job, user_agent_, services_.clock);
  settings->http = job.http;

  SEXTANT_ASSIGN(relabel::Rules rules, relabel::Rules::Compile(job.relabel_configs));
  Pool pool;
  pool.settings = std::move(settings);
  pool.config = std::make_shared<const config::ScrapeConfig>(job);
  pool.rules = std::make_shared<const relabel::Rules>(std::move(rules));
  pool.fingerprint = Fingerprint(job);
  auto groups = discovered_.find(job.job_name);
  pool.groups = std::make_shared<const std::vector<discovery::TargetGroup>>(
      groups == discovered_.end() ? std::vector<discovery::TargetGroup>() : groups->second);
  return pool;
}

// The targets that the pool's configuration and groups mean; notes those that were dropped.
std::vector<ScrapeTarget> ScrapeManager::FindTargets(Pool& pool) {
  const config::ScrapeConfig& job = *pool.config;
  int64_t begun_ns = services_.clock.MonotonicNs();
  TargetList list = BuildTargets(job, *pool.rules, *pool.groups);
  metrics_.SyncSeconds(job.job_name)
      .Observe(static_cast<double>(services_.clock.MonotonicNs() - begun_ns) / 1e9);
  metrics_.SyncFailures(job.job_name).Increment(static_cast<double>(list.errors.size()));
  metrics_.TargetLimit(job.job_name).Set(static_cast<double>(job.limits.target_limit));
  for (const core::Error& error : list.errors) logger_.Error("target left out", {{"error", error}});
  if (job.limits.target_limit > 0 && list.active.size() > job.limits.target_limit) {
    logger_.Error("too many targets; none of the job is scraped",
                  {{"scrape_pool", job.job_name},
                   {"targets", list.active.size()},
                   {"target_limit", job.limits.target_limit}});
    metrics_.target_limit.Increment();
    list.active.clear();
  }
  pool.dropped_count = list.dropped.size();
  size_t kept = kMaxDroppedKept;
  if (job.limits.keep_dropped_targets > 0) kept = std::min<size_t>(kept, job.limits.keep_dropped_targets);
  list.dropped.resize(std::min(list.dropped.size(), kept));
  pool.dropped = std::move(list.dropped);
  return std::move(list.active);
}

ScrapeManager::Pool ScrapeManager::MakeLocalPool(const LocalJob& job,
                                                 std::vector<ScrapeTarget>& targets) const {
  auto settings = std::make_shared<PoolSettings>();
  settings->name = job.name;
  settings->local = job.source;
  ScrapeTarget target;
  target.labels = model::Labels::Of({{"instance", job.instance}, {"job", job.name}});
  target.discovered_labels = target.labels;
  target.url = fmt::format("in-process://{}/metrics", job.name);
  target.interval_ms = job.interval_ms;
  target.timeout_ms = job.interval_ms;
  targets.push_back(std::move(target));
  Pool pool;
  pool.settings = std::move(settings);
  pool.fingerprint = fmt::format("local {}", job.interval_ms);
  return pool;
}

// Takes over the loops of targets that were there before; makes loops for the others.
void ScrapeManager::StartLoops(Pool& pool, Pool* previous, std::vector<ScrapeTarget> targets,
                               std::vector<std::shared_ptr<ScrapeLoop>>& started) {
  bool may_keep = previous != nullptr && previous->fingerprint == pool.fingerprint;
  std::unordered_multimap<uint64_t, std::shared_ptr<ScrapeLoop>*> before;
  if (may_keep) {
    for (auto& loop : previous->loops) before.emplace(loop->target().labels.Hash(), &loop);
  }
  for (ScrapeTarget& target : targets) {
    auto [begin, end] = before.equal_range(target.labels.Hash());
    auto kept = std::find_if(
        begin, end, [&](const auto& entry) { return *entry.second && (*entry.second)->target() == target; });
    if (kept != end) {
      pool.loops.push_back(std::move(*kept->second));
      continue;
    }
    core::DurationMs offset_ms = ScrapeOffset(target, targets.size());
    pool.loops.push_back(
        std::make_shared<ScrapeLoop>(services_, pool.settings, std::move(target), offset_ms, logger_));
    started.push_back(pool.loops.back());
  }
  if (may_keep) std::erase(previous->loops, nullptr);
}

void ScrapeManager::NoteTargets(const std::string& name, const Pool& pool) {
  metrics_.Targets(name).Set(static_cast<double>(pool.loops.size()));
}

// Loops go on with the logs that they have: the same file stays the same log.
Status ScrapeManager::OpenFailureLogs(const std::vector<config::ScrapeConfig>& jobs) {
  std::map<std::string, std::shared_ptr<FailureLog>> logs;
  for (const config::ScrapeConfig& job : jobs) {
    const std::string& path = job.scrape_failure_log_file;
    if (path.empty() || logs.contains(path)) continue;
    if (auto before = failure_logs_.find(path); before != failure_logs_.end()) {
      SEXTANT_TRY(before->second->Reopen());
      logs.insert(*before);
    } else {
      SEXTANT_ASSIGN(logs[path], FailureLog::Open(files_, services_.clock, path));
    }
  }
  failure_logs_ = std::move(logs);
  return {};
}

Status ScrapeManager::Apply(const std::vector<config::ScrapeConfig>& jobs, std::vector<LocalJob> local_jobs) {
  std::lock_guard apply_lock(apply_mutex_);
  // Everything that can fail comes first.
  SEXTANT_TRY(OpenFailureLogs(jobs));
  std::vector<std::pair<Pool, std::vector<ScrapeTarget>>> made;
  for (const config::ScrapeConfig& job : jobs) {
    Result<Pool> pool_made = MakePool(job);
    if (!pool_made) {
      metrics_.reloads_failed.Increment();
      return tl::unexpected(std::move(pool_made).error());
    }
    Pool pool = std::move(*pool_made);
    std::vector<ScrapeTarget> targets = FindTargets(pool);
    made.emplace_back(std::move(pool), std::move(targets));
  }
  for (const LocalJob& job : local_jobs) {
    std::vector<ScrapeTarget> targets;
    Pool pool = MakeLocalPool(job, targets);
    made.emplace_back(std::move(pool), std::move(targets));
  }

  Pools previous;
  std::vector<std::shared_ptr<ScrapeLoop>> started;
  {
    std::lock_guard lock(mutex_);
    previous.swap(pools_);
    for (auto& [pool, targets] : made) {
      const std::string& name = pool.settings->name;
      auto before = previous.find(name);
      (before == previous.end() ? metrics_.pools : metrics_.reloads).Increment();
      StartLoops(pool, before == previous.end() ? nullptr : &before->second, std::move(targets), started);
      NoteTargets(name, pool);
      pools_.emplace(name, std::move(pool));
    }
  }
  // What is gone ends before what replaces it begins, so that one series never has two writers.
  for (auto& [name, pool] : previous) {
    for (const auto& loop : pool.loops) loop->Stop(true);
    std::lock_guard lock(mutex_);
    if (!pools_.contains(name)) metrics_.ForgetJob(name);
  }
  // The process's own targets are few and local: their first samples need not wait.
  for (const auto& loop : started) loop->Start(static_cast<bool>(loop->settings()->local));
  return {};
}

void ScrapeManager::SetDiscovered(discovery::TargetSets sets) {
  std::lock_guard apply_lock(apply_mutex_);
  if (is_stopped_) return;
  // Pools change under apply_mutex_ only, so that reading their configuration needs no more than that.
  std::vector<std::pair<Pool, std::vector<ScrapeTarget>>> changed;
  for (const auto& [name, pool] : pools_) {
    if (!pool.config) continue;
    auto found = sets.find(name);
    auto groups = std::make_shared<const std::vector<discovery::TargetGroup>>(
        found == sets.end() ? std::vector<discovery::TargetGroup>() : found->second);
    if (*groups == *pool.groups) continue;
    Pool next;
    next.settings = pool.settings;
    next.config = pool.config;
    next.rules = pool.rules;
    next.groups = std::move(groups);
    next.fingerprint = pool.fingerprint;
    std::vector<ScrapeTarget> targets = FindTargets(next);
    changed.emplace_back(std::move(next), std::move(targets));
  }
  discovered_ = std::move(sets);

  std::vector<Pool> previous;
  std::vector<std::shared_ptr<ScrapeLoop>> started;
  {
    std::lock_guard lock(mutex_);
    for (auto& [next, targets] : changed) {
      const std::string& name = next.settings->name;
      Pool& pool = pools_.at(name);
      StartLoops(next, &pool, std::move(targets), started);
      NoteTargets(name, next);
      previous.push_back(std::exchange(pool, std::move(next)));
    }
  }
  for (const Pool& pool : previous) {
    for (const auto& loop : pool.loops) loop->Stop(true);
  }
  for (const auto& loop : started) loop->Start(false);
}

void ScrapeManager::Stop() {
  Pools stopping;
  std::lock_guard apply_lock(apply_mutex_);
  is_stopped_ = true;
  {
    std::lock_guard lock(mutex_);
    stopping.swap(pools_);
  }
  for (auto& [name, pool] : stopping) {
    for (const auto& loop : pool.loops) loop->Stop(false);
  }
}

TargetsStatus ScrapeManager::Status() const {
  TargetsStatus status;
  std::lock_guard lock(mutex_);
  for (const auto& [name, pool] : pools_) {
    for (const auto& loop : pool.loops) status.active.push_back(loop->Status());
    for (const model::Labels& labels : pool.dropped) status.dropped.push_back({name, labels});
    status.dropped_counts[name] = pool.dropped_count;
  }
  std::ranges::stable_sort(status.active, [](const TargetStatus& a, const TargetStatus& b) {
    return a.pool != b.pool ? a.pool < b.pool : (a.labels <=> b.labels) < 0;
  });
  return status;
}

std::shared_ptr<const config::ScrapeConfig> ScrapeManager::PoolConfig(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto pool = pools_.find(name);
  return pool == pools_.end() ? nullptr : pool->second.config;
}

Status ScrapeManager::PreviewBody(const std::string& pool, std::string_view url,
                                  BodyPreviewCallback callback) const {
  std::shared_ptr<ScrapeLoop> loop;
  std::shared_ptr<const config::ScrapeConfig> config;
  {
    std::lock_guard lock(mutex_);
    auto found = pools_.find(pool);
    if (found == pools_.end())
      return core::Fail(core::Code::kInvalidArgument, "scrape pool {} not found", model::QuoteGo(pool));
    for (const auto& one : found->second.loops) {
      if (one->target().url == url) loop = one;
    }
    config = found->second.config;
  }
  if (loop == nullptr) {
    return core::Fail(core::Code::kNotFound, "the scrape pool {} has no active target {}",
                      model::QuoteGo(pool), model::QuoteGo(url));
  }
  if (previews_->fetch_add(1) >= kMaxPreviews) {
    previews_->fetch_sub(1);
    return core::Fail(core::Code::kUnavailable, "{} targets are being asked already, try again later",
                      kMaxPreviews);
  }
  auto done = [previews = previews_, callback = std::move(callback)](BodyPreview preview) {
    previews->fetch_sub(1);
    callback(std::move(preview));
  };
  if (loop->settings()->local) {
    Result<ScrapedBody> body = loop->settings()->local();
    done(body ? PreviewOf(body->text, body->content_type) : BodyPreview{.error = body.error().message()});
    return {};
  }
  Result<net::FetchRequest> request = loop->MakeRequest();
  if (!request) {
    done(BodyPreview{.error = request.error().message()});
    return {};
  }
  FetchBodyPreview(services_.client, services_.executor, services_.clock, *config, std::move(*request),
                   std::move(done));
  return {};
}

std::vector<std::string> ScrapeManager::PoolNames() const {
  std::vector<std::string> names;
  std::lock_guard lock(mutex_);
  for (const auto& [name, pool] : pools_) names.push_back(name);
  return names;
}

}  // namespace sextant::scrape
