#include <fmt/format.h>

#include <cmath>

#include "core/float_text.h"
#include "pipeline/exporters/debug_text.h"

namespace sextant::pipeline {

namespace {

// "%v" of Go.
std::string Shortest(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string text;
  double size = std::fabs(value);
  if (size == 0 || (size >= 1e-4 && size < 1e21)) {
    core::AppendFixed(text, value);
  } else {
    core::AppendScientific(text, value);
  }
  return text;
}

std::string Join(const otlp::Attributes& attributes, std::string_view separator) {
  std::string text;
  for (const otlp::KeyValue& item : attributes) {
    if (!text.empty()) text += separator;
    text += fmt::format("{}={}", item.key, otlp::ValueText(item.value));
  }
  return text;
}

// All attributes with a space before each.
std::string Tail(const otlp::Attributes& attributes) {
  return attributes.empty() ? "" : " " + Join(attributes, " ");
}

std::string Head(std::string_view kind, size_t index, std::string_view details, std::string_view schema_url,
                 const otlp::Attributes& attributes) {
  std::string text = fmt::format("{} #{}", kind, index);
  text += details;
  if (!schema_url.empty()) text += fmt::format(" [{}]", schema_url);
  return text + Tail(attributes) + "\n";
}

std::string ResourceHead(std::string_view kind, size_t index, const otlp::Resource& resource,
                         std::string_view schema_url) {
  return Head(kind, index, "", schema_url, resource.attributes);
}

// The number is the resource's, as the collector has it.
std::string ScopeHead(std::string_view kind, size_t resource_index, const otlp::Scope& scope,
                      std::string_view schema_url) {
  std::string details;
  if (!scope.name.empty() || !scope.version.empty()) {
    details = fmt::format(" {}", scope.name);
    if (!scope.version.empty()) details += fmt::format("@{}", scope.version);
  }
  return Head(kind, resource_index, details, schema_url, scope.attributes);
}

std::string PointLine(const otlp::Metric& metric, const otlp::Point& point, std::string_view value) {
  return fmt::format("{}{{{}}} {}\n", metric.name, Join(point.attributes, ","), value);
}

template <typename Point>
std::string CountAndSums(const Point& point) {
  std::string text = fmt::format("count={}", point.count);
  if (point.sum) text += " sum=" + Shortest(*point.sum);
  if (point.min) text += " min=" + Shortest(*point.min);
  if (point.max) text += " max=" + Shortest(*point.max);
  return text;
}

std::string ValueOf(const otlp::NumberPoint& point) {
  switch (point.value.kind) {
    case otlp::NumberKind::kNone:
      return "";
    case otlp::NumberKind::kInt:
      return fmt::to_string(point.value.integer);
    case otlp::NumberKind::kDouble:
      return Shortest(point.value.real);
  }
  return "";
}

std::string ValueOf(const otlp::HistogramPoint& point) {
  std::string text = CountAndSums(point);
  for (size_t i = 0; i < point.bucket_counts.size(); ++i) {
    text += " ";
    if (i < point.explicit_bounds.size()) text += fmt::format("le{}=", Shortest(point.explicit_bounds[i]));
    text += fmt::to_string(point.bucket_counts[i]);
  }
  return text;
}

std::string ValueOf(const otlp::ExponentialPoint& point) {
  std::string text = CountAndSums(point);
  double base = std::exp2(std::exp2(-static_cast<double>(point.scale)));
  auto add = [&](const otlp::ExponentialBuckets& buckets) {
    for (size_t i = 0; i < buckets.counts.size(); ++i) {
      double bound = std::pow(base, static_cast<double>(buckets.offset) + static_cast<double>(i));
      text += fmt::format(" le{}={}", Shortest(bound), buckets.counts[i]);
    }
  };
  add(point.negative);
  add(point.positive);
  if (point.zero_count > 0) {
    text += fmt::format(" zero_count{}={}", Shortest(point.zero_threshold), point.zero_count);
  }
  return text;
}

std::string ValueOf(const otlp::SummaryPoint& point) {
  std::string text = fmt::format("count={} sum={:.6f}", point.count, point.sum);
  for (const auto& quantile : point.quantiles) {
    text += fmt::format(" q{}={}", Shortest(quantile.quantile), Shortest(quantile.value));
  }
  return text;
}

template <typename Point>
void AddPoints(const otlp::Metric& metric, const std::vector<Point>& points, std::string& out) {
  for (const Point& point : points) out += PointLine(metric, point, ValueOf(point));
}

}  // namespace

std::string NormalText(const otlp::TracesData& data) {
  std::string out;
  for (size_t i = 0; i < data.resources.size(); ++i) {
    const otlp::ResourceSpans& resource = data.resources[i];
    out += ResourceHead("ResourceTraces", i, resource.resource, resource.schema_url);
    for (const otlp::ScopeSpans& scope : resource.scopes) {
      out += ScopeHead("ScopeTraces", i, scope.scope, scope.schema_url);
      for (const otlp::Span& span : scope.spans) {
        out += fmt::format("{} {} {}{}\n", span.name, span.trace_id.Hex(), span.span_id.Hex(),
                           Tail(span.attributes));
      }
    }
  }
  return out;
}

std::string NormalText(const otlp::MetricsData& data) {
  std::string out;
  for (size_t i = 0; i < data.resources.size(); ++i) {
    const otlp::ResourceMetrics& resource = data.resources[i];
    out += ResourceHead("ResourceMetrics", i, resource.resource, resource.schema_url);
    for (const otlp::ScopeMetrics& scope : resource.scopes) {
      out += ScopeHead("ScopeMetrics", i, scope.scope, scope.schema_url);
      for (const otlp::Metric& metric : scope.metrics) {
        AddPoints(metric, metric.numbers, out);
        AddPoints(metric, metric.histograms, out);
        AddPoints(metric, metric.exponentials, out);
        AddPoints(metric, metric.summaries, out);
      }
    }
  }
  return out;
}

std::string NormalText(const otlp::LogsData& data) {
  std::string out;
  for (size_t i = 0; i < data.resources.size(); ++i) {
    const otlp::ResourceLogs& resource = data.resources[i];
    out += ResourceHead("ResourceLog", i, resource.resource, resource.schema_url);
    for (const otlp::ScopeLogs& scope : resource.scopes) {
      out += ScopeHead("ScopeLog", i, scope.scope, scope.schema_url);
      for (const otlp::LogRecord& record : scope.records) {
        out += fmt::format("{} {}\n", otlp::ValueText(record.body), Join(record.attributes, " "));
      }
    }
  }
  return out;
}

}  // namespace sextant::pipeline
