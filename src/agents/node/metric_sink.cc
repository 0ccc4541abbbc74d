#include "agents/node/metric_sink.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "model/labels.h"

namespace sextant::node {
namespace {

std::string_view TypeText(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kUntyped:
      return "untyped";
  }
  return "untyped";
}

// Escapes backslash and newline, and in label values the double quote.
void AppendEscaped(std::string_view text, bool is_label_value, std::string& out) {
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_label_value) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

// Appends a label value for the sort key: valid UTF-8 without zero bytes, because the scraper refuses
// anything else and mount points and device descriptions may hold any bytes.
void AppendKeyPart(std::string_view value, std::string& out) {
  value = value.substr(0, kLabelValueLimitBytes);
  const size_t start = out.size();
  if (model::IsValidUtf8(value)) {
    out += value;
  } else {
    for (char c : value) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  }
  std::replace(out.begin() + static_cast<ptrdiff_t>(start), out.end(), '\0', '?');
  out += '\0';
}

}  // namespace

void AppendGoFloat(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char buffer[32];
  if (value > -1e6 && value < 1e6 && value == std::trunc(value) && !(value == 0 && std::signbit(value))) {
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<int64_t>(value)).ptr;
    out.append(buffer, end);
    return;
  }
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, static_cast<size_t>(end - buffer));
  const size_t exponent_at = scientific.find('e');
  int exponent = 0;
  const char* exponent_start = buffer + exponent_at + 1;
  if (*exponent_start == '+') ++exponent_start;
  std::from_chars(exponent_start, end, exponent);
  // Go's threshold for the shortest form with format 'g'.
  if (exponent < -4 || exponent >= 6) {
    out += scientific;
    return;
  }
  const auto fixed_end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  out.append(buffer, fixed_end);
}

void MetricFamily::Add(std::initializer_list<std::string_view> label_values, double value) {
  if (sample_count_ == nullptr || *sample_count_ >= kSampleLimit) return;
  SEXTANT_CHECK(label_values.size() == label_names_.size());
  ++*sample_count_;
  Sample sample;
  sample.key_offset = static_cast<uint32_t>(keys_.size());
  for (std::string_view label_value : label_values) AppendKeyPart(label_value, keys_);
  sample.key_length = static_cast<uint32_t>(keys_.size() - sample.key_offset);
  sample.value = value;
  samples_.push_back(sample);
}

void MetricFamily::Sort() {
  const auto less = [this](const Sample& a, const Sample& b) { return Key(a) < Key(b); };
  if (!std::is_sorted(samples_.begin(), samples_.end(), less)) {
    std::stable_sort(samples_.begin(), samples_.end(), less);
  }
  const auto same = [this](const Sample& a, const Sample& b) { return Key(a) == Key(b); };
  samples_.erase(std::unique(samples_.begin(), samples_.end(), same), samples_.end());
}

void MetricFamily::Render(std::string_view name, std::string& out) const {
  out += "# HELP ";
  out += name;
  out += ' ';
  AppendEscaped(help_, /*is_label_value=*/false, out);
  out += "\n# TYPE ";
  out += name;
  out += ' ';
  out += TypeText(type_);
  out += '\n';
  for (const Sample& sample : samples_) {
    out += name;
    std::string_view key = Key(sample);
    for (size_t i = 0; i < label_names_.size(); ++i) {
      const size_t end = key.find('\0');
      out += i == 0 ? '{' : ',';
      out += label_names_[i];
      out += "=\"";
      AppendEscaped(key.substr(0, end), /*is_label_value=*/true, out);
      out += '"';
      key.remove_prefix(end + 1);
    }
    if (!label_names_.empty()) out += '}';
    out += ' ';
    AppendGoFloat(sample.value, out);
    out += '\n';
  }
}

MetricFamily& MetricSink::GetFamily(std::string_view name, std::string_view help, MetricType type,
                                    std::initializer_list<std::string_view> label_names) {
  if (auto found = families_.find(name); found != families_.end()) {
    if (std::equal(label_names.begin(), label_names.end(), found->second.label_names_.begin(),
                   found->second.label_names_.end())) {
      return found->second;
    }
    return Refuse(label_names, core::Fail(core::Code::kInvalidArgument, "{} exists with other labels", name));
  }
  SEXTANT_CHECK(std::is_sorted(label_names.begin(), label_names.end()));
  if (!model::IsClassicMetricName(name)) {
    return Refuse(label_names, core::Fail(core::Code::kInvalidArgument, "{} is not a metric name",
                                          model::QuoteGo(name.substr(0, 200))));
  }
  if (families_.size() >= kFamilyLimit) {
    return Refuse(label_names,
                  core::Fail(core::Code::kResourceExhausted, "more than {} metric families", kFamilyLimit));
  }
  MetricFamily& family = families_.emplace(std::string(name), MetricFamily()).first->second;
  family.type_ = type;
  family.help_ = help;
  family.label_names_.assign(label_names.begin(), label_names.end());
  family.sample_count_ = &sample_count_;
  return family;
}

MetricFamily& MetricSink::Refuse(std::initializer_list<std::string_view> label_names, core::Status reason) {
  if (status_) status_ = std::move(reason);
  discarded_.label_names_.assign(label_names.begin(), label_names.end());
  return discarded_;
}

core::Status MetricSink::TakeStatus() {
  core::Status status = std::move(status_);
  status_ = {};
  if (status && sample_count_ >= kSampleLimit) {
    return core::Fail(core::Code::kResourceExhausted, "more than {} samples", kSampleLimit);
  }
  return status;
}

std::string MetricSink::RenderText() {
  std::string out;
  out.reserve(text_size_hint_bytes_);
  for (auto& [name, family] : families_) {
    if (family.samples_.empty()) continue;
    family.Sort();
    family.Render(name, out);
  }
  text_size_hint_bytes_ = out.size() + out.size() / 8;
  return out;
}

void MetricSink::Clear() {
  for (auto& [name, family] : families_) {
    family.samples_.clear();
    family.keys_.clear();
  }
  status_ = {};
  sample_count_ = 0;
}

}  // namespace sextant::node
