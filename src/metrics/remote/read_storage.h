// The local store together with remote ones (the section remote_read): what queries read from.
//
//   selector ─► local store            ─┐
//            ─► remote storage, if it   ├─► merged; what a remote one does not answer is a warning
//               is asked for this       ─┘
//
// A remote storage is asked only for selectors with its required matchers, and, unless it is to be read for
// recent times too, only for the time before the local store's samples.
//
// Any thread may call.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "metrics/remote/read_client.h"
#include "model/storage.h"

namespace sextant::remote {

class ReadStorage final : public model::Queryable {
 public:
  // Since when the local store has everything; nothing: it has no samples.
  using LocalStart = std::function<std::optional<core::TimestampMs>()>;

  // All of it outlives the storage and its queriers.
  ReadStorage(const model::Queryable& local, LocalStart local_start, ReadServices services);

  // Makes these the remote storages.
  void Apply(const std::vector<config::RemoteReadConfig>& configs, const model::Labels& external_labels);

  core::Result<std::unique_ptr<model::Querier>> NewQuerier(core::TimestampMs start_ms,
                                                           core::TimestampMs end_ms) const override;

 private:
  struct Remotes {
    std::vector<std::shared_ptr<ReadClient>> clients;
    model::Labels external_labels;
  };

  const model::Queryable& local_;
  const LocalStart local_start_;
  const ReadServices services_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Remotes> remotes_;  // guarded by mutex_
};

}  // namespace sextant::remote
