#include "app/api_client.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>
#include <cstdlib>
#include <future>

#include "app/services.h"
#include "httpclient/settings.h"
#include "model/labels.h"
#include "net/http_client.h"
#include "net/url.h"

namespace sextant::app {

namespace {

namespace dom = simdjson::dom;
using core::Code;
using core::Fail;
using core::Result;

constexpr core::DurationMs kTimeoutMs = 2 * 60'000;
constexpr size_t kMaxBodyBytes = size_t{1} << 30;

tl::unexpected<core::Error> Malformed(std::string_view what) {
  return Fail(Code::kInvalidArgument, "bad_response: {} in the server's answer", what);
}

// Numbers come as text; NaN and infinities, too.
Result<double> ReadValue(dom::element element) {
  std::string_view text;
  if (element.get(text)) return Malformed("a value that is no text");
  std::string copy(text);
  char* end = nullptr;
  double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0') return Malformed("a value that is no number");
  return value;
}

Result<core::TimestampMs> ReadTime(dom::element element) {
  double seconds = 0;
  if (element.get(seconds) || std::fabs(seconds) > 9e15) return Malformed("no time");
  return std::llround(seconds * 1000);
}

Result<ApiHistogram> ReadHistogram(dom::element element) {
  ApiHistogram histogram;
  dom::element member;
  if (element["count"].get(member)) return Malformed("a histogram without count");
  SEXTANT_ASSIGN(histogram.count, ReadValue(member));
  if (element["sum"].get(member)) return Malformed("a histogram without sum");
  SEXTANT_ASSIGN(histogram.sum, ReadValue(member));
  dom::array buckets;
  if (element["buckets"].get(buckets)) return histogram;
  for (dom::element item : buckets) {
    dom::array parts;
    int64_t boundaries = 0;
    if (item.get(parts) || parts.size() != 4 || parts.at(0).get(boundaries))
      return Malformed("a malformed bucket");
    ApiBucket bucket{.boundaries = static_cast<int>(boundaries)};
    SEXTANT_ASSIGN(bucket.lower, ReadValue(parts.at(1).value()));
    SEXTANT_ASSIGN(bucket.upper, ReadValue(parts.at(2).value()));
    SEXTANT_ASSIGN(bucket.count, ReadValue(parts.at(3).value()));
    histogram.buckets.push_back(bucket);
  }
  return histogram;
}

// [time, "value"] or [time, {histogram}].
Result<ApiPoint> ReadPoint(dom::element element, bool is_histogram) {
  dom::array parts;
  if (element.get(parts) || parts.size() != 2) return Malformed("a malformed point");
  ApiPoint point;
  SEXTANT_ASSIGN(point.time_ms, ReadTime(parts.at(0).value()));
  if (is_histogram) {
    SEXTANT_ASSIGN(point.histogram, ReadHistogram(parts.at(1).value()));
  } else {
    SEXTANT_ASSIGN(point.value, ReadValue(parts.at(1).value()));
  }
  return point;
}

Result<ApiLabels> ReadLabels(dom::element element) {
  dom::object object;
  if (element.get(object)) return Malformed("no labels");
  ApiLabels labels;
  for (auto [name, value] : object) {
    std::string_view text;
    if (value.get(text)) return Malformed("a label that is no text");
    labels.emplace(name, text);
  }
  return labels;
}

Result<ApiSeries> ReadSeries(dom::element element) {
  ApiSeries series;
  dom::element member;
  if (element["metric"].get(member)) return Malformed("a series without labels");
  SEXTANT_ASSIGN(series.labels, ReadLabels(member));
  for (const char* key : {"value", "histogram"}) {
    if (element[key].get(member)) continue;
    bool is_histogram = key[0] == 'h';
    SEXTANT_ASSIGN(ApiPoint point, ReadPoint(member, is_histogram));
    (is_histogram ? series.histograms : series.floats).push_back(std::move(point));
  }
  for (const char* key : {"values", "histograms"}) {
    dom::array points;
    if (element[key].get(points)) continue;
    bool is_histogram = key[0] == 'h';
    for (dom::element item : points) {
      SEXTANT_ASSIGN(ApiPoint point, ReadPoint(item, is_histogram));
      (is_histogram ? series.histograms : series.floats).push_back(std::move(point));
    }
  }
  return series;
}

Result<ApiValue> ReadQueryData(dom::element data) {
  ApiValue value;
  std::string_view type;
  dom::element result;
  if (data["resultType"].get(type) || data["result"].get(result)) return Malformed("no result");
  value.type = type;
  if (type == "scalar") {
    SEXTANT_ASSIGN(value.scalar, ReadPoint(result, false));
    return value;
  }
  if (type == "string") {
    std::string_view text;
    if (result.at(1).get(text)) return Malformed("no text");
    value.text = text;
    return value;
  }
  dom::array items;
  if (result.get(items)) return Malformed("no list of series");
  for (dom::element item : items) {
    SEXTANT_ASSIGN(ApiSeries series, ReadSeries(item));
    value.series.push_back(std::move(series));
  }
  return value;
}

class HttpApiClient final : public ApiClient {
 public:
  HttpApiClient(std::string base, ApiHeaders headers, config::HttpClientConfig http)
      : services_(core::LogOptions{}),
        client_(services_.io, services_.registry),
        base_(std::move(base)),
        headers_(std::move(headers)),
        http_(std::move(http)),
        authorizer_(httpclient::MakeAuthorizer(http_, services_.clock)) {}
  ~HttpApiClient() override {
    client_.Stop();
    services_.executor.Stop();
    services_.io.Stop();
  }

