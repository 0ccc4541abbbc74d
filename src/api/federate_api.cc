#include "api/federate_api.h"

#include <algorithm>
#include <map>

#include "metrics/exposition/family_writer.h"
#include "metrics/exposition/format.h"
#include "metrics/exposition/number.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/query_result.h"
#include "metrics/promql/range_evaluation.h"
#include "model/value.h"

namespace sextant::api {

namespace {

using core::Result;

constexpr size_t kMaxSelectors = 1'000;
// What a series costs besides being read: its place in the order of the answer, and its lines.
constexpr size_t kWorkOfSeries = 512;

// A series' newest sample.
struct Newest {
  core::TimestampMs time_ms = 0;
  double value = 0;
  std::shared_ptr<const model::FloatHistogram> histogram;
};

// By metric name, and then as labels go.
struct ByMetric {
  bool operator()(const model::Labels& a, const model::Labels& b) const {
    int order = a.metric_name().compare(b.metric_name());
    return order != 0 ? order < 0 : a < b;
  }
};
using Samples = std::map<model::Labels, Newest, ByMetric>;

struct Form {
  bool is_protobuf = false;
  bool keeps_names = false;  // of any UTF-8; else they are escaped
};

// The parameters of an element of Accept, in lower case and without blanks.
std::string Compact(std::string_view text) {
  std::string compact;
  for (char c : text) {
    if (c == ' ' || c == '\t') continue;
    compact += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return compact;
}

double Quality(std::string_view element) {
  size_t at = element.find(";q=");
  double quality = 1;
  if (at == std::string_view::npos) return quality;
  std::string_view text = element.substr(at + 3, element.find(';', at + 3) - at - 3);
  return exposition::ParseFloat(text, quality) == exposition::NumberError::kNone ? quality : 0;
}

// The best of what a scraper takes; text when it says nothing of either.
Form Negotiate(std::string_view accept) {
  Form best;
  double best_quality = 0;
  while (!accept.empty()) {
    size_t end = std::min(accept.find(','), accept.size());
    std::string element = Compact(accept.substr(0, end));
    accept.remove_prefix(std::min(end + 1, accept.size()));
    std::string_view media = std::string_view(element).substr(0, element.find(';'));
    bool is_protobuf = media == "application/vnd.google.protobuf" &&
                       element.find("proto=io.prometheus.client.metricfamily") != std::string::npos &&
                       element.find("encoding=delimited") != std::string::npos;
    bool is_text = media == "text/plain";
    double quality = Quality(element);
    if ((!is_protobuf && !is_text) || quality <= best_quality) continue;
    best_quality = quality;
    best = {is_protobuf, element.find("escaping=allow-utf-8") != std::string::npos};
  }
  return best;
}

std::string_view ContentType(const Form& form) {
  if (form.is_protobuf) {
    return form.keeps_names ? "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
                              "encoding=delimited; escaping=allow-utf-8"
                            : "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
                              "encoding=delimited; escaping=underscores";
  }
  return form.keeps_names ? "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
                          : exposition::kTextContentType;
}

// A name with `_` for each character that classic names do not have.
std::string WithUnderscores(std::string_view name, bool is_metric) {
  std::string escaped;
  for (size_t i = 0; i < name.size(); ++i) {
    auto c = static_cast<unsigned char>(name[i]);
    if ((c & 0xc0) == 0x80) continue;  // inside a character
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c == ':' && is_metric);
    bool is_digit = c >= '0' && c <= '9';
    escaped += is_letter || (is_digit && i > 0) ? static_cast<char>(c) : '_';
  }
  return escaped;
}

// Finds the newest samples of the series that one of the sets matches.
Result<Samples> Find(const FederateApiDeps& deps, const std::vector<std::vector<model::Matcher>>& sets,
                     promql::QueryContext& context, promql::Holding& holding) {
  core::TimestampMs now_ms = deps.clock.NowMs();
  model::SelectHints hints;
  hints.start_ms = now_ms - deps.lookback_ms;
  hints.end_ms = now_ms;
  hints.check = context.checker();
  SEXTANT_ASSIGN(auto querier, deps.storage.NewQuerier(hints.start_ms, hints.end_ms));
  Samples samples;
  model::SampleColumns columns;
  for (const std::vector<model::Matcher>& matchers : sets) {
    SEXTANT_TRY(context.Check());
    SEXTANT_ASSIGN(auto found, querier->Select(matchers, hints));
    for (size_t i = 0; i < found->size(); ++i) {
      SEXTANT_TRY(context.Tick(kWorkOfSeries));
      SEXTANT_TRY(found->ReadNewest(i, hints.start_ms, hints.end_ms, columns));
      if (columns.size() == 0 || found->labels(i).metric_name().empty()) continue;
      size_t last = columns.size() - 1;
      Newest newest{columns.times_ms[last], columns.values[last], nullptr};
      if (!columns.histograms.empty()) newest.histogram = columns.histograms[last];
      double stale_in = newest.histogram ? newest.histogram->sum : newest.value;
      if (model::IsStaleNan(stale_in)) continue;
      auto bytes = static_cast<int64_t>(sizeof(Samples::value_type) + found->labels(i).SizeBytes());
      if (newest.histogram) {
        bytes +=
            promql::HistogramSampleSize(*newest.histogram) * static_cast<int64_t>(sizeof(promql::FloatPoint));
      }
      SEXTANT_TRY(holding.Add(0, bytes));
      samples.insert_or_assign(found->labels(i), std::move(newest));
    }
  }
  return samples;
}

Result<std::string> Write(const Samples& samples, const model::Labels& external_labels, const Form& form,
                          promql::QueryContext& context, promql::Holding& holding) {
  // A series without an instance must not get that of the scrape.
  model::LabelsBuilder defaults(external_labels);
  std::vector<std::pair<std::string, std::string>> added = defaults.labels();
  auto is_instance = [](const auto& label) { return label.first == "instance"; };
  if (std::ranges::none_of(added, is_instance)) added.emplace_back("instance", "");
  std::ranges::sort(added);
  std::unique_ptr<exposition::FamilyWriter> writer = exposition::NewFamilyWriter(form.is_protobuf);
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& [series, newest] : samples) {
    SEXTANT_TRY(context.Tick(kWorkOfSeries));
    if (newest.histogram != nullptr && !form.is_protobuf) continue;
    // About what its lines take.
    SEXTANT_TRY(holding.Add(0, static_cast<int64_t>(series.SizeBytes() + external_labels.SizeBytes())));
    labels.clear();
    for (model::LabelView label : series) {
      if (label.name == model::kMetricName) continue;
      labels.emplace_back(form.keeps_names ? std::string(label.name) : WithUnderscores(label.name, false),
                          label.value);
    }
    for (const auto& label : added) {
      if (series.Has(label.first)) continue;
      labels.emplace_back(form.keeps_names ? label.first : WithUnderscores(label.first, false), label.second);
    }
    std::string_view name = series.metric_name();
    writer->Add(form.keeps_names ? std::string(name) : WithUnderscores(name, true), labels, newest.value,
                newest.histogram.get(), newest.time_ms);
  }
  return writer->Finish();
}

// The format of Go's http.Error.
net::HttpResponse Refuse(int status, std::string_view text) {
  return net::HttpResponse::Text(status, std::string(text) + "\n");
}

}  // namespace

