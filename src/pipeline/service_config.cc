#include "pipeline/service_config.h"

#include <algorithm>
#include <set>

#include "config/decode.h"
#include "config/text.h"

namespace sextant::pipeline {

namespace {

using config::Node;
using core::Result;
using core::Status;

// The exporter that needs stores in its own process.
constexpr std::string_view kStoresType = "sextant";
constexpr std::string_view kNoStores =
    "there are no stores in this process: put the pipelines into the section otelcol of sextant.yaml, which "
    "sextant runs itself, or send to sextant's address with the exporter otlphttp";
constexpr std::string_view kNoSuchStore =
    ": there is a store of metrics only in this version; send traces and logs on with otlp or otlphttp";

struct KindSection {
  std::string_view section;
  ComponentKind kind;
};
constexpr KindSection kSections[] = {
    {"receivers", ComponentKind::kReceiver},   {"processors", ComponentKind::kProcessor},
    {"exporters", ComponentKind::kExporter},   {"connectors", ComponentKind::kConnector},
    {"extensions", ComponentKind::kExtension},
};

// The places of a pipeline's component lists, kept for errors that are found later.
struct PipelineLists {
  Node receivers;
  Node processors;
  Node exporters;
};

class Reader {
 public:
  Reader(CollectorConfig& out, bool has_stores) : out_(out), has_stores_(has_stores) {}

  Status Read(Node root) {
    if (!root.IsMapping()) return root.Fail("the configuration is not a mapping");
    for (Node child : root.children()) {
      if (child.key() != "service" && !IsSection(child.key())) {
        return child.FailAtKey(core::Code::kInvalidArgument, UnknownKey(child.key()));
      }
    }
    for (const KindSection& section : kSections) {
      SEXTANT_TRY(ReadComponents(root.Find(section.section), section.kind));
    }
    if (NoneOf(ComponentKind::kReceiver) && NoneOf(ComponentKind::kConnector)) {
      return root.Fail("no receiver configuration specified in config");
    }
    if (NoneOf(ComponentKind::kExporter) && NoneOf(ComponentKind::kConnector)) {
      return root.Fail("no exporter configuration specified in config");
    }
    SEXTANT_TRY(CheckAmbiguous());
    Node service = root.Find("service");
    if (!service || !service.IsMapping()) return root.Fail("service must have at least one pipeline");
    return ReadService(service);
  }

 private:
  static bool IsSection(std::string_view key) {
    return std::ranges::any_of(kSections, [&](const KindSection& one) { return one.section == key; });
  }

  static std::string UnknownKey(std::string_view key) {
    std::vector<std::string_view> known = {"service"};
    for (const KindSection& one : kSections) known.push_back(one.section);
    return fmt::format("unknown field{}", config::Suggestion(key, known));
  }

  bool NoneOf(ComponentKind kind) const {
    auto found = out_.components.find(kind);
    return found == out_.components.end() || found->second.empty();
  }

  Status ReadComponents(Node section, ComponentKind kind) {
    if (!section || section.IsNull()) return {};
    if (!section.IsMapping()) return section.Fail("expected a mapping, got {}", section.Describe());
    for (Node node : section.children()) {
      Result<ComponentId> id = ComponentId::Parse(node.key());
      if (!id) return node.Fail("{}", id.error().message());
      const ComponentType* type = FindType(kind, id->type);
      if (type == nullptr) return node.Fail("{}", UnknownType(kind, *id));
      if (kind == ComponentKind::kExporter && type->name == kStoresType && !has_stores_) {
        return node.FailAtKey(core::Code::kInvalidArgument, std::string(kNoStores));
      }
      ComponentConfig config{*id, type, nullptr, node};
      SEXTANT_ASSIGN(config.config, type->read(node));
      out_.components[kind].emplace(*id, std::move(config));
    }
    return {};
  }

  static std::string UnknownType(ComponentKind kind, const ComponentId& id) {
    if (kind == ComponentKind::kExporter && id.type == "logging") {
      return "the logging exporter has been deprecated, use the debug exporter instead";
    }
    std::vector<std::string_view> names;
    std::string list;
    for (const ComponentType& type : ComponentTypes()) {
      if (type.kind != kind) continue;
      names.push_back(type.name);
      list += (list.empty() ? "" : " ") + type.name;
    }
    return fmt::format("unknown type: \"{}\" for id: \"{}\" (valid values: [{}]){}", id.type, id.Text(), list,
                       config::Suggestion(id.type, names));
  }

