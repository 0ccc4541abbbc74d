// Traces: what a request, a query or a notification passed through, as spans with a beginning, an end and
// attributes, in the model of OpenTelemetry.
//
//   core::Span span = core::StartSpan(tracer, "rule", {.parent = &parent.context()});
//   span.SetAttribute("name", rule.name());
//   ... work; children get &span.context() ...
//                                                     // the span ends with its variable, or at End()
//
// A Tracer that is switched off, or none, gives spans that hold nothing: all their functions return at once.
// Whether a trace is recorded is decided at its first span, by the share of traces to be recorded, and taken
// over by all others (W3C Trace Context), whoever made the first one.
//
// Tracer is thread-safe. A Span belongs to one thread at a time. Where ended spans go is behind SpanSink:
// core knows no network.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/clock.h"

namespace sextant::core {

// What a span's children, here or elsewhere, must know of it.
struct SpanContext {
  std::array<uint8_t, 16> trace_id = {};
  std::array<uint8_t, 8> span_id = {};
  bool is_sampled = false;
  std::string trace_state = {};  // of other systems, passed on as it came

  bool is_valid() const;  // both ids are set
};

// 16 hexadecimal digits; those of a span that is none are zeros.
std::string SpanIdText(const SpanContext& context);

// The header `traceparent` ("00-4bf9…-00f0…-01"); nothing when it is malformed, or of version 0xff.
std::optional<SpanContext> ParseTraceparent(std::string_view header);
std::string FormatTraceparent(const SpanContext& context);

// As OTLP numbers them.
enum class SpanKind : uint8_t { kInternal = 1, kServer = 2, kClient = 3, kProducer = 4, kConsumer = 5 };

using AttributeValue = std::variant<bool, int64_t, double, std::string, std::vector<std::string>>;
struct SpanAttribute {
  std::string name;
  AttributeValue value;
};

struct SpanEvent {
  std::string name;
  int64_t time_ns = 0;  // since the epoch
  std::vector<SpanAttribute> attributes;
};

// A span that has ended.
struct SpanData {
  SpanContext context;
  std::array<uint8_t, 8> parent_id = {};  // zeros: the first of its trace
  bool has_remote_parent = false;
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  int64_t start_ns = 0;  // since the epoch
  int64_t end_ns = 0;
  std::vector<SpanAttribute> attributes;
  std::vector<SpanEvent> events;
  uint32_t dropped_attributes = 0;  // over the limits
  uint32_t dropped_events = 0;
  bool has_failed = false;
  std::string error;  // of one that has failed
};

// Takes spans that ended, from any thread. Must not wait.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void Take(SpanData span) = 0;
};

struct SpanStart {
  SpanKind kind = SpanKind::kInternal;
  const SpanContext* parent = nullptr;  // null or invalid: a new trace begins
  bool has_remote_parent = false;       // the parent is another process's
  int64_t start_ns = 0;                 // on the monotonic clock; 0: now
};

class Tracer;

class Span {
 public:
  Span() = default;  // holds nothing
  ~Span() { End(); }
  Span(Span&&) noexcept = default;
  Span& operator=(Span&& other) noexcept;

  // Valid also of a span that is not recorded: its children must know so.
  const SpanContext& context() const { return context_; }
  // Whether what is set here is kept; for values that cost something to make.
  bool is_recorded() const { return record_ != nullptr; }

  // At most 128; further ones are counted. Texts are cut at 4 KiB.
  void SetAttribute(std::string_view name, AttributeValue value);
  // At most 128.
  void AddEvent(std::string_view name, std::vector<SpanAttribute> attributes = {});
  // Marks it as failed.
  void SetError(std::string_view message);
  void SetName(std::string_view name);
  // Hands it to the sink; may be called again.
  void End();

 private:
  friend class Tracer;
  struct Record;
  struct RecordDelete {
    void operator()(Record* record) const;
  };

  SpanContext context_;
  std::unique_ptr<Record, RecordDelete> record_;
};

class Tracer {
 public:
  // `clock` must outlive the tracer and its spans. Switched off at first.
  explicit Tracer(const Clock& clock);
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Records this share (0 to 1) of new traces into `sink` from now on; null switches off. Spans under way end
  // where they began. Thread-safe.
  void Use(std::shared_ptr<SpanSink> sink, double sampling_fraction);
  bool is_on() const { return is_on_.load(std::memory_order_relaxed); }

  // Holds nothing when switched off.
  Span Start(std::string_view name, const SpanStart& start = {});

 private:
  struct Setup;
  friend class Span;
  uint64_t NextRandom();
  int64_t WallNs(int64_t monotonic_ns);

  const Clock& clock_;
  std::atomic<bool> is_on_{false};
  std::atomic<std::shared_ptr<const Setup>> setup_;
  std::atomic<uint64_t> random_state_;
  std::atomic<int64_t> wall_offset_ns_;
};

// A span of a tracer that may be null.
inline Span StartSpan(Tracer* tracer, std::string_view name, const SpanStart& start = {}) {
  if (tracer == nullptr || !tracer->is_on()) return {};
  return tracer->Start(name, start);
}

}  // namespace sextant::core