void AddFederateRoutes(net::Router& router, FederateApiDeps deps) {
  core::Counter& errors = deps.registry.AddCounter("prometheus_web_federation_errors_total",
                                                   "Errors that happened while federating.");
  router.Add("GET", "/federate", [deps = std::move(deps), &errors](const net::HttpRequest& request) {
    auto params = request.Form();
    if (!params) return Refuse(400, "error parsing form values: " + params.error().message());
    std::vector<std::vector<model::Matcher>> sets;
    std::vector<std::string> selectors = params->GetAll("match[]");
    if (selectors.size() > kMaxSelectors)
      return Refuse(400, fmt::format("too many match[] parameters: at most {}", kMaxSelectors));
    for (const std::string& selector : selectors) {
      auto matchers = promql::ParseMetricSelector(selector);
      if (!matchers) return Refuse(400, matchers.error().Message());
      sets.push_back(std::move(*matchers));
    }
    promql::QueryLimits limits = deps.limits;
    limits.cancelled = request.cancelled.get();
    promql::QueryContext context(limits, deps.clock);
    promql::Holding holding(context);
    auto fail = [&](const core::Error& error) {
      errors.Increment();
      return Refuse(500, error.message());
    };
    Result<Samples> samples = Find(deps, sets, context, holding);
    if (!samples) return fail(samples.error());
    Form form = Negotiate(request.headers.Get("Accept"));
    net::HttpResponse response;
    response.headers.Set("Content-Type", ContentType(form));
    Result<std::string> body = Write(*samples, deps.external_labels(), form, context, holding);
    if (!body) return fail(body.error());
    response.body = std::move(*body);
    return response;
  });
}

}  // namespace sextant::api
