// Which spans, log records and metrics a processor is for: `include` and `exclude` with properties that match
// strictly or as regular expressions.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/decode.h"
#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/spans.h"
#include "pipeline/config_value.h"
#include "pipeline/telemetry.h"

namespace sextant::pipeline {

struct MatchProperties {
  // Regular expressions need no cache here, so these change nothing.
  struct RegexpCache {
    bool is_enabled = false;
    int64_t max_entries = 0;
  };
  struct Attribute {
    std::string key;
    ConfigValue value;  // without one, any value matches
  };
  struct Library {
    std::string name;
    std::optional<std::string> version;
  };
  struct Severity {
    int64_t min = 0;
    bool matches_undefined = false;
  };

  std::string match_type;
  std::optional<RegexpCache> regexp;
  std::vector<std::string> services;
  std::vector<std::string> span_names;
  std::vector<std::string> log_bodies;
  std::vector<std::string> log_severity_texts;
  std::optional<Severity> log_severity_number;
  std::vector<std::string> metric_names;
  std::vector<Attribute> attributes;
  std::vector<Attribute> resources;
  std::vector<Library> libraries;
  std::vector<std::string> span_kinds;
};
const config::Struct& FieldsOf(const MatchProperties::RegexpCache*);
const config::Struct& FieldsOf(const MatchProperties::Attribute*);
const config::Struct& FieldsOf(const MatchProperties::Library*);
const config::Struct& FieldsOf(const MatchProperties::Severity*);
const config::Struct& FieldsOf(const MatchProperties*);

// Texts, one of which must match.
class TextSet {
 public:
  // kInvalidArgument for an unknown match type or a bad expression.
  static core::Result<TextSet> Make(const std::vector<std::string>& texts, std::string_view match_type);
  bool Matches(std::string_view text) const;

 private:
  std::vector<std::string> texts_;
  std::vector<std::shared_ptr<const re2::RE2>> patterns_;
};

// Properties made ready for one signal. Any thread.
class PropertyMatcher {
 public:
  // Errors are the collector's. For metrics only their names count, as in the original; nothing when there
  // are none.
  static core::Result<std::optional<PropertyMatcher>> Make(const MatchProperties& properties, Signal signal);

  bool Matches(const otlp::Span& span, const otlp::Resource& resource, const otlp::Scope& scope) const;
  bool Matches(const otlp::LogRecord& record, const otlp::Resource& resource, const otlp::Scope& scope) const;
  bool Matches(const otlp::Metric& metric, const otlp::Resource& resource, const otlp::Scope& scope) const;

 private:
  struct AttributeMatcher {
    std::string key;
    std::optional<otlp::AnyValue> value;  // in the values' memory
    std::optional<TextSet> texts;
  };
  struct LibraryMatcher {
    TextSet name;
    std::optional<TextSet> version;
  };

  core::Result<std::vector<AttributeMatcher>> MakeAttributes(
      const std::vector<MatchProperties::Attribute>& attributes, std::string_view match_type);
  core::Status MakeCommon(const MatchProperties& properties);
  static bool MatchesAll(const std::vector<AttributeMatcher>& matchers, const otlp::Attributes& attributes);
  bool MatchesCommon(const otlp::Attributes& attributes, const otlp::Resource& resource,
                     const otlp::Scope& scope) const;

  std::optional<TextSet> services_;
  std::optional<TextSet> names_;  // of spans or metrics
  std::optional<TextSet> kinds_;
  std::optional<TextSet> bodies_;
  std::optional<TextSet> severity_texts_;
  std::optional<MatchProperties::Severity> severity_;
  std::vector<LibraryMatcher> libraries_;
  std::vector<AttributeMatcher> attributes_;
  std::vector<AttributeMatcher> resources_;
  std::shared_ptr<otlp::Memory> values_ = std::make_shared<otlp::Memory>();
};

// `include` and `exclude`: what is included, when something is, and not excluded.
class ItemFilter {
 public:
  static core::Result<ItemFilter> Make(const std::optional<MatchProperties>& include,
                                       const std::optional<MatchProperties>& exclude, Signal signal);

  template <typename Item>
  bool Takes(const Item& item, const otlp::Resource& resource, const otlp::Scope& scope) const {
    if (include_ && !include_->Matches(item, resource, scope)) return false;
    return !exclude_ || !exclude_->Matches(item, resource, scope);
  }

 private:
  std::optional<PropertyMatcher> include_;
  std::optional<PropertyMatcher> exclude_;
};

}  // namespace sextant::pipeline
