// The components of a configuration, made and joined. Built from the end of the pipelines to their beginning,
// started in that order, and shut down the other way round, so that nothing gets data that cannot take it and
// everything that was taken is handed on.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "pipeline/component.h"
#include "pipeline/fan_out.h"
#include "pipeline/item_account.h"
#include "pipeline/meter.h"
#include "pipeline/service_config.h"

namespace sextant::pipeline {

class Graph {
 public:
  // Makes all that pipelines use; nothing is started. Errors are those of the configuration, with the
  // collector's words: cycles of connectors, settings that components refuse.
  static core::Result<std::unique_ptr<Graph>> Build(const CollectorConfig& config, Environment& environment);
  ~Graph();  // without Shutdown when that was not called
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Starts all, consumers before producers. After an error what was started is shut down again.
  core::Status Start();
  void Shutdown();

  // What has passed each edge since the start. Any thread.
  std::vector<EdgeCounts> Edges() const;
  // What the components that can lose something tell of it. Any thread.
  std::vector<ItemAccount> Accounts() const;

 private:
  friend class GraphBuilder;
  Graph() = default;

  struct Node {
    std::string name;  // "exporter otlp (traces)"
    std::unique_ptr<Component> component;
  };

  std::vector<std::unique_ptr<Consumer>> joints_;  // fan-outs and meters
  std::vector<const Meter*> meters_;
  std::vector<Node> nodes_;  // in the order of their start
  // Of those of nodes_ that keep one, with the names for their accounts.
  std::vector<std::pair<const KeepsAccount*, ItemAccount>> accounts_;
  size_t started_ = 0;
};

}  // namespace sextant::pipeline
