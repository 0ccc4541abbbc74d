// node_kernel_hung_tasks_total: how often the kernel found a task that hangs.
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

core::Status CollectKernelHung(const HostPaths& paths, MetricSink& sink) {
  const std::string path = paths.Proc("sys/kernel/hung_task_detect_count");
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  SEXTANT_ASSIGN(const double count, ParseFloat(TrimSpace(text)).map_error(core::AddContext("{}", path)));
  sink.Counter("node_kernel_hung_tasks_total", "Tasks that the kernel found hanging since it started.",
               count);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeKernelHungCollector() {
  return std::make_unique<StatelessCollector>("kernel_hung", CollectKernelHung);
}

}  // namespace sextant::node
