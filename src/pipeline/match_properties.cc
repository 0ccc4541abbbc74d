#include "pipeline/match_properties.h"

#include <algorithm>

#include "core/float_text.h"
#include "core/regexp_syntax.h"

namespace sextant::pipeline {

namespace {

using config::Member;
using config::Struct;
using core::Code;
using core::Fail;
using core::Result;
using core::Status;
using otlp::AnyValue;
using otlp::ValueKind;

constexpr std::string_view kKinds[] = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                       "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"};

std::string_view KindText(otlp::SpanKind kind) {
  auto index = static_cast<size_t>(kind);
  return index < std::size(kKinds) ? kKinds[index] : std::string_view();
}

bool IsKnownKind(std::string_view text) {
  return std::find(std::begin(kKinds) + 1, std::end(kKinds), text) != std::end(kKinds);
}

tl::unexpected<core::Error> UnknownType(std::string_view match_type) {
  return Fail(Code::kInvalidArgument, "unrecognized match_type: '{}', valid types are: [regexp strict]",
              match_type);
}

std::string_view KindName(ValueKind kind) {
  constexpr std::string_view kNames[] = {"Empty", "Str", "Bool", "Int", "Double", "Bytes", "Slice", "Map"};
  return kNames[static_cast<size_t>(kind)];
}

// What expressions are matched with; nothing for values that have no such text.
std::optional<std::string> TextOf(const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::kText:
    case ValueKind::kBool:
    case ValueKind::kInt:
      return otlp::ValueText(value);
    case ValueKind::kDouble: {
      std::string text;
      core::AppendFixed(text, value.number);
      return text;
    }
    default:
      return std::nullopt;
  }
}

Status CheckForSpans(const MatchProperties& properties) {
  auto fail = [](std::string_view text) { return Fail(Code::kInvalidArgument, "{}", text); };
  if (!properties.log_bodies.empty()) return fail("log_bodies should not be specified for trace spans");
  if (!properties.log_severity_texts.empty()) {
    return fail("log_severity_texts should not be specified for trace spans");
  }
  if (properties.log_severity_number) {
    return fail("log_severity_number should not be specified for trace spans");
  }
  if (properties.services.empty() && properties.span_names.empty() && properties.attributes.empty() &&
      properties.libraries.empty() && properties.resources.empty() && properties.span_kinds.empty()) {
    return fail("at least one of \"attributes\", \"libraries\",  or \"resources\" field must be specified");
  }
  if (properties.match_type == "strict" && !std::ranges::all_of(properties.span_kinds, IsKnownKind)) {
    return fail(
        "span_kinds string must match one of the standard span kinds when match_type=strict: "
        "[SPAN_KIND_CLIENT SPAN_KIND_CONSUMER SPAN_KIND_INTERNAL SPAN_KIND_PRODUCER SPAN_KIND_SERVER]");
  }
  return {};
}

Status CheckForLogs(const MatchProperties& properties) {
  if (!properties.span_names.empty() || !properties.services.empty() || !properties.span_kinds.empty()) {
    return Fail(Code::kInvalidArgument, "services, span_names, and span_kinds are not valid for log records");
  }
  if (properties.attributes.empty() && properties.libraries.empty() && properties.resources.empty() &&
      properties.log_bodies.empty() && properties.log_severity_texts.empty() &&
      !properties.log_severity_number) {
    return Fail(Code::kInvalidArgument,
                "at least one of \"attributes\", \"libraries\", \"span_kinds\", \"resources\", "
                "\"log_bodies\", \"log_severity_texts\" or \"log_severity_number\" field must be specified");
  }
  return {};
}

Result<std::optional<TextSet>> MakeSet(const std::vector<std::string>& texts, std::string_view match_type,
                                       std::string_view what) {
  if (texts.empty()) return std::optional<TextSet>();
  Result<TextSet> set = TextSet::Make(texts, match_type);
  if (!set) return Fail(set.error().code(), "error creating {} filters: {}", what, set.error().message());
  return std::optional<TextSet>(std::move(*set));
}

}  // namespace

const Struct& FieldsOf(const MatchProperties::RegexpCache*) {
  using C = MatchProperties::RegexpCache;
  static const Struct kFields =
      Struct::Of<C>({Member<&C::is_enabled>("cacheenabled"), Member<&C::max_entries>("cachemaxnumentries")});
  return kFields;
}

