#include "metrics/remote/write_storage.h"

#include <xxhash.h>

#include <algorithm>
#include <set>
#include <thread>

#include "config/url_text.h"

namespace sextant::remote {

namespace {

using core::Status;

constexpr core::DurationMs kUpdateMs = 1'000;
constexpr std::string_view kSuffix = ".position";
constexpr std::string_view kGauge = "prometheus_remote_storage_highest_timestamp_in_seconds";
constexpr std::string_view kCounter = "prometheus_remote_storage_samples_in_total";

std::string Hash(std::string_view text) {
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

// What differs between two configurations of a queue, secrets included, which the dump hides.
std::string Fingerprint(const config::RemoteWriteConfig& config, const model::Labels& external_labels) {
  std::string text = config::WriteYaml(config) + external_labels.ToString();
  text += config.url + config::RevealSecrets(config.http) + config::RevealSecrets(config.sigv4) +
          config::RevealSecrets(config.azuread);
  return Hash(text);
}

// What names a queue over restarts and changes of the rest: its name, or else its URL and which one of those
// with this URL it is.
std::string Key(const config::RemoteWriteConfig& config, std::set<std::string>& taken) {
  for (int number = 1;; ++number) {
    std::string key = Hash(config.name.empty() ? fmt::format("{} {}", config.url, number)
                                               : fmt::format("name {} {}", config.name, number));
    if (taken.insert(key).second) return key;
  }
}

}  // namespace

WriteStorage::WriteStorage(WriteServices services, std::shared_ptr<model::CommitLogHold> hold)
    : services_(std::move(services)),
      hold_(std::move(hold)),
      timer_(services_.io, services_.executor, core::Priority::kBackground) {
  model::CommitLog& log = services_.log;
  services_.registry.AddGaugeCallback(kGauge, "Newest timestamp of a sample that the store has.", [&log] {
    return std::max(0.0, static_cast<double>(log.NewestTimeMs() / 1000));
  });
  services_.registry.AddCounterCallback(kCounter, "Samples that the store has taken since the start.",
                                        [&log] { return static_cast<double>(log.SamplesTaken()); });
  ScheduleUpdate();
}

WriteStorage::~WriteStorage() {
  Stop(0);
  services_.registry.Remove(kGauge, {});
  services_.registry.Remove(kCounter, {});
}

Status WriteStorage::Apply(const std::vector<config::RemoteWriteConfig>& configs,
                           const model::Labels& external_labels) {
  struct Wanted {
    WriteQueue::Settings settings;
    std::string fingerprint;
  };
  std::vector<Wanted> wanted;
  std::set<std::string> keys;
  for (const config::RemoteWriteConfig& config : configs) {
    SEXTANT_ASSIGN(relabel::Rules rules, relabel::Rules::Compile(config.write_relabel_configs));
    std::string key = Key(config, keys);
    wanted.push_back(
        {{config, key, std::move(rules), external_labels}, Fingerprint(config, external_labels)});
    if (config.name.empty()) wanted.back().settings.config.name = key.substr(0, 6);
  }
  if (!configs.empty()) SEXTANT_TRY(services_.files.MakeDirectories(services_.data_dir));

  std::vector<Running> before;
  {
    std::lock_guard lock(mutex_);
    before = queues_;
  }
  std::vector<Running> after;
  for (Wanted& one : wanted) {
    auto same = std::ranges::find_if(before, [&](const Running& running) {
      return running.queue->settings().key == one.settings.key && running.fingerprint == one.fingerprint;
    });
    if (same == before.end()) {
      after.push_back({one.fingerprint, nullptr});
    } else {
      after.push_back(*same);
      before.erase(same);
    }
  }
  for (Running& gone : before) gone.queue->Stop(0);
  before.clear();  // their metrics go with them
  Status result;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (after[i].queue != nullptr) continue;
    auto queue = std::make_shared<WriteQueue>(services_, std::move(wanted[i].settings));
    if (Status started = queue->Start(); started) {
      after[i].queue = std::move(queue);
    } else {
      result = started.map_error(core::AddContext("remote_write to {}", config::RedactUrl(configs[i].url)));
    }
  }
  std::erase_if(after, [](const Running& running) { return running.queue == nullptr; });
  {
    std::lock_guard lock(mutex_);
    queues_ = std::move(after);
  }
  if (result) RemoveFilesOfOthers();
  UpdateHold();
  return result;
}

// Files of queues that are not configured any more would hold the journal for ever.
void WriteStorage::RemoveFilesOfOthers() {
  std::set<std::string> names;
  {
    std::lock_guard lock(mutex_);
    for (const Running& running : queues_) names.insert(running.queue->settings().key + std::string(kSuffix));
  }
  auto files = services_.files.List(services_.data_dir);
  if (!files) return;  // there is no such directory
  for (const core::FileInfo& file : *files) {
    if (!file.name.ends_with(kSuffix) || names.contains(file.name)) continue;
    if (Status removed = services_.files.Remove(core::JoinPath(services_.data_dir, file.name)); !removed) {
      services_.logger.Warn("a file of a remote write queue that is gone was not removed",
                            {{"error", removed.error()}});
    }
  }
}

void WriteStorage::UpdateHold() {
  std::lock_guard lock(mutex_);
  uint64_t first = model::CommitLogHold::kNothing;
  for (const Running& running : queues_) first = std::min(first, running.queue->FirstNeededFile());
  hold_->first_file.store(first);
}

void WriteStorage::ScheduleUpdate() {
  timer_.StartAfter(kUpdateMs, [this] {
    UpdateHold();
    std::lock_guard lock(mutex_);
    if (!is_stopped_) ScheduleUpdate();
  });
}

void WriteStorage::Stop(core::DurationMs flush_ms) {
  std::vector<Running> queues;
  {
    std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    is_stopped_ = true;
    queues = queues_;
  }
  timer_.Cancel();
  std::vector<std::jthread> stopping;  // side by side: each may take its time
  for (Running& running : queues) {
    stopping.emplace_back([queue = running.queue, flush_ms] { queue->Stop(flush_ms); });
  }
  stopping.clear();
  UpdateHold();
}

uint64_t WriteStorage::FirstNeededFile(core::FileSystem& files, const std::string& data_dir) {
  uint64_t first = model::CommitLogHold::kNothing;
  auto entries = files.List(data_dir);
  if (!entries) return first;
  for (const core::FileInfo& entry : *entries) {
    if (!entry.name.ends_with(kSuffix)) continue;
    auto progress = WriteProgress::Load(files, core::JoinPath(data_dir, entry.name));
    if (!progress) continue;
    for (const ShardProgress& shard : progress->shards()) first = std::min(first, shard.done.batch.file);
  }
  return first;
}

}  // namespace sextant::remote
