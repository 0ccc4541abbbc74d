#include "pipeline/connectors/service_graph_config.h"

#include <algorithm>

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using config::Struct;
using core::Status;

Status CheckConfig(ServiceGraphConfig& config, Node node) {
  if (!config.latency_histogram_buckets_ns.empty() && config.exponential_histogram_max_size != 0) {
    return node.Fail("use either `latency_histogram_buckets` or `exponential_histogram_max_size`");
  }
  if (config.exponential_histogram_max_size < 0) {
    return node.Fail("exponential_histogram_max_size must not be negative");
  }
  if (std::ranges::adjacent_find(config.latency_histogram_buckets_ns, std::greater_equal<>()) !=
      config.latency_histogram_buckets_ns.end()) {
    return node.Fail("latency_histogram_buckets must be in ascending order");
  }
  if (config.metrics_timestamp_offset_ms < 0) {
    return node.Fail("metrics_timestamp_offset must not be negative");
  }
  // As the original reads them.
  if (config.cache_loop_ms <= 0) config.cache_loop_ms = 60'000;
  if (config.store_expiration_loop_ms <= 0) config.store_expiration_loop_ms = 2'000;
  if (!config.database_name_attribute.empty() &&
      std::ranges::find(config.database_name_attributes, config.database_name_attribute) ==
          config.database_name_attributes.end()) {
    config.database_name_attributes.push_back(config.database_name_attribute);
  }
  if (config.database_name_attributes.empty()) config.database_name_attributes = {"db.name"};
  return {};
}

Status CheckStore(ServiceGraphConfig::Store& store, Node node) {
  if (store.max_items <= 0) return node.Fail("max_items must be above 0");
  if (store.ttl_ms < 0) return node.Fail("ttl must not be negative");
  return {};
}

}  // namespace

const Struct& FieldsOf(const ServiceGraphConfig::Store*) {
  using C = ServiceGraphConfig::Store;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::max_items>("max_items").AlwaysWritten(),
          Member<&C::ttl_ms>("ttl", GoDuration()),
      },
      &CheckStore);
  return kFields;
}

const Struct& FieldsOf(const ServiceGraphConfig*) {
  using C = ServiceGraphConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::metrics_exporter>("metrics_exporter"),
          Member<&C::latency_histogram_buckets_ns>("latency_histogram_buckets", GoDurationNs()),
          Member<&C::exponential_histogram_max_size>("exponential_histogram_max_size"),
          Member<&C::dimensions>("dimensions"),
          config::NotYet("edge_dimensions",
                         "the original dropped it for dimensions, which stand on both ends"),
          Member<&C::store>("store"),
          Member<&C::cache_loop_ms>("cache_loop", GoDuration()),
          Member<&C::store_expiration_loop_ms>("store_expiration_loop", GoDuration()),
          Member<&C::virtual_node_peer_attributes>("virtual_node_peer_attributes").AlwaysWritten(),
          Member<&C::has_virtual_node_label>("virtual_node_extra_label"),
          Member<&C::metrics_flush_interval_ms>("metrics_flush_interval", GoDuration()),
          Member<&C::metrics_timestamp_offset_ms>("metrics_timestamp_offset", GoDuration()),
          Member<&C::database_name_attribute>("database_name_attribute"),
          Member<&C::database_name_attributes>("database_name_attributes"),
      },
      &CheckConfig);
  return kFields;
}

}  // namespace sextant::pipeline
