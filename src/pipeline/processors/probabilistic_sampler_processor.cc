#include "pipeline/processors/probabilistic_sampler_processor.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "pipeline/trace_state.h"

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Node;
using core::Status;
using otlp::AnyValue;
using otlp::ValueKind;

constexpr uint64_t kNever = kThresholdEnd;
constexpr uint64_t kAlways = 0;
constexpr uint64_t kGreatestRandomness = kThresholdEnd - 1;
constexpr double kMinProbability = 1.0 / static_cast<double>(kThresholdEnd);
constexpr int64_t kMaxPrecision = 14;
constexpr uint32_t kHashBuckets = 0x4000;

enum class Mode { kUnset, kHashSeed, kProportional, kEqualizing };
enum class Source { kTraceId, kRecord };

struct SamplerConfig {
  double percentage = 0;
  uint32_t hash_seed = 0;
  Mode mode = Mode::kUnset;
  bool fails_closed = true;
  int64_t precision = 4;
  Source source = Source::kTraceId;
  std::string from_attribute;
  std::string sampling_priority;
};

Status CheckSampler(SamplerConfig& config, Node node) {
  if (!std::isfinite(config.percentage))
    return node.Fail("sampling rate is invalid: {:f}%", config.percentage);
  double ratio = config.percentage / 100;
  if (ratio < 0) return node.Fail("sampling rate is negative: {:f}%", config.percentage);
  if (ratio > 0 && ratio < kMinProbability) {
    return node.Fail("sampling rate is too small: {}%", config.percentage);
  }
  if (config.precision <= 0) return node.Fail("invalid sampling precision: {}", config.precision);
  if (config.precision > kMaxPrecision) {
    return node.Fail("sampling precision is too great, should be <= 14: {}", config.precision);
  }
  return {};
}

const config::Struct& FieldsOf(const SamplerConfig*) {
  using C = SamplerConfig;
  static const config::Struct kFields = config::Struct::Of<C>(
      {
          Member<&C::percentage>("sampling_percentage").AlwaysWritten(),
          Member<&C::hash_seed>("hash_seed"),
          Member<&C::mode>("mode", config::Enum<Mode>({{"", Mode::kUnset},
                                                       {"hash_seed", Mode::kHashSeed},
                                                       {"proportional", Mode::kProportional},
                                                       {"equalizing", Mode::kEqualizing}},
                                                      "unsupported sampler mode {}")),
          Member<&C::fails_closed>("fail_closed").AlwaysWritten(),
          Member<&C::precision>("sampling_precision"),
          Member<&C::source>(
              "attribute_source",
              config::Enum<Source>({{"traceID", Source::kTraceId}, {"record", Source::kRecord}},
                                   "invalid attribute source: {}. Expected: traceID or record")),
          Member<&C::from_attribute>("from_attribute"),
          Member<&C::sampling_priority>("sampling_priority"),
      },
      &CheckSampler);
  return kFields;
}

// FNV-1a over the seed and the bytes.
uint32_t Hash(std::string_view bytes, uint32_t seed) {
  uint32_t hash = 2166136261;
  auto add = [&](uint8_t byte) { hash = (hash ^ byte) * 16777619; };
  for (int i = 0; i < 4; ++i) add(static_cast<uint8_t>(seed >> (8 * i)));
  for (char c : bytes) add(static_cast<uint8_t>(c));
  return hash;
}

// Randomness whose first 14 bits decide as the hash's last 14 always did.
uint64_t HashedRandomness(std::string_view bytes, uint32_t seed) {
  uint32_t hash = Hash(bytes, seed);
  uint64_t bucket = hash & (kHashBuckets - 1);
  uint64_t unused = hash >> 18;
  uint64_t mixed = unused ^ (unused << 10);
  return (kHashBuckets - 1 - bucket) << 42 | mixed << 14 | bucket;
}

double ProbabilityOf(uint64_t threshold) {
  return static_cast<double>(kThresholdEnd - threshold) / static_cast<double>(kThresholdEnd);
}

// A probability as a threshold of so many digits; kNever when it is too small, kAlways when it is too near 1
// for the digits there are.
uint64_t ThresholdFor(double probability, int64_t precision) {
  if (probability < kMinProbability) return kNever;
  if (probability >= 1) return kAlways;
  for (double reject = 1 - probability; reject * 16 < 1; reject *= 16) ++precision;
  if (precision > kMaxPrecision) return kAlways;
  auto scaled = static_cast<uint64_t>(std::llround(probability * static_cast<double>(kThresholdEnd)));
  uint64_t threshold = kThresholdEnd - scaled;
  int64_t shift = 4 * (kMaxPrecision - precision);
  if (shift == 0) return threshold;
  threshold += uint64_t{1} << (shift - 1);
  return threshold >> shift << shift;
}

