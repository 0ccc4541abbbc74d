#include "pipeline/processors/k8s_metrics.h"

#include <fmt/format.h>

namespace sextant::pipeline {

namespace {

constexpr std::pair<K8sKind, std::string_view> kCounted[] = {{K8sKind::kPod, "pod"},
                                                             {K8sKind::kNamespace, "namespace"},
                                                             {K8sKind::kNode, "node"},
                                                             {K8sKind::kReplicaSet, "replicaset"}};

core::Counter& AddAssociations(core::Registry& registry, std::string_view name, std::string_view help,
                               Signal signal) {
  return registry.AddCounter(fmt::format("otelcol_processor_k8sattributes_{}", name), help,
                             {{"k8s_telemetry_type", std::string(SignalName(signal))}});
}

}  // namespace

K8sMetrics::K8sMetrics(core::Registry& registry)
    : address_misses_(registry.AddCounter("otelcol_otelsvc_k8s_ip_lookup_miss",
                                          "Number of times pod by IP lookup failed.")),
      table_size_(
          registry.AddGauge("otelcol_otelsvc_k8s_pod_table_size", "Size of table containing pod info.")) {
  for (const auto& [kind, name] : kCounted) {
    auto add = [&](std::string_view change, std::string_view event) -> core::Counter& {
      return registry.AddCounter(fmt::format("otelcol_otelsvc_k8s_{}_{}", name, change),
                                 fmt::format("Number of {} {} events received.", name, event));
    };
    changes_.emplace(kind, Changes{add("added", "add"), add("updated", "update"), add("deleted", "delete")});
  }
}

void K8sMetrics::CountObject(K8sKind kind, Change change) {
  auto found = changes_.find(kind);
  if (found == changes_.end()) return;
  const Changes& counters = found->second;
  switch (change) {
    case Change::kAdded:
      return counters.added.Increment();
    case Change::kUpdated:
      return counters.updated.Increment();
    case Change::kDeleted:
      return counters.deleted.Increment();
  }
}

K8sAssociationMetrics::K8sAssociationMetrics(core::Registry& registry, Signal signal)
    : found_(AddAssociations(registry, "pod_association_success", "Number of successful pod associations.",
                             signal)),
      missed_(
          AddAssociations(registry, "pod_association_error", "Number of failed pod associations.", signal)),
      added_(AddAssociations(registry, "resource_attributes_added",
                             "Number of times resource attributes were successfully added to resources.",
                             signal)) {}

}  // namespace sextant::pipeline
