#include "pipeline/graph.h"

#include <algorithm>
#include <map>
#include <set>

namespace sextant::pipeline {

using core::Result;
using core::Status;

class GraphBuilder {
 public:
  GraphBuilder(const CollectorConfig& config, Environment& environment)
      : config_(config), environment_(environment), graph_(new Graph()) {}

  Result<std::unique_ptr<Graph>> Build() {
    for (const PipelineConfig& pipeline : config_.pipelines) {
      SEXTANT_TRY(BuildPipeline(pipeline));
    }
    SEXTANT_TRY(BuildReceivers());
    return std::move(graph_);
  }

 private:
  ComponentSettings SettingsOf(const ComponentConfig& config, std::string_view signal) {
    core::Logger logger = environment_.logger.With(KindName(config.type->kind), config.id.Text());
    if (!signal.empty()) logger = logger.With("signal", signal);
    return {config.id, environment_, std::move(logger)};
  }

  template <typename T>
  static auto Failed(const ComponentConfig& config, const core::Result<T>& made) {
    return config.place.Fail("failed to create \"{}\" {}: {}", config.id.Text(), KindName(config.type->kind),
                             made.error().message());
  }

  template <typename T>
  T* Keep(std::string name, std::unique_ptr<T> component) {
    T* raw = component.get();
    graph_->nodes_.push_back({std::move(name), std::move(component)});
    return raw;
  }

  void KeepAccountOf(const Component* component, ItemAccount names) {
    const auto* keeps = dynamic_cast<const KeepsAccount*>(component);
    if (keeps != nullptr) graph_->accounts_.emplace_back(keeps, std::move(names));
  }

  Consumer& MeterFor(const std::string& pipeline, std::string from, std::string to, Consumer& next,
                     core::Counter* incoming, core::Counter* outgoing) {
    auto meter = std::make_unique<Meter>(pipeline, std::move(from), std::move(to), next, incoming, outgoing);
    graph_->meters_.push_back(meter.get());
    Consumer& consumer = *meter;
    graph_->joints_.push_back(std::move(meter));
    return consumer;
  }

  Consumer& Join(std::vector<Consumer*> consumers) {
    if (consumers.size() == 1) return *consumers.front();
    auto fan_out = std::make_unique<FanOut>(std::move(consumers));
    Consumer& consumer = *fan_out;
    graph_->joints_.push_back(std::move(fan_out));
    return consumer;
  }

  core::Counter& ItemsCounter(std::string_view name, std::string_view help, const ComponentId& id,
                              Signal signal) {
    return environment_.telemetry.AddCounter(
        name, help, {{"otel_signal", std::string(SignalName(signal))}, {"processor", id.Text()}});
  }

