#include "traceformats/zipkin_v2.h"

#include <absl/container/flat_hash_set.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <tuple>

#include "traceformats/attribute_map.h"
#include "traceformats/zipkin_values.h"

namespace sextant::traceformats {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using otlp::AnyValue;
using otlp::Attributes;
using otlp::KeyValue;
using otlp::Memory;
using otlp::Span;
using otlp::SpanEvent;
using otlp::SpanKind;
using otlp::SpanLink;
using otlp::StatusCode;

namespace {

constexpr std::string_view kNoServiceName = "OTLPResourceNoServiceName";
constexpr std::string_view kServiceNameSource = "otlp.service.name.source";
constexpr std::string_view kLibraryName = "otel.library.name";
constexpr std::string_view kLibraryVersion = "otel.library.version";

// Tags of the resource: the semantic conventions' (1.6.1), and the collector's own.
constexpr std::string_view kResourceTags[] = {"cloud.provider",
                                              "cloud.account.id",
                                              "cloud.region",
                                              "cloud.availability_zone",
                                              "cloud.platform",
                                              "aws.ecs.container.arn",
                                              "aws.ecs.cluster.arn",
                                              "aws.ecs.launchtype",
                                              "aws.ecs.task.arn",
                                              "aws.ecs.task.family",
                                              "aws.ecs.task.revision",
                                              "aws.eks.cluster.arn",
                                              "aws.log.group.names",
                                              "aws.log.group.arns",
                                              "aws.log.stream.names",
                                              "aws.log.stream.arns",
                                              "container.name",
                                              "container.id",
                                              "container.runtime",
                                              "container.image.name",
                                              "container.image.tag",
                                              "deployment.environment",
                                              "device.id",
                                              "device.model.identifier",
                                              "device.model.name",
                                              "faas.name",
                                              "faas.id",
                                              "faas.version",
                                              "faas.instance",
                                              "faas.max_memory",
                                              "host.id",
                                              "host.name",
                                              "host.type",
                                              "host.arch",
                                              "host.image.name",
                                              "host.image.id",
                                              "host.image.version",
                                              "k8s.cluster.name",
                                              "k8s.node.name",
                                              "k8s.node.uid",
                                              "k8s.namespace.name",
                                              "k8s.pod.uid",
                                              "k8s.pod.name",
                                              "k8s.container.name",
                                              "k8s.replicaset.uid",
                                              "k8s.replicaset.name",
                                              "k8s.deployment.uid",
                                              "k8s.deployment.name",
                                              "k8s.statefulset.uid",
                                              "k8s.statefulset.name",
                                              "k8s.daemonset.uid",
                                              "k8s.daemonset.name",
                                              "k8s.job.uid",
                                              "k8s.job.name",
                                              "k8s.cronjob.uid",
                                              "k8s.cronjob.name",
                                              "os.type",
                                              "os.description",
                                              "os.name",
                                              "os.version",
                                              "process.pid",
                                              "process.executable.name",
                                              "process.executable.path",
                                              "process.command",
                                              "process.command_line",
                                              "process.command_args",
                                              "process.owner",
                                              "process.runtime.name",
                                              "process.runtime.version",
                                              "process.runtime.description",
                                              "service.name",
                                              "service.namespace",
                                              "service.instance.id",
                                              "service.version",
                                              "telemetry.sdk.name",
                                              "telemetry.sdk.language",
                                              "telemetry.sdk.version",
                                              "telemetry.auto.version",
                                              "webengine.name",
                                              "webengine.version",
                                              "webengine.description",
                                              "opencensus.starttime",
                                              "opencensus.exporterversion",
                                              "opencensus.resourcetype",
                                              kServiceNameSource};

bool IsResourceTag(std::string_view key) {
  static const absl::flat_hash_set<std::string_view> kTags(std::begin(kResourceTags),
                                                           std::end(kResourceTags));
  return kTags.contains(key);
}
bool IsSpanTag(std::string_view key) {
  return !IsResourceTag(key) && key != kLibraryName && key != kLibraryVersion;
}

std::string_view ServiceOf(const ZipkinSpan& span) {
  return span.local.service.empty() ? kNoServiceName : span.local.service;
}
std::string_view LibraryOf(const ZipkinSpan& span) {
  return TextOf(otlp::FindAttribute(span.tags, kLibraryName));
}

// The whole text as a number.
std::optional<uint32_t> ParseUint32(std::string_view text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "a|b|c" in parts.
std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t bar = text.find('|'); bar != std::string_view::npos; bar = text.find('|')) {
    parts.push_back(text.substr(0, bar));
    text.remove_prefix(bar + 1);
  }
  parts.push_back(text);
  return parts;
}

class Translator {
 public:
  Translator(bool parses_text_tags, Memory& memory) : parses_text_tags_(parses_text_tags), memory_(memory) {}

  void BeginSpan(const ZipkinSpan& span) {
    tags_.Clear();
    for (const KeyValue& tag : span.tags) tags_.Put(tag.key, tag.value);
  }

