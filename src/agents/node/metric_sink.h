// Where collectors put what they read, and what becomes the exposition: families grouped and sorted by name,
// samples sorted by label values, numbers in Go's shortest form, exactly as node_exporter prints.
//
//   sink.Gauge("node_load1", "1m load average.", 0.4);
//   auto& seconds = sink.GetFamily("node_cpu_seconds_total", "...", MetricType::kCounter, {"cpu", "mode"});
//   seconds.Add({"0", "idle"}, 12.5);
//
// A sink is owned by one thread. It may be reused after Clear, which keeps its memory and family names.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/result.h"

namespace sextant::node {

enum class MetricType : uint8_t { kCounter, kGauge, kUntyped, kHistogram, kSummary };

// A label's name and value.
using LabelPair = std::pair<std::string_view, std::string_view>;

// Bounds of one exposition; names and values partly come from files that somebody else writes.
inline constexpr size_t kFamilyLimit = 5'000;
inline constexpr size_t kSampleLimit = 200'000;
inline constexpr size_t kSequenceLimit = 20'000;
inline constexpr size_t kLabelValueLimitBytes = 4'096;

class MetricFamily {
 public:
  // Adds a sample. `label_values` are given in the order of the family's label names; longer values than
  // kLabelValueLimitBytes are cut.
  void Add(std::initializer_list<std::string_view> label_values, double value);
  void Add(double value) { Add({}, value); }

  // For open families, whose samples have labels of their own, given sorted by name. Finished lines of
  // exposition stand for what is more than one sample: a histogram or summary.
  void AddOpen(std::span<const LabelPair> labels, std::string_view name, double value);
  void AddOpenLines(std::span<const LabelPair> labels, std::string lines);

 private:
  friend class MetricSink;
  struct Sample {
    uint32_t key_offset = 0;
    uint32_t key_length = 0;
    double value = 0;
  };

  // One metric of an open family.
  struct OpenMetric {
    size_t label_count = 0;
    std::string key;  // label values and then names, each followed by a zero byte
    std::string lines;
  };

  bool IsEmpty() const { return samples_.empty() && open_metrics_.empty(); }
  std::string_view Key(const Sample& sample) const {
    return std::string_view(keys_).substr(sample.key_offset, sample.key_length);
  }
  void SortOpen();
  // Moves the samples of a family with the same labels behind these.
  void Append(MetricFamily& other);
  void Render(std::string_view name, std::string& out);
  void RememberLines(std::string_view name);

  MetricType type_ = MetricType::kGauge;
  std::string help_;
  std::vector<std::string> label_names_;
  std::vector<Sample> samples_;
  std::string keys_;  // per sample: its label values, each followed by a zero byte
  // What stays as long as the same labels come again: the lines up to their values, and their order.
  struct Line {
    uint32_t sample = 0;  // in the order of Add
    uint32_t head_end = 0;
  };
  std::string headline_;    // HELP and TYPE
  std::string known_keys_;  // keys_ and the count of samples that the lines are of
  size_t known_count_ = 0;
  std::vector<Line> lines_;
  std::string line_heads_;  // `name{a="b"} ` of each line

  bool is_open_ = false;
  std::vector<OpenMetric> open_metrics_;
  size_t* sample_count_ = nullptr;  // of the whole sink
};

// Appends a label set as the exposition writes it, {a="b"}; nothing for no labels.
void AppendLabels(std::span<const LabelPair> labels, std::string& out);

class MetricSink {
 public:
  MetricSink() = default;
  MetricSink(const MetricSink&) = delete;
  MetricSink& operator=(const MetricSink&) = delete;

  // The family of this name, made at first use; type, help and labels of the first use stay. `label_names`
  // must be sorted, which makes samples come out in node_exporter's order. A name that is no metric name,
  // other labels than at first, or one family too many, yields a family that is never rendered, and an error
  // in TakeStatus. The reference lives as long as the sink.
  MetricFamily& GetFamily(std::string_view name, std::string_view help, MetricType type,
                          std::initializer_list<std::string_view> label_names = {});

  // A family whose samples have labels of their own (see MetricFamily::AddOpen). It exists until Clear. A
  // name that a family with fixed labels or of another type has yields a family that is never rendered, and
  // an error in TakeStatus.
  MetricFamily& GetOpenFamily(std::string_view name, std::string_view help, MetricType type);

  // Moves everything of `other` behind what this sink has; conflicts as in GetFamily.
  void Absorb(MetricSink& other);

  // A family with one sample and no labels.
  void Gauge(std::string_view name, std::string_view help, double value) {
    GetFamily(name, help, MetricType::kGauge).Add(value);
  }
  void Counter(std::string_view name, std::string_view help, double value) {
    GetFamily(name, help, MetricType::kCounter).Add(value);
  }

  // The first thing that went wrong since the last call: bad names, limits reached.
  core::Status TakeStatus();

  // Notes that some of the data could not be had, while the rest is good.
  void Warn(std::string text);
  // The warnings since the last call, one text.
  std::string TakeWarnings();

  // Text exposition 0.0.4 of everything added since Clear. Families without samples are left out; of samples
  // with equal labels the first added stays.
  std::string RenderText();

  // Forgets all samples.
  void Clear();

 private:
  MetricFamily& Refuse(std::initializer_list<std::string_view> label_names, core::Status reason);
  core::Result<MetricFamily*> MakeFamily(std::string_view name);

  MetricFamily* Find(std::string_view name);
  void Erase(std::string_view name);
  void ForgetOpenInSequence();

  std::map<std::string, MetricFamily, std::less<>> families_;
  // The same by hash: a family is looked up for nearly each sample, and names are long and alike. Views into
  // families_.
  std::unordered_map<std::string_view, MetricFamily*> index_;
  // And by guess: collectors ask for the same families in the same order each time. An entry that was wrong,
  // or null, is overwritten by what was asked for; bounded by kSequenceLimit.
  struct Named {
    std::string_view name;
    MetricFamily* family = nullptr;
  };
  std::vector<Named> sequence_;
  size_t next_in_sequence_ = 0;
  MetricFamily discarded_;
  core::Status status_;
  std::string warnings_;
  size_t sample_count_ = 0;
  size_t text_size_hint_bytes_ = 0;
};

// Appends a number as Go's strconv.FormatFloat(v, 'g', -1, 64): 5.36870912e+10, 343796.328169361, +Inf.
void AppendGoFloat(double value, std::string& out);

}  // namespace sextant::node
