#include "traceformats/zipkin_v1.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>

#include "traceformats/attribute_map.h"
#include "traceformats/zipkin_values.h"

namespace sextant::traceformats {

using otlp::AnyValue;
using otlp::KeyValue;
using otlp::Span;
using otlp::SpanEvent;
using otlp::SpanKind;
using otlp::StatusCode;
using otlp::ValueKind;

namespace {

constexpr std::string_view kUnknownService = "unknown-service";

uint64_t NanosOf(int64_t micros) { return micros <= 0 ? 0 : static_cast<uint64_t>(micros) * 1000; }

// What an annotation's value says of the span's kind; none when it is an event.
std::optional<SpanKind> KindOf(std::string_view value) {
  if (value == "cs" || value == "cr") return SpanKind::kClient;
  if (value == "ms") return SpanKind::kProducer;
  if (value == "mr") return SpanKind::kConsumer;
  if (value == "ss" || value == "sr") return SpanKind::kServer;
  return std::nullopt;
}

// Whole numbers of 32 bits, as numbers or texts.
std::optional<int32_t> CodeOf(const AnyValue& value) {
  int64_t code = 0;
  if (value.kind == ValueKind::kInt) {
    code = value.integer;
  } else if (value.is_text()) {
    std::string_view text = value.text;
    if (text.starts_with('+')) text.remove_prefix(1);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  } else {
    return std::nullopt;
  }
  if (code < std::numeric_limits<int32_t>::min() || code > std::numeric_limits<int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int32_t>(code);
}

// The status, from the tags of several conventions: OpenCensus' first, then OpenTelemetry's, the tag `error`,
// and HTTP's.
class StatusReader {
 public:
  // Whether the tag says nothing else.
  bool Take(std::string_view key, const AnyValue& value) {
    if (key == "census.status_code") {
      if (std::optional<int32_t> code = CodeOf(value)) {
        census_.code = *code == 0 ? StatusCode::kOk : StatusCode::kError;
      }
      return true;
    }
    if (key == "census.status_description" || key == "opencensus.status_description") {
      census_.message = TextOf(&value);
      return true;
    }
    if (key == "otel.status_code") {
      if (std::optional<int32_t> code = CodeOf(value)) status_.code = static_cast<StatusCode>(*code);
      return true;
    }
    if (key == "otel.status_description") {
      status_.message = TextOf(&value);
      return true;
    }
    if (key == "error") {
      error_.code = StatusCode::kError;
      return true;
    }
    if (key == "http.status_code") {
      if (std::optional<int32_t> code = CodeOf(value)) {
        http_.code = *code >= 100 && *code < 400 ? StatusCode::kUnset : StatusCode::kError;
      }
    } else if (key == "http.status_message") {
      http_.message = TextOf(&value);
    }
    return false;
  }

  void Put(Span& out) const {
    Found found;
    if (census_.code) {
      found = census_;
    } else if (status_.code) {
      found = status_;
    } else if (error_.code) {
      found = error_;
      found.message = !census_.message.empty() ? census_.message : status_.message;
    } else {
      found = http_;
    }
    if (!found.code) return;
    out.status = *found.code;
    out.status_message = found.message;
  }

 private:
  struct Found {
    std::optional<StatusCode> code;
    std::string_view message;
  };

  Found census_;
  Found status_;
  Found error_;
  Found http_;
};

// Kind, times and events. Gives the endpoint of the first annotation that says which side the span is.
ZipkinV1Endpoint ReadAnnotations(const ZipkinV1Span& span, otlp::Memory& memory, Span& out) {
  std::optional<ZipkinV1Endpoint> endpoint;
  int64_t earliest = std::numeric_limits<int64_t>::max();
  int64_t latest = std::numeric_limits<int64_t>::min();
  std::vector<SpanEvent> events;
  bool has_kind = false;
  for (const ZipkinV1Annotation& annotation : span.annotations) {
    if (annotation.value.empty()) continue;
    std::optional<SpanKind> kind = KindOf(annotation.value);
    std::string_view service = annotation.endpoint.service;
    if (!endpoint && kind && !service.empty() && service != kUnknownService) endpoint = annotation.endpoint;
    if (!has_kind && kind) out.kind = *kind;
    has_kind |= kind.has_value();
    if (annotation.time_us < earliest) {
      earliest = annotation.time_us;
      out.start_ns = NanosOf(annotation.time_us);
    }
    if (annotation.time_us > latest) {
      latest = annotation.time_us;
      out.end_ns = NanosOf(annotation.time_us);
    }
    if (kind) continue;
    SpanEvent& event = events.emplace_back();
    event.time_ns = NanosOf(annotation.time_us);
    event.name = annotation.value;
  }
  out.events = memory.CopyList<SpanEvent>(events);
  if (endpoint) return *endpoint;
  return {.service = kUnknownService, .ipv4 = {}, .ipv6 = {}};
}

// Attributes and status. Gives the service to fall back to.
std::string_view ReadBinaryAnnotations(const ZipkinV1Span& span, AttributeMap& attributes, Span& out) {
  std::string_view service;
  std::string_view component;
  StatusReader status;
  for (const ZipkinV1BinaryAnnotation& annotation : span.binary_annotations) {
    if (annotation.names_service) service = annotation.service;
    std::string_view key = annotation.key;
    if (key == "lc") {
      key = "component";
      component = annotation.raw;
    }
    if (!status.Take(key, annotation.value)) attributes.Put(key, annotation.value);
  }
  status.Put(out);
  return service.empty() ? component : service;
}

}  // namespace

void ZipkinV1Translator::Add(const ZipkinV1Span& span) {
  Span out;
  ZipkinV1Endpoint endpoint = ReadAnnotations(span, data_.memory, out);
  AttributeMap attributes;
  std::string_view fallback = ReadBinaryAnnotations(span, attributes, out);
  if (endpoint.service == kUnknownService && !fallback.empty()) endpoint.service = fallback;
  if (span.has_time) {
    out.start_ns = NanosOf(span.time_us);
    // Wraps around as the original does.
    out.end_ns = NanosOf(
        static_cast<int64_t>(static_cast<uint64_t>(span.time_us) + static_cast<uint64_t>(span.duration_us)));
  }
  out.name = span.name;
  out.trace_id = span.trace_id;
  out.span_id = span.id;
  out.parent_span_id = span.parent_id;
  if (out.start_ns == 0 && now_ns_ != 0) {
    out.start_ns = out.end_ns = now_ns_;
    attributes.Put(kStartTimeAbsent, AnyValue::Bool(true));
  }
  out.attributes = attributes.CopyTo(data_.memory);
  SpansOf(endpoint).push_back(out);
}

std::vector<Span>& ZipkinV1Translator::SpansOf(const ZipkinV1Endpoint& endpoint) {
  std::string key = fmt::format("{}-{}-{}-{}", endpoint.service, endpoint.ipv4, endpoint.ipv6, endpoint.port);
  auto [place, is_new] = resource_of_.try_emplace(std::move(key), data_.resources.size());
  if (is_new) {
    otlp::ResourceSpans& resource = data_.resources.emplace_back();
    AttributeMap attributes;
    attributes.PutText("service.name", endpoint.service);
    if (!endpoint.ipv4.empty()) attributes.PutText("ipv4", endpoint.ipv4);
    if (!endpoint.ipv6.empty()) attributes.PutText("ipv6", endpoint.ipv6);
    if (endpoint.port != 0) attributes.PutText("port", data_.memory.Copy(fmt::format("{}", endpoint.port)));
    resource.resource.attributes = attributes.CopyTo(data_.memory);
    resource.scopes.emplace_back();
  }
  return data_.resources[place->second].scopes[0].spans;
}

}  // namespace sextant::traceformats