  // Takes the resource's tags from those of the span that was begun.
  otlp::Resource TakeResource(const ZipkinSpan& span) {
    otlp::Resource resource;
    std::string_view service = ServiceOf(span);
    if (service == kNoServiceName) return resource;
    AttributeMap attributes;
    std::string_view source = TextOf(tags_.Find(kServiceNameSource));
    attributes.PutText(source.empty() ? "service.name" : source, service);
    tags_.Remove(kServiceNameSource);
    for (const KeyValue& tag : span.tags) {
      if (tag.key == kServiceNameSource || !IsResourceTag(tag.key)) continue;
      attributes.Put(tag.key, tag.value);
    }
    resource.attributes = attributes.CopyTo(memory_);
    return resource;
  }

  void FillScope(const ZipkinSpan& span, otlp::Scope& out) {
    if (LibraryOf(span).empty()) return;
    out.name = LibraryOf(span);
    out.version = TextOf(tags_.Find(kLibraryVersion));
  }

  Status Translate(const ZipkinSpan& span, Span& out) {
    out.trace_id = span.trace_id;
    out.span_id = span.id;
    out.trace_state = Take("w3c.tracestate");
    if (span.parent_id != span.id) out.parent_span_id = span.parent_id;
    out.name = span.name;
    out.kind = span.kind;
    if (span.kind == SpanKind::kUnspecified && Take("span.kind") == "internal") {
      out.kind = SpanKind::kInternal;
    }
    ReadStatus(out);
    SEXTANT_ASSIGN(out.links, TakeLinks());
    out.attributes = AttributesOf(span);
    out.start_ns = span.start_ns;
    out.end_ns = span.start_ns + span.duration_ns;
    SEXTANT_ASSIGN(out.events, EventsOf(span));
    return {};
  }

 private:
  // The text of a tag, which is removed; "" when there is none.
  std::string_view Take(std::string_view key) {
    const AnyValue* found = tags_.Find(key);
    if (found == nullptr) return {};
    std::string_view text = TextOf(found);
    tags_.Remove(key);
    return text;
  }

  void ReadStatus(Span& out) {
    if (tags_.Find("otel.status_code") != nullptr) {
      std::string_view code = Take("otel.status_code");
      if (code == "STATUS_CODE_OK") out.status = StatusCode::kOk;
      if (code == "STATUS_CODE_ERROR") out.status = StatusCode::kError;
      out.status_message = Take("otel.status_description");
    }
    if (TextOf(tags_.Find("error")) == "true") {
      out.status = StatusCode::kError;
      tags_.Remove("error");
    }
  }

  // Links stand in tags: "trace id|span id|trace state|attributes as JSON|dropped attributes".
  Result<otlp::List<SpanLink>> TakeLinks() {
    constexpr int kMaxLinks = 128;
    std::vector<SpanLink> links;
    for (int i = 0; i < kMaxLinks; ++i) {
      std::string key = fmt::format("otlp.link.{}", i);
      if (tags_.Find(key) == nullptr) break;
      std::string_view value = Take(key);
      std::vector<std::string_view> parts = Split(value);
      if (parts.size() < 5) continue;
      SpanLink& link = links.emplace_back();
      SEXTANT_TRY(ReadId(parts[0], key, link.trace_id));
      SEXTANT_TRY(ReadId(parts[1], key, link.span_id));
      link.trace_state = parts[2];
      SEXTANT_TRY(ReadTail(value, parts, 3, key, link.attributes, link.dropped_attributes_count));
    }
    return memory_.CopyList<SpanLink>(links);
  }

  // Hexadecimal, which may be in quotes, of an id's length or empty.
  template <size_t N>
  static Status ReadId(std::string_view text, std::string_view where, otlp::Id<N>& out) {
    if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
      text = text.substr(1, text.size() - 2);
    }
    if (text.empty()) return {};
    if (text.size() != 2 * N) return Fail(Code::kInvalidArgument, "{}: invalid length for ID", where);
    std::string bytes;
    for (size_t i = 0; i < text.size(); i += 2) {
      std::optional<uint64_t> byte = ParseHex(text.substr(i, 2));
      if (!byte) return Fail(Code::kInvalidArgument, "{}: an ID is not hexadecimal", where);
      bytes += static_cast<char>(*byte);
    }
    out.Assign(bytes);
    return {};
  }

  // What follows the part `first`: attributes as JSON, which may have bars in it, and a count.
  Status ReadTail(std::string_view value, const std::vector<std::string_view>& parts, size_t first,
                  std::string_view where, Attributes& attributes, uint32_t& dropped) {
    const char* begin = parts[first].data();
    const char* end = parts.back().data() - 1;
    SEXTANT_TRY(
        ReadJson(value.substr(static_cast<size_t>(begin - value.data()), static_cast<size_t>(end - begin)),
                 where, attributes));
    std::optional<uint32_t> count = ParseUint32(parts.back());
    if (!count) {
      return Fail(Code::kInvalidArgument, "{}: the count of dropped attributes is not a number", where);
    }
    dropped = *count;
    return {};
  }

