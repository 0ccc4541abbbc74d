// The translation of Jaeger's spans.
#include "traceformats/jaeger.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "traceformats/attribute_map.h"
#include "traceformats/jaeger_model.h"

namespace sextant::traceformats {

using otlp::AnyValue;
using otlp::KeyValue;
using otlp::Memory;
using otlp::Span;
using otlp::SpanEvent;
using otlp::SpanKind;
using otlp::SpanLink;
using otlp::StatusCode;
using otlp::ValueKind;

namespace {

constexpr std::string_view kNoServiceName = "OTLPResourceNoServiceName";
constexpr std::string_view kExporterVersion = "opencensus.exporterversion";
constexpr std::string_view kStatusDescription = "otel.status_description";
constexpr std::string_view kHttpStatusMessage = "http.status_message";

void PutTags(const JaegerTags& tags, AttributeMap& out) {
  for (const KeyValue& tag : tags) out.Put(tag.key, tag.value);
}

SpanKind KindOf(std::string_view text) {
  if (text == "client") return SpanKind::kClient;
  if (text == "server") return SpanKind::kServer;
  if (text == "producer") return SpanKind::kProducer;
  if (text == "consumer") return SpanKind::kConsumer;
  if (text == "internal") return SpanKind::kInternal;
  return SpanKind::kUnspecified;
}

std::optional<int64_t> HttpCodeOf(const AnyValue& value) {
  if (value.kind == ValueKind::kInt) return value.integer;
  if (!value.is_text()) return std::nullopt;
  std::string_view text = value.text;
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t code = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return code;
}

StatusCode StatusOfHttp(int64_t code, SpanKind kind) {
  // The client's mistake is an error of the client's span alone.
  if (code >= 400 && code < 500 && kind == SpanKind::kServer) return StatusCode::kUnset;
  return code >= 100 && code < 400 ? StatusCode::kUnset : StatusCode::kError;
}

bool EqualIgnoringCase(std::string_view text, std::string_view upper) {
  return std::ranges::equal(text, upper, [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

// The status of a span under construction, from its tags.
class StatusReader {
 public:
  StatusReader(AttributeMap& tags, Span& span) : tags_(tags), span_(span) {}

  void Read() {
    ReadErrorTag();
    if (const AnyValue* code = tags_.Find("otel.status_code"); code != nullptr) {
      ReadStatusTag(TextOf(code));
      tags_.Remove("otel.status_code");
    } else if (!has_status_) {
      ReadHttpTag();
    }
    if (!has_status_) return;
    span_.status = code_;
    span_.status_message = message_;
  }

 private:
  // The tag `error` counts before all others.
  void ReadErrorTag() {
    const AnyValue* error = tags_.Find("error");
    if (error == nullptr || error->kind != ValueKind::kBool || error->integer == 0) return;
    code_ = StatusCode::kError;
    has_status_ = true;
    tags_.Remove("error");
    if (!TakeDescription()) message_ = TextOf(tags_.Find(kHttpStatusMessage));
  }

  void ReadStatusTag(std::string_view code) {
    if (has_status_) return;
    has_status_ = true;
    if (EqualIgnoringCase(code, "OK")) code_ = StatusCode::kOk;
    if (EqualIgnoringCase(code, "ERROR")) code_ = StatusCode::kError;
    TakeDescription();
  }

  void ReadHttpTag() {
    const AnyValue* tag = tags_.Find("http.status_code");
    if (tag == nullptr) return;
    std::optional<int64_t> code = HttpCodeOf(*tag);
    if (!code) return;
    code_ = StatusOfHttp(*code, span_.kind);
    has_status_ = code_ != StatusCode::kUnset;
    message_ = TextOf(tags_.Find(kHttpStatusMessage));
  }

  bool TakeDescription() {
    const AnyValue* description = tags_.Find(kStatusDescription);
    if (description == nullptr) return false;
    message_ = TextOf(description);
    tags_.Remove(kStatusDescription);
    return true;
  }

  AttributeMap& tags_;
  Span& span_;
  StatusCode code_ = StatusCode::kUnset;
  std::string_view message_;
  bool has_status_ = false;
};

// The parent that is named, else what the first reference of the kind child-of, or else follows-from, to the
// same trace names.
otlp::SpanId ParentOf(const JaegerSpan& span) {
  if (!span.parent_span_id.IsEmpty()) return span.parent_span_id;
  const JaegerRef* follows = nullptr;
  for (const JaegerRef& ref : span.references) {
    if (ref.trace_id != span.trace_id) continue;
    if (ref.type == JaegerReference::kChildOf) return ref.span_id;
    if (follows == nullptr && ref.type == JaegerReference::kFollowsFrom) follows = &ref;
  }
  return follows == nullptr ? otlp::SpanId() : follows->span_id;
}

class SpanTranslator {
 public:
  explicit SpanTranslator(Memory& memory) : memory_(memory) {}

  void Translate(const JaegerSpan& span, const std::vector<KeyValue>& tags, Span& out) {
    out.trace_id = span.trace_id;
    out.span_id = span.span_id;
    out.name = span.operation;
    out.start_ns = span.start_ns;
    out.end_ns = span.end_ns;
    out.parent_span_id = ParentOf(span);
    attributes_.Clear();
    for (const KeyValue& tag : tags) attributes_.Put(tag.key, tag.value);
    if (const AnyValue* kind = attributes_.Find("span.kind"); kind != nullptr) {
      out.kind = KindOf(TextOf(kind));
      attributes_.Remove("span.kind");
    }
    StatusReader(attributes_, out).Read();
    if (const AnyValue* state = attributes_.Find("w3c.tracestate"); state != nullptr) {
      out.trace_state = TextOf(state);
      attributes_.Remove("w3c.tracestate");
    }
    out.attributes = attributes_.CopyTo(memory_);
    out.events = EventsOf(span);
    out.links = LinksOf(span, out.parent_span_id);
  }

 private:
  otlp::List<SpanEvent> EventsOf(const JaegerSpan& span) {
    events_.clear();
    for (const JaegerLog& log : span.logs) {
      SpanEvent& event = events_.emplace_back();
      event.time_ns = log.time_ns;
      attributes_.Clear();
      PutTags(log.fields, attributes_);
      if (const AnyValue* name = attributes_.Find("event"); name != nullptr) {
        event.name = TextOf(name);
        attributes_.Remove("event");
      }
      event.attributes = attributes_.CopyTo(memory_);
    }
    return memory_.CopyList<SpanEvent>(events_);
  }

  otlp::List<SpanLink> LinksOf(const JaegerSpan& span, const otlp::SpanId& parent) {
    links_.clear();
    for (const JaegerRef& ref : span.references) {
      bool is_child = ref.type == JaegerReference::kChildOf;
      if (is_child && ref.span_id == parent) continue;
      SpanLink& link = links_.emplace_back();
      link.trace_id = ref.trace_id;
      link.span_id = ref.span_id;
      KeyValue type = {"opentracing.ref_type", AnyValue::Text(is_child ? "child_of" : "follows_from")};
      link.attributes = memory_.CopyList<KeyValue>(std::span<const KeyValue>(&type, 1));
    }
    return memory_.CopyList<SpanLink>(links_);
  }

  Memory& memory_;
  AttributeMap attributes_;  // of what is at hand
  std::vector<SpanEvent> events_;
  std::vector<SpanLink> links_;
};

// Takes the first tag of a key out of the list.
std::optional<std::string_view> TakeTag(std::string_view key, std::vector<KeyValue>& tags) {
  auto found = std::ranges::find(tags, key, &KeyValue::key);
  if (found == tags.end()) return std::nullopt;
  std::string_view text = TextOf(&found->value);
  tags.erase(found);
  return text;
}

}  // namespace

otlp::Resource TranslateJaegerProcess(const JaegerProcess& process, Memory& memory) {
  otlp::Resource resource;
  if (process.service == kNoServiceName) return resource;
  AttributeMap attributes;
  if (!process.service.empty()) attributes.PutText("service.name", process.service);
  PutTags(process.tags, attributes);
  const AnyValue* host = attributes.Find("hostname");
  if (host != nullptr && attributes.Find("host.name") == nullptr) {
    AnyValue name = *host;
    attributes.Put("host.name", name);
    attributes.Remove("hostname");
  }
  const AnyValue* version = attributes.Find("jaeger.version");
  if (version != nullptr && attributes.Find(kExporterVersion) == nullptr) {
    std::string text = "Jaeger-" + std::string(TextOf(version));
    attributes.PutText(kExporterVersion, memory.Copy(text));
    attributes.Remove("jaeger.version");
  }
  resource.attributes = attributes.CopyTo(memory);
  return resource;
}

void TranslateJaegerSpans(const std::vector<JaegerSpan>& spans, bool takes_scopes, otlp::ResourceSpans& out,
                          Memory& memory) {
  using Library = std::pair<std::string_view, std::string_view>;
  absl::flat_hash_map<Library, size_t> scopes;
  SpanTranslator translator(memory);
  std::vector<KeyValue> tags;
  for (const JaegerSpan& span : spans) {
    tags.assign(span.tags.begin(), span.tags.end());
    Library library;
    if (takes_scopes) {
      if (std::optional<std::string_view> name = TakeTag("otel.scope.name", tags)) {
        library = {*name, TakeTag("otel.scope.version", tags).value_or("")};
      }
    }
    auto [place, is_new] = scopes.try_emplace(library, out.scopes.size());
    if (is_new) {
      otlp::Scope& scope = out.scopes.emplace_back().scope;
      scope.name = library.first;
      scope.version = library.second;
    }
    translator.Translate(span, tags, out.scopes[place->second].spans.emplace_back());
  }
}

}  // namespace sextant::traceformats
