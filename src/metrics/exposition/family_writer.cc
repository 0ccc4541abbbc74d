#include "metrics/exposition/family_writer.h"

#include <bit>

#include "metrics/exposition/number.h"
#include "metrics/exposition/series_bytes.h"
#include "model/labels.h"
#include "wire/encode.h"
#include "wire/metric_family.h"

namespace sextant::exposition {

namespace {

using wire::FamilyType;
using wire::Submessage;

class TextFamilies final : public FamilyWriter {
 public:
  void Add(std::string_view name, const LabelList& labels, double value,
           const model::FloatHistogram* histogram, core::TimestampMs time_ms) override {
    if (histogram != nullptr) return;
    bool is_classic = model::IsClassicMetricName(name);
    if (name != family_ || out_.empty()) {
      family_ = name;
      out_ += "# TYPE ";
      if (is_classic) {
        out_ += name;
      } else {
        AppendQuoted(name, out_);
      }
      out_ += " untyped\n";
    }
    char separator = '{';
    if (is_classic) {
      out_ += name;
    } else {
      Separate(separator);
      AppendQuoted(name, out_);
    }
    for (const auto& [label, text] : labels) {
      Separate(separator);
      AppendLabel(label, text, out_);
    }
    if (separator == ',') out_ += '}';
    out_ += ' ';
    out_ += FormatTextFloat(value);
    out_ += ' ';
    out_ += std::to_string(time_ms);
    out_ += '\n';
  }
  std::string Finish() override { return std::move(out_); }

 private:
  void Separate(char& separator) {
    out_ += separator;
    separator = ',';
  }
  std::string family_;
  std::string out_;
};

class ProtobufFamilies final : public FamilyWriter {
 public:
  void Add(std::string_view name, const LabelList& labels, double value,
           const model::FloatHistogram* histogram, core::TimestampMs time_ms) override {
    // Bounds of one's own have no place in the message.
    if (histogram != nullptr && histogram->schema == model::kCustomBucketsSchema) return;
    FamilyType type = FamilyType::kUntyped;
    if (histogram != nullptr) {
      bool is_gauge = histogram->counter_reset_hint == model::CounterResetHint::kGauge;
      type = is_gauge ? FamilyType::kGaugeHistogram : FamilyType::kHistogram;
    }
    if (name != name_ || type != type_ || family_.empty()) Begin(name, type);
    Submessage metric(family_, 4);
    for (const auto& [label, text] : labels) {
      Submessage pair(family_, 1);
      wire::PutBytesField(family_, 1, label);
      wire::PutBytesField(family_, 2, text);
    }
    if (histogram == nullptr) {
      Submessage untyped(family_, 5);
      wire::PutDoubleField(family_, 1, value);
    } else {
      PutHistogram(*histogram);
    }
    wire::PutIntField(family_, 6, time_ms);
  }
  std::string Finish() override {
    End();
    return std::move(out_);
  }

 private:
  void Begin(std::string_view name, FamilyType type) {
    End();
    name_ = name;
    type_ = type;
    wire::PutBytesField(family_, 1, name);
    wire::PutUintField(family_, 3, static_cast<uint64_t>(type));
  }
  void End() {
    if (family_.empty()) return;
    wire::PutVarint(out_, family_.size());
    out_ += family_;
    family_.clear();
  }

  // With float counts, which take any.
  void PutHistogram(const model::FloatHistogram& histogram) {
    Submessage message(family_, 7);
    wire::PutDoubleField(family_, 2, histogram.sum);
    wire::PutDoubleField(family_, 4, histogram.count);
    wire::PutSintField(family_, 5, histogram.schema);
    wire::PutDoubleField(family_, 6, histogram.zero_threshold);
    wire::PutDoubleField(family_, 8, histogram.zero_count);
    PutSide(9, histogram.negative_spans, histogram.negative_buckets);
    PutSide(12, histogram.positive_spans, histogram.positive_buckets);
    // A span that says that this is a native histogram, also when nothing else does.
    bool is_bare = histogram.positive_spans.empty() && histogram.negative_spans.empty() &&
                   histogram.zero_threshold == 0 && histogram.zero_count == 0;
    if (is_bare) wire::PutBytesItem(family_, 12, "");
  }
  void PutSide(uint32_t field, const std::vector<model::BucketSpan>& spans,
               const std::vector<double>& buckets) {
    for (const model::BucketSpan& span : spans) {
      Submessage message(family_, field);
      wire::PutSintField(family_, 1, span.offset);
      wire::PutUintField(family_, 2, span.length);
    }
    if (buckets.empty()) return;
    Submessage counts(family_, field + 2);
    for (double bucket : buckets) wire::PutFixed64(family_, std::bit_cast<uint64_t>(bucket));
  }

  std::string name_;
  FamilyType type_ = FamilyType::kUntyped;
  std::string family_;  // that has begun
  std::string out_;
};

}  // namespace

std::unique_ptr<FamilyWriter> NewFamilyWriter(bool is_protobuf) {
  if (is_protobuf) return std::make_unique<ProtobufFamilies>();
  return std::make_unique<TextFamilies>();
}

}  // namespace sextant::exposition