const Struct& FieldsOf(const MatchProperties::Attribute*) {
  using C = MatchProperties::Attribute;
  static const Struct kFields =
      Struct::Of<C>({Member<&C::key>("key"), Member<&C::value>("value", AnyConfigValue())});
  return kFields;
}

const Struct& FieldsOf(const MatchProperties::Library*) {
  using C = MatchProperties::Library;
  static const Struct kFields = Struct::Of<C>({Member<&C::name>("name"), Member<&C::version>("version")});
  return kFields;
}

const Struct& FieldsOf(const MatchProperties::Severity*) {
  using C = MatchProperties::Severity;
  static const Struct kFields =
      Struct::Of<C>({Member<&C::min>("min"), Member<&C::matches_undefined>("match_undefined")});
  return kFields;
}

const Struct& FieldsOf(const MatchProperties*) {
  using C = MatchProperties;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::match_type>("match_type"),
      Member<&C::regexp>("regexp"),
      Member<&C::services>("services"),
      Member<&C::span_names>("span_names"),
      Member<&C::log_bodies>("log_bodies"),
      Member<&C::log_severity_texts>("log_severity_texts"),
      Member<&C::log_severity_number>("log_severity_number"),
      Member<&C::metric_names>("metric_names"),
      Member<&C::attributes>("attributes"),
      Member<&C::resources>("resources"),
      Member<&C::libraries>("libraries"),
      Member<&C::span_kinds>("span_kinds"),
  });
  return kFields;
}

Result<TextSet> TextSet::Make(const std::vector<std::string>& texts, std::string_view match_type) {
  TextSet set;
  if (match_type == "strict") {
    set.texts_ = texts;
    return set;
  }
  if (match_type != "regexp") return UnknownType(match_type);
  re2::RE2::Options options;
  options.set_log_errors(false);
  for (const std::string& text : texts) {
    auto pattern = std::make_shared<const re2::RE2>(core::ToRe2Syntax(text), options);
    if (!pattern->ok()) {
      return Fail(Code::kInvalidArgument, "error parsing regexp: `{}`: {}", text, pattern->error());
    }
    set.patterns_.push_back(std::move(pattern));
  }
  return set;
}

bool TextSet::Matches(std::string_view text) const {
  if (std::ranges::find(texts_, text) != texts_.end()) return true;
  return std::ranges::any_of(patterns_, [&](const std::shared_ptr<const re2::RE2>& pattern) {
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern);
  });
}

Result<std::vector<PropertyMatcher::AttributeMatcher>> PropertyMatcher::MakeAttributes(
    const std::vector<MatchProperties::Attribute>& attributes, std::string_view match_type) {
  std::vector<AttributeMatcher> matchers;
  for (const MatchProperties::Attribute& attribute : attributes) {
    if (attribute.key.empty()) {
      return Fail(Code::kInvalidArgument, "can't have empty key in the list of attributes");
    }
    AttributeMatcher& matcher = matchers.emplace_back();
    matcher.key = attribute.key;
    if (!attribute.value.IsSet()) continue;
    if (match_type == "strict") {
      matcher.value = attribute.value.In(*values_);
    } else if (match_type != "regexp") {
      return UnknownType(match_type);
    } else if (attribute.value.kind != ValueKind::kText) {
      return Fail(Code::kInvalidArgument, "match_type=regexp for \"{}\" only supports Str, but found {}",
                  attribute.key, KindName(attribute.value.kind));
    } else {
      SEXTANT_ASSIGN(matcher.texts, TextSet::Make({attribute.value.text}, match_type));
    }
  }
  return matchers;
}

Status PropertyMatcher::MakeCommon(const MatchProperties& properties) {
  std::string_view type = properties.match_type;
  for (const MatchProperties::Library& library : properties.libraries) {
    LibraryMatcher matcher;
    SEXTANT_ASSIGN(std::optional<TextSet> name, MakeSet({library.name}, type, "library name"));
    matcher.name = std::move(*name);
    if (library.version) {
      SEXTANT_ASSIGN(matcher.version, MakeSet({*library.version}, type, "library version"));
    }
    libraries_.push_back(std::move(matcher));
  }
  auto in = [](std::string_view what) {
    return [what](const core::Error& error) {
      return core::Error(error.code(), fmt::format("error creating {} filters: {}", what, error.message()));
    };
  };
  SEXTANT_ASSIGN(attributes_, MakeAttributes(properties.attributes, type).map_error(in("attribute")));
  SEXTANT_ASSIGN(resources_, MakeAttributes(properties.resources, type).map_error(in("resource")));
  return {};
}

