#include "metrics/remote/read_storage.h"

#include <xxhash.h>

#include <algorithm>

#include "model/merged_querier.h"

namespace sextant::remote {

namespace {

using core::Result;
using core::Status;

class RemoteSet final : public model::SeriesSet {
 public:
  RemoteSet() = default;
  explicit RemoteSet(std::vector<RemoteSeries> series) : series_(std::move(series)) {}

  size_t size() const override { return series_.size(); }
  const model::Labels& labels(size_t index) const override { return series_[index].labels; }
  Status Read(size_t index, core::TimestampMs start_ms, core::TimestampMs end_ms,
              model::SampleColumns& out) const override {
    const model::SampleColumns& all = series_[index].samples;
    out.clear();
    auto first = std::ranges::lower_bound(all.times_ms, start_ms) - all.times_ms.begin();
    auto last = std::ranges::upper_bound(all.times_ms, end_ms) - all.times_ms.begin();
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(std::max(first, last)); ++i) {
      if (!all.histograms.empty() && all.histograms[i] != nullptr) {
        out.AddHistogram(all.times_ms[i], all.histograms[i]);
      } else {
        out.Add(all.times_ms[i], all.values[i]);
      }
    }
    return {};
  }

 private:
  std::vector<RemoteSeries> series_;
};

class RemoteQuerier final : public model::Querier {
 public:
  RemoteQuerier(std::shared_ptr<ReadClient> client, model::Labels external_labels, core::TimestampMs start_ms,
                core::TimestampMs end_ms)
      : client_(std::move(client)),
        external_labels_(std::move(external_labels)),
        start_ms_(start_ms),
        end_ms_(end_ms) {}

  Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>& matchers,
                                                   const model::SelectHints& hints) const override {
    for (const auto& [name, value] : client_->config().required_matchers) {
      if (std::ranges::find(matchers, model::Matcher::Equal(name, value)) == matchers.end()) {
        return std::make_unique<RemoteSet>();
      }
    }
    // Series there have our external labels as well; here they have none.
    std::vector<model::Matcher> asked = matchers;
    std::vector<std::string> added;
    if (client_->config().filter_external_labels) {
      for (model::LabelView label : external_labels_) {
        bool is_named = std::ranges::any_of(
            matchers, [&](const model::Matcher& matcher) { return matcher.name() == label.name; });
        if (is_named) continue;
        asked.push_back(model::Matcher::Equal(label.name, label.value));
        added.emplace_back(label.name);
      }
    }
    SEXTANT_ASSIGN(std::vector<RemoteSeries> series, client_->Read(asked, hints, start_ms_, end_ms_, added));
    return std::make_unique<RemoteSet>(std::move(series));
  }
  Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<model::Matcher>&,
                                               const model::SelectHints&) const override {
    return std::vector<std::string>();
  }
  Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>&,
                                              const model::SelectHints&) const override {
    return std::vector<std::string>();
  }

 private:
  const std::shared_ptr<ReadClient> client_;
  const model::Labels external_labels_;
  const core::TimestampMs start_ms_;
  const core::TimestampMs end_ms_;
};

}  // namespace

ReadStorage::ReadStorage(const model::Queryable& local, LocalStart local_start, ReadServices services)
    : local_(local),
      local_start_(std::move(local_start)),
      services_(std::move(services)),
      remotes_(std::make_shared<const Remotes>()) {}

void ReadStorage::Apply(const std::vector<config::RemoteReadConfig>& configs,
                        const model::Labels& external_labels) {
  auto remotes = std::make_shared<Remotes>();
  remotes->external_labels = external_labels;
  for (config::RemoteReadConfig config : configs) {
    if (config.name.empty()) {
      std::string text = config::WriteYaml(config);
      config.name = fmt::format("{:016x}", XXH3_64bits(text.data(), text.size())).substr(0, 6);
    }
    remotes->clients.push_back(std::make_shared<ReadClient>(services_, std::move(config)));
  }
  std::lock_guard lock(mutex_);
  remotes_ = std::move(remotes);
}

Result<std::unique_ptr<model::Querier>> ReadStorage::NewQuerier(core::TimestampMs start_ms,
                                                                core::TimestampMs end_ms) const {
  SEXTANT_ASSIGN(std::unique_ptr<model::Querier> local, local_.NewQuerier(start_ms, end_ms));
  std::shared_ptr<const Remotes> remotes;
  {
    std::lock_guard lock(mutex_);
    remotes = remotes_;
  }
  if (remotes->clients.empty()) return local;
  std::optional<core::TimestampMs> local_start_ms = local_start_();
  std::vector<std::unique_ptr<model::Querier>> others;
  for (const std::shared_ptr<ReadClient>& client : remotes->clients) {
    core::TimestampMs asked_end_ms = end_ms;
    if (!client->config().read_recent && local_start_ms) {
      if (start_ms > *local_start_ms) continue;
      asked_end_ms = std::min(end_ms, *local_start_ms);
    }
    others.push_back(
        std::make_unique<RemoteQuerier>(client, remotes->external_labels, start_ms, asked_end_ms));
  }
  return model::MergeQueriers(std::move(local), std::move(others));
}

}  // namespace sextant::remote