  Result<ApiValue> Query(std::string_view path, const ApiParams& params) override {
    SEXTANT_ASSIGN(dom::element data, Ask("POST", path, params, nullptr));
    return ReadQueryData(data);
  }

  Result<std::vector<ApiLabels>> Series(const ApiParams& params) override {
    SEXTANT_ASSIGN(dom::element data, Ask("POST", "/api/v1/series", params, nullptr));
    dom::array items;
    if (data.get(items)) return Malformed("no list of series");
    std::vector<ApiLabels> series;
    for (dom::element item : items) {
      SEXTANT_ASSIGN(ApiLabels labels, ReadLabels(item));
      series.push_back(std::move(labels));
    }
    return series;
  }

  Result<std::vector<std::string>> LabelValues(std::string_view name, const ApiParams& params,
                                               std::vector<std::string>& warnings) override {
    std::string path = fmt::format("/api/v1/label/{}/values", net::PathEscape(name));
    SEXTANT_ASSIGN(dom::element data, Ask("GET", path, params, &warnings));
    dom::array items;
    if (data.get(items)) return Malformed("no list of values");
    std::vector<std::string> values;
    for (dom::element item : items) {
      std::string_view text;
      if (item.get(text)) return Malformed("a value that is no text");
      values.emplace_back(text);
    }
    return values;
  }

 private:
  Result<net::FetchResponse> Fetch(std::string_view method, std::string_view path, const ApiParams& params) {
    std::string encoded;
    for (const auto& [name, value] : params) {
      encoded +=
          fmt::format("{}{}={}", encoded.empty() ? "" : "&", net::QueryEscape(name), net::QueryEscape(value));
    }
    net::FetchRequest request;
    request.method = method;
    request.url = base_ + std::string(path);
    request.timeout_ms = kTimeoutMs;
    request.max_body_bytes = kMaxBodyBytes;
    for (const auto& [name, value] : headers_) request.headers.Add(name, value);
    httpclient::ApplyHttpConfig(http_, authorizer_, request);
    SEXTANT_TRY(httpclient::ReadSecretFiles(http_, request));
    if (method == "POST") {
      request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
      request.body = std::move(encoded);
    } else if (!encoded.empty()) {
      request.url += "?" + encoded;
    }
    auto answer = std::make_shared<std::promise<Result<net::FetchResponse>>>();
    auto future = answer->get_future();
    client_.Fetch(std::move(request), {&services_.executor, core::Priority::kQuery},
                  [answer](Result<net::FetchResponse> result) { answer->set_value(std::move(result)); });
    return future.get();
  }

