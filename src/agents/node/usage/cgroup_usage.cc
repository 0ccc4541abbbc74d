#include "agents/node/usage/cgroup_usage.h"

#include <algorithm>
#include <utility>

#include "agents/node/usage/container_names.h"
#include "agents/node/usage/greatest.h"

namespace sextant::node {
namespace {

// A container's control group may be there before the file that names it.
constexpr int kNameAttempts = 3;
constexpr char kSeparator = '\x1f';

// Groups with the same labels are one series.
std::string SeriesKey(const CgroupIdentity& identity) {
  return identity.name + kSeparator + identity.kind + kSeparator + identity.id + kSeparator + identity.pod;
}

struct SeriesLabels {
  std::string_view name;
  std::string_view kind;
  std::string_view id;
  std::string_view pod;
};

SeriesLabels LabelsOf(const TopGroups::Series& series) {
  if (series.is_rest) return {.name = series.name, .kind = "other", .id = {}, .pod = {}};
  std::string_view rest = series.name;
  const auto next = [&] {
    const size_t end = rest.find(kSeparator);
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
  };
  SeriesLabels labels;
  labels.name = next();
  labels.kind = next();
  labels.id = next();
  labels.pod = next();
  return labels;
}

// A control group that begins anew under its old path counts from 0.
int64_t Increase(int64_t before, int64_t now) { return now >= before ? now - before : now; }

Usage Increase(const Usage& before, const Usage& now) {
  return {.cpu_us = Increase(before.cpu_us, now.cpu_us),
          .read_bytes = Increase(before.read_bytes, now.read_bytes),
          .written_bytes = Increase(before.written_bytes, now.written_bytes)};
}

}  // namespace

CgroupUsage::CgroupUsage(HostPaths paths, const core::Clock& clock, UsageLimits limits)
    : paths_(std::move(paths)), clock_(clock), groups_(limits.top_count, limits.group_limit) {}

core::Status CgroupUsage::Look() {
  const int64_t begin_ns = clock_.MonotonicNs();
  SEXTANT_ASSIGN(const CgroupSnapshot snapshot, ReadCgroups(paths_));
  std::vector<std::string> nameless;
  {
    const std::lock_guard lock(mutex_);
    nameless = NamelessContainers(snapshot);
  }
  const std::map<std::string, std::string> names = FindContainerNames(paths_, nameless);
  const std::lock_guard lock(mutex_);
  // Of two looks at the same time the later one is enough.
  if (!has_looked_ || begin_ns >= looked_ns_) Merge(snapshot, names, begin_ns);
  return {};
}

core::Status CgroupUsage::LookAgainAfter(core::DurationMs max_age_ms) {
  {
    const std::lock_guard lock(mutex_);
    if (has_looked_ && clock_.MonotonicNs() - looked_ns_ < max_age_ms * 1'000'000) return {};
  }
  return Look();
}

std::vector<std::string> CgroupUsage::NamelessContainers(const CgroupSnapshot& snapshot) const {
  std::vector<std::string> ids;
  for (const CgroupSample& sample : snapshot.groups) {
    const auto found = known_.find(sample.path);
    if (found != known_.end() && found->second.name_attempts >= kNameAttempts) continue;
    std::string id =
        found != known_.end() ? found->second.identity.full_id : IdentifyCgroup(sample.path).full_id;
    if (!id.empty()) ids.push_back(std::move(id));
  }
  return ids;
}

void CgroupUsage::Merge(const CgroupSnapshot& snapshot, const std::map<std::string, std::string>& names,
                        int64_t begin_ns) {
  // A group that is new to us began after the last look, unless that had left some out.
  const bool is_new_whole = has_looked_ && overlooked_ == 0;
  groups_.ClearLevels();
  std::map<std::string, Known> next;
  for (const CgroupSample& sample : snapshot.groups) {
    auto known = known_.extract(sample.path);
    const bool is_known = !known.empty();
    Known& entry = is_known ? next.insert(std::move(known)).position->second : next[sample.path];
    if (!is_known) {
      entry.identity = IdentifyCgroup(sample.path);
      // Nothing before it counts; or nothing was before it.
      if (!is_new_whole) entry.usage = entry.rated = sample.usage;
    }
    MergeOne(sample, names, !is_known && !is_new_whole, entry);
  }
  known_ = std::move(next);
  groups_.ForgetIfNearlyFull();
  if (!has_looked_) whole_at_start_ = snapshot.whole;
  CountRest(snapshot.whole);
  WorkOutRates(begin_ns);
  looked_ns_ = begin_ns;
  has_looked_ = true;
  overlooked_ = snapshot.overlooked;
}

void CgroupUsage::MergeOne(const CgroupSample& sample, const std::map<std::string, std::string>& names,
                           bool was_there_before, Known& known) {
  const bool is_nameless = !known.identity.full_id.empty() && known.name_attempts < kNameAttempts;
  if (is_nameless) {
    const auto name = names.find(known.identity.full_id);
    known.name_attempts = name == names.end() ? known.name_attempts + 1 : kNameAttempts;
    if (name != names.end()) known.identity.name = PrintableText(name->second);
  }
  known.group = groups_.Find(SeriesKey(known.identity));
  if (was_there_before) groups_.AddEarlier(known.group, sample.usage);
  const Usage used = Increase(known.usage, sample.usage);
  groups_.Add(known.group, used);
  counted_ += used;
  groups_.AddLevel(known.group, sample.level);
  known.usage = sample.usage;
  known.level = sample.level;
  known.now.memory_bytes = sample.level.memory_bytes;
}

// Looks may follow each other closely; rates are of longer times.
void CgroupUsage::WorkOutRates(int64_t now_ns) {
  constexpr int64_t kShortestRateNs = 900'000'000;
  if (has_looked_ && now_ns - rated_ns_ < kShortestRateNs) return;
  interval_seconds_ = has_looked_ ? static_cast<double>(now_ns - rated_ns_) / 1e9 : 0;
  rated_ns_ = now_ns;
  for (auto& [path, known] : known_) {
    const Usage used = Increase(known.rated, known.usage);
    known.rated = known.usage;
    if (interval_seconds_ <= 0) continue;
    known.now.cpu_cores = static_cast<double>(used.cpu_us) / 1e6 / interval_seconds_;
    known.now.read_bytes_per_second = static_cast<double>(used.read_bytes) / interval_seconds_;
    known.now.written_bytes_per_second = static_cast<double>(used.written_bytes) / interval_seconds_;
  }
}

// "0::/system.slice/a.service", or of the first version "4:memory:/…" for each controller.
std::optional<CgroupIdentity> CgroupUsage::FindProcess(int32_t pid) const {
  const auto text = ReadHostFile(paths_.Proc(std::to_string(pid)) + "/cgroup");
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  std::string_view line;
  const std::lock_guard lock(mutex_);
  while (NextLine(rest, line)) {
    const size_t path_at = line.find(":/");
    if (path_at == std::string_view::npos) continue;
    // It may be in a part of the group.
    for (std::string path(line.substr(path_at + 1)); path.size() > 1; path.resize(path.rfind('/'))) {
      if (const auto known = known_.find(path); known != known_.end()) return known->second.identity;
    }
  }
  return std::nullopt;
}

// What the whole tree has used and no group has.
void CgroupUsage::CountRest(const Usage& whole) {
  Usage rest = whole - whole_at_start_ - counted_;
  // The groups are read one after the other, so that they may be ahead of the whole.
  rest.cpu_us = std::max<int64_t>(rest.cpu_us, 0);
  rest.read_bytes = std::max<int64_t>(rest.read_bytes, 0);
  rest.written_bytes = std::max<int64_t>(rest.written_bytes, 0);
  groups_.Add(TopGroups::kRest, rest);
  counted_ += rest;
}

void CgroupUsage::Expose(MetricSink& sink) {
  const auto family = [&](std::string_view name, std::string_view help, MetricType type) -> MetricFamily& {
    return sink.GetFamily(name, help, type, {"id", "kind", "name", "pod"});
  };
  auto& cpu = family("sextant_cgroup_cpu_seconds_total",
                     "CPU time used by a control group since the agent started.", MetricType::kCounter);
  auto& reads = family("sextant_cgroup_read_bytes_total",
                       "Bytes that a control group has read from devices since the agent started.",
                       MetricType::kCounter);
  auto& writes = family("sextant_cgroup_written_bytes_total",
                        "Bytes that a control group has written to devices since the agent started.",
                        MetricType::kCounter);
  auto& memory = family("sextant_cgroup_memory_bytes", "Memory of a control group, with its page cache.",
                        MetricType::kGauge);
  auto& threads = family("sextant_cgroup_threads",
                         "Threads in a control group, where the kernel counts them.", MetricType::kGauge);
  const std::lock_guard lock(mutex_);
  groups_.Expose(clock_.NowMs(), [&](const TopGroups::Series& series) {
    const SeriesLabels labels = LabelsOf(series);
    const auto add = [&](MetricFamily& to, double value) {
      to.Add({labels.id, labels.kind, labels.name, labels.pod}, value);
    };
    add(cpu, static_cast<double>(series.usage.cpu_us) / 1e6);
    add(reads, static_cast<double>(series.usage.read_bytes));
    add(writes, static_cast<double>(series.usage.written_bytes));
    add(memory, series.level.memory_bytes);
    add(threads, series.level.threads);
  });
  sink.Gauge("sextant_cgroups_overlooked",
             "Control groups beyond the number or depth that the agent looks at.",
             static_cast<double>(overlooked_));
}

CgroupUsage::Picture CgroupUsage::Greatest(size_t count) const {
  Picture picture;
  struct Entry {
    const std::string* path;
    const Known* known;
    UsageNow now;
  };
  const std::lock_guard lock(mutex_);
  picture.interval_seconds = interval_seconds_;
  picture.groups = known_.size();
  picture.overlooked = overlooked_;
  std::vector<Entry> entries;
  for (const auto& [path, known] : known_) entries.push_back({&path, &known, known.now});
  KeepGreatest(entries, count);
  for (const Entry& entry : entries) {
    picture.top.push_back({.identity = entry.known->identity,
                           .path = PrintableText(*entry.path),
                           .threads = entry.known->level.threads,
                           .now = entry.now});
  }
  return picture;
}

}  // namespace sextant::node
