// node_memory_*: every line of /proc/meminfo. "Active(anon): 12 kB" → node_memory_Active_anon_bytes.
#include <algorithm>
#include <mutex>

#include "agents/node/host_tables.h"
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

class MeminfoCollector final : public Collector {
 public:
  std::string_view name() const override { return "meminfo"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    const std::string path = paths.Proc("meminfo");
    SEXTANT_ASSIGN(const std::string text, files_.Read(path));
    const std::lock_guard lock(mutex_);
    std::string_view rest = text;
    std::string_view line;
    for (size_t i = 0; NextLine(rest, line); ++i) {
      SEXTANT_TRY(CollectLine(i, line, sink).map_error(core::AddContext("{}", path)));
    }
    return {};
  }

 private:
  struct Line {
    std::string key;
    std::string metric;  // without unit
    std::string help;
  };

  core::Status CollectLine(size_t i, std::string_view line, MetricSink& sink) {
    SEXTANT_ASSIGN(const MeminfoLine parsed, ParseMeminfoLine(line));
    if (parsed.key.empty()) return {};
    const Line& known = KnownLine(i, parsed.key, parsed.is_size);
    sink.Gauge(known.metric, known.help, parsed.value);
    return {};
  }

  // Lines keep their places and units from one reading to the next.
  const Line& KnownLine(size_t i, std::string_view key, bool is_size) {
    if (i >= lines_.size()) lines_.resize(i + 1);
    Line& line = lines_[i];
    if (line.key == key) return line;
    std::string name(key);
    std::replace(name.begin(), name.end(), '(', '_');
    std::erase(name, ')');
    if (is_size) name += "_bytes";
    line = {std::string(key), "node_memory_" + name, fmt::format("Memory information field {}.", name)};
    return line;
  }

  OpenFiles files_;
  std::mutex mutex_;
  std::vector<Line> lines_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Collector> MakeMeminfoCollector() { return std::make_unique<MeminfoCollector>(); }

}  // namespace sextant::node
