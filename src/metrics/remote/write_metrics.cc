#include "metrics/remote/write_metrics.h"

#include <fmt/core.h>

namespace sextant::remote {

namespace {

constexpr std::string_view kPrefix = "prometheus_remote_storage_";

// All families, for taking them away.
constexpr std::string_view kFamilies[] = {
    "samples_total",
    "samples_failed_total",
    "samples_retried_total",
    "samples_dropped_total",
    "samples_pending",
    "exemplars_total",
    "exemplars_failed_total",
    "exemplars_retried_total",
    "exemplars_dropped_total",
    "exemplars_pending",
    "histograms_total",
    "histograms_failed_total",
    "histograms_retried_total",
    "histograms_dropped_total",
    "histograms_pending",
    "metadata_total",
    "metadata_failed_total",
    "metadata_bytes_total",
    "bytes_total",
    "enqueue_retries_total",
    "sent_batch_duration_seconds",
    "queue_highest_timestamp_seconds",
    "queue_highest_sent_timestamp_seconds",
    "shard_capacity",
    "shards",
    "shards_max",
    "shards_min",
    "shards_desired",
    "max_samples_per_send",
};

// As Prometheus' watcher of its own journal, whose consumers are the queues.
constexpr std::string_view kJournalFile = "prometheus_wal_watcher_current_segment";

std::string Name(std::string_view name) { return std::string(kPrefix) + std::string(name); }

core::MetricLabels WithReason(core::MetricLabels labels, std::string_view reason) {
  labels.emplace_back("reason", reason);
  return labels;
}

WriteMetrics::PerKind MakeKind(core::Registry& registry, const core::MetricLabels& labels,
                               std::string_view kind) {
  auto counter = [&](std::string_view what, std::string_view help) -> core::Counter& {
    return registry.AddCounter(Name(fmt::format("{}_{}total", kind, what)), fmt::format("{} {}", kind, help),
                               labels);
  };
  auto dropped = [&](std::string_view reason) -> core::Counter& {
    return registry.AddCounter(Name(fmt::format("{}_dropped_total", kind)),
                               fmt::format("{} that were not sent, by reason.", kind),
                               WithReason(labels, reason));
  };
  return {counter("", "sent to remote storage."),
          counter("failed_", "that remote storage refused for good."),
          counter("retried_", "that will be sent again after an error that may pass."),
          dropped("dropped_series"),
          dropped("too_old"),
          dropped("unintentionally_dropped_series"),
          registry.AddGauge(Name(fmt::format("{}_pending", kind)),
                            fmt::format("{} that wait in the shards.", kind), labels)};
}

}  // namespace

WriteMetrics::WriteMetrics(core::Registry& registry, const std::string& name, const std::string& url)
    : registry_(registry),
      labels_({{"remote_name", name}, {"url", url}}),
      samples(MakeKind(registry, labels_, "samples")),
      exemplars(MakeKind(registry, labels_, "exemplars")),
      histograms(MakeKind(registry, labels_, "histograms")),
      histograms_with_custom_buckets(registry.AddCounter(Name("histograms_dropped_total"),
                                                         "histograms that were not sent, by reason.",
                                                         WithReason(labels_, "nhcb_in_rw1_not_supported"))),
      metadata(registry.AddCounter(Name("metadata_total"), "Metadata entries sent.", labels_)),
      metadata_failed(
          registry.AddCounter(Name("metadata_failed_total"), "Metadata entries not taken.", labels_)),
      metadata_bytes(
          registry.AddCounter(Name("metadata_bytes_total"), "Compressed bytes of metadata sent.", labels_)),
      bytes(registry.AddCounter(Name("bytes_total"), "Compressed bytes of samples sent.", labels_)),
      enqueue_retries(registry.AddCounter(Name("enqueue_retries_total"),
                                          "How often reading waited for a shard's queue.", labels_)),
      sent_batch_seconds(registry.AddHistogram(
          Name("sent_batch_duration_seconds"), "How long sending a batch took.",
          {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25, 60, 120, 300}, labels_)),
      highest_timestamp(registry.AddGauge(Name("queue_highest_timestamp_seconds"),
                                          "Newest timestamp of a sample that was queued.", labels_)),
      highest_sent_timestamp(registry.AddGauge(Name("queue_highest_sent_timestamp_seconds"),
                                               "Newest timestamp of a sample that was sent.", labels_)),
      shard_capacity(registry.AddGauge(Name("shard_capacity"), "Samples that a shard may hold.", labels_)),
      shards(registry.AddGauge(Name("shards"), "Shards that send now.", labels_)),
      shards_max(registry.AddGauge(Name("shards_max"), "Most shards.", labels_)),
      shards_min(registry.AddGauge(Name("shards_min"), "Fewest shards.", labels_)),
      shards_desired(registry.AddGauge(Name("shards_desired"), "Shards that are wanted.", labels_)),
      max_samples_per_send(
          registry.AddGauge(Name("max_samples_per_send"), "Most samples of a request.", labels_)),
      journal_file(registry.AddGauge(kJournalFile, "Number of the journal's file that is read.",
                                     {{"consumer", name}})) {}

WriteMetrics::~WriteMetrics() {
  for (std::string_view family : kFamilies) registry_.Remove(Name(family), labels_);
  registry_.Remove(kJournalFile, {{"consumer", labels_.front().second}});
}

}  // namespace sextant::remote