  // Makes a pipeline and all that stands behind it; its entry goes to entries_.
  Status BuildPipeline(const PipelineConfig& pipeline) {
    if (entries_.contains(pipeline.id)) return {};
    if (std::ranges::find(open_, &pipeline) != open_.end()) return Cycle(pipeline);
    open_.push_back(&pipeline);
    std::string last = pipeline.processors.empty() ? "" : "processor " + pipeline.processors.back().Text();
    core::Counter* last_outgoing = nullptr;
    if (!pipeline.processors.empty()) {
      last_outgoing = &ItemsCounter(kOutgoing, kOutgoingHelp, pipeline.processors.back(), pipeline.signal);
    }
    std::vector<Consumer*> ends;
    for (const ComponentId& id : pipeline.exporters) {
      if (const ComponentConfig* exporter = config_.Find(ComponentKind::kExporter, id)) {
        SEXTANT_ASSIGN(Consumer * consumer, ExporterFor(*exporter, pipeline.signal));
        // What the last processor gives counts once, however many get it.
        core::Counter* outgoing = ends.empty() ? last_outgoing : nullptr;
        ends.push_back(
            &MeterFor(pipeline.id.Text(), last, "exporter " + id.Text(), *consumer, nullptr, outgoing));
        continue;
      }
      SEXTANT_TRY(AddConnectors(*config_.Find(ComponentKind::kConnector, id), pipeline, last,
                                ends.empty() ? last_outgoing : nullptr, ends));
    }
    Consumer* next = &Join(std::move(ends));
    for (size_t i = pipeline.processors.size(); i-- > 0;) {
      const ComponentConfig& config = *config_.Find(ComponentKind::kProcessor, pipeline.processors[i]);
      ComponentSettings settings = SettingsOf(config, SignalName(pipeline.signal));
      settings.logger = settings.logger.With("pipeline", pipeline.id.Text());
      auto made = config.type->make_processor(settings, config.config, pipeline.signal, *next);
      if (!made) return Failed(config, made);
      Processor* processor =
          Keep(fmt::format("processor {} in {}", config.id.Text(), pipeline.id.Text()), std::move(*made));
      KeepAccountOf(processor, {.component = "processor " + config.id.Text(),
                                .pipeline = pipeline.id.Text(),
                                .signal = std::string(SignalName(pipeline.signal))});
      std::string from = i == 0 ? "" : "processor " + pipeline.processors[i - 1].Text();
      core::Counter* outgoing =
          i == 0 ? nullptr
                 : &ItemsCounter(kOutgoing, kOutgoingHelp, pipeline.processors[i - 1], pipeline.signal);
      next = &MeterFor(pipeline.id.Text(), from, "processor " + config.id.Text(), *processor,
                       &ItemsCounter(kIncoming, kIncomingHelp, config.id, pipeline.signal), outgoing);
    }
    entries_[pipeline.id] = next;
    open_.pop_back();
    return {};
  }

  Result<Consumer*> ExporterFor(const ComponentConfig& config, Signal signal) {
    Consumer*& known = exporters_[{config.id, signal}];
    if (known == nullptr) {
      auto made = config.type->make_exporter(SettingsOf(config, SignalName(signal)), config.config, signal);
      if (!made) return Failed(config, made);
      Exporter* exporter =
          Keep(fmt::format("exporter {} ({})", config.id.Text(), SignalName(signal)), std::move(*made));
      KeepAccountOf(exporter,
                    {.component = "exporter " + config.id.Text(), .signal = std::string(SignalName(signal))});
      known = exporter;
    }
    return known;
  }

  // The instances of a connector that take this pipeline's signal, one for each signal it makes.
  Status AddConnectors(const ComponentConfig& config, const PipelineConfig& pipeline, const std::string& from,
                       core::Counter* outgoing, std::vector<Consumer*>& ends) {
    for (Signal to : kSignals) {
      const auto& known_connections = config.type->connections;
      if (std::ranges::find(known_connections, std::pair(pipeline.signal, to)) == known_connections.end())
        continue;
      std::vector<Consumer*> targets;
      for (const PipelineConfig& target : config_.pipelines) {
        if (target.signal != to || std::ranges::find(target.receivers, config.id) == target.receivers.end())
          continue;
        SEXTANT_TRY(BuildPipeline(target));
        targets.push_back(entries_[target.id]);
      }
      if (targets.empty()) continue;
      Consumer*& instance = connectors_[{config.id, pipeline.signal, to}];
      if (instance == nullptr) {
        ComponentSettings settings = SettingsOf(config, "");
        settings.logger =
            settings.logger.With("from", SignalName(pipeline.signal)).With("to", SignalName(to));
        auto made = config.type->make_connector(settings, config.config, pipeline.signal, to, Join(targets));
        if (!made) return Failed(config, made);
        instance = Keep(fmt::format("connector {} ({} to {})", config.id.Text(), SignalName(pipeline.signal),
                                    SignalName(to)),
                        std::move(*made));
      }
      ends.push_back(&MeterFor(pipeline.id.Text(), from, "connector " + config.id.Text(), *instance, nullptr,
                               std::exchange(outgoing, nullptr)));
    }
    return {};
  }

