#include "app/dashboard_service.h"

#include <algorithm>

#include "app/assets.h"
#include "config/prometheus_config.h"
#include "net/compression.h"

namespace sextant::app {

namespace {

constexpr const char* kDatabaseName = "dashboards.sqlite";
constexpr const char* kAnnotationsName = "annotations.sqlite";

std::string_view WithoutSlash(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

core::Status AddBuiltins(dashboards::Library& library) {
  for (const Asset& asset : EmbeddedAssets()) {
    if (!asset.name.starts_with("dashboards/")) continue;
    std::string json;
    SEXTANT_TRY(net::Decompress(net::Encoding::kGzip, asset.gzip, asset.size_bytes, json));
    SEXTANT_TRY(library.AddBuiltin(json).map_error(core::AddContext("{}", asset.name)));
  }
  return {};
}

}  // namespace

DashboardService::DashboardService(Services& services, Options options)
    : services_(services),
      options_(std::move(options)),
      logger_(services.logger.With("component", "dashboards")),
      problem_count_(services.registry.AddGauge(
          "sextant_provisioning_problems", "Provisioning files, or parts of them, that could not be used.")),
      library_(services.clock),
      sources_(options_.has_alerts),
      annotations_(services.clock),
      timer_(services.io, services.executor, core::Priority::kBackground),
      problems_(std::make_shared<const std::vector<std::string>>()) {}

DashboardService::~DashboardService() { Stop(); }

core::Status DashboardService::Start() {
  SEXTANT_TRY(AddBuiltins(library_));
  std::string path = core::JoinPath(options_.data_dir, kDatabaseName);
  auto store = dashboards::Store::Open(path);
  auto attached = std::move(store).and_then(
      [&](std::unique_ptr<dashboards::Store> opened) { return library_.Attach(std::move(opened)); });
  if (!attached) logger_.Error("dashboards cannot be saved", {{"file", path}, {"error", attached.error()}});
  if (attached) saved_problems_ = std::move(*attached);
  path = core::JoinPath(options_.data_dir, kAnnotationsName);
  if (core::Status opened = annotations_.Open(path); !opened)
    logger_.Error("annotations cannot be saved", {{"file", path}, {"error", opened.error()}});
  for (const std::string& problem : saved_problems_)
    logger_.Error("saved dashboards", {{"problem", problem}});
  problem_count_.Set(static_cast<double>(saved_problems_.size()));
  return {};
}

void DashboardService::Apply(const config::GrafanaSection& section) {
  {
    std::lock_guard look(look_mutex_);
    local_urls_ = section.local_urls;
    if (dir_ != section.provisioning) {
      dir_ = section.provisioning;
      provisioner_ =
          dir_.empty() ? nullptr : std::make_unique<dashboards::Provisioner>(dir_, config::ReadEnvironment);
    }
  }
  Look(true);
  StartTimer();
}

void DashboardService::Stop() {
  is_stopped_ = true;
  timer_.Cancel();
}

void DashboardService::StartTimer() {
  core::DurationMs interval_ms = 0;
  {
    std::lock_guard look(look_mutex_);
    if (provisioner_) interval_ms = provisioner_->interval_ms();
  }
  if (interval_ms == 0 || is_stopped_) return;
  timer_.StartAfter(interval_ms, [this] {
    Look(false);
    StartTimer();
  });
}

void DashboardService::Look(bool always) {
  std::lock_guard look(look_mutex_);
  if (!provisioner_) {
    if (always) Use({});
    return;
  }
  if (auto provisioned = provisioner_->Read(always)) Use(std::move(*provisioned));
}

void DashboardService::Use(dashboards::Provisioned provisioned) {
  auto is_own = [&](std::string_view url) {
    return options_.is_own_url(url) || std::ranges::any_of(local_urls_, [&](const std::string& own) {
             return WithoutSlash(own) == WithoutSlash(url);
           });
  };
  for (dashboards::DataSource& source : provisioned.sources) {
    source.kind = dashboards::KindOf(source.type, source.url, is_own);
    if (source.kind == dashboards::SourceKind::kUnsupported) {
      source.why_unsupported =
          fmt::format("data sources of type {} are not supported; it is {}", source.type, source.name);
    }
  }
  auto before = problems_.load();
  for (const std::string& problem : provisioned.problems) {
    if (std::ranges::find(*before, problem) == before->end())
      logger_.Error("provisioning", {{"problem", problem}});
  }
  provisioned.problems.insert(provisioned.problems.begin(), saved_problems_.begin(), saved_problems_.end());
  problem_count_.Set(static_cast<double>(provisioned.problems.size()));
  if (provisioner_) {
    logger_.Info("provisioned", {{"dashboards", provisioned.dashboards.size()},
                                 {"data_sources", provisioned.sources.size()}});
  }
  library_.SetProvisioned(std::move(provisioned.dashboards), std::move(provisioned.folders));
  sources_.SetProvisioned(std::move(provisioned.sources));
  problems_ = std::make_shared<const std::vector<std::string>>(std::move(provisioned.problems));
}

std::vector<std::string> DashboardService::Reload() {
  Look(true);
  return Problems();
}

std::vector<std::string> DashboardService::Problems() const { return *problems_.load(); }

}  // namespace sextant::app
