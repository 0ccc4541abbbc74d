// Components of pipelines, and how they are made: each type is described once (ComponentType), with how its
// settings are read and how its instances are made, and registered in components.cc.
//
//   receivers ─► processors ─► exporters          connectors: exporter of one pipeline, receiver of others
//
// Life of an instance: made, Start, work, Shutdown, destroyed. Everything that gets its data is started
// before it and shut down after it.
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/decode.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/result.h"
#include "net/http_client.h"
#include "net/io.h"
#include "pipeline/consumer.h"

namespace sextant::remote {
class OtlpStore;
}

namespace sextant::pipeline {

class HostedOtlp;

enum class ComponentKind { kReceiver, kProcessor, kExporter, kConnector, kExtension };

// "receiver", …
std::string_view KindName(ComponentKind kind);

// "otlp" or "otlp/tempo".
struct ComponentId {
  std::string type;  // as it stands in the configuration
  std::string name;

  std::string Text() const { return name.empty() ? type : type + "/" + name; }
  friend auto operator<=>(const ComponentId&, const ComponentId&) = default;

  // kInvalidArgument for a text that is no id.
  static core::Result<ComponentId> Parse(std::string_view text);
};

class Extension;

// A pipeline as it runs, for pages about it.
struct PipelineInfo {
  std::string id;  // "traces/2"
  std::vector<std::string> receivers;
  std::vector<std::string> processors;
  std::vector<std::string> exporters;
};

// Extensions by their ids, for components that refer to one (`auth`, `storage`), and what runs besides.
class ExtensionHost {
 public:
  virtual ~ExtensionHost() = default;
  // Null when none is configured under this id and listed in service.extensions.
  virtual Extension* FindExtension(std::string_view id) const = 0;
  // Of service.extensions and service.pipelines, in their order.
  virtual std::vector<std::string> ExtensionIds() const { return {}; }
  virtual std::vector<PipelineInfo> Pipelines() const { return {}; }
};

// What all components may use; outlives them.
struct Environment {
  net::IoContext& io;
  core::Executor& executor;
  const core::Clock& clock;
  core::Registry& telemetry;       // the collector's own metrics, under its names
  core::Registry& server_metrics;  // of servers and clients of components
  core::Logger logger;
  net::HttpClient& http;
  const ExtensionHost& extensions;
  std::string version;      // of this program
  std::string instance_id;  // service.instance.id of this collector
  // Of a collector within a server that has these; null in one that stands alone.
  remote::OtlpStore* metric_store = nullptr;
  HostedOtlp* hosted_otlp = nullptr;  // OTLP at the server's own address
};

// What an instance is made with.
struct ComponentSettings {
  ComponentId id;
  Environment& environment;
  core::Logger logger;  // says which component speaks
};

class Component {
 public:
  virtual ~Component() = default;
  // Begins to work. An error stops the whole collector. Not on an I/O thread.
  virtual core::Status Start() { return {}; }
  // Ends: receivers take nothing more, others hand on what they hold. Returns when that is done, in bounded
  // time. Not on an I/O thread; the executor still runs. Not called unless Start was.
  virtual void Shutdown() {}
};

// Where a receiver's data goes, by signal; null where the receiver stands in no pipeline of the signal.
struct Outputs {
  Consumer* traces = nullptr;
  Consumer* metrics = nullptr;
  Consumer* logs = nullptr;

  Consumer* Of(Signal signal) const {
    return signal == Signal::kTraces ? traces : signal == Signal::kMetrics ? metrics : logs;
  }
};

class Receiver : public Component {};
class Processor : public Component, public Consumer {};
class Exporter : public Component, public Consumer {};
class Connector : public Component, public Consumer {};

class Extension : public Component {
 public:
  // When all pipelines run, and before the first is stopped.
  virtual void PipelinesReady() {}
  virtual void PipelinesStopping() {}
};

template <typename T>
using Made = core::Result<std::unique_ptr<T>>;

// Settings of a component that were read, of a type that only its own functions know.
using ConfigPtr = std::shared_ptr<const void>;

struct ComponentType {
  ComponentKind kind = ComponentKind::kReceiver;
  std::string name;
  std::vector<std::string> aliases = {};                    // older and newer names of the same
  std::vector<Signal> signals = {};                         // of receivers, processors and exporters
  std::vector<std::pair<Signal, Signal>> connections = {};  // of connectors: from, to

  // Reads the settings; a null node means all defaults. Errors say "file:line:column: path: what".
  std::function<core::Result<ConfigPtr>(config::Node node)> read;
  // The settings as YAML, with all defaults.
  std::function<std::string(const ConfigPtr& config)> write;