// What is random in an item, and what its sampling was before.
struct Evidence {
  std::optional<uint64_t> randomness;
  std::string_view policy = "missing_randomness";
  std::optional<uint64_t> threshold;  // as it came
  bool is_malformed = false;          // what it carries cannot be read, and is left alone
  bool is_in_use = false;             // by other modes, while this one hashes
  bool adds_randomness = false;       // which was hashed, and goes along
};

struct Decision {
  bool is_kept = false;
  std::string_view policy;
  std::optional<uint64_t> threshold;  // to be carried; none: it is taken away
  bool writes = false;                // what it carries is to be written anew
};

// Decides for one signal. Any thread.
class Sampler {
 public:
  Sampler(const SamplerConfig& config, Signal signal) : config_(config), mode_(config.mode) {
    if (mode_ == Mode::kUnset) mode_ = Mode::kHashSeed;
    double percentage = std::min(config.percentage, 100.0);
    // As the original: with the precision that its settings have.
    auto narrow = static_cast<float>(percentage);
    ratio_ = static_cast<double>(narrow) / 100;
    is_never_ = narrow == 0;
    if (mode_ == Mode::kHashSeed) {
      auto scaled = static_cast<uint32_t>(narrow * (static_cast<float>(kHashBuckets) / 100.0F));
      is_never_ = scaled == 0;
      threshold_ = static_cast<uint64_t>(kHashBuckets - scaled) << 42;
    } else if (!is_never_) {
      threshold_ = ThresholdFor(std::max(ratio_, kMinProbability), config.precision);
    }
    hashes_trace_id_ = signal == Signal::kTraces || config.source == Source::kTraceId;
  }

  bool hashes() const { return mode_ == Mode::kHashSeed; }
  bool hashes_trace_id() const { return hashes_trace_id_; }
  bool is_never() const { return is_never_; }
  const SamplerConfig& config() const { return config_; }

  // `priority` is a threshold that someone asked for in the item, which always holds (traces) or when it
  // lets more through (logs).
  Decision Decide(const Evidence& evidence, std::optional<uint64_t> priority, bool is_forced) const {
    Decision decision = {.is_kept = false, .policy = evidence.policy, .threshold = evidence.threshold};
    uint64_t threshold = kNever;
    uint64_t randomness = evidence.randomness.value_or(kGreatestRandomness);
    if (is_never_) {
      decision.policy = "sampling_priority";
      randomness = kGreatestRandomness;
    } else {
      threshold = ThresholdOf(evidence, decision);
    }
    if (priority && (is_forced || *priority < threshold || *priority == kNever)) {
      threshold = *priority;
      decision.policy = "sampling_priority";
    }
    decision.is_kept = randomness >= threshold;
    decision.writes = decision.is_kept && !evidence.is_malformed && !is_never_;
    // What was dropped before can only become more.
    if (!decision.threshold || *decision.threshold <= threshold) decision.threshold = threshold;
    return decision;
  }

 private:
  uint64_t ThresholdOf(const Evidence& evidence, Decision& decision) const {
    uint64_t on_error = config_.fails_closed ? kNever : kAlways;
    if (evidence.is_malformed || evidence.is_in_use || !evidence.randomness) return on_error;
    if (evidence.threshold && *evidence.randomness < *evidence.threshold) {
      // It should have been dropped before, so what it says is not true.
      decision.threshold.reset();
      return on_error;
    }
    switch (mode_) {
      case Mode::kEqualizing:
        return std::max(threshold_, evidence.threshold.value_or(kAlways));
      case Mode::kProportional: {
        double before = evidence.threshold ? ProbabilityOf(*evidence.threshold) : 1;
        return ThresholdFor(before * ratio_, config_.precision);
      }
      default:
        return threshold_;
    }
  }

  const SamplerConfig config_;
  Mode mode_;
  double ratio_ = 0;
  uint64_t threshold_ = kNever;
  bool is_never_ = false;
  bool hashes_trace_id_ = true;
};

// A number, also as text.
std::optional<double> NumberOf(const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::kInt:
      return static_cast<double>(value.integer);
    case ValueKind::kDouble:
      return value.number;
    case ValueKind::kText: {
      double number = 0;
      auto [end, error] = std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
      if (error != std::errc() || end != value.text.data() + value.text.size()) return std::nullopt;
      return number;
    }
    default:
      return std::nullopt;
  }
}

