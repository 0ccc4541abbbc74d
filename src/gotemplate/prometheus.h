// Prometheus' template functions and what its alerting rules put in front of their templates.
//
//   PrometheusEnvironment environment;  // query callback, addresses, evaluation time
//   const Value data = PrometheusAlertData(labels, external_labels, environment.external_url, value);
//   auto summary = ExpandPrometheusAlert("__alert_DiskFull", "{{ $value | humanize }} left", data,
//   environment);
//
// The functions: query, first, label, value, strvalue, sortByLabel, args, tmpl, reReplaceAll, safeHtml,
// match, title, toUpper, toLower, graphLink, tableLink, stripPort, stripDomain, humanize, humanize1024,
// humanizeDuration, humanizePercentage, humanizeTimestamp, toTime, toDuration, now, pathPrefix, externalURL,
// parseDuration, urlQueryEscape. Templates are text, but those of console pages, which are HTML; `tmpl`,
// which upstream has only there, works in text too.
//
// Specification: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "gotemplate/template.h"

namespace sextant::gotemplate {

// One element of a query's answer.
struct QuerySample {
  std::map<std::string, std::string> labels;  // with __name__
  double value = 0;
  std::string histogram;  // a native histogram's text, which then stands for the value; else empty
};

using QueryFunction = std::function<core::Result<std::vector<QuerySample>>(const std::string& expression)>;

// What the functions ask for. Execution on several threads needs a `query` that may be called from them.
struct PrometheusEnvironment final : Environment {
  QueryFunction query;           // an absent one makes `query` fail
  std::string external_url;      // "http://host:9090/prefix"
  std::string path_prefix;       // the path of external_url, without a trailing slash
  core::TimestampMs now_ms = 0;  // evaluation time
};

std::shared_ptr<const FunctionMap> PrometheusFunctions();

// {{$labels := .Labels}}… : what Prometheus puts in front of every annotation and label template.
extern const std::string_view kPrometheusAlertPrefix;

// The dot of an alert's templates.
Value PrometheusAlertData(const std::map<std::string, std::string>& labels,
                          const std::map<std::string, std::string>& external_labels,
                          const std::string& external_url, double value);

// Expands an alert's label or annotation; the prefix is put in front of `text`. Errors are Prometheus':
// "error parsing template NAME: …", "error executing template NAME: …".
core::Result<std::string> ExpandPrometheusAlert(const std::string& name, const std::string& text,
                                                const Value& data, const PrometheusEnvironment& environment);

// Expands any text, without the prefix.
core::Result<std::string> ExpandPrometheus(const std::string& name, std::string text, const Value& data,
                                           const PrometheusEnvironment& environment,
                                           MissingKey missing_key = MissingKey::kZero);

// What a console page is asked for.
struct ConsoleData {
  std::map<std::string, std::vector<std::string>> params;  // of the URL
  std::string path;                                        // of the page, below /consoles/
  std::map<std::string, std::string> external_labels;
};

// Expands a console page, an HTML template, with the templates of its libraries (file name and text).
core::Result<std::string> ExpandPrometheusConsole(
    const std::string& name, const std::string& text,
    const std::vector<std::pair<std::string, std::string>>& libraries, const ConsoleData& data,
    const PrometheusEnvironment& environment);

// A sample as templates see it, for data made by hand.
Value SampleValue(const QuerySample& sample);

}  // namespace sextant::gotemplate
