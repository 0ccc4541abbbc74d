#include "wire/remote_write.h"

#include <gtest/gtest.h>

#include <cmath>

#include "wire/encode.h"

namespace sextant::wire {
namespace {

using core::Status;
using model::Labels;

// Writes down what a request holds, one line for each thing.
class Notes final : public WriteSink {
 public:
  Status OnSeries(const WriteLabels& labels) override {
    std::vector<model::LabelView> views;
    fingerprints.push_back(labels.Fingerprint(7));
    SEXTANT_TRY(labels.Read(views));
    text += "series" + Text(views) + "\n";
    return {};
  }
  Status OnSample(const WriteSample& sample) override {
    text += fmt::format("sample {} {} {}\n", sample.time_ms, sample.value, sample.start_ms);
    return {};
  }
  Status OnHistogram(const TimedHistogram& histogram) override {
    text += fmt::format("histogram {} {} count {}\n", histogram.time_ms, histogram.start_ms,
                        histogram.histogram.count);
    last_histogram = histogram.histogram;
    return {};
  }
  Status OnExemplar(const WriteExemplar& exemplar) override {
    text += fmt::format("exemplar {} {}{}\n", exemplar.time_ms, exemplar.value, Text(exemplar.labels));
    return {};
  }
  Status OnSeriesMetadata(const WriteMetadata& metadata) override {
    text += fmt::format("metadata {} '{}' '{}'\n", metadata.type, metadata.help, metadata.unit);
    return {};
  }
  Status OnFamilyMetadata(std::string_view family, const WriteMetadata& metadata) override {
    text += fmt::format("family {} {} '{}' '{}'\n", family, metadata.type, metadata.help, metadata.unit);
    return {};
  }

  std::string text;
  std::vector<LabelsFingerprint> fingerprints;
  model::FloatHistogram last_histogram;

