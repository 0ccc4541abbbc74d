// What the processor `k8s_attributes` counts, under the original's names. Thread-safe.
#pragma once

#include <map>

#include "core/metrics.h"
#include "pipeline/processors/k8s_rules.h"
#include "pipeline/telemetry.h"

namespace sextant::pipeline {

class K8sMetrics {
 public:
  enum class Change { kAdded, kUpdated, kDeleted };

  explicit K8sMetrics(core::Registry& registry);

  // Of a pod, namespace, node or replica set; the original does not count others.
  void CountObject(K8sKind kind, Change change);
  void CountAddressMiss() { address_misses_.Increment(); }
  // How many identifiers lead to pods.
  void SetTableSize(size_t identifiers) { table_size_.Set(static_cast<double>(identifiers)); }

 private:
  struct Changes {
    core::Counter& added;
    core::Counter& updated;
    core::Counter& deleted;
  };

  std::map<K8sKind, Changes> changes_;
  core::Counter& address_misses_;
  core::Gauge& table_size_;
};

// What became of resources of one signal.
class K8sAssociationMetrics {
 public:
  K8sAssociationMetrics(core::Registry& registry, Signal signal);

  void Count(bool is_found) { (is_found ? found_ : missed_).Increment(); }
  void CountAdded() { added_.Increment(); }

 private:
  core::Counter& found_;
  core::Counter& missed_;
  core::Counter& added_;
};

}  // namespace sextant::pipeline