  // The one of its kind. Errors at making are those of the configuration.
  std::function<Made<Receiver>(const ComponentSettings&, const ConfigPtr&, const Outputs&)> make_receiver;
  std::function<Made<Processor>(const ComponentSettings&, const ConfigPtr&, Signal, Consumer& next)>
      make_processor;
  std::function<Made<Exporter>(const ComponentSettings&, const ConfigPtr&, Signal)> make_exporter;
  std::function<Made<Connector>(const ComponentSettings&, const ConfigPtr&, Signal from, Signal to,
                                Consumer& next)>
      make_connector;
  std::function<Made<Extension>(const ComponentSettings&, const ConfigPtr&)> make_extension;
};

// What the descriptions below have in common. `Config` has a field table (config/decode.h).
template <typename Config>
ComponentType DescribeType(ComponentKind kind, std::string name, std::vector<std::string> aliases) {
  ComponentType type;
  type.kind = kind;
  type.name = std::move(name);
  type.aliases = std::move(aliases);
  type.read = [](config::Node node) -> core::Result<ConfigPtr> {
    auto config = std::make_shared<Config>();
    SEXTANT_TRY(config::DecodeInto(node, *config));
    return config;
  };
  type.write = [](const ConfigPtr& config) {
    return config::WriteYaml(*static_cast<const Config*>(config.get()));
  };
  return type;
}

template <typename Config>
ComponentType ReceiverType(std::string name, std::vector<std::string> aliases, std::vector<Signal> signals,
                           Made<Receiver> (*make)(const ComponentSettings&, const Config&, const Outputs&)) {
  ComponentType type = DescribeType<Config>(ComponentKind::kReceiver, std::move(name), std::move(aliases));
  type.signals = std::move(signals);
  type.make_receiver = [make](const ComponentSettings& settings, const ConfigPtr& config,
                              const Outputs& outputs) {
    return make(settings, *static_cast<const Config*>(config.get()), outputs);
  };
  return type;
}

template <typename Config>
ComponentType ProcessorType(std::string name, std::vector<std::string> aliases, std::vector<Signal> signals,
                            Made<Processor> (*make)(const ComponentSettings&, const Config&, Signal,
                                                    Consumer&)) {
  ComponentType type = DescribeType<Config>(ComponentKind::kProcessor, std::move(name), std::move(aliases));
  type.signals = std::move(signals);
  type.make_processor = [make](const ComponentSettings& settings, const ConfigPtr& config, Signal signal,
                               Consumer& next) {
    return make(settings, *static_cast<const Config*>(config.get()), signal, next);
  };
  return type;
}

template <typename Config>
ComponentType ExporterType(std::string name, std::vector<std::string> aliases, std::vector<Signal> signals,
                           Made<Exporter> (*make)(const ComponentSettings&, const Config&, Signal)) {
  ComponentType type = DescribeType<Config>(ComponentKind::kExporter, std::move(name), std::move(aliases));
  type.signals = std::move(signals);
  type.make_exporter = [make](const ComponentSettings& settings, const ConfigPtr& config, Signal signal) {
    return make(settings, *static_cast<const Config*>(config.get()), signal);
  };
  return type;
}

template <typename Config>
ComponentType ConnectorType(std::string name, std::vector<std::string> aliases,
                            std::vector<std::pair<Signal, Signal>> connections,
                            Made<Connector> (*make)(const ComponentSettings&, const Config&, Signal from,
                                                    Signal to, Consumer&)) {
  ComponentType type = DescribeType<Config>(ComponentKind::kConnector, std::move(name), std::move(aliases));
  type.connections = std::move(connections);
  type.make_connector = [make](const ComponentSettings& settings, const ConfigPtr& config, Signal from,
                               Signal to, Consumer& next) {
    return make(settings, *static_cast<const Config*>(config.get()), from, to, next);
  };
  return type;
}

template <typename Config>
ComponentType ExtensionType(std::string name, std::vector<std::string> aliases,
                            Made<Extension> (*make)(const ComponentSettings&, const Config&)) {
  ComponentType type = DescribeType<Config>(ComponentKind::kExtension, std::move(name), std::move(aliases));
  type.make_extension = [make](const ComponentSettings& settings, const ConfigPtr& config) {
    return make(settings, *static_cast<const Config*>(config.get()));
  };
  return type;
}

// All types of one kind that this version has, in the order of their names (components.cc).
const std::vector<ComponentType>& ComponentTypes();
// By its name or an alias; null when there is none.
const ComponentType* FindType(ComponentKind kind, std::string_view name);

}  // namespace sextant::pipeline