  Status BuildReceivers() {
    std::map<ComponentId, std::map<Signal, std::vector<Consumer*>>> wanted;
    std::vector<ComponentId> order;
    for (const PipelineConfig& pipeline : config_.pipelines) {
      for (const ComponentId& id : pipeline.receivers) {
        if (config_.Find(ComponentKind::kReceiver, id) == nullptr) continue;
        if (!wanted.contains(id)) order.push_back(id);
        Consumer& entry = MeterFor(pipeline.id.Text(), "receiver " + id.Text(), "", *entries_[pipeline.id],
                                   nullptr, nullptr);
        wanted[id][pipeline.signal].push_back(&entry);
      }
    }
    for (const ComponentId& id : order) {
      const ComponentConfig& config = *config_.Find(ComponentKind::kReceiver, id);
      Outputs outputs;
      auto output = [&](Signal signal) {
        auto found = wanted[id].find(signal);
        return found == wanted[id].end() ? nullptr : &Join(found->second);
      };
      outputs.traces = output(Signal::kTraces);
      outputs.metrics = output(Signal::kMetrics);
      outputs.logs = output(Signal::kLogs);
      auto made = config.type->make_receiver(SettingsOf(config, ""), config.config, outputs);
      if (!made) return Failed(config, made);
      Keep(fmt::format("receiver {}", id.Text()), std::move(*made));
    }
    return {};
  }

  Status Cycle(const PipelineConfig& again) const {
    std::string path;
    auto begin = std::ranges::find(open_, &again);
    for (auto at = begin; at != open_.end(); ++at)
      path += fmt::format("pipeline \"{}\" -> ", (*at)->id.Text());
    return again.place.Fail("cycle detected: {}pipeline \"{}\"", path, again.id.Text());
  }

  static constexpr std::string_view kIncoming = "otelcol_processor_incoming_items";
  static constexpr std::string_view kIncomingHelp = "Items passed to a processor.";
  static constexpr std::string_view kOutgoing = "otelcol_processor_outgoing_items";
  static constexpr std::string_view kOutgoingHelp = "Items that a processor handed on.";

  const CollectorConfig& config_;
  Environment& environment_;
  std::unique_ptr<Graph> graph_;
  std::map<ComponentId, Consumer*> entries_;  // of pipelines
  std::map<std::pair<ComponentId, Signal>, Consumer*> exporters_;
  std::map<std::tuple<ComponentId, Signal, Signal>, Consumer*> connectors_;
  std::vector<const PipelineConfig*> open_;  // pipelines being built, each for the one before
};

Result<std::unique_ptr<Graph>> Graph::Build(const CollectorConfig& config, Environment& environment) {
  return GraphBuilder(config, environment).Build();
}

Graph::~Graph() {
  // Producers refer to consumers.
  while (!nodes_.empty()) nodes_.pop_back();
}

Status Graph::Start() {
  for (Node& node : nodes_) {
    if (Status started = node.component->Start(); !started) {
      Shutdown();
      return core::Fail(started.error().code(), "failed to start {}: {}", node.name,
                        started.error().message());
    }
    ++started_;
  }
  return {};
}

void Graph::Shutdown() {
  while (started_ > 0) nodes_[--started_].component->Shutdown();
}

std::vector<EdgeCounts> Graph::Edges() const {
  std::vector<EdgeCounts> edges;
  for (const Meter* meter : meters_) edges.push_back(meter->counts());
  return edges;
}

std::vector<ItemAccount> Graph::Accounts() const {
  std::vector<ItemAccount> accounts;
  for (const auto& [keeps, names] : accounts_) {
    ItemAccount account = keeps->Account();
    account.component = names.component;
    account.pipeline = names.pipeline;
    account.signal = names.signal;
    accounts.push_back(std::move(account));
  }
  return accounts;
}

}  // namespace sextant::pipeline