 private:
  static std::string Text(const std::vector<model::LabelView>& labels) {
    std::string text;
    for (const model::LabelView& label : labels) text += fmt::format(" {}={}", label.name, label.value);
    return text;
  }
};

model::FloatHistogram IntegerHistogram() {
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.counter_reset_hint = model::CounterResetHint::kNotReset;
  histogram.schema = -2;
  histogram.zero_threshold = 1e-128;
  histogram.zero_count = 1;
  histogram.count = 12;
  histogram.sum = -18.5;
  histogram.positive_spans = {{-3, 2}, {4, 1}};
  histogram.positive_buckets = {3, 1, 5};
  histogram.negative_spans = {{0, 1}};
  histogram.negative_buckets = {2};
  return histogram;
}

std::string Request(WriteVersion version) {
  WriteRequestBuilder request(version);
  request.BeginSeries(Labels::Of({{"__name__", "up"}, {"job", "a"}}));
  request.AddSample({.time_ms = 1000, .value = 1.5, .start_ms = 900});
  request.AddSample({.time_ms = 2000, .value = 2.5, .start_ms = 900});
  request.AddExemplar({Labels::Of({{"trace_id", "x"}}), 3, 1500});
  model::MetricMetadata metadata{.type = "gauge", .help = "Whether.", .unit = ""};
  request.EndSeries(&metadata);
  request.BeginSeries(Labels::Of({{"__name__", "latency"}, {"job", "a"}}));
  request.AddHistogram(IntegerHistogram(), 3000, 800);
  request.EndSeries(nullptr);
  return request.Finish();
}

void ExpectEqual(const model::FloatHistogram& a, const model::FloatHistogram& b) {
  EXPECT_EQ(a.is_integer, b.is_integer);
  EXPECT_EQ(a.counter_reset_hint, b.counter_reset_hint);
  EXPECT_EQ(a.schema, b.schema);
  EXPECT_EQ(a.zero_threshold, b.zero_threshold);
  EXPECT_EQ(a.zero_count, b.zero_count);
  EXPECT_EQ(a.count, b.count);
  EXPECT_EQ(a.sum, b.sum);
  EXPECT_EQ(a.positive_buckets, b.positive_buckets);
  EXPECT_EQ(a.negative_buckets, b.negative_buckets);
  EXPECT_EQ(a.custom_bounds, b.custom_bounds);
  ASSERT_EQ(a.positive_spans.size(), b.positive_spans.size());
  for (size_t i = 0; i < a.positive_spans.size(); ++i) {
    EXPECT_EQ(a.positive_spans[i].offset, b.positive_spans[i].offset);
    EXPECT_EQ(a.positive_spans[i].length, b.positive_spans[i].length);
  }
}

TEST(RemoteWrite, ReadsWhatIsWrittenInVersion1) {
  Notes notes;
  ASSERT_TRUE(ReadWriteRequest(WriteVersion::kV1, Request(WriteVersion::kV1), notes).has_value());
  EXPECT_EQ(notes.text,
            "series __name__=up job=a\n"
            "sample 1000 1.5 0\n"
            "sample 2000 2.5 0\n"
            "exemplar 1500 3 trace_id=x\n"
            "series __name__=latency job=a\n"
            "histogram 3000 0 count 12\n");
  ExpectEqual(notes.last_histogram, IntegerHistogram());
}

TEST(RemoteWrite, ReadsWhatIsWrittenInVersion2) {
  Notes notes;
  ASSERT_TRUE(ReadWriteRequest(WriteVersion::kV2, Request(WriteVersion::kV2), notes).has_value());
  EXPECT_EQ(notes.text,
            "series __name__=up job=a\n"
            "sample 1000 1.5 900\n"
            "sample 2000 2.5 900\n"
            "exemplar 1500 3 trace_id=x\n"
            "metadata gauge 'Whether.' ''\n"
            "series __name__=latency job=a\n"
            "histogram 3000 800 count 12\n");
  ExpectEqual(notes.last_histogram, IntegerHistogram());
}

TEST(RemoteWrite, TheBytesAreThoseOfTheSchema) {
  WriteRequestBuilder v1(WriteVersion::kV1);
  v1.BeginSeries(Labels::Of({{"a", "b"}}));
  v1.AddSample({.time_ms = 5, .value = 1, .start_ms = 0});
  v1.EndSeries(nullptr);
  v1.AddFamilyMetadata("m", {.type = "counter", .help = "h", .unit = "u"});
  EXPECT_EQ(v1.Finish(), std::string("\x0a\x15"
                                     "\x0a\x06\x0a\x01"
                                     "a\x12\x01"
                                     "b\x12\x0b\x09\0\0\0\0\0\0\xf0\x3f\x10\x05"
                                     "\x1a\x0b\x08\x01\x12\x01m\x22\x01h\x2a\x01u",
                                     36));
  WriteRequestBuilder v2(WriteVersion::kV2);
  v2.BeginSeries(Labels::Of({{"a", "b"}}));
  v2.AddSample({.time_ms = 5, .value = 1, .start_ms = 4});
  v2.EndSeries(nullptr);
  EXPECT_EQ(v2.Finish(),
            std::string("\x22\0\x22\x01"
                        "a\x22\x01"
                        "b\x2a\x13\x0a\x02\x01\x02\x12\x0d\x09\0\0\0\0\0\0\xf0\x3f\x10\x05\x18\x04",
                        29));
}

TEST(RemoteWrite, FloatHistogramsWithCustomBounds) {
  model::FloatHistogram histogram;
  histogram.schema = model::kCustomBucketsSchema;
  histogram.count = 2.5;
  histogram.sum = 10;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_buckets = {1.25, 1.25};
  histogram.custom_bounds = {1, 2.5, 10};
  std::string bytes;
  AppendHistogram(histogram, 77, 0, bytes);
  TimedHistogram read;
  ASSERT_TRUE(ReadHistogram(bytes, read).has_value());
  EXPECT_EQ(read.time_ms, 77);
  ExpectEqual(read.histogram, histogram);
}

TEST(RemoteWrite, CountsThatAreNoWholeNumbersAreWrittenAsSuch) {
  model::FloatHistogram histogram = IntegerHistogram();
  histogram.count = -1;
  histogram.zero_count = 1e300;
  histogram.positive_buckets = {std::nan(""), 1e300, 0};
  std::string bytes;
  AppendHistogram(histogram, 1, 0, bytes);
  TimedHistogram read;
  ASSERT_TRUE(ReadHistogram(bytes, read).has_value());
  EXPECT_EQ(read.histogram.count, 0);
}

TEST(RemoteWrite, LabelsBehindTheSamplesAreFoundAndMakeTheirOwnFingerprint) {
  auto series_with = [](std::string_view last_value) {
    std::string series;
    auto put_label = [&](std::string_view name, std::string_view value) {
      Submessage label(series, 1);
      PutBytesField(series, 1, name);
      PutBytesField(series, 2, value);
    };
    put_label("__name__", "up");
    {
      Submessage sample(series, 2);
      PutIntField(series, 2, 5);
    }
    put_label("job", last_value);
    std::string request;
    PutBytesItem(request, 1, series);
    return request;
  };
  Notes a;
  ASSERT_TRUE(ReadWriteRequest(WriteVersion::kV1, series_with("a"), a).has_value());
  EXPECT_EQ(a.text, "series __name__=up job=a\nsample 5 0 0\n");
  Notes b;
  ASSERT_TRUE(ReadWriteRequest(WriteVersion::kV1, series_with("b"), b).has_value());
  EXPECT_FALSE(a.fingerprints.front() == b.fingerprints.front());
}

TEST(RemoteWrite, FingerprintsDependOnLabelsOnly) {
  for (WriteVersion version : {WriteVersion::kV1, WriteVersion::kV2}) {
    auto fingerprint = [&](const Labels& first, const Labels& second, double value) {
      WriteRequestBuilder request(version);
      request.BeginSeries(first);
      request.EndSeries(nullptr);
      request.BeginSeries(second);
      request.AddSample({.time_ms = 1, .value = value, .start_ms = 0});
      request.EndSeries(nullptr);
      Notes notes;
      EXPECT_TRUE(ReadWriteRequest(version, request.Finish(), notes).has_value());
      return notes.fingerprints.back();
    };
    Labels a = Labels::Of({{"__name__", "a"}, {"b", "c"}});
    Labels other = Labels::Of({{"__name__", "other"}, {"x", "y"}});
    EXPECT_TRUE(fingerprint(other, a, 1) == fingerprint(a, a, 2));
    EXPECT_FALSE(fingerprint(a, a, 1) == fingerprint(a, other, 1));
    EXPECT_FALSE(fingerprint(a, Labels::Of({{"__name__", "ab"}, {"", ""}}), 1) ==
                 fingerprint(a, Labels::Of({{"__name__", "a"}, {"b", ""}}), 1));
  }
}

std::string ErrorOf(WriteVersion version, std::string_view bytes) {
  Notes notes;
  Status read = ReadWriteRequest(version, bytes, notes);
  return read ? "" : read.error().message();
}

TEST(RemoteWrite, MalformedMessagesAreRefusedWithTheReason) {
  std::string v1 = Request(WriteVersion::kV1);
  EXPECT_EQ(ErrorOf(WriteVersion::kV1, std::string_view(v1).substr(0, v1.size() - 1)),
            "malformed prometheus.WriteRequest: unexpected end of message");
  EXPECT_EQ(ErrorOf(WriteVersion::kV1, "\x0f"), "malformed prometheus.WriteRequest: unknown wire type");
  std::string v2;
  PutBytesItem(v2, 4, "");
  PutBytesItem(v2, 5, std::string_view("\x0a\x02\x00\x09", 4));
  EXPECT_EQ(ErrorOf(WriteVersion::kV2, v2), "the symbol 9 is named, of which there are 1");
  std::string odd;
  PutBytesItem(odd, 4, "");
  PutBytesItem(odd, 5, std::string_view("\x0a\x01\x00", 3));
  EXPECT_EQ(ErrorOf(WriteVersion::kV2, odd), "the labels of a series end with a name without a value");
  EXPECT_EQ(ErrorOf(WriteVersion::kV2, ""), "");
}

TEST(RemoteWrite, EveryCutIsAnErrorOrAShorterRequest) {
  for (WriteVersion version : {WriteVersion::kV1, WriteVersion::kV2}) {
    std::string bytes = Request(version);
    for (size_t size = 0; size < bytes.size(); ++size) {
      Notes notes;
      Status read = ReadWriteRequest(version, std::string_view(bytes).substr(0, size), notes);
      EXPECT_TRUE(read || read.error().code() == core::Code::kInvalidArgument) << size;
    }
  }
}

TEST(RemoteWrite, TooManyLabelsAreRefused) {
  std::string series;
  for (size_t i = 0; i <= kMaxWriteLabels; ++i) series += std::string("\x0a\x00", 2);
  std::string request;
  PutBytesItem(request, 1, series);
  EXPECT_EQ(ErrorOf(WriteVersion::kV1, request), "a series has more than 10000 labels");
}

TEST(RemoteWrite, TheStartTimeOfTheSeriesIsThatOfItsSamples) {
  // As the first version of 2.0 had it: the field 6 of the series.
  std::string series;
  {
    Submessage sample(series, 2);
    PutIntField(series, 2, 50);
  }
  PutIntField(series, 6, 40);
  std::string request;
  PutBytesItem(request, 5, series);
  Notes notes;
  ASSERT_TRUE(ReadWriteRequest(WriteVersion::kV2, request, notes).has_value());
  EXPECT_EQ(notes.text, "series\nsample 50 0 40\n");
}

}  // namespace
}  // namespace sextant::wire
