#include "wire/remote_write.h"

#include <xxhash.h>

#include <array>

#include "wire/decode.h"
#include "wire/encode.h"
#include "wire/parts.h"

namespace sextant::wire {

namespace {

using core::Code;
using core::Fail;
using core::Status;
using model::LabelView;

constexpr std::array<std::string_view, 8> kMetricTypes = {"unknown",        "counter", "gauge", "histogram",
                                                          "gaugehistogram", "summary", "info",  "stateset"};

LabelsFingerprint Fold(XXH128_hash_t hash) { return {hash.low64, hash.high64}; }

Status TooManyLabels() {
  return Fail(Code::kInvalidArgument, "a series has more than {} labels", kMaxWriteLabels);
}

WriteSample ReadSample(std::string_view bytes) {
  WriteSample sample;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Fixed64(1):
        sample.value = reader.get_double();
        break;
      case Varint(2):
        sample.time_ms = reader.get_int64();
        break;
      case Varint(3):  // 2.0 only
        sample.start_ms = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  return sample;
}

// ---- 1.0

// Reads the labels that are the field 1 of a message.
Status ReadLabels(std::string_view bytes, std::vector<LabelView>& out) {
  out.clear();
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next(1, pbf_wire_type::length_delimited)) {
    if (out.size() == kMaxWriteLabels) return TooManyLabels();
    out.push_back(ReadLabel(View(reader)));
  }
  return {};
}

class V1Labels final : public WriteLabels {
 public:
  explicit V1Labels(std::string_view series) : series_(series) {}

  LabelsFingerprint Fingerprint(uint64_t seed) const override {
    LabelsFingerprint fingerprint;
    Status read = Guarded("TimeSeries", [&] { fingerprint = Hash(seed); });
    return read ? fingerprint : LabelsFingerprint();
  }

  Status Read(std::vector<LabelView>& out) const override {
    return Guarded("TimeSeries", [&] { return ReadLabels(series_, out); });
  }

  Status ReadMetadata(WriteMetadata& out) const override {
    out = {};
    return {};
  }

 private:
  LabelsFingerprint Hash(uint64_t seed) const {
    // The labels stand side by side in front of the rest, as a rule: one hash over all of them.
    const char* end = series_.data();
    pbf_reader reader = ReaderOf(series_);
    bool is_behind = false;
    while (!is_behind && reader.next()) {
      is_behind = reader.tag_and_type() != Bytes(1);
      reader.skip();
      if (!is_behind) end = reader.data().data();
    }
    XXH128_hash_t hash =
        XXH3_128bits_withSeed(series_.data(), static_cast<size_t>(end - series_.data()), seed);
    while (reader.next(1, pbf_wire_type::length_delimited)) {
      std::string_view label = View(reader);
      XXH128_hash_t more = XXH3_128bits_withSeed(label.data(), label.size(), seed);
      uint64_t words[4] = {hash.low64, hash.high64, more.low64, more.high64};
      hash = XXH3_128bits_withSeed(words, sizeof words, seed);
    }
    return Fold(hash);
  }

  const std::string_view series_;
};

// What exemplars of both versions have beside their labels.
void ReadExemplarPoint(std::string_view bytes, WriteExemplar& out) {
  out.value = 0;
  out.time_ms = 0;
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case Fixed64(2):
        out.value = reader.get_double();
        break;
      case Varint(3):
        out.time_ms = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
}

Status ReadV1Exemplar(std::string_view bytes, WriteExemplar& out) {
  SEXTANT_TRY(ReadLabels(bytes, out.labels));
  ReadExemplarPoint(bytes, out);
  return {};
}

class V1Reader {
 public:
  explicit V1Reader(WriteSink& sink) : sink_(sink) {}

  Status Read(std::string_view bytes) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(ReadSeries(View(reader)));
          break;
        case Bytes(3):
          SEXTANT_TRY(ReadMetadata(View(reader)));
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