  Status CheckAmbiguous() const {
    auto connectors = out_.components.find(ComponentKind::kConnector);
    if (connectors == out_.components.end()) return {};
    for (const auto& [id, connector] : connectors->second) {
      for (ComponentKind kind : {ComponentKind::kExporter, ComponentKind::kReceiver}) {
        if (out_.Find(kind, id) == nullptr) continue;
        return connector.place.Fail(
            "connectors::{0}: ambiguous ID: Found both \"{0}\" {1} and \"{0}\" connector. Change one of the "
            "components' IDs to eliminate ambiguity (e.g. rename \"{0}\" connector to \"{0}/connector\")",
            id.Text(), KindName(kind));
      }
    }
    return {};
  }

  Status ReadService(Node service) {
    for (Node child : service.children()) {
      std::string_view key = child.key();
      if (key == "extensions") {
        SEXTANT_TRY(ReadIds(child, out_.extensions));
        for (size_t i = 0; i < out_.extensions.size(); ++i) {
          if (out_.Find(ComponentKind::kExtension, out_.extensions[i]) == nullptr) {
            return ItemAt(child, i).Fail(
                "service::extensions: references extension \"{}\" which is not configured",
                out_.extensions[i].Text());
          }
        }
      } else if (key == "pipelines") {
        SEXTANT_TRY(ReadPipelines(child));
      } else if (key == "telemetry") {
        SEXTANT_TRY(ReadTelemetry(child));
      } else {
        return child.FailAtKey(
            core::Code::kInvalidArgument,
            "unknown field" + config::Suggestion(key, {"extensions", "pipelines", "telemetry"}));
      }
    }
    if (out_.pipelines.empty()) return service.Fail("service must have at least one pipeline");
    return CheckConnectors();
  }

  static Node ItemAt(Node list, size_t index) {
    for (Node item : list.children()) {
      if (index-- == 0) return item;
    }
    return list;
  }

  static Status ReadIds(Node list, std::vector<ComponentId>& out) {
    if (list.IsNull()) return {};
    if (!list.IsSequence()) return list.Fail("expected a list, got {}", list.Describe());
    for (Node item : list.children()) {
      SEXTANT_ASSIGN(std::string text, item.AsText());
      Result<ComponentId> id = ComponentId::Parse(text);
      if (!id) return item.Fail("{}", id.error().message());
      out.push_back(*id);
    }
    return {};
  }

  Status ReadPipelines(Node pipelines) {
    if (pipelines.IsNull()) return {};
    if (!pipelines.IsMapping()) return pipelines.Fail("expected a mapping, got {}", pipelines.Describe());
    for (Node node : pipelines.children()) {
      PipelineConfig pipeline;
      pipeline.place = node;
      Result<ComponentId> id = ComponentId::Parse(node.key());
      if (!id) return node.Fail("{}", id.error().message());
      pipeline.id = *id;
      if (id->type == "profiles") {
        return node.FailAtKey(core::Code::kUnimplemented, "pipelines of profiles are not supported yet");
      }
      auto signal = std::ranges::find(kSignals, id->type, &SignalName);
      if (signal == std::end(kSignals)) {
        return node.Fail("service::pipelines: unknown signal \"{}\" (valid values: [traces metrics logs])",
                         id->type);
      }
      pipeline.signal = *signal;
      PipelineLists lists;
      for (Node child : node.children()) {
        if (child.key() == "receivers") {
          lists.receivers = child;
          SEXTANT_TRY(ReadIds(child, pipeline.receivers));
        } else if (child.key() == "processors") {
          lists.processors = child;
          SEXTANT_TRY(ReadIds(child, pipeline.processors));
        } else if (child.key() == "exporters") {
          lists.exporters = child;
          SEXTANT_TRY(ReadIds(child, pipeline.exporters));
        } else {
          return child.FailAtKey(
              core::Code::kInvalidArgument,
              "unknown field" + config::Suggestion(child.key(), {"receivers", "processors", "exporters"}));
        }
      }
      SEXTANT_TRY(CheckPipeline(pipeline, lists));
      out_.pipelines.push_back(std::move(pipeline));
    }
    return {};
  }

