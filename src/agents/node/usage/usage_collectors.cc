// sextant_process_* and sextant_cgroup_*: who uses this machine. Ours alone, and off where we stand in for
// node_exporter.
#include <memory>

#include "agents/node/collectors.h"
#include "agents/node/usage/cgroup_usage.h"
#include "agents/node/usage/process_usage.h"

namespace sextant::node {
namespace {

class ProcessUsageCollector final : public Collector {
 public:
  explicit ProcessUsageCollector(std::shared_ptr<ProcessUsage> usage) : usage_(std::move(usage)) {}
  std::string_view name() const override { return "process_usage"; }
  core::Status Collect(const HostPaths&, MetricSink& sink) override {
    SEXTANT_TRY(usage_->Look(/*with_io=*/true));
    usage_->Expose(sink);
    return {};
  }

 private:
  const std::shared_ptr<ProcessUsage> usage_;
};

class CgroupUsageCollector final : public Collector {
 public:
  explicit CgroupUsageCollector(std::shared_ptr<CgroupUsage> usage) : usage_(std::move(usage)) {}
  std::string_view name() const override { return "cgroup_usage"; }
  core::Status Collect(const HostPaths&, MetricSink& sink) override {
    SEXTANT_TRY(usage_->Look());
    usage_->Expose(sink);
    return {};
  }

 private:
  const std::shared_ptr<CgroupUsage> usage_;
};

}  // namespace

std::unique_ptr<Collector> MakeProcessUsageCollector(std::shared_ptr<ProcessUsage> usage) {
  return std::make_unique<ProcessUsageCollector>(std::move(usage));
}

std::unique_ptr<Collector> MakeCgroupUsageCollector(std::shared_ptr<CgroupUsage> usage) {
  return std::make_unique<CgroupUsageCollector>(std::move(usage));
}

}  // namespace sextant::node
