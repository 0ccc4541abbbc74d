#include "agents/node/metric_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <tuple>

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
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
  }
  return "untyped";
}

// Escapes backslash and newline, and in label values the double quote.
void AppendEscaped(std::string_view text, bool is_label_value, std::string& out) {
  const auto is_special = [](char c) { return c == '\\' || c == '\n' || c == '"'; };
  if (std::none_of(text.begin(), text.end(), is_special)) {
    out += text;
    return;
  }
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
  if (std::ranges::all_of(value, [](char c) { return c > 0; })) {  // nearly all are plain ASCII
    out.append(value).push_back('\0');
    return;
  }
  const size_t start = out.size();
  if (model::IsValidUtf8(value)) {
    out += value;
  } else {
    for (char c : value) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  }
  std::replace(out.begin() + static_cast<ptrdiff_t>(start), out.end(), '\0', '?');
  out += '\0';
}

// Up to 15 digits, a whole number itself is the shortest text that stands for it, without the zeros at its
// end; nothing has to be searched for.
void AppendWholeScientific(int64_t value, std::string& out) {
  char digits[20];
  char* const end = std::to_chars(digits, digits + sizeof digits, std::abs(value)).ptr;
  const auto exponent = static_cast<int>(end - digits) - 1;
  char* last = end;
  while (last > digits + 1 && last[-1] == '0') --last;
  if (value < 0) out += '-';
  out += digits[0];
  if (last > digits + 1) {
    out += '.';
    out.append(digits + 1, last);
  }
  out += "e+";
  out += static_cast<char>('0' + exponent / 10);
  out += static_cast<char>('0' + exponent % 10);
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
  // Go's thresholds for the shortest form with format 'g': exponents below -4 and from 6 on are written.
  const double magnitude = std::abs(value);
  if (value == 0 || (magnitude >= 1e-4 && magnitude < 1e6)) {
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr);
  } else if (magnitude >= 1e6 && magnitude < 1e15 && value == std::trunc(value)) {
    AppendWholeScientific(static_cast<int64_t>(value), out);
  } else {
    out.append(buffer,
               std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr);
  }
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

void AppendLabels(std::span<const LabelPair> labels, std::string& out) {
  for (size_t i = 0; i < labels.size(); ++i) {
    out += i == 0 ? '{' : ',';
    out += labels[i].first;
    out += "=\"";
    std::string value;
    AppendKeyPart(labels[i].second, value);
    value.pop_back();  // the end mark
    AppendEscaped(value, /*is_label_value=*/true, out);
    out += '"';
  }
  if (!labels.empty()) out += '}';
}

void MetricFamily::AddOpen(std::span<const LabelPair> labels, std::string_view name, double value) {
  std::string line(name);
  AppendLabels(labels, line);
  line += ' ';
  AppendGoFloat(value, line);
  line += '\n';
  AddOpenLines(labels, std::move(line));
}

void MetricFamily::AddOpenLines(std::span<const LabelPair> labels, std::string lines) {
  if (sample_count_ == nullptr || *sample_count_ >= kSampleLimit) return;
  ++*sample_count_;
  OpenMetric& metric = open_metrics_.emplace_back();
  metric.label_count = labels.size();
  for (const LabelPair& label : labels) AppendKeyPart(label.second, metric.key);
  for (const LabelPair& label : labels) AppendKeyPart(label.first, metric.key);
  metric.lines = std::move(lines);
}

void MetricFamily::Append(MetricFamily& other) {
  for (const Sample& theirs : other.samples_) {
    if (*sample_count_ >= kSampleLimit) return;
    ++*sample_count_;
    Sample sample = theirs;
    sample.key_offset = static_cast<uint32_t>(keys_.size());
    keys_ += other.Key(theirs);
    samples_.push_back(sample);
  }
  for (OpenMetric& metric : other.open_metrics_) {
    if (*sample_count_ >= kSampleLimit) return;
    ++*sample_count_;
    open_metrics_.push_back(std::move(metric));
  }
}