  // Texts, numbers and bools of a JSON object; members of other types are left out.
  Status ReadJson(std::string_view text, std::string_view where, Attributes& out) {
    simdjson::dom::element element;
    simdjson::dom::object object;
    if (json_.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS) {
      return Fail(Code::kInvalidArgument, "{}: the attributes are not JSON", where);
    }
    if (element.is_null()) return {};
    if (element.get(object) != simdjson::SUCCESS) {
      return Fail(Code::kInvalidArgument, "{}: the attributes are not a JSON object", where);
    }
    AttributeMap attributes;
    for (auto [key, value] : object) {
      std::string_view member;
      double number = 0;
      bool is_true = false;
      if (value.get(member) == simdjson::SUCCESS) {
        attributes.PutText(memory_.Copy(key), memory_.Copy(member));
      } else if (value.get(number) == simdjson::SUCCESS) {
        attributes.Put(memory_.Copy(key), NumberOf(number));
      } else if (value.get(is_true) == simdjson::SUCCESS) {
        attributes.Put(memory_.Copy(key), AnyValue::Bool(is_true));
      }
    }
    out = attributes.CopyTo(memory_);
    return {};
  }

  static AnyValue NumberOf(double number) {
    constexpr double kTooLarge = 9223372036854775808.0;
    if (std::fmod(number, 1.0) != 0) return AnyValue::Double(number);
    // As Go converts on this processor.
    bool fits = number >= -kTooLarge && number < kTooLarge;
    return AnyValue::Int(fits ? static_cast<int64_t>(number) : INT64_MIN);
  }

  Attributes AttributesOf(const ZipkinSpan& span) {
    AttributeMap out;
    for (const KeyValue& tag : span.tags) {
      const AnyValue* left = tags_.Find(tag.key);
      if (left == nullptr || !IsSpanTag(tag.key)) continue;
      out.Put(tag.key, parses_text_tags_ ? ParseTagText(left->text) : *left);
    }
    PutAddress(span.local, "net.host.ip", "net.host.port", out);
    if (!span.remote.service.empty()) out.PutText("peer.service", span.remote.service);
    PutAddress(span.remote, "net.peer.ip", "net.peer.port", out);
    if (!span.has_start) out.Put(kStartTimeAbsent, AnyValue::Bool(true));
    return out.CopyTo(memory_);
  }

  static void PutAddress(const ZipkinEndpoint& endpoint, std::string_view ip_key, std::string_view port_key,
                         AttributeMap& out) {
    if (!endpoint.ipv4.empty()) out.PutText(ip_key, endpoint.ipv4);
    if (!endpoint.ipv6.empty()) out.PutText(ip_key, endpoint.ipv6);
    if (endpoint.port > 0) out.Put(port_key, AnyValue::Int(endpoint.port));
  }

  // Events stand in annotations: "name", or "name|attributes as JSON|dropped attributes".
  Result<otlp::List<SpanEvent>> EventsOf(const ZipkinSpan& span) {
    std::vector<SpanEvent> events;
    for (const ZipkinAnnotation& annotation : span.annotations) {
      SpanEvent& event = events.emplace_back();
      event.time_ns = annotation.time_ns;
      std::vector<std::string_view> parts = Split(annotation.value);
      event.name = parts[0];
      if (parts.size() < 3) continue;
      SEXTANT_TRY(ReadTail(annotation.value, parts, 1, "annotation", event.attributes,
                           event.dropped_attributes_count));
    }
    return memory_.CopyList<SpanEvent>(events);
  }

  bool parses_text_tags_;
  Memory& memory_;
  AttributeMap tags_;  // of the span at hand that nothing has taken yet
  simdjson::dom::parser json_;
};

}  // namespace

Status TranslateZipkinSpans(std::vector<ZipkinSpan>& spans, bool parses_text_tags, otlp::TracesData& data) {
  std::ranges::stable_sort(
      spans, {}, [](const ZipkinSpan& span) { return std::tuple(ServiceOf(span), LibraryOf(span)); });
  Translator translator(parses_text_tags, data.memory);
  const ZipkinSpan* last = nullptr;
  for (const ZipkinSpan& span : spans) {
    translator.BeginSpan(span);
    bool is_new_service = last == nullptr || ServiceOf(*last) != ServiceOf(span);
    if (is_new_service) data.resources.emplace_back().resource = translator.TakeResource(span);
    otlp::ResourceSpans& resource = data.resources.back();
    if (is_new_service || LibraryOf(*last) != LibraryOf(span)) {
      translator.FillScope(span, resource.scopes.emplace_back().scope);
    }
    SEXTANT_TRY(translator.Translate(span, resource.scopes.back().spans.emplace_back()));
    last = &span;
  }
  return {};
}

}  // namespace sextant::traceformats
