#include "pipeline/flow.h"

#include "core/json_writer.h"

namespace sextant::pipeline {

namespace {

constexpr core::DurationMs kEveryMs = 1'000;
constexpr size_t kSamples = 10;

}  // namespace

FlowRecorder::FlowRecorder(const Graph& graph, Environment& environment)
    : graph_(graph), clock_(environment.clock), ticker_(environment.io, environment.executor) {
  Look();
  ticker_.Start(kEveryMs, [this] { Look(); });
}

FlowRecorder::~FlowRecorder() { ticker_.Stop(); }

void FlowRecorder::Look() {
  std::lock_guard lock(mutex_);
  samples_.push_back({clock_.MonotonicNs(), graph_.Edges()});
  if (samples_.size() > kSamples) samples_.pop_front();
}

std::vector<EdgeFlow> FlowRecorder::Flows() const {
  std::vector<EdgeCounts> now = graph_.Edges();
  int64_t now_ns = clock_.MonotonicNs();
  std::lock_guard lock(mutex_);
  const Sample& first = samples_.front();
  double seconds = static_cast<double>(now_ns - first.time_ns) * 1e-9;
  std::vector<EdgeFlow> flows;
  for (size_t i = 0; i < now.size(); ++i) {
    EdgeFlow flow;
    if (seconds > 0) {
      flow.items_per_second = static_cast<double>(now[i].items - first.counts[i].items) / seconds;
      flow.refused_per_second = static_cast<double>(now[i].refused - first.counts[i].refused) / seconds;
    }
    flow.counts = std::move(now[i]);
    flows.push_back(std::move(flow));
  }
  return flows;
}

std::string FlowRecorder::Json() const {
  core::JsonWriter json;
  json.BeginObject().Key("edges").BeginArray();
  for (const EdgeFlow& flow : Flows()) {
    const EdgeCounts& counts = flow.counts;
    json.BeginObject();
    json.Key("pipeline").String(counts.pipeline);
    json.Key("from").String(counts.from);
    json.Key("to").String(counts.to);
    json.Key("items").UInt(counts.items);
    json.Key("itemsPerSecond").Double(flow.items_per_second);
    json.Key("refused").UInt(counts.refused);
    json.Key("refusedPerSecond").Double(flow.refused_per_second);
    json.Key("pending").UInt(counts.pending);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return std::move(json).Take();
}

}  // namespace sextant::pipeline