void MetricFamily::SortOpen() {
  const auto less = [](const OpenMetric& a, const OpenMetric& b) {
    return std::tie(a.label_count, a.key) < std::tie(b.label_count, b.key);
  };
  std::stable_sort(open_metrics_.begin(), open_metrics_.end(), less);
  const auto same = [](const OpenMetric& a, const OpenMetric& b) {
    return a.label_count == b.label_count && a.key == b.key;
  };
  open_metrics_.erase(std::unique(open_metrics_.begin(), open_metrics_.end(), same), open_metrics_.end());
}

void MetricFamily::RememberLines(std::string_view name) {
  const auto key_of = [this](const Line& line) { return Key(samples_[line.sample]); };
  lines_.resize(samples_.size());
  for (uint32_t i = 0; i < lines_.size(); ++i) lines_[i] = {.sample = i, .head_end = 0};
  std::ranges::stable_sort(lines_, {}, key_of);
  lines_.erase(std::ranges::unique(lines_, {}, key_of).begin(), lines_.end());
  line_heads_.clear();
  for (Line& line : lines_) {
    line_heads_ += name;
    std::string_view key = key_of(line);
    for (size_t i = 0; i < label_names_.size(); ++i) {
      const size_t end = key.find('\0');
      line_heads_ += i == 0 ? '{' : ',';
      line_heads_ += label_names_[i];
      line_heads_ += "=\"";
      AppendEscaped(key.substr(0, end), /*is_label_value=*/true, line_heads_);
      line_heads_ += '"';
      key.remove_prefix(end + 1);
    }
    if (!label_names_.empty()) line_heads_ += '}';
    line_heads_ += ' ';
    line.head_end = static_cast<uint32_t>(line_heads_.size());
  }
  known_keys_ = keys_;
  known_count_ = samples_.size();
}

void MetricFamily::Render(std::string_view name, std::string& out) {
  if (headline_.empty()) {
    headline_ = fmt::format("# HELP {} ", name);
    AppendEscaped(help_, /*is_label_value=*/false, headline_);
    headline_ += fmt::format("\n# TYPE {} {}\n", name, TypeText(type_));
  }
  out += headline_;
  if (is_open_) {
    SortOpen();
    for (const OpenMetric& metric : open_metrics_) out += metric.lines;
    return;
  }
  if (samples_.size() != known_count_ || keys_ != known_keys_) RememberLines(name);
  size_t head_start = 0;
  for (const Line& line : lines_) {
    out.append(line_heads_, head_start, line.head_end - head_start);
    head_start = line.head_end;
    AppendGoFloat(samples_[line.sample].value, out);
    out += '\n';
  }
}

MetricFamily* MetricSink::Find(std::string_view name) {
  if (next_in_sequence_ < sequence_.size() && sequence_[next_in_sequence_].name == name) {
    return sequence_[next_in_sequence_++].family;
  }
  const auto found = index_.find(name);
  if (found == index_.end()) return nullptr;
  if (next_in_sequence_ < kSequenceLimit) {
    if (next_in_sequence_ == sequence_.size()) sequence_.emplace_back();
    sequence_[next_in_sequence_++] = {found->first, found->second};
  }
  return found->second;
}

// Before open families end: no name is equal to the empty one.
void MetricSink::ForgetOpenInSequence() {
  for (Named& named : sequence_) {
    if (named.family != nullptr && named.family->is_open_) named = {};
  }
}

void MetricSink::Erase(std::string_view name) {
  const auto found = families_.find(name);
  sequence_.clear();
  next_in_sequence_ = 0;
  index_.erase(name);
  families_.erase(found);
}