class SamplerProcessor final : public Processor {
 public:
  SamplerProcessor(const ComponentSettings& settings, const SamplerConfig& config, Signal signal,
                   Consumer& next)
      : sampler_(config, signal),
        telemetry_(settings.environment.telemetry),
        next_(next),
        is_traces_(signal == Signal::kTraces) {
    // All policies that there can be, so that nothing is registered while data flows.
    for (std::string_view policy :
         {std::string_view("missing_randomness"), std::string_view("trace_id_hash"),
          std::string_view("trace_id_w3c"), std::string_view("sampling_randomness"),
          std::string_view("sampling_priority"), std::string_view(sampler_.config().from_attribute)}) {
      if (!policy.empty()) counters_.push_back(CountersOf(policy));
    }
  }

  void Consume(Telemetry batch, Done done) override {
    if (is_traces_) {
      SampleTraces(batch.MutableTraces());
    } else {
      SampleLogs(batch.MutableLogs());
    }
    if (batch.CountItems() == 0) return done({});
    next_.Consume(std::move(batch), std::move(done));
  }

 private:
  struct PolicyCounters {
    std::string policy;
    core::Counter* kept[2];     // false, true
    core::Counter* kept_as[2];  // the same under the name's successor; null for logs
  };

  PolicyCounters CountersOf(std::string_view policy) {
    PolicyCounters counters{.policy = std::string(policy), .kept = {}, .kept_as = {}};
    for (int i = 0; i < 2; ++i) {
      core::MetricLabels labels = {{"policy", counters.policy}, {"sampled", i == 1 ? "true" : "false"}};
      if (is_traces_) {
        counters.kept[i] =
            &telemetry_.AddCounter("otelcol_processor_probabilistic_sampler_count_traces_sampled",
                                   "Count of spans that were sampled or not", labels);
        counters.kept_as[i] =
            &telemetry_.AddCounter("otelcol_processor_probabilistic_sampler_count_spans_processed_total",
                                   "Count of spans that were sampled or not", labels);
      } else {
        counters.kept[i] =
            &telemetry_.AddCounter("otelcol_processor_probabilistic_sampler_count_logs_sampled",
                                   "Count of logs that were sampled or not", labels);
      }
    }
    return counters;
  }

  void Count(const Decision& decision) {
    auto found = std::ranges::find(counters_, decision.policy, &PolicyCounters::policy);
    if (found == counters_.end()) return;
    size_t index = decision.is_kept ? 1 : 0;
    found->kept[index]->Increment();
    if (found->kept_as[index] != nullptr) found->kept_as[index]->Increment();
  }

  void SampleTraces(otlp::TracesData& data) {
    for (otlp::ResourceSpans& resource : data.resources) {
      for (otlp::ScopeSpans& scope : resource.scopes) {
        std::erase_if(scope.spans, [&](otlp::Span& span) { return !KeepSpan(span, data.memory); });
      }
      std::erase_if(resource.scopes, [](const otlp::ScopeSpans& scope) { return scope.spans.empty(); });
    }
    std::erase_if(data.resources,
                  [](const otlp::ResourceSpans& resource) { return resource.scopes.empty(); });
  }

  bool KeepSpan(otlp::Span& span, otlp::Memory& memory) {
    auto state = TraceState::Parse(span.trace_state);
    Evidence evidence;
    evidence.is_malformed = !state;
    if (state) evidence.threshold = state->sampling.threshold;
    if (sampler_.hashes()) {
      evidence.randomness = HashedRandomness(span.trace_id.view(), sampler_.config().hash_seed);
      evidence.policy = "trace_id_hash";
      evidence.is_in_use = state && (state->sampling.randomness || state->sampling.threshold);
      evidence.adds_randomness = true;
    } else if (state && state->sampling.randomness) {
      evidence.randomness = state->sampling.randomness;
      evidence.policy = "sampling_randomness";
    } else if (state && !span.trace_id.IsEmpty()) {
      evidence.randomness = RandomnessOf(span.trace_id);
      evidence.policy = "trace_id_w3c";
    }
    Decision decision = sampler_.Decide(evidence, SpanPriority(span), true);
    if (decision.writes) {
      if (evidence.adds_randomness && !evidence.is_in_use) state->sampling.randomness = evidence.randomness;
      state->sampling.threshold = decision.threshold;
      span.trace_state = memory.Copy(state->Text());
    }
    Count(decision);
    return decision.is_kept;
  }

  // OpenTracing's sampling.priority: 0 drops, more keeps.
  static std::optional<uint64_t> SpanPriority(const otlp::Span& span) {
    const AnyValue* value = otlp::FindAttribute(span.attributes, "sampling.priority");
    std::optional<double> number = value == nullptr ? std::nullopt : NumberOf(*value);
    if (!number || !(*number >= 0)) return std::nullopt;
    return *number == 0 ? kNever : kAlways;
  }