 private:
  Status ReadSeries(std::string_view bytes) {
    V1Labels labels(bytes);
    SEXTANT_TRY(sink_.OnSeries(labels));
    bool has_histograms = false;
    bool has_exemplars = false;
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(2):
          SEXTANT_TRY(sink_.OnSample(ReadSample(View(reader))));
          break;
        case Bytes(3):
          has_exemplars = true;
          reader.skip();
          break;
        case Bytes(4):
          has_histograms = true;
          reader.skip();
          break;
        default:
          reader.skip();
      }
    }
    if (has_histograms) SEXTANT_TRY(ReadHistograms(bytes));
    if (has_exemplars) SEXTANT_TRY(ReadExemplars(bytes));
    return {};
  }

  Status ReadHistograms(std::string_view series) {
    pbf_reader reader = ReaderOf(series);
    while (reader.next(4, pbf_wire_type::length_delimited)) {
      SEXTANT_TRY(ReadHistogram(View(reader), histogram_));
      histogram_.start_ms = 0;
      SEXTANT_TRY(sink_.OnHistogram(histogram_));
    }
    return {};
  }

  Status ReadExemplars(std::string_view series) {
    pbf_reader reader = ReaderOf(series);
    while (reader.next(3, pbf_wire_type::length_delimited)) {
      SEXTANT_TRY(ReadV1Exemplar(View(reader), exemplar_));
      SEXTANT_TRY(sink_.OnExemplar(exemplar_));
    }
    return {};
  }

  Status ReadMetadata(std::string_view bytes) {
    std::string_view family;
    WriteMetadata metadata{.type = kMetricTypes[0], .help = {}, .unit = {}};
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Varint(1):
          metadata.type = MetricTypeText(reader.get_uint64());
          break;
        case Bytes(2):
          family = View(reader);
          break;
        case Bytes(4):
          metadata.help = View(reader);
          break;
        case Bytes(5):
          metadata.unit = View(reader);
          break;
        default:
          reader.skip();
      }
    }
    return sink_.OnFamilyMetadata(family, metadata);
  }

  WriteSink& sink_;
  TimedHistogram histogram_;
  WriteExemplar exemplar_;
};

// ---- 2.0

class Symbols {
 public:
  Status Read(std::string_view request) {
    pbf_reader reader = ReaderOf(request);
    while (reader.next(4, pbf_wire_type::length_delimited)) {
      if (texts_.size() == kMaxWriteSymbols)
        return Fail(Code::kInvalidArgument, "a request has more than {} symbols", kMaxWriteSymbols);
      texts_.push_back(View(reader));
    }
    return {};
  }

  core::Result<std::string_view> Get(uint64_t ref) const {
    if (ref < texts_.size()) return texts_[ref];
    return Fail(Code::kInvalidArgument, "the symbol {} is named, of which there are {}", ref, texts_.size());
  }

 private:
  std::vector<std::string_view> texts_;
};

// Calls `visit` for each number of the repeated field 1, packed or not.
template <typename Visit>
Status VisitRefs(std::string_view bytes, Visit&& visit) {
  pbf_reader reader = ReaderOf(bytes);
  while (reader.next()) {
    if (reader.tag_and_type() == Bytes(1)) {
      for (uint32_t ref : reader.get_packed_uint32()) SEXTANT_TRY(visit(ref));
    } else if (reader.tag_and_type() == Varint(1)) {
      SEXTANT_TRY(visit(reader.get_uint32()));
    } else {
      reader.skip();
    }
  }
  return {};
}

// Labels as pairs of refs, which are the field 1 of a message.
Status ReadRefLabels(const Symbols& symbols, std::string_view bytes, std::vector<LabelView>& out) {
  out.clear();
  bool is_value = false;
  SEXTANT_TRY(VisitRefs(bytes, [&](uint32_t ref) -> Status {
    SEXTANT_ASSIGN(std::string_view text, symbols.Get(ref));
    if (is_value) {
      out.back().value = text;
    } else {
      if (out.size() == kMaxWriteLabels) return TooManyLabels();
      out.push_back({text, {}});
    }
    is_value = !is_value;
    return {};
  }));
  if (is_value) return Fail(Code::kInvalidArgument, "the labels of a series end with a name without a value");
  return {};
}

class V2Labels final : public WriteLabels {
 public:
  V2Labels(const Symbols& symbols, std::string_view series) : symbols_(symbols), series_(series) {}

  LabelsFingerprint Fingerprint(uint64_t seed) const override {
    std::array<uint64_t, 64> hashes;  // of the texts, and of those before them
    size_t count = 0;
    Status visited = Guarded("TimeSeries", [&] {
      return VisitRefs(series_, [&](uint32_t ref) -> Status {
        SEXTANT_ASSIGN(std::string_view text, symbols_.Get(ref));
        if (count == hashes.size()) {
          XXH128_hash_t hash = XXH3_128bits_withSeed(hashes.data(), sizeof hashes, seed);
          hashes[0] = hash.low64;
          hashes[1] = hash.high64;
          count = 2;
        }
        hashes[count++] = XXH3_64bits_withSeed(text.data(), text.size(), seed);
        return {};
      });
    });
    if (!visited) return {};
    return Fold(XXH3_128bits_withSeed(hashes.data(), count * sizeof hashes[0], seed));
  }

