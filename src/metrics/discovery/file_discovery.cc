#include "metrics/discovery/file_discovery.h"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "config/node.h"
#include "config/paths.h"
#include "metrics/discovery/group_text.h"

namespace sextant::discovery {

namespace {

using core::Result;

constexpr std::string_view kMtimeMetric = "prometheus_sd_file_mtime_seconds";
constexpr std::string_view kPathLabel = "__meta_filepath";

}  // namespace

Result<std::vector<TargetGroup>> ReadTargetFile(const std::string& path) {
  SEXTANT_ASSIGN(std::string text, config::ReadTextFile(path, kMaxGroupTextBytes));
  bool is_json = path.ends_with(".json") || path.ends_with(".JSON");
  SEXTANT_ASSIGN(std::vector<TargetGroup> groups,
                 is_json ? ParseGroupsJson(text, path) : ParseGroupsYaml(text, path));
  for (TargetGroup& group : groups) {
    model::LabelsBuilder labels(group.labels);
    labels.Set(kPathLabel, path);
    group.labels = labels.Build();
  }
  return groups;
}

FileDiscoverer::FileDiscoverer(const Services& services, FolderWatcher& watcher,
                               config::FileDiscoveryConfig config, const std::string& set)
    : watcher_(watcher),
      config_(std::move(config)),
      logger_(services.logger.With("discovery", "file").With("config", set)),
      registry_(services.registry),
      read_errors_(services.registry.AddCounter("prometheus_sd_file_read_errors_total",
                                                "The number of File-SD read errors.")) {}

FileDiscoverer::~FileDiscoverer() { Stop(); }

void FileDiscoverer::Start(Sink sink) {
  sink_ = std::move(sink);
  std::set<std::string> folders;
  for (const std::string& pattern : config_.files) folders.insert(config::DirectoryOf(pattern));
  watch_ = watcher_.Add(std::move(folders), config_.refresh_interval_ms, [this] { Look(); });
}

void FileDiscoverer::Stop() {
  if (watch_ == 0) return;
  watcher_.Remove(std::exchange(watch_, 0));
  for (const auto& [path, count] : group_counts_) registry_.Remove(kMtimeMetric, {{"filename", path}});
}

void FileDiscoverer::NoteTime(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return;
  registry_
      .AddGauge(kMtimeMetric, "Timestamp (mtime) of files read by FileSD. Timestamp is set at read time.",
                {{"filename", path}})
      .Set(static_cast<double>(status.st_mtim.tv_sec));
}

void FileDiscoverer::Look() {
  std::map<std::string, size_t> counts;
  std::vector<TargetGroup> found;
  for (const std::string& pattern : config_.files) {
    Result<std::vector<std::string>> paths = config::ExpandGlob(pattern);
    if (!paths) {
      logger_.Error("error expanding glob", {{"glob", pattern}, {"error", paths.error()}});
      // What the pattern matched before stays.
      counts.insert(group_counts_.begin(), group_counts_.end());
      continue;
    }
    for (const std::string& path : *paths) {
      Result<std::vector<TargetGroup>> groups = ReadTargetFile(path);
      if (!groups) {
        read_errors_.Increment();
        logger_.Error("error reading file; its last good targets stay",
                      {{"path", path}, {"error", groups.error()}});
        auto before = group_counts_.find(path);
        if (before != group_counts_.end()) counts[path] = before->second;
        continue;
      }
      NoteTime(path);
      counts[path] = groups->size();
      std::ranges::move(*groups, std::back_inserter(found));
    }
  }
  for (const auto& [path, count] : group_counts_) {
    auto now = counts.find(path);
    size_t left = now == counts.end() ? 0 : now->second;
    for (size_t i = left; i < count; ++i) found.push_back({fmt::format("{}:{}", path, i), {}, {}});
    if (now == counts.end()) registry_.Remove(kMtimeMetric, {{"filename", path}});
  }
  group_counts_ = std::move(counts);
  sink_(std::move(found));
}

}  // namespace sextant::discovery