  Status CheckPipeline(const PipelineConfig& pipeline, const PipelineLists& lists) const {
    std::string where = fmt::format("service::pipelines::{}", pipeline.id.Text());
    if (pipeline.receivers.empty()) return pipeline.place.Fail("{}: must have at least one receiver", where);
    if (pipeline.exporters.empty()) return pipeline.place.Fail("{}: must have at least one exporter", where);
    auto check = [&](const std::vector<ComponentId>& ids, Node list, ComponentKind kind,
                     bool connects) -> Status {
      std::set<ComponentId> seen;
      for (size_t i = 0; i < ids.size(); ++i) {
        if (!seen.insert(ids[i]).second) {
          return ItemAt(list, i).Fail("{}: references {} \"{}\" multiple times", where, KindName(kind),
                                      ids[i].Text());
        }
        const ComponentConfig* found = out_.Find(kind, ids[i]);
        if (found == nullptr && connects && out_.Find(ComponentKind::kConnector, ids[i]) != nullptr) continue;
        if (found == nullptr) {
          return ItemAt(list, i).Fail("{}: references {} \"{}\" which is not configured", where,
                                      KindName(kind), ids[i].Text());
        }
        const std::vector<Signal>& signals = found->type->signals;
        if (std::ranges::find(signals, pipeline.signal) == signals.end()) {
          return ItemAt(list, i).Fail(
              "{}: failed to create \"{}\" {} for data type \"{}\": telemetry type is not supported{}", where,
              ids[i].Text(), KindName(kind), SignalName(pipeline.signal),
              kind == ComponentKind::kExporter && found->type->name == kStoresType ? kNoSuchStore : "");
        }
      }
      return {};
    };
    SEXTANT_TRY(check(pipeline.receivers, lists.receivers, ComponentKind::kReceiver, true));
    SEXTANT_TRY(check(pipeline.processors, lists.processors, ComponentKind::kProcessor, false));
    return check(pipeline.exporters, lists.exporters, ComponentKind::kExporter, true);
  }

  // A connector that is used must come from some pipeline and go to one that it can make data for.
  Status CheckConnectors() const {
    auto connectors = out_.components.find(ComponentKind::kConnector);
    if (connectors == out_.components.end()) return {};
    for (const auto& [id, connector] : connectors->second) {
      std::set<Signal> from;
      std::set<Signal> to;
      for (const PipelineConfig& pipeline : out_.pipelines) {
        if (std::ranges::find(pipeline.exporters, id) != pipeline.exporters.end())
          from.insert(pipeline.signal);
        if (std::ranges::find(pipeline.receivers, id) != pipeline.receivers.end()) to.insert(pipeline.signal);
      }
      auto connects = [&](Signal a, Signal b) {
        const auto& known = connector.type->connections;
        return std::ranges::find(known, std::pair(a, b)) != known.end();
      };
      for (Signal a : from) {
        if (std::ranges::none_of(to, [&](Signal b) { return connects(a, b); })) {
          return connector.place.Fail(
              "connector \"{}\" used as exporter in {} pipeline but not used in any supported receiver "
              "pipeline",
              id.Text(), SignalName(a));
        }
      }
      for (Signal b : to) {
        if (std::ranges::none_of(from, [&](Signal a) { return connects(a, b); })) {
          return connector.place.Fail(
              "connector \"{}\" used as receiver in {} pipeline but not used in any supported exporter "
              "pipeline",
              id.Text(), SignalName(b));
        }
      }
    }
    return {};
  }

  Status ReadTelemetry(Node node);

