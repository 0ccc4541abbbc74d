#include "agents/node/textfile_parser.h"

#include <cmath>
#include <limits>
#include <set>

#include "metrics/exposition/parser.h"
#include "model/labels.h"

namespace sextant::node {
namespace {

using exposition::EntryKind;

MetricType TypeOf(exposition::MetricType type) {
  switch (type) {
    case exposition::MetricType::kCounter:
      return MetricType::kCounter;
    case exposition::MetricType::kGauge:
      return MetricType::kGauge;
    case exposition::MetricType::kHistogram:
      return MetricType::kHistogram;
    case exposition::MetricType::kSummary:
      return MetricType::kSummary;
    default:
      return MetricType::kUntyped;
  }
}

double ParseBound(std::string_view text) {
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  return std::strtod(std::string(text).c_str(), nullptr);
}

class TextfileParser {
 public:
  core::Result<std::vector<TextfileFamily>> Parse(std::string_view text) {
    const auto parser = exposition::NewParser(exposition::Format::kPrometheusText, text);
    for (EntryKind kind = parser->Next(); kind != EntryKind::kEnd; kind = parser->Next()) {
      if (kind == EntryKind::kError) return tl::unexpected(parser->error());
      if (kind == EntryKind::kHelp) {
        Family& family = GetFamily(parser->entry().name);
        if (family.result.help) return Repeated("HELP", parser->entry().name);
        family.result.help = parser->HelpText();
      } else if (kind == EntryKind::kType) {
        Family& family = GetFamily(parser->entry().name);
        if (family.has_type || !family.result.metrics.empty()) return Repeated("TYPE", parser->entry().name);
        family.has_type = true;
        family.result.type = TypeOf(parser->entry().type);
      } else if (kind == EntryKind::kSample) {
        SEXTANT_TRY(AddSample(*parser));
      }
    }
    std::vector<TextfileFamily> families;
    for (auto& [name, family] : families_) {
      if (!family.result.metrics.empty()) families.push_back(std::move(family.result));
    }
    return families;
  }

 private:
  struct Family {
    TextfileFamily result;
    bool has_type = false;
    std::map<std::map<std::string, std::string>, size_t> by_labels;  // of histograms and summaries
  };

  static tl::unexpected<core::Error> Repeated(std::string_view what, std::string_view name) {
    return core::Fail(core::Code::kInvalidArgument, "a second {} line, or one too late, for {}", what,
                      name.substr(0, 200));
  }

  Family& GetFamily(std::string_view name) {
    const auto found = families_.find(name);
    if (found != families_.end()) return found->second;
    Family& family = families_[std::string(name)];
    family.result.name = name;
    return family;
  }

  // The histogram or summary that a name with such an ending is part of.
  Family* FindWhole(std::string_view name, std::string_view ending, MetricType type) {
    if (!name.ends_with(ending)) return nullptr;
    const auto found = families_.find(name.substr(0, name.size() - ending.size()));
    return found != families_.end() && found->second.result.type == type ? &found->second : nullptr;
  }

  core::Status AddSample(const exposition::Parser& parser) {
    const exposition::Entry& entry = parser.entry();
    model::LabelsBuilder builder;
    SEXTANT_TRY(parser.ReadLabels(builder));
    const std::string name(builder.Get("__name__"));
    builder.Delete("__name__");
    if (entry.timestamp_ms) {
      return core::Fail(core::Code::kInvalidArgument, "{} has a timestamp, which is not supported",
                        name.substr(0, 200));
    }
    for (const auto& [label, value] : builder.labels()) {
      if (!model::IsClassicLabelName(label)) {
        return core::Fail(core::Code::kInvalidArgument, "{} is not a label name",
                          model::QuoteGo(label.substr(0, 200)));
      }
    }
    for (MetricType type : {MetricType::kHistogram, MetricType::kSummary}) {
      for (std::string_view ending : {"_bucket", "_sum", "_count"}) {
        if (Family* family = FindWhole(name, ending, type)) {
          AddPart(*family, ending, builder, entry.value);
          return {};
        }
      }
    }
    Family& family = GetFamily(name);
    if (family.result.type == MetricType::kSummary || family.result.type == MetricType::kHistogram) {
      AddPart(family, "", builder, entry.value);
      return {};
    }
    TextfileMetric& metric = family.result.metrics.emplace_back();
    metric.labels.insert(builder.labels().begin(), builder.labels().end());
    metric.value = entry.value;
    return {};
  }

  static void AddPart(Family& family, std::string_view ending, model::LabelsBuilder& labels, double value) {
    const std::string_view bound_label = family.result.type == MetricType::kHistogram ? "le" : "quantile";
    const std::string bound(labels.Get(bound_label));
    labels.Delete(bound_label);
    std::map<std::string, std::string> key(labels.labels().begin(), labels.labels().end());
    const auto [known, is_new] = family.by_labels.try_emplace(std::move(key), family.result.metrics.size());
    if (is_new) family.result.metrics.emplace_back().labels = known->first;
    TextfileMetric& metric = family.result.metrics[known->second];
    if (ending == "_sum") {
      metric.sum = value;
    } else if (ending == "_count") {
      metric.count = value;
    } else if (!bound.empty()) {
      metric.parts[ParseBound(bound)] = value;
    }
  }

  std::map<std::string, Family, std::less<>> families_;
};

// The lines of a histogram or summary.
std::string RenderWhole(const TextfileFamily& family, const TextfileMetric& metric,
                        const std::vector<LabelPair>& labels) {
  const bool is_histogram = family.type == MetricType::kHistogram;
  std::string lines;
  const auto add = [&](std::string_view ending, std::span<const LabelPair> line_labels, double value) {
    lines += family.name;
    lines += ending;
    AppendLabels(line_labels, lines);
    lines += ' ';
    AppendGoFloat(value, lines);
    lines += '\n';
  };
  std::vector<LabelPair> with_bound = labels;
  with_bound.emplace_back(is_histogram ? "le" : "quantile", "");
  for (const auto& [bound, value] : metric.parts) {
    std::string text;
    AppendGoFloat(bound, text);
    with_bound.back().second = text;
    add(is_histogram ? "_bucket" : "", with_bound, value);
  }
  if (is_histogram && (metric.parts.empty() || !std::isinf(metric.parts.rbegin()->first))) {
    with_bound.back().second = "+Inf";
    add("_bucket", with_bound, metric.count);
  }
  add("_sum", labels, metric.sum);
  add("_count", labels, metric.count);
  return lines;
}

}  // namespace

core::Result<std::vector<TextfileFamily>> ParseTextfile(std::string_view text) {
  return TextfileParser().Parse(text);
}

void AddTextfileFamily(const TextfileFamily& family, std::string_view help, MetricSink& sink) {
  std::set<std::string> names;
  for (const TextfileMetric& metric : family.metrics) {
    for (const auto& [name, value] : metric.labels) names.insert(name);
  }
  MetricFamily& target = sink.GetOpenFamily(family.name, help, family.type);
  for (const TextfileMetric& metric : family.metrics) {
    std::vector<LabelPair> labels;
    for (const std::string& name : names) {
      const auto found = metric.labels.find(name);
      labels.emplace_back(name, found == metric.labels.end() ? std::string_view() : found->second);
    }
    if (family.type == MetricType::kHistogram || family.type == MetricType::kSummary) {
      target.AddOpenLines(labels, RenderWhole(family, metric, labels));
    } else {
      target.AddOpen(labels, family.name, metric.value);
    }
  }
}

}  // namespace sextant::node