  Status Read(std::vector<LabelView>& out) const override {
    return Guarded("TimeSeries", [&] { return ReadRefLabels(symbols_, series_, out); });
  }

  Status ReadMetadata(WriteMetadata& out) const override {
    out = {};
    return Guarded("TimeSeries", [&] {
      std::string_view bytes;
      pbf_reader series = ReaderOf(series_);
      while (series.next(5, pbf_wire_type::length_delimited)) bytes = View(series);
      return bytes.empty() ? Status() : ReadMetadata(bytes, out);
    });
  }

 private:
  Status ReadMetadata(std::string_view bytes, WriteMetadata& out) const {
    out.type = kMetricTypes[0];
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Varint(1):
          out.type = MetricTypeText(reader.get_uint64());
          break;
        case Varint(3): {
          SEXTANT_ASSIGN(out.help, symbols_.Get(reader.get_uint64()));
          break;
        }
        case Varint(4): {
          SEXTANT_ASSIGN(out.unit, symbols_.Get(reader.get_uint64()));
          break;
        }
        default:
          reader.skip();
      }
    }
    return {};
  }

  const Symbols& symbols_;
  const std::string_view series_;
};

class V2Reader {
 public:
  explicit V2Reader(WriteSink& sink) : sink_(sink) {}

  Status Read(std::string_view bytes) {
    SEXTANT_TRY(symbols_.Read(bytes));
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      if (reader.tag_and_type() == Bytes(5)) {
        SEXTANT_TRY(ReadSeries(View(reader)));
      } else {
        reader.skip();
      }
    }
    return {};
  }

 private:
  Status ReadSeries(std::string_view bytes) {
    V2Labels labels(symbols_, bytes);
    SEXTANT_TRY(sink_.OnSeries(labels));
    SEXTANT_ASSIGN(core::TimestampMs start_ms, ReadSamples(bytes));
    bool has_exemplars = false;
    bool has_metadata = false;
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(3):
          SEXTANT_TRY(ReadHistogram(View(reader), histogram_));
          if (histogram_.start_ms == 0) histogram_.start_ms = start_ms;
          SEXTANT_TRY(sink_.OnHistogram(histogram_));
          break;
        case Bytes(4):
          has_exemplars = true;
          reader.skip();
          break;
        case Bytes(5):
          has_metadata = true;
          reader.skip();
          break;
        default:
          reader.skip();
      }
    }
    if (has_exemplars) SEXTANT_TRY(ReadExemplars(bytes));
    if (!has_metadata) return {};
    WriteMetadata metadata;
    SEXTANT_TRY(labels.ReadMetadata(metadata));
    return metadata.type.empty() ? Status() : sink_.OnSeriesMetadata(metadata);
  }

  // Hands over the samples, and returns the start time that stands at the series, as it did in the first
  // version of 2.0; 0: none.
  core::Result<core::TimestampMs> ReadSamples(std::string_view series) {
    core::TimestampMs start_ms = 0;
    pbf_reader starts = ReaderOf(series);
    while (starts.next(6, pbf_wire_type::varint)) start_ms = starts.get_int64();
    pbf_reader reader = ReaderOf(series);
    while (reader.next(2, pbf_wire_type::length_delimited)) {
      WriteSample sample = ReadSample(View(reader));
      if (sample.start_ms == 0) sample.start_ms = start_ms;
      SEXTANT_TRY(sink_.OnSample(sample));
    }
    return start_ms;
  }

  Status ReadExemplars(std::string_view series) {
    pbf_reader reader = ReaderOf(series);
    while (reader.next(4, pbf_wire_type::length_delimited)) {
      std::string_view bytes = View(reader);
      SEXTANT_TRY(ReadRefLabels(symbols_, bytes, exemplar_.labels));
      ReadExemplarPoint(bytes, exemplar_);
      SEXTANT_TRY(sink_.OnExemplar(exemplar_));
    }
    return {};
  }

  WriteSink& sink_;
  Symbols symbols_;
  TimedHistogram histogram_;
  WriteExemplar exemplar_;
};

}  // namespace