Result<std::optional<PropertyMatcher>> PropertyMatcher::Make(const MatchProperties& properties,
                                                             Signal signal) {
  std::string_view type = properties.match_type;
  PropertyMatcher matcher;
  if (signal == Signal::kTraces) {
    SEXTANT_TRY(CheckForSpans(properties));
    SEXTANT_TRY(matcher.MakeCommon(properties));
    SEXTANT_ASSIGN(matcher.services_, MakeSet(properties.services, type, "service name"));
    SEXTANT_ASSIGN(matcher.names_, MakeSet(properties.span_names, type, "span name"));
    SEXTANT_ASSIGN(matcher.kinds_, MakeSet(properties.span_kinds, type, "span kind"));
  } else if (signal == Signal::kLogs) {
    SEXTANT_TRY(CheckForLogs(properties));
    SEXTANT_TRY(matcher.MakeCommon(properties));
    SEXTANT_ASSIGN(matcher.bodies_, MakeSet(properties.log_bodies, type, "log record body"));
    SEXTANT_ASSIGN(matcher.severity_texts_,
                   MakeSet(properties.log_severity_texts, type, "log record severity text"));
    matcher.severity_ = properties.log_severity_number;
  } else {
    if (properties.metric_names.empty()) return std::optional<PropertyMatcher>();
    SEXTANT_ASSIGN(matcher.names_, MakeSet(properties.metric_names, type, "metric name"));
  }
  return std::optional<PropertyMatcher>(std::move(matcher));
}

bool PropertyMatcher::MatchesAll(const std::vector<AttributeMatcher>& matchers,
                                 const otlp::Attributes& attributes) {
  return std::ranges::all_of(matchers, [&](const AttributeMatcher& matcher) {
    const AnyValue* value = otlp::FindAttribute(attributes, matcher.key);
    if (value == nullptr) return false;
    if (matcher.value) return *matcher.value == *value;
    if (!matcher.texts) return true;
    std::optional<std::string> text = TextOf(*value);
    return text && matcher.texts->Matches(*text);
  });
}

bool PropertyMatcher::MatchesCommon(const otlp::Attributes& attributes, const otlp::Resource& resource,
                                    const otlp::Scope& scope) const {
  bool has_libraries = std::ranges::all_of(libraries_, [&](const LibraryMatcher& library) {
    return library.name.Matches(scope.name) && (!library.version || library.version->Matches(scope.version));
  });
  return has_libraries && MatchesAll(resources_, resource.attributes) && MatchesAll(attributes_, attributes);
}

bool PropertyMatcher::Matches(const otlp::Span& span, const otlp::Resource& resource,
                              const otlp::Scope& scope) const {
  if (services_) {
    const AnyValue* service = otlp::FindAttribute(resource.attributes, "service.name");
    if (!services_->Matches(service == nullptr ? "<nil-service-name>" : otlp::ValueText(*service))) {
      return false;
    }
  }
  if (names_ && !names_->Matches(span.name)) return false;
  if (kinds_ && !kinds_->Matches(KindText(span.kind))) return false;
  return MatchesCommon(span.attributes, resource, scope);
}

bool PropertyMatcher::Matches(const otlp::LogRecord& record, const otlp::Resource& resource,
                              const otlp::Scope& scope) const {
  if (bodies_ && !bodies_->Matches(otlp::ValueText(record.body))) return false;
  if (severity_texts_ && !severity_texts_->Matches(record.severity_text)) return false;
  if (severity_) {
    bool matches =
        record.severity_number == 0 ? severity_->matches_undefined : record.severity_number >= severity_->min;
    if (!matches) return false;
  }
  return MatchesCommon(record.attributes, resource, scope);
}

bool PropertyMatcher::Matches(const otlp::Metric& metric, const otlp::Resource&, const otlp::Scope&) const {
  return names_->Matches(metric.name);
}

Result<ItemFilter> ItemFilter::Make(const std::optional<MatchProperties>& include,
                                    const std::optional<MatchProperties>& exclude, Signal signal) {
  ItemFilter filter;
  if (include) {
    SEXTANT_ASSIGN(filter.include_, PropertyMatcher::Make(*include, signal));
  }
  if (exclude) {
    SEXTANT_ASSIGN(filter.exclude_, PropertyMatcher::Make(*exclude, signal));
  }
  return filter;
}

}  // namespace sextant::pipeline
