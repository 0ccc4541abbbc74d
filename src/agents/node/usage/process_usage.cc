#include "agents/node/usage/process_usage.h"

#include <algorithm>
#include <utility>

namespace sextant::node {
namespace {

constexpr int64_t kShortestRateNs = 900'000'000;
constexpr int64_t kTickUs = 10'000;  // of USER_HZ, as in proc_stat.cc

double Seconds(int64_t from_ns, int64_t to_ns) { return static_cast<double>(to_ns - from_ns) / 1e9; }

double PerSecond(int64_t amount, double seconds) {
  return seconds > 0 ? static_cast<double>(amount) / seconds : 0;
}

// What was added to a counter that should not go back.
int64_t Increase(uint64_t before, uint64_t now) {
  return now > before ? static_cast<int64_t>(now - before) : 0;
}

}  // namespace

ProcessUsage::ProcessUsage(HostPaths paths, const core::Clock& clock, UsageLimits limits)
    : paths_(std::move(paths)),
      clock_(clock),
      limits_(limits),
      groups_(limits.top_count, limits.group_limit) {}

std::unique_ptr<ProcessSnapshot> ProcessUsage::TakeSnapshot() {
  {
    const std::lock_guard lock(mutex_);
    if (spare_) return std::move(spare_);
  }
  return std::make_unique<ProcessSnapshot>();
}

core::Status ProcessUsage::Look(bool with_io) {
  std::unique_ptr<ProcessSnapshot> snapshot = TakeSnapshot();
  const int64_t begin_ns = clock_.MonotonicNs();
  core::Status read = ReadProcesses(paths_, with_io, *snapshot, limits_.process_limit);
  const std::lock_guard lock(mutex_);
  // Of two looks at the same time the later one is enough.
  if (read && (!has_looked_ || begin_ns >= looked_ns_)) Merge(*snapshot, with_io, begin_ns);
  spare_ = std::move(snapshot);
  return read;
}

core::Status ProcessUsage::LookAgainAfter(core::DurationMs max_age_ms) {
  {
    const std::lock_guard lock(mutex_);
    if (has_looked_io_ && clock_.MonotonicNs() - looked_io_ns_ < max_age_ms * 1'000'000) return {};
  }
  return Look(/*with_io=*/true);
}

void ProcessUsage::Merge(ProcessSnapshot& snapshot, bool with_io, int64_t begin_ns) {
  // A process that is new to us began after the last look, unless that had left some out.
  const bool new_counts_whole = has_looked_ && overlooked_ == 0;
  groups_.ClearLevels();
  next_.clear();
  auto before = records_.begin();
  for (const ProcessSample& sample : snapshot.processes) {
    while (before != records_.end() && before->sample.pid < sample.pid) ++before;
    Record& record = next_.emplace_back();
    record.sample = sample;
    const bool is_known = before != records_.end() && before->sample.pid == sample.pid &&
                          before->sample.start_ticks == sample.start_ticks;
    if (is_known) {
      Continue(*before, record);
    } else {
      Begin(record, new_counts_whole);
    }
    record.now.memory_bytes = static_cast<double>(sample.resident_bytes);
    groups_.AddLevel(record.group, {.memory_bytes = record.now.memory_bytes,
                                    .processes = 1,
                                    .threads = static_cast<double>(sample.threads)});
  }
  records_.swap(next_);
  groups_.ForgetIfNearlyFull();
  WorkOutRates(with_io, begin_ns);
  looked_ms_ = clock_.NowMs();
  looked_ns_ = begin_ns;
  if (with_io) looked_io_ns_ = begin_ns;
  has_looked_ = true;
  has_looked_io_ |= with_io;
  overlooked_ = snapshot.overlooked;
  unreadable_ = snapshot.unreadable;
}

void ProcessUsage::Begin(Record& record, bool counts_whole) {
  record.group = groups_.Find(PrintableText(record.sample.name()));
  record.counts_whole = counts_whole;
  record.rated_cpu_ticks = counts_whole ? 0 : record.sample.cpu_ticks;
  const Usage usage{.cpu_us = Increase(0, record.sample.cpu_ticks) * kTickUs};
  counts_whole ? groups_.Add(record.group, usage) : groups_.AddEarlier(record.group, usage);
  CountIo(Record(), record);
}

void ProcessUsage::Continue(const Record& before, Record& record) {
  record.counts_whole = before.counts_whole;
  record.now = before.now;
  record.rated_cpu_ticks = before.rated_cpu_ticks;
  record.rated_read_bytes = before.rated_read_bytes;
  record.rated_written_bytes = before.rated_written_bytes;
  const bool is_renamed = before.sample.name() != record.sample.name();  // it has executed another program
  record.group = is_renamed ? groups_.Find(PrintableText(record.sample.name())) : before.group;
  const int64_t ticks = Increase(before.sample.cpu_ticks, record.sample.cpu_ticks);
  groups_.Add(record.group, {.cpu_us = ticks * kTickUs});
  CountIo(before, record);
}

// Reads and writes; where they were not looked at this time, they stay as they were.
void ProcessUsage::CountIo(const Record& before, Record& record) {
  ProcessSample& sample = record.sample;
  if (sample.io == ProcessSample::Io::kNotRead) {
    sample.io = before.sample.io;
    sample.read_bytes = before.sample.read_bytes;
    sample.written_bytes = before.sample.written_bytes;
    return;
  }
  if (sample.io != ProcessSample::Io::kRead) return;
  // With nothing read before, the counters of `before` are 0.
  const Usage usage{.read_bytes = Increase(before.sample.read_bytes, sample.read_bytes),
                    .written_bytes = Increase(before.sample.written_bytes, sample.written_bytes)};
  const bool was_read = before.sample.io == ProcessSample::Io::kRead;
  if (was_read || record.counts_whole) return groups_.Add(record.group, usage);
  groups_.AddEarlier(record.group, usage);
  record.rated_read_bytes = sample.read_bytes;
  record.rated_written_bytes = sample.written_bytes;
}

// Looks may follow each other closely, and the kernel counts CPU in steps of 10 ms: rates are of longer
// times.
void ProcessUsage::WorkOutRates(bool with_io, int64_t now_ns) {
  const bool has_cpu = !has_looked_ || now_ns - rated_ns_ >= kShortestRateNs;
  const bool has_io = with_io && (!has_looked_io_ || now_ns - rated_io_ns_ >= kShortestRateNs);
  if (has_cpu) interval_seconds_ = has_looked_ ? Seconds(rated_ns_, now_ns) : 0;
  if (has_io) io_interval_seconds_ = has_looked_io_ ? Seconds(rated_io_ns_, now_ns) : 0;
  for (Record& record : records_) {
    const ProcessSample& sample = record.sample;
    if (has_cpu) {
      const int64_t used_us = Increase(record.rated_cpu_ticks, sample.cpu_ticks) * kTickUs;
      record.now.cpu_cores = PerSecond(used_us, interval_seconds_) / 1e6;
      record.rated_cpu_ticks = sample.cpu_ticks;
    }
    if (has_io) {
      record.now.read_bytes_per_second =
          PerSecond(Increase(record.rated_read_bytes, sample.read_bytes), io_interval_seconds_);
      record.now.written_bytes_per_second =
          PerSecond(Increase(record.rated_written_bytes, sample.written_bytes), io_interval_seconds_);
      record.rated_read_bytes = sample.read_bytes;
      record.rated_written_bytes = sample.written_bytes;
    }
  }
  if (has_cpu) rated_ns_ = now_ns;
  if (has_io) rated_io_ns_ = now_ns;
}

void ProcessUsage::Expose(MetricSink& sink) {
  auto& cpu = sink.GetFamily("sextant_process_cpu_seconds_total",
                             "CPU time used by processes of a name since the agent started.",
                             MetricType::kCounter, {"name"});
  auto& reads =
      sink.GetFamily("sextant_process_read_bytes_total",
                     "Bytes that processes of a name have read from devices since the agent started.",
                     MetricType::kCounter, {"name"});
  auto& writes =
      sink.GetFamily("sextant_process_written_bytes_total",
                     "Bytes that processes of a name have written to devices since the agent started.",
                     MetricType::kCounter, {"name"});
  auto& memory = sink.GetFamily("sextant_process_memory_bytes", "Resident memory of processes of a name.",
                                MetricType::kGauge, {"name"});
  auto& count = sink.GetFamily("sextant_process_count", "Processes of a name.", MetricType::kGauge, {"name"});
  auto& threads = sink.GetFamily("sextant_process_threads", "Threads of processes of a name.",
                                 MetricType::kGauge, {"name"});
  const std::lock_guard lock(mutex_);
  groups_.Expose(clock_.NowMs(), [&](const TopGroups::Series& series) {
    cpu.Add({series.name}, static_cast<double>(series.usage.cpu_us) / 1e6);
    reads.Add({series.name}, static_cast<double>(series.usage.read_bytes));
    writes.Add({series.name}, static_cast<double>(series.usage.written_bytes));
    memory.Add({series.name}, series.level.memory_bytes);
    count.Add({series.name}, series.level.processes);
    threads.Add({series.name}, series.level.threads);
  });
  const auto denied = std::ranges::count(records_, ProcessSample::Io::kDenied,
                                         [](const Record& record) { return record.sample.io; });
  sink.Gauge("sextant_processes_io_denied", "Processes whose reads and writes are hidden from the agent.",
             static_cast<double>(denied));
  sink.Gauge("sextant_processes_hidden", "Processes that are hidden from the agent.",
             static_cast<double>(unreadable_));
  sink.Gauge("sextant_processes_overlooked", "Processes beyond the number that the agent looks at.",
             static_cast<double>(overlooked_));
}

std::vector<ProcessUsage::Group> ProcessUsage::GroupsNow() const {
  std::vector<Group> groups;
  std::vector<size_t> places;  // by group number
  for (const TopGroups::Member& member : groups_.Members()) {
    if (places.size() <= member.group) places.resize(member.group + 1);
    places[member.group] = groups.size();
    groups.push_back({.name = std::string(member.name),
                      .processes = static_cast<size_t>(member.level.processes),
                      .threads = static_cast<size_t>(member.level.threads),
                      .now = {.memory_bytes = member.level.memory_bytes}});
  }
  for (const Record& record : records_) {
    UsageNow& now = groups[places[record.group]].now;
    now.cpu_cores += record.now.cpu_cores;
    now.read_bytes_per_second += record.now.read_bytes_per_second;
    now.written_bytes_per_second += record.now.written_bytes_per_second;
  }
  return groups;
}

ProcessUsage::Picture ProcessUsage::Greatest(size_t count) const {
  Picture picture;
  const std::lock_guard lock(mutex_);
  picture.time_ms = looked_ms_;
  picture.interval_seconds = interval_seconds_;
  picture.io_interval_seconds = io_interval_seconds_;
  picture.processes = records_.size();
  picture.overlooked = overlooked_;
  // Names are made for the greatest only.
  struct Entry {
    const Record* record;
    UsageNow now;
  };
  std::vector<Entry> entries;
  entries.reserve(records_.size());
  for (const Record& record : records_) {
    picture.threads += record.sample.threads;
    if (record.sample.io == ProcessSample::Io::kDenied) ++picture.io_denied;
    entries.push_back({&record, record.now});
  }
  KeepGreatest(entries, count);
  for (const Entry& entry : entries) {
    const ProcessSample& sample = entry.record->sample;
    picture.top_processes.push_back({.pid = sample.pid,
                                     .name = PrintableText(sample.name()),
                                     .threads = sample.threads,
                                     .is_io_known = sample.io == ProcessSample::Io::kRead,
                                     .now = entry.now});
  }
  picture.top_groups = GroupsNow();
  KeepGreatest(picture.top_groups, count);
  return picture;
}

void ProcessUsage::GreatestByCpu(size_t count, const std::function<void(const Share&)>& take) const {
  const std::lock_guard lock(mutex_);
  std::vector<const Record*> busy;
  for (const Record& record : records_) {
    if (record.now.cpu_cores > 0) busy.push_back(&record);
  }
  const auto middle = busy.begin() + static_cast<ptrdiff_t>(std::min(count, busy.size()));
  std::partial_sort(busy.begin(), middle, busy.end(),
                    [](const Record* a, const Record* b) { return a->now.cpu_cores > b->now.cpu_cores; });
  for (auto record = busy.begin(); record != middle; ++record) {
    take({(*record)->sample.name(), (*record)->now.cpu_cores});
  }
}

}  // namespace sextant::node
