#include "metrics/exposition/format.h"

#include "model/labels.h"

namespace sextant::exposition {

namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view Trim(std::string_view text) {
  size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return lower;
}

std::string_view FormatName(Format format) {
  switch (format) {
    case Format::kPrometheusText:
      return "text/plain";
    case Format::kOpenMetrics:
      return "application/openmetrics-text";
    case Format::kProtobuf:
      return "application/vnd.google.protobuf";
  }
  return "";
}

}  // namespace

core::Result<Format> FormatOf(std::string_view content_type, std::optional<Format> fallback) {
  std::string media_type = Lower(Trim(content_type.substr(0, content_type.find(';'))));
  for (Format format : {Format::kPrometheusText, Format::kOpenMetrics, Format::kProtobuf}) {
    if (media_type == FormatName(format)) return format;
  }
  if (fallback) return *fallback;
  if (content_type.empty()) {
    return core::Fail(
        core::Code::kInvalidArgument,
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "
        "specified for target");
  }
  return core::Fail(
      core::Code::kInvalidArgument,
      "received unsupported Content-Type {} and no fallback_scrape_protocol specified for target",
      model::QuoteGo(content_type));
}

}  // namespace sextant::exposition
