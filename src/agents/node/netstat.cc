// node_netstat_*: /proc/net/netstat and /proc/net/snmp (pairs of lines) and /proc/net/snmp6 (a line per number).
#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

class NetstatCollector final : public Collector {
 public:
  explicit NetstatCollector(const NodeOptions& options) : fields_(options.netstat_fields) {}

  std::string_view name() const override { return "netstat"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    for (const char* file : {"net/netstat", "net/snmp"}) {
      SEXTANT_TRY(CollectPairs(paths.Proc(file), sink));
    }
    return CollectSnmp6(paths.Proc("net/snmp6"), sink);
  }

 private:
  // "Ip: Forwarding DefaultTTL" over "Ip: 1 64".
  core::Status CollectPairs(const std::string& path, MetricSink& sink) const {
    SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
    std::string_view rest = text;
    std::string_view names;
    std::string_view values;
    while (NextLine(rest, names)) {
      if (!NextLine(rest, values)) return core::Fail(core::Code::kInvalidArgument, "{}: a heading without values", path);
      std::string_view protocol = NextField(names);
      if (!protocol.ends_with(':') || protocol != NextField(values)) {
        return core::Fail(core::Code::kInvalidArgument, "{}: heading and values do not belong together", path);
      }
      protocol.remove_suffix(1);
      for (std::string_view name = NextField(names); !name.empty(); name = NextField(names)) {
        const std::string_view value = NextField(values);
        SEXTANT_TRY(Add(protocol, name, value, sink).map_error(core::AddContext("{}", path)));
      }
    }
    return {};
  }

  core::Status CollectSnmp6(const std::string& path, MetricSink& sink) const {
    const auto text = ReadHostFile(path);
    if (!text && text.error().code() == core::Code::kNotFound) return {};  // IPv6 is switched off
    SEXTANT_TRY(text);
    std::string_view rest = *text;
    std::string_view line;
    while (NextLine(rest, line)) {
      const std::string_view key = NextField(line);
      const size_t six = key.find('6');
      if (six == std::string_view::npos) continue;
      SEXTANT_TRY(Add(key.substr(0, six + 1), key.substr(six + 1), NextField(line), sink)
                      .map_error(core::AddContext("{}", path)));
    }
    return {};
  }

  core::Status Add(std::string_view protocol, std::string_view name, std::string_view value, MetricSink& sink) const {
    char key[256];
    if (protocol.size() + name.size() + 1 > sizeof key) {
      return core::Fail(core::Code::kInvalidArgument, "a name of {} bytes", protocol.size() + name.size());
    }
    const auto end = fmt::format_to(key, "{}_{}", protocol, name);
    if (!fields_.Matches({key, static_cast<size_t>(end - key)})) return {};
    SEXTANT_ASSIGN(const double number, ParseFloat(value).map_error(core::AddContext("{} {}", protocol, name)));
    sink.GetFamily(fmt::format("node_netstat_{}_{}", protocol, name), fmt::format("Statistic {}{}.", protocol, name),
                   MetricType::kUntyped)
        .Add(number);
    return {};
  }

  const Pattern fields_;
};

}  // namespace

std::unique_ptr<Collector> MakeNetstatCollector(const NodeOptions& options) {
  return std::make_unique<NetstatCollector>(options);
}

}  // namespace sextant::node
