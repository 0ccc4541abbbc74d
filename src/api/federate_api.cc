#include "api/federate_api.h"

#include <algorithm>
#include <map>

#include "metrics/exposition/family_writer.h"
#include "metrics/exposition/negotiation.h"
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

Result<std::string> Write(const Samples& samples, const model::Labels& external_labels,
                          const exposition::NegotiatedFormat& form, promql::QueryContext& context,
                          promql::Holding& holding) {
  const bool is_protobuf = form.format == exposition::Format::kProtobuf;
  // A series without an instance must not get that of the scrape.
  model::LabelsBuilder defaults(external_labels);
  std::vector<std::pair<std::string, std::string>> added = defaults.labels();
  auto is_instance = [](const auto& label) { return label.first == "instance"; };
  if (std::ranges::none_of(added, is_instance)) added.emplace_back("instance", "");
  std::ranges::sort(added);
  std::unique_ptr<exposition::FamilyWriter> writer = exposition::NewFamilyWriter(is_protobuf);
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& [series, newest] : samples) {
    SEXTANT_TRY(context.Tick(kWorkOfSeries));
    if (newest.histogram != nullptr && !is_protobuf) continue;
    // About what its lines take.
    SEXTANT_TRY(holding.Add(0, static_cast<int64_t>(series.SizeBytes() + external_labels.SizeBytes())));
    labels.clear();
    for (model::LabelView label : series) {
      if (label.name == model::kMetricName) continue;
      labels.emplace_back(core::EscapeExposedName(label.name, form.escaping), label.value);
    }
    for (const auto& label : added) {
      if (series.Has(label.first)) continue;
      labels.emplace_back(core::EscapeExposedName(label.first, form.escaping), label.second);
    }
    writer->Add(core::EscapeExposedName(series.metric_name(), form.escaping), labels, newest.value,
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
    exposition::NegotiatedFormat form = exposition::Negotiate(request.headers.Get("Accept"), true);
    net::HttpResponse response;
    response.headers.Set("Content-Type", exposition::ContentTypeOf(form));
    Result<std::string> body = Write(*samples, deps.external_labels(), form, context, holding);
    if (!body) return fail(body.error());
    response.body = std::move(*body);
    return response;
  });
}

}  // namespace sextant::api