MetricFamily& MetricSink::GetFamily(std::string_view name, std::string_view help, MetricType type,
                                    std::initializer_list<std::string_view> label_names) {
  if (MetricFamily* family = Find(name)) {
    if (!family->is_open_ && std::equal(label_names.begin(), label_names.end(), family->label_names_.begin(),
                                        family->label_names_.end())) {
      return *family;
    }
    return Refuse(label_names, core::Fail(core::Code::kInvalidArgument, "{} exists with other labels", name));
  }
  SEXTANT_CHECK(std::is_sorted(label_names.begin(), label_names.end()));
  auto made = MakeFamily(name);
  if (!made) return Refuse(label_names, tl::unexpected(std::move(made).error()));
  MetricFamily& family = **made;
  family.type_ = type;
  family.help_ = help;
  family.label_names_.assign(label_names.begin(), label_names.end());
  return family;
}

MetricFamily& MetricSink::GetOpenFamily(std::string_view name, std::string_view help, MetricType type) {
  if (MetricFamily* family = Find(name)) {
    if (family->is_open_ && family->type_ == type) return *family;
    if (!family->IsEmpty()) {
      return Refuse({},
                    core::Fail(core::Code::kInvalidArgument, "{} is already a metric of another kind", name));
    }
    Erase(name);  // remembered from an earlier exposition
  }
  auto made = MakeFamily(name);
  if (!made) return Refuse({}, tl::unexpected(std::move(made).error()));
  MetricFamily& family = **made;
  family.type_ = type;
  family.help_ = help;
  family.is_open_ = true;
  return family;
}

core::Result<MetricFamily*> MetricSink::MakeFamily(std::string_view name) {
  if (!model::IsClassicMetricName(name)) {
    return core::Fail(core::Code::kInvalidArgument, "{} is not a metric name",
                      model::QuoteGo(name.substr(0, 200)));
  }
  if (families_.size() >= kFamilyLimit) {
    return core::Fail(core::Code::kResourceExhausted, "more than {} metric families", kFamilyLimit);
  }
  const auto made = families_.emplace(std::string(name), MetricFamily()).first;
  index_.emplace(made->first, &made->second);
  made->second.sample_count_ = &sample_count_;
  return &made->second;
}

void MetricSink::Absorb(MetricSink& other) {
  if (other.sample_count_ == 0) return other.Clear();
  for (auto& [name, theirs] : other.families_) {
    if (theirs.IsEmpty()) continue;
    MetricFamily* ours = Find(name);
    if (ours == nullptr) {
      auto made = MakeFamily(name);
      if (!made) {
        if (status_) status_ = tl::unexpected(std::move(made).error());
        continue;
      }
      ours = *made;
      ours->type_ = theirs.type_;
      ours->help_ = theirs.help_;
      ours->label_names_ = theirs.label_names_;
      ours->is_open_ = theirs.is_open_;
    }
    if (ours->is_open_ != theirs.is_open_ || ours->label_names_ != theirs.label_names_) {
      if (status_) status_ = core::Fail(core::Code::kInvalidArgument, "{} exists with other labels", name);
      continue;
    }
    ours->Append(theirs);
  }
  other.Clear();
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

void MetricSink::Warn(std::string text) {
  if (warnings_.size() + text.size() > kLabelValueLimitBytes) return;  // enough to start with
  if (!warnings_.empty()) warnings_ += "; ";
  warnings_ += text;
}

std::string MetricSink::TakeWarnings() { return std::exchange(warnings_, {}); }

std::string MetricSink::RenderText() {
  std::string out;
  out.reserve(text_size_hint_bytes_);
  for (auto& [name, family] : families_) {
    if (family.IsEmpty()) continue;
    family.Render(name, out);
  }
  text_size_hint_bytes_ = out.size() + out.size() / 8;
  return out;
}

void MetricSink::Clear() {
  // Open families have names that somebody else chooses: they would fill the sink over time.
  ForgetOpenInSequence();
  for (auto entry = families_.begin(); entry != families_.end();) {
    if (!entry->second.is_open_) {
      ++entry;
      continue;
    }
    index_.erase(entry->first);
    entry = families_.erase(entry);
  }
  for (auto& [name, family] : families_) {
    family.samples_.clear();
    family.keys_.clear();
  }
  next_in_sequence_ = 0;
  status_ = {};
  warnings_.clear();
  sample_count_ = 0;
}

}  // namespace sextant::node
