#include "metrics/rules/alert_templates.h"

#include <map>
#include <utility>

#include "gotemplate/prometheus.h"
#include "model/labels.h"

namespace sextant::rules {
namespace {

using StringMap = std::map<std::string, std::string>;

StringMap ToMap(const model::Labels& labels) {
  StringMap map;
  for (const model::LabelView label : labels) map.emplace(label.name, label.value);
  return map;
}

// `query` inside a template: an instant query at the evaluation's time.
core::Result<std::vector<gotemplate::QuerySample>> RunQuery(const RuleContext& context,
                                                            const std::string& expression,
                                                            core::TimestampMs time_ms) {
  auto result = context.engine.Instant(context.queryable, expression, time_ms);
  if (!result) return tl::unexpected(result.error().ToError());
  std::vector<gotemplate::QuerySample> samples;
  if (const auto* scalar = std::get_if<promql::ScalarResult>(&result->value)) {
    samples.push_back({{}, scalar->value, {}});
  } else if (const auto* vector = std::get_if<promql::VectorResult>(&result->value)) {
    for (const promql::VectorSample& sample : *vector)
      samples.push_back({ToMap(sample.labels), sample.value, {}});
  } else {
    return core::Fail(core::Code::kInvalidArgument, "query result is not a vector or scalar");
  }
  return samples;
}

// The path of a URL, without a trailing slash.
std::string PathOf(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t path = url.find('/', scheme == std::string_view::npos ? 0 : scheme + 3);
  if (path == std::string_view::npos) return {};
  std::string_view text = url.substr(path);
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

// The templates of one rule at one time.
class Expander {
 public:
  Expander(const RuleConfig& rule, core::TimestampMs time_ms, const RuleContext& context,
           const RuleOptions& options, const core::Logger& logger)
      : name_("__alert_" + rule.alert), options_(options), logger_(logger) {
    environment_.query = [&context, time_ms](const std::string& expression) {
      return RunQuery(context, expression, time_ms);
    };
    environment_.external_url = options.external_url;
    environment_.path_prefix = PathOf(options.external_url);
    environment_.now_ms = time_ms;
  }

  gotemplate::Value DataOf(const promql::VectorSample& sample) const {
    return gotemplate::PrometheusAlertData(ToMap(sample.labels), options_.external_labels,
                                           options_.external_url, sample.value);
  }

  std::string Expand(const std::string& text, const gotemplate::Value& data) const {
    if (text.find("{{") == std::string::npos) return text;
    auto expanded = gotemplate::ExpandPrometheusAlert(name_, text, data, environment_);
    if (expanded && expanded->size() > options_.max_text_bytes) {
      expanded = core::Fail(core::Code::kResourceExhausted, "the text is longer than {} bytes",
                            options_.max_text_bytes);
    }
    if (expanded) return *std::move(expanded);
    logger_.Warn("expanding alert template failed", {{"template", name_}, {"err", expanded.error()}});
    return fmt::format("<error expanding template: {}>", expanded.error().message());
  }

 private:
  const std::string name_;
  const RuleOptions& options_;
  const core::Logger& logger_;
  gotemplate::PrometheusEnvironment environment_;
};

// Go's url.QueryEscape.
std::string QueryEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '_' || c == '.' || c == '~';
    if (is_plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

std::vector<AlertInstance> MakeAlerts(const RuleConfig& rule, const promql::VectorResult& samples,
                                      core::TimestampMs time_ms, const RuleContext& context,
                                      const RuleOptions& options, const core::Logger& logger) {
  const Expander expander(rule, time_ms, context, options, logger);
  std::vector<AlertInstance> alerts;
  alerts.reserve(samples.size());
  model::LabelsBuilder builder;
  for (const promql::VectorSample& sample : samples) {
    const gotemplate::Value data = expander.DataOf(sample);
    AlertInstance alert;
    alert.value = sample.value;
    builder.Reset(sample.labels);
    builder.Delete(model::kMetricName);
    for (const auto& [name, text] : rule.labels) builder.Set(name, expander.Expand(text, data));
    builder.Set("alertname", rule.alert);
    alert.labels = builder.Build();
    builder.Reset();
    for (const auto& [name, text] : rule.annotations) builder.Set(name, expander.Expand(text, data));
    alert.annotations = builder.Build();
    alerts.push_back(std::move(alert));
  }
  return alerts;
}

std::string GeneratorUrl(const std::string& external_url, std::string_view query) {
  return fmt::format("{}/graph?g0.expr={}&g0.tab=1", external_url, QueryEscape(query));
}

}  // namespace sextant::rules