std::string_view MessageName(WriteVersion version) {
  return version == WriteVersion::kV1 ? "prometheus.WriteRequest" : "io.prometheus.write.v2.Request";
}

uint32_t MetricTypeNumber(std::string_view type) {
  for (uint32_t i = 0; i < kMetricTypes.size(); ++i) {
    if (kMetricTypes[i] == type) return i;
  }
  return 0;
}

std::string_view MetricTypeText(uint64_t number) {
  return kMetricTypes[number < kMetricTypes.size() ? number : 0];
}

Status ReadWriteRequest(WriteVersion version, std::string_view bytes, WriteSink& sink) {
  return Guarded(MessageName(version), [&] {
    return version == WriteVersion::kV1 ? V1Reader(sink).Read(bytes) : V2Reader(sink).Read(bytes);
  });
}

// ---- Building

void WriteRequestBuilder::Reset() {
  body_.clear();
  symbols_.clear();
  symbol_ids_.clear();
  if (version_ == WriteVersion::kV2) Symbol("");  // the symbol 0 is the empty text
}

uint32_t WriteRequestBuilder::Symbol(std::string_view text) {
  if (auto found = symbol_ids_.find(text); found != symbol_ids_.end()) return found->second;
  auto id = static_cast<uint32_t>(symbol_ids_.size());
  symbol_ids_.emplace(text, id);
  PutBytesItem(symbols_, 4, text);
  return id;
}

void WriteRequestBuilder::PutLabels(const model::Labels& labels, uint32_t field, std::string& out) {
  if (version_ == WriteVersion::kV1) {
    for (LabelView label : labels) {
      Submessage message(out, field);
      PutBytesField(out, 1, label.name);
      PutBytesField(out, 2, label.value);
    }
    return;
  }
  if (labels.empty()) return;
  Submessage packed(out, field);
  for (LabelView label : labels) {
    PutVarint(out, Symbol(label.name));
    PutVarint(out, Symbol(label.value));
  }
}

void WriteRequestBuilder::BeginSeries(const model::Labels& labels) {
  series_.clear();
  PutLabels(labels, 1, series_);
}

void WriteRequestBuilder::AddSample(const WriteSample& sample) {
  Submessage message(series_, 2);
  PutDoubleField(series_, 1, sample.value);
  PutIntField(series_, 2, sample.time_ms);
  if (version_ == WriteVersion::kV2) PutIntField(series_, 3, sample.start_ms);
}

void WriteRequestBuilder::AddHistogram(const model::FloatHistogram& histogram, core::TimestampMs time_ms,
                                       core::TimestampMs start_ms) {
  Submessage message(series_, version_ == WriteVersion::kV1 ? 4 : 3);
  AppendHistogram(histogram, time_ms, version_ == WriteVersion::kV1 ? 0 : start_ms, series_);
}

void WriteRequestBuilder::AddExemplar(const model::Exemplar& exemplar) {
  Submessage message(series_, version_ == WriteVersion::kV1 ? 3 : 4);
  PutLabels(exemplar.labels, 1, series_);
  PutDoubleField(series_, 2, exemplar.value);
  PutIntField(series_, 3, exemplar.time_ms);
}

void WriteRequestBuilder::EndSeries(const model::MetricMetadata* metadata) {
  if (version_ == WriteVersion::kV1) {
    PutBytesItem(body_, 1, series_);
    return;
  }
  if (metadata != nullptr) {
    Submessage message(series_, 5);
    PutUintField(series_, 1, MetricTypeNumber(metadata->type));
    PutUintField(series_, 3, Symbol(metadata->help));
    PutUintField(series_, 4, Symbol(metadata->unit));
  }
  PutBytesItem(body_, 5, series_);
}

void WriteRequestBuilder::AddFamilyMetadata(std::string_view family, const model::MetricMetadata& metadata) {
  Submessage message(body_, 3);
  PutUintField(body_, 1, MetricTypeNumber(metadata.type));
  PutBytesField(body_, 2, family);
  PutBytesField(body_, 4, metadata.help);
  PutBytesField(body_, 5, metadata.unit);
}

std::string WriteRequestBuilder::Finish() {
  std::string out = std::move(symbols_);
  out += body_;
  Reset();
  return out;
}

}  // namespace sextant::wire
