#include "core/trace.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace sextant::core {

namespace {

constexpr size_t kMaxAttributes = 128;
constexpr size_t kMaxEvents = 128;
constexpr size_t kMaxTextBytes = 4 << 10;
constexpr int64_t kMaxClockErrorNs = 2'000'000;
constexpr std::string_view kHexDigits = "0123456789abcdef";

void AppendHex(std::string& out, const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    out += kHexDigits[bytes[i] >> 4];
    out += kHexDigits[bytes[i] & 15];
  }
}

// Lower-case digits alone, as the specification wants them.
bool ParseHex(std::string_view text, uint8_t* bytes) {
  for (size_t i = 0; i < text.size(); i += 2) {
    const size_t high = kHexDigits.find(text[i]);
    const size_t low = kHexDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    bytes[i / 2] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

template <size_t N>
bool IsZero(const std::array<uint8_t, N>& id) {
  return std::ranges::all_of(id, [](uint8_t byte) { return byte == 0; });
}

uint64_t Mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Not in the middle of a character.
void CutText(std::string& text) {
  if (text.size() <= kMaxTextBytes) return;
  size_t end = kMaxTextBytes;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
}

}  // namespace

bool SpanContext::is_valid() const { return !IsZero(trace_id) && !IsZero(span_id); }

std::string SpanIdText(const SpanContext& context) {
  std::string text;
  AppendHex(text, context.span_id.data(), context.span_id.size());
  return text;
}

std::optional<SpanContext> ParseTraceparent(std::string_view header) {
  constexpr size_t kSize = 55;
  if (header.size() < kSize || header[2] != '-' || header[35] != '-' || header[52] != '-') return {};
  uint8_t version = 0;
  uint8_t flags = 0;
  SpanContext context;
  if (!ParseHex(header.substr(0, 2), &version) || !ParseHex(header.substr(3, 32), context.trace_id.data()) ||
      !ParseHex(header.substr(36, 16), context.span_id.data()) || !ParseHex(header.substr(53, 2), &flags))
    return {};
  // Later versions may say more behind a dash.
  if (version == 0xFF || (version == 0 && header.size() != kSize)) return {};
  if (header.size() > kSize && header[kSize] != '-') return {};
  if (!context.is_valid()) return {};
  context.is_sampled = (flags & 1) != 0;
  return context;
}

std::string FormatTraceparent(const SpanContext& context) {
  std::string header = "00-";
  AppendHex(header, context.trace_id.data(), context.trace_id.size());
  header += '-';
  AppendHex(header, context.span_id.data(), context.span_id.size());
  header += context.is_sampled ? "-01" : "-00";
  return header;
}

struct Tracer::Setup {
  std::shared_ptr<SpanSink> sink;
  uint64_t sampled_below = 0;  // what half of a trace's id must be below
};

struct Span::Record {
  Tracer* tracer = nullptr;
  std::shared_ptr<const Tracer::Setup> setup;
  int64_t started_ns = 0;  // monotonic
  SpanData data;
};

void Span::RecordDelete::operator()(Record* record) const { delete record; }

Span& Span::operator=(Span&& other) noexcept {
  if (this == &other) return *this;
  End();
  context_ = std::move(other.context_);
  record_ = std::move(other.record_);
  return *this;
}

void Span::SetAttribute(std::string_view name, AttributeValue value) {
  if (record_ == nullptr) return;
  if (auto* text = std::get_if<std::string>(&value)) CutText(*text);
  std::vector<SpanAttribute>& attributes = record_->data.attributes;
  const auto known = std::ranges::find(attributes, name, &SpanAttribute::name);
  if (known != attributes.end()) {
    known->value = std::move(value);
  } else if (attributes.size() < kMaxAttributes) {
    attributes.push_back({std::string(name), std::move(value)});
  } else {
    ++record_->data.dropped_attributes;
  }
}

void Span::AddEvent(std::string_view name, std::vector<SpanAttribute> attributes) {
  if (record_ == nullptr) return;
  if (record_->data.events.size() >= kMaxEvents) {
    ++record_->data.dropped_events;
    return;
  }
  Tracer& tracer = *record_->tracer;
  record_->data.events.push_back(
      {std::string(name), tracer.WallNs(tracer.clock_.MonotonicNs()), std::move(attributes)});
}

void Span::SetError(std::string_view message) {
  if (record_ == nullptr) return;
  record_->data.has_failed = true;
  record_->data.error = message;
  CutText(record_->data.error);
}

void Span::SetName(std::string_view name) {
  if (record_ != nullptr) record_->data.name = name;
}

void Span::End() {
  if (record_ == nullptr) return;
  const auto record = std::move(record_);
  SpanData& data = record->data;
  data.end_ns = data.start_ns + (record->tracer->clock_.MonotonicNs() - record->started_ns);
  data.context = context_;
  record->setup->sink->Take(std::move(data));
}

Tracer::Tracer(const Clock& clock) : clock_(clock) {
  std::random_device device;
  random_state_ = uint64_t{device()} << 32 | device();
  wall_offset_ns_ = clock.NowMs() * 1'000'000 - clock.MonotonicNs();
}

Tracer::~Tracer() = default;

void Tracer::Use(std::shared_ptr<SpanSink> sink, double sampling_fraction) {
  if (sink == nullptr) {
    is_on_.store(false, std::memory_order_relaxed);
    setup_.store(nullptr);
    return;
  }
  auto setup = std::make_shared<Setup>();
  setup->sink = std::move(sink);
  constexpr uint64_t kAll = uint64_t{1} << 63;
  setup->sampled_below = sampling_fraction >= 1   ? kAll
                         : sampling_fraction <= 0 ? 0
                                                  : static_cast<uint64_t>(sampling_fraction * 0x1p63);
  setup_.store(std::move(setup));
  is_on_.store(true, std::memory_order_relaxed);
}

uint64_t Tracer::NextRandom() {
  return Mixed(random_state_.fetch_add(0x9E3779B97F4A7C15u, std::memory_order_relaxed));
}

// Of the wall clock, as precise as the monotonic one; follows the wall clock where that was set.
int64_t Tracer::WallNs(int64_t monotonic_ns) {
  int64_t offset_ns = wall_offset_ns_.load(std::memory_order_relaxed);
  const int64_t seen_ns = clock_.NowMs() * 1'000'000 - clock_.MonotonicNs();
  if (std::abs(seen_ns - offset_ns) > kMaxClockErrorNs) {
    offset_ns = seen_ns;
    wall_offset_ns_.store(offset_ns, std::memory_order_relaxed);
  }
  return monotonic_ns + offset_ns;
}

Span Tracer::Start(std::string_view name, const SpanStart& start) {
  Span span;
  std::shared_ptr<const Setup> setup = setup_.load();
  if (setup == nullptr) return span;
  SpanContext& context = span.context_;
  const bool has_parent = start.parent != nullptr && start.parent->is_valid();
  if (has_parent) {
    context = *start.parent;
  } else {
    const uint64_t halves[2] = {NextRandom(), NextRandom() | 1};  // never all zeros
    std::memcpy(context.trace_id.data(), halves, sizeof halves);
    uint64_t half = 0;
    for (size_t i = 8; i < 16; ++i) half = half << 8 | context.trace_id[i];
    context.is_sampled = (half >> 1) < setup->sampled_below;
  }
  const uint64_t id = NextRandom() | 1;
  std::memcpy(context.span_id.data(), &id, sizeof id);
  if (!context.is_sampled) return span;

  span.record_.reset(new Span::Record);
  Span::Record& record = *span.record_;
  record.tracer = this;
  record.started_ns = start.start_ns != 0 ? start.start_ns : clock_.MonotonicNs();
  record.data.name = name;
  record.data.kind = start.kind;
  record.data.start_ns = WallNs(record.started_ns);
  if (has_parent) {
    record.data.parent_id = start.parent->span_id;
    record.data.has_remote_parent = start.has_remote_parent;
  }
  record.setup = std::move(setup);
  return span;
}

}  // namespace sextant::core
