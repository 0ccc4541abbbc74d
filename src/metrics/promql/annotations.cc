#include "metrics/promql/annotations.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "model/labels.h"

namespace sextant::promql {

namespace {

// More distinct texts than this can only come from a hostile label set; the API shows ten.
constexpr size_t kMaxAnnotations = 1'000;

constexpr std::string_view kForcedMonotonicity =
    "input to histogram_quantile needed to be fixed for monotonicity (see "
    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

std::string_view Prefix(AnnotationKind kind) {
  return kind == AnnotationKind::kWarning ? "PromQL warning: " : "PromQL info: ";
}

std::string FormatRfc3339(core::TimestampMs time_ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time_ms / 1000)));
}

}  // namespace

Annotations::Entry* Annotations::Add(AnnotationKind kind, std::string_view text, Position position) {
  std::string key = fmt::format("{}{}", Prefix(kind), text);
  auto it = index_.find(key);
  if (it != index_.end()) return &entries_[it->second];
  if (entries_.size() >= kMaxAnnotations) return nullptr;
  index_.emplace(key, entries_.size());
  Entry entry;
  entry.kind = kind;
  entry.text = std::move(key);
  entry.position = position;
  entries_.push_back(std::move(entry));
  return &entries_.back();
}

void Annotations::AddStorageWarning(std::string_view text) {
  if (index_.contains(text) || entries_.size() >= kMaxAnnotations) return;
  index_.emplace(text, entries_.size());
  Entry entry;
  entry.kind = AnnotationKind::kWarning;
  entry.text = text;
  entry.has_position = false;
  entries_.push_back(std::move(entry));
}

void Annotations::AddForcedMonotonicity(std::string_view metric_name, Position position,
                                        core::TimestampMs time_ms, double min_bucket, double max_bucket,
                                        double max_difference) {
  std::string text = fmt::format("{}{}", kForcedMonotonicity, ForMetricName(metric_name));
  Entry* entry = Add(AnnotationKind::kInfo, text, position);
  if (!entry) return;
  if (entry->samples++ == 0) {
    entry->first_ms = entry->last_ms = time_ms;
    entry->min_bucket = min_bucket;
    entry->max_bucket = max_bucket;
    entry->max_difference = max_difference;
    return;
  }
  entry->first_ms = std::min(entry->first_ms, time_ms);
  entry->last_ms = std::max(entry->last_ms, time_ms);
  entry->min_bucket = std::min(entry->min_bucket, min_bucket);
  entry->max_bucket = std::max(entry->max_bucket, max_bucket);
  entry->max_difference = std::max(entry->max_difference, max_difference);
}

void Annotations::Absorb(Annotations other) {
  for (Entry& entry : other.entries_) {
    auto it = index_.find(entry.text);
    if (it == index_.end()) {
      if (entries_.size() >= kMaxAnnotations) continue;
      index_.emplace(entry.text, entries_.size());
      entries_.push_back(std::move(entry));
      continue;
    }
    if (entry.samples == 0) continue;
    Entry& known = entries_[it->second];
    known.samples += entry.samples;
    known.first_ms = std::min(known.first_ms, entry.first_ms);
    known.last_ms = std::max(known.last_ms, entry.last_ms);
    known.min_bucket = std::min(known.min_bucket, entry.min_bucket);
    known.max_bucket = std::max(known.max_bucket, entry.max_bucket);
    known.max_difference = std::max(known.max_difference, entry.max_difference);
  }
}

std::vector<std::string> Annotations::Render(AnnotationKind kind, std::string_view query_text) const {
  std::vector<std::string> texts;
  for (const Entry& entry : entries_) {
    if (entry.kind != kind) continue;
    std::string text = entry.text;
    if (!query_text.empty()) {
      if (entry.samples > 0) {
        text +=
            fmt::format(", from buckets {} to {}, with a max diff of {:.2g}, over {} samples from {} to {}",
                        FormatG(entry.min_bucket), FormatG(entry.max_bucket), entry.max_difference,
                        entry.samples, FormatRfc3339(entry.first_ms), FormatRfc3339(entry.last_ms));
      }
      if (entry.has_position) text += fmt::format(" ({})", FormatPlace(query_text, entry.position.start));
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

std::string ForMetricName(std::string_view metric_name) {
  return metric_name.empty() ? "" : fmt::format(" for metric name {}", model::QuoteGo(metric_name));
}

std::vector<std::string> LimitAnnotations(std::vector<std::string> texts, AnnotationKind kind, size_t limit) {
  if (limit == 0 || texts.size() <= limit) return texts;
  size_t omitted = texts.size() - limit;
  texts.resize(limit);
  texts.push_back(fmt::format("{} more {} annotations omitted", omitted,
                              kind == AnnotationKind::kWarning ? "warning" : "info"));
  return texts;
}

std::string FormatG(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  char buffer[400];
  auto scientific = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<size_t>(scientific.ptr - buffer));
  int exponent = 0;
  std::string_view exponent_text = text.substr(text.find('e') + 1);
  if (exponent_text.starts_with('+')) exponent_text.remove_prefix(1);
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  if (exponent < -4 || exponent >= 6) return std::string(text);
  auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  return std::string(buffer, fixed.ptr);
}

std::string FormatPlace(std::string_view text, int position) {
  if (position < 0 || static_cast<size_t>(position) > text.size()) return "unknown position";
  std::string_view before = text.substr(0, static_cast<size_t>(position));
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  size_t line_start = before.rfind('\n');
  size_t column = before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  return fmt::format("{}:{}", line, column);
}

}  // namespace sextant::promql