  void SampleLogs(otlp::LogsData& data) {
    for (otlp::ResourceLogs& resource : data.resources) {
      for (otlp::ScopeLogs& scope : resource.scopes) {
        std::erase_if(scope.records,
                      [&](otlp::LogRecord& record) { return !KeepRecord(record, data.memory); });
      }
      std::erase_if(resource.scopes, [](const otlp::ScopeLogs& scope) { return scope.records.empty(); });
    }
    std::erase_if(data.resources, [](const otlp::ResourceLogs& resource) { return resource.scopes.empty(); });
  }

  bool KeepRecord(otlp::LogRecord& record, otlp::Memory& memory) {
    Evidence evidence;
    std::optional<uint64_t> given = ReadDigits(record, kRandomnessKey, ParseRandomness, evidence);
    evidence.threshold = ReadDigits(record, kThresholdKey, ParseThreshold, evidence);
    if (sampler_.hashes()) {
      HashRecord(record, evidence);
      evidence.is_in_use = given || evidence.threshold;
    } else if (!evidence.is_malformed && given) {
      evidence.randomness = given;
      evidence.policy = "sampling_randomness";
    } else if (!evidence.is_malformed && !record.trace_id.IsEmpty()) {
      evidence.randomness = RandomnessOf(record.trace_id);
      evidence.policy = "trace_id_w3c";
    }
    Decision decision = sampler_.Decide(evidence, RecordPriority(record), false);
    if (decision.writes) {
      otlp::AttributeEditor editor(record.attributes, memory);
      if (evidence.adds_randomness && !evidence.is_in_use) {
        editor.Set(kRandomnessKey, AnyValue::Text(memory.Copy(fmt::format("{:014x}", *evidence.randomness))));
      }
      if (decision.threshold) {
        editor.Set(kThresholdKey, AnyValue::Text(memory.Copy(ThresholdText(*decision.threshold))));
      }
      editor.Apply();
    }
    Count(decision);
    return decision.is_kept;
  }

  static std::optional<uint64_t> ReadDigits(const otlp::LogRecord& record, std::string_view key,
                                            std::optional<uint64_t> (*parse)(std::string_view),
                                            Evidence& evidence) {
    const AnyValue* value = otlp::FindAttribute(record.attributes, key);
    if (value == nullptr || !value->is_text() || value->text.empty()) return std::nullopt;
    std::optional<uint64_t> digits = parse(value->text);
    if (!digits) evidence.is_malformed = true;
    return digits;
  }

  void HashRecord(const otlp::LogRecord& record, Evidence& evidence) const {
    const SamplerConfig& config = sampler_.config();
    if (sampler_.hashes_trace_id()) {
      evidence.randomness = HashedRandomness(record.trace_id.view(), config.hash_seed);
      evidence.policy = "trace_id_hash";
      evidence.adds_randomness = true;
      return;
    }
    if (config.from_attribute.empty()) return;
    const AnyValue* value = otlp::FindAttribute(record.attributes, config.from_attribute);
    if (value == nullptr) return;
    std::string bytes = value->kind == ValueKind::kBytes ? std::string(value->text) : otlp::ValueText(*value);
    evidence.randomness = HashedRandomness(bytes, config.hash_seed);
    evidence.policy = config.from_attribute;
    evidence.adds_randomness = true;
  }

  // A percentage in an attribute: 0 drops, a greater one than the setting's lets more through.
  std::optional<uint64_t> RecordPriority(const otlp::LogRecord& record) const {
    const SamplerConfig& config = sampler_.config();
    if (config.sampling_priority.empty()) return std::nullopt;
    const AnyValue* value = otlp::FindAttribute(record.attributes, config.sampling_priority);
    if (value == nullptr || (value->kind != ValueKind::kInt && value->kind != ValueKind::kDouble)) {
      return std::nullopt;
    }
    return ThresholdFor(*NumberOf(*value) / 100, config.precision);
  }

  static constexpr std::string_view kRandomnessKey = "sampling.randomness";
  static constexpr std::string_view kThresholdKey = "sampling.threshold";

  const Sampler sampler_;
  core::Registry& telemetry_;
  Consumer& next_;
  const bool is_traces_;
  std::vector<PolicyCounters> counters_;
};

Made<Processor> MakeSampler(const ComponentSettings& settings, const SamplerConfig& config, Signal signal,
                            Consumer& next) {
  return std::make_unique<SamplerProcessor>(settings, config, signal, next);
}

}  // namespace

ComponentType ProbabilisticSamplerProcessorType() {
  return ProcessorType<SamplerConfig>("probabilistic_sampler", {}, {Signal::kTraces, Signal::kLogs},
                                      &MakeSampler);
}

}  // namespace sextant::pipeline
