// The exporter `sextant`: metrics go straight into the metric store of this process, without a network and
// without a queue. What the store refuses for good is counted, logged once and not offered again; while it
// cannot write, the batch goes back to who sent it.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>

#include "metrics/remote/otlp_store.h"
#include "pipeline/component.h"
#include "pipeline/item_account.h"

namespace sextant::pipeline {

// Into a store, with what the collector counts of an exporter. Any thread.
class MetricStoreConsumer final : public Consumer, public KeepsAccount {
 public:
  // `id` is the exporter's in metrics. All of it must outlive this.
  MetricStoreConsumer(remote::OtlpStore& store, core::Registry& telemetry, const ComponentId& id,
                      core::Logger logger);

  void Consume(Telemetry batch, Done done) override;
  ItemAccount Account() const override;

 private:
  void NoteErrors(const remote::OtlpRefusals& refusals);

  remote::OtlpStore& store_;
  const core::Logger logger_;
  core::Counter& sent_;
  core::Counter& failed_;
  std::atomic<uint64_t> sent_items_{0};    // by this one
  std::atomic<uint64_t> failed_items_{0};  // by this one
  DropCount refused_{"refused by the store"};
  std::mutex mutex_;
  std::set<std::string> known_errors_;  // guarded by mutex_
};

ComponentType SextantExporterType();

}  // namespace sextant::pipeline
