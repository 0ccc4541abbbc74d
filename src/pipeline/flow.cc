#include "pipeline/flow.h"

#include "core/json_writer.h"

namespace sextant::pipeline {

namespace {

constexpr core::DurationMs kEveryMs = 1'000;
constexpr size_t kSamples = 10;

void WriteAccount(core::JsonWriter& json, const ItemAccount& account) {
  json.BeginObject();
  json.Key("component").String(account.component);
  if (!account.pipeline.empty()) json.Key("pipeline").String(account.pipeline);
  json.Key("signal").String(account.signal);
  if (account.queue) {
    json.Key("queue").BeginObject();
    json.Key("size").Int(account.queue->size);
    json.Key("capacity").Int(account.queue->capacity);
    json.Key("unit").String(account.queue->unit);
    json.EndObject();
  }
  json.Key("sent").UInt(account.sent);
  json.Key("sendFailed").UInt(account.send_failed);
  json.Key("notQueued").UInt(account.not_queued);
  uint64_t dropped = 0;
  for (const DroppedItems& one : account.dropped) dropped += one.items;
  json.Key("dropped").UInt(dropped);
  json.Key("droppedByReason").BeginObject();
  for (const DroppedItems& one : account.dropped) json.Key(one.reason).UInt(one.items);
  json.EndObject();
  json.EndObject();
}

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
  json.EndArray().Key("components").BeginArray();
  for (const ItemAccount& account : graph_.Accounts()) WriteAccount(json, account);
  json.EndArray().EndObject();
  return std::move(json).Take();
}

}  // namespace sextant::pipeline