  // The data of a successful answer; valid until the next question.
  Result<dom::element> Ask(std::string_view method, std::string_view path, const ApiParams& params,
                           std::vector<std::string>* warnings) {
    Result<net::FetchResponse> response = Fetch(method, path, params);
    if (response && method == "POST" && (response->status == 405 || response->status == 501)) {
      response = Fetch("GET", path, params);
    }
    if (!response) return tl::unexpected(response.error());
    const int status = response->status;
    // Only these carry Prometheus' envelope when they are no success.
    bool has_envelope = status / 100 == 2 || status == 400 || status == 422 || status == 503;
    if (!has_envelope) {
      std::string_view kind = status / 100 == 4 ? "client" : status / 100 == 5 ? "server" : "";
      std::string head = kind.empty() ? fmt::format("bad_response: bad response code {}", status)
                                      : fmt::format("{}_error: {} error: {}", kind, kind, status);
      std::string_view body = response->body;
      while (!body.empty() && (body.back() == '\n' || body.back() == ' ' || body.back() == '\r'))
        body.remove_suffix(1);
      return Fail(Code::kUnavailable, "{}{}", head, body.empty() ? "" : fmt::format(" (detail: {})", body));
    }
    body_ = std::move(response->body);
    dom::element root;
    if (parser_.parse(body_).get(root)) return Malformed("no JSON");
    std::string_view outcome;
    if (root["status"].get(outcome)) return Malformed("no status");
    if (outcome != "success") {
      std::string_view type;
      std::string_view text;
      if (root["errorType"].get(type) || root["error"].get(text)) return Malformed("an error without a text");
      return Fail(Code::kInvalidArgument, "{}: {}", type, text);
    }
    dom::array texts;
    if (warnings != nullptr && !root["warnings"].get(texts)) {
      for (dom::element item : texts) {
        std::string_view text;
        if (!item.get(text)) warnings->emplace_back(text);
      }
    }
    dom::element data;
    if (root["data"].get(data)) return Malformed("no data");
    return data;
  }

  Services services_;
  net::HttpClient client_;
  const std::string base_;
  const ApiHeaders headers_;
  const config::HttpClientConfig http_;
  const std::shared_ptr<net::RequestAuthorizer> authorizer_;
  std::string body_;
  dom::parser parser_;
};

std::string JoinLabels(const ApiLabels& labels, bool with_name) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!with_name && name == model::kMetricName) continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : ", ", name, model::QuoteGo(value));
  }
  return out;
}

}  // namespace

std::string MetricText(const ApiLabels& labels) {
  auto it = labels.find(std::string(model::kMetricName));
  std::string name = it == labels.end() ? "" : it->second;
  std::string others = JoinLabels(labels, false);
  if (others.empty()) return it == labels.end() ? "{}" : name;
  return fmt::format("{}{{{}}}", name, others);
}

std::string LabelSetText(const ApiLabels& labels) { return fmt::format("{{{}}}", JoinLabels(labels, true)); }

core::Result<std::unique_ptr<ApiClient>> ApiClient::Connect(std::string_view server, ApiHeaders headers,
                                                            config::HttpClientConfig http) {
  std::string base(server);
  if (base.find("://") == base.npos) base = "http://" + base;
  while (base.ends_with('/')) base.pop_back();
  if ((!base.starts_with("http://") && !base.starts_with("https://")) ||
      base.find_first_of(" \t\n") != base.npos) {
    return Fail(Code::kInvalidArgument, "\"{}\" is no address of a server", server);
  }
  return std::make_unique<HttpApiClient>(std::move(base), std::move(headers), std::move(http));
}

core::Result<ApiValue> ParseQueryData(std::string_view json) {
  dom::parser parser;
  dom::element data;
  if (parser.parse(simdjson::padded_string(json)).get(data)) return Malformed("no JSON");
  return ReadQueryData(data);
}

}  // namespace sextant::app
