// node_netstat_*: /proc/net/netstat and /proc/net/snmp (pairs of lines) and /proc/net/snmp6 (a line per
// number).
#include <map>
#include <mutex>

#include "agents/node/open_files.h"
#include "model/labels.h"

namespace sextant::node {
namespace {

// The wanted columns under one heading line, found once and kept while the heading stays the same.
struct Heading {
  struct Column {
    size_t index = 0;  // among the fields after the protocol
    std::string name;
    std::string help;
  };
  std::string line;
  size_t column_count = 0;
  std::vector<Column> wanted;
};

class NetstatCollector final : public Collector {
 public:
  explicit NetstatCollector(const NodeOptions& options) : fields_(options.netstat_fields) {}

  std::string_view name() const override { return "netstat"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    for (const char* file : {"net/netstat", "net/snmp"}) {
      const std::string path = paths.Proc(file);
      SEXTANT_ASSIGN(const std::string text, files_.Read(path));
      SEXTANT_TRY(CollectPairs(text, sink).map_error(core::AddContext("{}", path)));
    }
    return CollectSnmp6(paths.Proc("net/snmp6"), sink);
  }

 private:
  // "Ip: Forwarding DefaultTTL" over "Ip: 1 64".
  core::Status CollectPairs(std::string_view text, MetricSink& sink) {
    std::string_view names;
    std::string_view values;
    std::vector<std::string_view> fields;
    while (NextLine(text, names)) {
      if (!NextLine(text, values))
        return core::Fail(core::Code::kInvalidArgument, "a heading without values");
      SEXTANT_ASSIGN(const std::shared_ptr<const Heading> heading, FindHeading(names));
      const std::string_view protocol = names.substr(0, names.find(':') + 1);
      SplitFields(values, fields);
      if (fields.size() != heading->column_count + 1 || fields[0] != protocol) {
        return core::Fail(core::Code::kInvalidArgument, "heading and values of {} do not belong together",
                          protocol);
      }
      for (const Heading::Column& column : heading->wanted) {
        SEXTANT_ASSIGN(const double value,
                       ParseFloat(fields[column.index + 1]).map_error(core::AddContext("{}", column.name)));
        sink.GetFamily(column.name, column.help, MetricType::kUntyped).Add(value);
      }
    }
    return {};
  }

  core::Result<std::shared_ptr<const Heading>> FindHeading(std::string_view line) {
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) {
      return core::Fail(core::Code::kInvalidArgument, "no protocol in {}",
                        model::QuoteGo(line.substr(0, 100)));
    }
    const std::string_view protocol = line.substr(0, colon);
    const std::lock_guard lock(mutex_);
    if (const auto found = headings_.find(protocol);
        found != headings_.end() && found->second->line == line) {
      return found->second;
    }
    if (headings_.size() > kHeadingLimit) headings_.clear();
    auto heading = std::make_shared<Heading>();
    heading->line = line;
    std::string_view rest = line.substr(colon + 1);
    for (std::string_view name = NextField(rest); !name.empty(); name = NextField(rest)) {
      const size_t index = heading->column_count++;
      const std::string key = fmt::format("{}_{}", protocol, name);
      if (!fields_.Matches(key)) continue;
      heading->wanted.push_back(
          {index, "node_netstat_" + key, fmt::format("Statistic {}{}.", protocol, name)});
    }
    headings_.insert_or_assign(std::string(protocol), heading);
    return heading;
  }

  core::Status CollectSnmp6(const std::string& path, MetricSink& sink) {
    const auto text = files_.Read(path);
    if (!text && text.error().code() == core::Code::kNotFound) return {};  // IPv6 is switched off
    SEXTANT_TRY(text);
    std::string_view rest = *text;
    std::string_view line;
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; NextLine(rest, line); ++i) {
      const std::string_view name = NextField(line);
      const Snmp6Line& known = KnownSnmp6Line(i, name);
      if (known.metric.empty()) continue;
      SEXTANT_ASSIGN(const double value,
                     ParseFloat(NextField(line)).map_error(core::AddContext("{}: {}", path, name)));
      sink.GetFamily(known.metric, known.help, MetricType::kUntyped).Add(value);
    }
    return {};
  }

  struct Snmp6Line {
    std::string name;
    std::string metric;  // empty: not wanted
    std::string help;
  };

  // Lines keep their places from one reading to the next. Needs mutex_.
  const Snmp6Line& KnownSnmp6Line(size_t i, std::string_view name) {
    if (i >= snmp6_lines_.size()) snmp6_lines_.resize(i + 1);
    Snmp6Line& line = snmp6_lines_[i];
    if (line.name == name) return line;
    line = {std::string(name), "", ""};
    const size_t six = name.find('6');
    if (six == std::string_view::npos) return line;
    const std::string key = fmt::format("{}_{}", name.substr(0, six + 1), name.substr(six + 1));
    if (!fields_.Matches(key)) return line;
    line.metric = "node_netstat_" + key;
    line.help = fmt::format("Statistic {}.", name);
    return line;
  }

  static constexpr size_t kHeadingLimit = 100;  // protocols in the files; there are about ten

  const Pattern fields_;
  OpenFiles files_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Heading>, std::less<>>
      headings_;                        // by protocol; guarded by mutex_
  std::vector<Snmp6Line> snmp6_lines_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Collector> MakeNetstatCollector(const NodeOptions& options) {
  return std::make_unique<NetstatCollector>(options);
}

}  // namespace sextant::node
