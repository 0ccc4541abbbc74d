#include <fmt/format.h>

#include <ctime>

#include "pipeline/exporters/debug_text.h"

namespace sextant::pipeline {

std::string_view TemporalityName(otlp::Temporality temporality) {
  switch (temporality) {
    case otlp::Temporality::kUnspecified:
      return "Unspecified";
    case otlp::Temporality::kDelta:
      return "Delta";
    case otlp::Temporality::kCumulative:
      return "Cumulative";
  }
  return "";
}

std::string_view SpanKindName(otlp::SpanKind kind) {
  switch (kind) {
    case otlp::SpanKind::kUnspecified:
      return "Unspecified";
    case otlp::SpanKind::kInternal:
      return "Internal";
    case otlp::SpanKind::kServer:
      return "Server";
    case otlp::SpanKind::kClient:
      return "Client";
    case otlp::SpanKind::kProducer:
      return "Producer";
    case otlp::SpanKind::kConsumer:
      return "Consumer";
  }
  return "";
}

std::string_view StatusCodeName(otlp::StatusCode code) {
  switch (code) {
    case otlp::StatusCode::kUnset:
      return "Unset";
    case otlp::StatusCode::kOk:
      return "Ok";
    case otlp::StatusCode::kError:
      return "Error";
  }
  return "";
}

std::string SeverityName(int32_t severity_number) {
  constexpr std::string_view kNames[] = {"Trace", "Debug", "Info", "Warn", "Error", "Fatal"};
  if (severity_number == 0) return "Unspecified";
  if (severity_number < 0 || severity_number > 24) return "";
  int32_t grade = (severity_number - 1) % 4;
  std::string name(kNames[(severity_number - 1) / 4]);
  if (grade > 0) name += fmt::format("{}", grade + 1);
  return name;
}

std::string GoTimeText(uint64_t time_ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  // Times are signed in Go: those beyond the year 2262 come out before 1970.
  auto ns = static_cast<int64_t>(time_ns);
  int64_t seconds = ns / kSecond;
  int64_t fraction = ns % kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  std::tm parts{};
  auto time = static_cast<std::time_t>(seconds);
  gmtime_r(&time, &parts);
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900,
                                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (fraction != 0) {
    std::string digits = fmt::format("{:09}", fraction);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text + " +0000 UTC";
}

}  // namespace sextant::pipeline