  CollectorConfig& out_;
  const bool has_stores_;
};

// The shape of service.telemetry, as it is written.
struct LogsSection {
  std::string level = "info";
  std::string encoding = "console";
  bool development = false;
  bool disable_caller = false;
  bool disable_stacktrace = false;
  std::vector<std::string> output_paths = {"stderr"};
  std::vector<std::string> error_output_paths = {"stderr"};
  std::map<std::string, std::string> initial_fields;
};

struct PrometheusReaderSection {
  std::string host = "localhost";
  int64_t port = 8888;
  bool without_scope_info = true;
  bool without_type_suffix = true;
  bool without_units = true;
};
struct PullExporterSection {
  std::optional<PrometheusReaderSection> prometheus;
};
struct PullSection {
  PullExporterSection exporter;
};
struct ReaderSection {
  std::optional<PullSection> pull;
};
struct MetricsSection {
  MetricsLevel level = MetricsLevel::kNormal;
  std::string address;
  std::optional<std::vector<ReaderSection>> readers;
};
struct TracesSection {
  std::string level;
  std::vector<std::string> propagators;
};
struct TelemetrySection {
  LogsSection logs;
  MetricsSection metrics;
  TracesSection traces;
  std::map<std::string, std::string> resource;
};

Result<std::string> ReadOptionalText(Node node) {
  if (node.IsNull()) return std::string();
  return node.AsText();
}

const config::Struct& FieldsOf(const LogsSection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<LogsSection>({
      Member<&LogsSection::level>("level"),
      Member<&LogsSection::encoding>("encoding",
                                     Enum<std::string>({{"console", "console"}, {"json", "json"}})),
      Member<&LogsSection::development>("development"),
      Member<&LogsSection::disable_caller>("disable_caller"),
      Member<&LogsSection::disable_stacktrace>("disable_stacktrace"),
      Member<&LogsSection::output_paths>("output_paths"),
      Member<&LogsSection::error_output_paths>("error_output_paths"),
      Member<&LogsSection::initial_fields>("initial_fields"),
      NotYet("sampling", "all lines are written"),
      NotYet("processors", "the collector's own log goes to its output only"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const PrometheusReaderSection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<PrometheusReaderSection>({
      Member<&PrometheusReaderSection::host>("host"),
      Member<&PrometheusReaderSection::port>("port"),
      Member<&PrometheusReaderSection::without_scope_info>("without_scope_info"),
      Member<&PrometheusReaderSection::without_type_suffix>("without_type_suffix"),
      Member<&PrometheusReaderSection::without_units>("without_units"),
      NotYet("with_resource_constant_labels", "all attributes of the resource are labels"),
  });
  return kFields;
}
const config::Struct& FieldsOf(const PullExporterSection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<PullExporterSection>({
      Member<&PullExporterSection::prometheus>("prometheus", Section<PrometheusReaderSection>()),
  });
  return kFields;
}
const config::Struct& FieldsOf(const PullSection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<PullSection>({Member<&PullSection::exporter>("exporter")});
  return kFields;
}
const config::Struct& FieldsOf(const ReaderSection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<ReaderSection>({
      Member<&ReaderSection::pull>("pull", Section<PullSection>()),
      NotYet("periodic", "the collector's own metrics are served for scraping"),
  });
  return kFields;
}
const config::Struct& FieldsOf(const MetricsSection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<MetricsSection>({
      Member<&MetricsSection::level>("level", Enum<MetricsLevel>({{"none", MetricsLevel::kNone},
                                                                  {"None", MetricsLevel::kNone},
                                                                  {"basic", MetricsLevel::kBasic},
                                                                  {"Basic", MetricsLevel::kBasic},
                                                                  {"normal", MetricsLevel::kNormal},
                                                                  {"Normal", MetricsLevel::kNormal},
                                                                  {"detailed", MetricsLevel::kDetailed},
                                                                  {"Detailed", MetricsLevel::kDetailed}})),
      Member<&MetricsSection::address>("address"),
      Member<&MetricsSection::readers>("readers"),
      NotYet("views"),
  });
  return kFields;
}
const config::Struct& FieldsOf(const TracesSection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<TracesSection>({
      Member<&TracesSection::level>("level"),
      Member<&TracesSection::propagators>("propagators"),
      NotYet("processors", "the collector does not trace itself"),
      NotYet("sampler", "the collector does not trace itself"),
      NotYet("limits", "the collector does not trace itself"),
  });
  return kFields;
}
const config::Struct& FieldsOf(const TelemetrySection*) {
  using namespace config;
  static const Struct kFields = Struct::Of<TelemetrySection>({
      Member<&TelemetrySection::logs>("logs"),
      Member<&TelemetrySection::metrics>("metrics"),
      Member<&TelemetrySection::traces>("traces"),
      Member<&TelemetrySection::resource>(
          "resource", Custom<std::map<std::string, std::string>>(
                          [](Node node) -> Result<std::map<std::string, std::string>> {
                            std::map<std::string, std::string> attributes;
                            for (Node child : node.children()) {
                              SEXTANT_ASSIGN(attributes[std::string(child.key())], ReadOptionalText(child));
                            }
                            return attributes;
                          },
                          [](const std::map<std::string, std::string>&, YamlWriter& out) { out.Null(); },
                          [](const std::map<std::string, std::string>&) { return true; })),
  });
  return kFields;
}

Result<core::LogLevel> LevelOf(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text == "dpanic" || text == "panic" || text == "fatal") text = "error";
  return core::ParseLogLevel(text);
}

Status Reader::ReadTelemetry(Node node) {
  TelemetrySection section;
  SEXTANT_TRY(config::DecodeInto(node, section));
  TelemetryConfig& out = out_.telemetry;
  Result<core::LogLevel> level = LevelOf(section.logs.level);
  if (!level)
    return node.Find("logs").Find("level").Fail("unrecognized level: {}", config::Quote(section.logs.level));
  out.log_level = *level;
  out.log_format = section.logs.encoding == "json" ? core::LogFormat::kJson : core::LogFormat::kLogfmt;
  out.log_paths = section.logs.output_paths;
  out.log_fields = section.logs.initial_fields;
  out.metrics_level = section.metrics.level;
  out.resource = section.resource;
  const std::string& address = section.metrics.address;
  out.has_default_address = !section.metrics.readers && address.empty();
  if (section.metrics.readers) {
    out.metrics_addresses.clear();
    for (const ReaderSection& reader : *section.metrics.readers) {
      if (!reader.pull || !reader.pull->exporter.prometheus) {
        return node.Find("metrics").Find("readers").Fail("a reader needs pull::exporter::prometheus");
      }
      const PrometheusReaderSection& prometheus = *reader.pull->exporter.prometheus;
      if (prometheus.port < 0 || prometheus.port > 65'535) {
        return node.Find("metrics").Find("readers").Fail("port {} is none", prometheus.port);
      }
      bool is_v6 = prometheus.host.find(':') != std::string::npos;
      out.metrics_addresses.push_back(
          fmt::format("{}{}{}:{}", is_v6 ? "[" : "", prometheus.host, is_v6 ? "]" : "", prometheus.port));
      out.without_type_suffix = prometheus.without_type_suffix;
      out.without_units = prometheus.without_units;
    }
  }
  if (!address.empty()) {
    out_.warnings.push_back(
        "service::telemetry::metrics::address is a setting of older collectors: use readers in its place");
    if (!section.metrics.readers) out.metrics_addresses = {address};
  }
  if (out.metrics_level == MetricsLevel::kNone) out.metrics_addresses.clear();
  return {};
}

std::string Indent(std::string_view yaml, int by) {
  std::string out;
  for (size_t at = 0; at < yaml.size();) {
    size_t end = std::min(yaml.find('\n', at), yaml.size());
    out.append(static_cast<size_t>(by), ' ');
    out += yaml.substr(at, end - at);
    out += '\n';
    at = end + 1;
  }
  return out;
}

std::string IdList(const std::vector<ComponentId>& ids) {
  std::string out = "[";
  for (const ComponentId& id : ids) out += (out.size() == 1 ? "" : ", ") + id.Text();
  return out + "]";
}

}  // namespace

const ComponentConfig* CollectorConfig::Find(ComponentKind kind, const ComponentId& id) const {
  auto of_kind = components.find(kind);
  if (of_kind == components.end()) return nullptr;
  auto found = of_kind->second.find(id);
  return found == of_kind->second.end() ? nullptr : &found->second;
}

Result<LoadedConfig> ReadCollectorConfig(const config::Value& resolved, bool has_stores) {
  config::DocumentLimits limits;
  limits.null_keeps_default = true;
  SEXTANT_ASSIGN(config::Document document, config::Document::Of(resolved, limits));
  LoadedConfig loaded{std::move(document), {}};
  SEXTANT_TRY(Reader(loaded.config, has_stores).Read(loaded.document.root()));
  return loaded;
}

std::string PrintConfig(const CollectorConfig& config) {
  std::string out;
  for (const KindSection& section : kSections) {
    auto components = config.components.find(section.kind);
    if (components == config.components.end() || components->second.empty()) continue;
    out += fmt::format("{}:\n", section.section);
    for (const auto& [id, component] : components->second) {
      std::string yaml = component.type->write(component.config);
      bool is_empty = yaml.empty() || yaml == "{}\n" || yaml == "{}";
      out += fmt::format("  {}:{}\n", id.Text(), is_empty ? " {}" : "");
      if (!is_empty) out += Indent(yaml, 4);
    }
  }
  out += "service:\n";
  if (!config.extensions.empty()) out += fmt::format("  extensions: {}\n", IdList(config.extensions));
  out += "  pipelines:\n";
  for (const PipelineConfig& pipeline : config.pipelines) {
    out += fmt::format("    {}:\n      receivers: {}\n      processors: {}\n      exporters: {}\n",
                       pipeline.id.Text(), IdList(pipeline.receivers), IdList(pipeline.processors),
                       IdList(pipeline.exporters));
  }
  return out;
}

}  // namespace sextant::pipeline
