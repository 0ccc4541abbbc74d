#include "metrics/remote/write_receiver.h"

#include <gtest/gtest.h>

#include "metrics/remote/memory_store_test_util.h"
#include "metrics/remote/snappy_block.h"

namespace sextant::remote {
namespace {

using model::Labels;
using wire::WriteRequestBuilder;
using wire::WriteVersion;

constexpr std::string_view kV2Type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

class WriteReceiverTest : public testing::Test {
 protected:
  void Restart(WriteReceiverOptions options = {}) {
    receiver_ = std::make_unique<WriteReceiver>(
        store_, registry_, logger_,
        [this](std::string_view family, const model::MetricMetadata& metadata) {
          families_ += fmt::format("{} {} {} {}\n", family, metadata.type, metadata.help, metadata.unit);
        },
        options);
  }
  void SetUp() override { Restart(); }

  net::HttpResponse Post(std::string_view type, std::string_view encoding, std::string body) {
    net::HttpRequest request;
    request.method = "POST";
    if (!type.empty()) request.headers.Add("Content-Type", type);
    if (!encoding.empty()) request.headers.Add("Content-Encoding", encoding);
    request.body = std::move(body);
    return receiver_->Handle(request);
  }
  net::HttpResponse Post(WriteVersion version, std::string message) {
    return Post(version == WriteVersion::kV1 ? "application/x-protobuf" : kV2Type, "snappy",
                CompressSnappy(message));
  }

  static std::string OneSample(WriteVersion version, const Labels& labels, core::TimestampMs time_ms,
                               double value) {
    WriteRequestBuilder request(version);
    request.BeginSeries(labels);
    request.AddSample({.time_ms = time_ms, .value = value, .start_ms = 0});
    request.EndSeries(nullptr);
    return request.Finish();
  }

  // "1 0 0": samples, histograms and exemplars, as the headers say.
  static std::string Written(const net::HttpResponse& response) {
    return fmt::format("{} {} {}", response.headers.Get("X-Prometheus-Remote-Write-Samples-Written"),
                       response.headers.Get("X-Prometheus-Remote-Write-Histograms-Written"),
                       response.headers.Get("X-Prometheus-Remote-Write-Exemplars-Written"));
  }

  double Counter(std::string_view name) {
    std::string text = registry_.RenderText();
    size_t at = text.find(fmt::format("\n{} ", name));
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

  const core::Logger logger_ = core::Logger::Discard();
  core::Registry registry_;
  MemoryStore store_;
  std::string families_;
  std::unique_ptr<WriteReceiver> receiver_;
};

const Labels kUp = Labels::Of({{"__name__", "up"}, {"job", "a"}});

TEST_F(WriteReceiverTest, StoresRequestsOfBothVersions) {
  EXPECT_EQ(Post(WriteVersion::kV1, OneSample(WriteVersion::kV1, kUp, 1000, 1)).status, 204);
  net::HttpResponse response = Post(WriteVersion::kV2, OneSample(WriteVersion::kV2, kUp, 2000, 2));
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(Written(response), "1 0 0");
  EXPECT_EQ(store_.Text(), "{__name__=\"up\", job=\"a\"} 1@1000 2@2000\n");
}

TEST_F(WriteReceiverTest, StoresEverythingThatVersion2Brings) {
  WriteRequestBuilder request(WriteVersion::kV2);
  request.BeginSeries(kUp);
  request.AddSample({.time_ms = 1000, .value = 1, .start_ms = 500});
  request.AddExemplar({Labels::Of({{"trace_id", "x"}}), 3, 900});
  model::MetricMetadata metadata{.type = "gauge", .help = "h", .unit = ""};
  request.EndSeries(&metadata);
  request.BeginSeries(Labels::Of({{"__name__", "latency"}}));
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  request.AddHistogram(histogram, 1000, 0);
  request.EndSeries(nullptr);
  net::HttpResponse response = Post(WriteVersion::kV2, request.Finish());
  EXPECT_EQ(response.status, 204) << response.body;
  EXPECT_EQ(Written(response), "1 1 1");
  EXPECT_EQ(store_.Text(),
            "{__name__=\"latency\"} h@1000\n"
            "{__name__=\"up\", job=\"a\"} 1@1000^500 #{trace_id=\"x\"} 3@900 (gauge)\n");
  EXPECT_EQ(Counter("prometheus_api_remote_write_without_metadata_appended_samples_total"), 1);
}

TEST_F(WriteReceiverTest, HistogramsOfTooFineASchemaAreStoredWithTheFinest) {
  core::TimestampMs time_ms = 0;
  for (WriteVersion version : {WriteVersion::kV1, WriteVersion::kV2}) {
    WriteRequestBuilder request(version);
    request.BeginSeries(kUp);
    model::FloatHistogram histogram;
    histogram.is_integer = true;
    histogram.schema = 10;
    histogram.count = 3;
    histogram.positive_spans = {{1, 2}};
    histogram.positive_buckets = {1, 2};
    request.AddHistogram(histogram, time_ms += 1000, 0);
    histogram.schema = 8;
    request.AddHistogram(histogram, time_ms += 1000, 0);
    request.EndSeries(nullptr);
    EXPECT_EQ(Post(version, request.Finish()).status, 204);
    const std::vector<model::FloatHistogram>& stored = store_.HistogramsOf(kUp);
    ASSERT_GE(stored.size(), 2u);
    EXPECT_EQ(stored[stored.size() - 2].schema, 8);
    EXPECT_EQ(stored[stored.size() - 2].positive_buckets, std::vector<double>{3});
    EXPECT_EQ(stored.back().positive_buckets, (std::vector<double>{1, 2}));
  }
}

TEST_F(WriteReceiverTest, WhatIsWrongWithAHistogramIsSaid) {
  WriteRequestBuilder request(WriteVersion::kV2);
  request.BeginSeries(kUp);
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.count = 4;
  histogram.positive_spans = {{1, 2}};
  histogram.positive_buckets = {1, 2};
  request.AddHistogram(histogram, 1000, 0);
  request.EndSeries(nullptr);
  net::HttpResponse response = Post(WriteVersion::kV2, request.Finish());
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body,
            "histogram's observation count should equal the number of observations found in the buckets (in "
            "absence of NaN) for series {__name__=\"up\", job=\"a\"}\n");
  EXPECT_EQ(Written(response), "0 0 0");
}

TEST_F(WriteReceiverTest, TypeAndUnitBecomeLabels) {
  Restart({.adds_type_and_unit_labels = true});
  auto post = [&](std::string type, std::string unit, core::TimestampMs time_ms) {
    WriteRequestBuilder request(WriteVersion::kV2);
    request.BeginSeries(Labels::Of({{"__name__", "a"}, {"__type__", "mine"}, {"b", "c"}}));
    request.AddSample({.time_ms = time_ms, .value = 1, .start_ms = 0});
    model::MetricMetadata metadata{.type = std::move(type), .help = "", .unit = std::move(unit)};
    request.EndSeries(&metadata);
    EXPECT_EQ(Post(WriteVersion::kV2, request.Finish()).status, 204);
  };
  post("counter", "bytes", 1000);
  post("counter", "bytes", 2000);
  post("gauge", "", 3000);
  post("unknown", "", 4000);
  EXPECT_EQ(store_.Text(),
            "{__name__=\"a\", __type__=\"counter\", __unit__=\"bytes\", b=\"c\"} 1@1000 1@2000 (counter)\n"
            "{__name__=\"a\", __type__=\"gauge\", b=\"c\"} 1@3000 (gauge)\n"
            "{__name__=\"a\", __type__=\"mine\", b=\"c\"} 1@4000\n");
}

TEST_F(WriteReceiverTest, NotesFamiliesOfVersion1) {
  WriteRequestBuilder request(WriteVersion::kV1);
  request.AddFamilyMetadata("up", {.type = "gauge", .help = "h", .unit = "s"});
  EXPECT_EQ(Post(WriteVersion::kV1, request.Finish()).status, 204);
  EXPECT_EQ(families_, "up gauge h s\n");
}

TEST_F(WriteReceiverTest, KnownSeriesAreNotLookedUpAgainUntilTheStoreForgets) {
  for (WriteVersion version : {WriteVersion::kV1, WriteVersion::kV2}) {
    store_.lookups = 0;
    for (int i = 0; i < 3; ++i) Post(version, OneSample(version, kUp, 1000 + i, i));
    EXPECT_EQ(store_.lookups, 1u);
    store_.Forget();
    EXPECT_EQ(Post(version, OneSample(version, kUp, 2000, 7)).status, 204);
    EXPECT_EQ(store_.lookups, 2u);
    EXPECT_EQ(store_.Text(), "{__name__=\"up\", job=\"a\"} 7@2000\n");
    store_.Forget();
    Restart();
  }
}

TEST_F(WriteReceiverTest, WhatIsOutOfOrderIsRefusedAndTheRestStored) {
  for (WriteVersion version : {WriteVersion::kV1, WriteVersion::kV2}) {
    store_ = MemoryStore();
    Restart();
    Post(version, OneSample(version, kUp, 5000, 1));
    WriteRequestBuilder request(version);
    request.BeginSeries(kUp);
    request.AddSample({.time_ms = 4000, .value = 2, .start_ms = 0});
    request.AddSample({.time_ms = 6000, .value = 3, .start_ms = 0});
    request.EndSeries(nullptr);
    request.BeginSeries(Labels::Of({{"__name__", "x"}}));
    request.AddSample({.time_ms = 4000, .value = 4, .start_ms = 0});
    request.EndSeries(nullptr);
    net::HttpResponse response = Post(version, request.Finish());
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, "out of order sample for series {__name__=\"up\", job=\"a\"}\n");
    EXPECT_EQ(Written(response), version == WriteVersion::kV1 ? "  " : "2 0 0");
    EXPECT_EQ(store_.Text(), "{__name__=\"up\", job=\"a\"} 1@5000 3@6000\n{__name__=\"x\"} 4@4000\n");
  }
}

TEST_F(WriteReceiverTest, InvalidLabelsAreLeftOutAndCounted) {
  for (WriteVersion version : {WriteVersion::kV1, WriteVersion::kV2}) {
    std::string unnamed = OneSample(version, Labels::Of({{"job", "a"}}), 1000, 1);
    net::HttpResponse response = Post(version, unnamed);
    EXPECT_EQ(response.status, version == WriteVersion::kV1 ? 204 : 400);
    if (version == WriteVersion::kV2) {
      EXPECT_EQ(response.body, "invalid metric name or labels, got {job=\"a\"}\n");
    }
    response = Post(version, OneSample(version, Labels::Of({{"__name__", "a\xff"}}), 1000, 1));
    EXPECT_EQ(response.status, version == WriteVersion::kV1 ? 204 : 400);
  }
  EXPECT_EQ(store_.Text(), "");
  EXPECT_EQ(Counter("prometheus_api_remote_write_invalid_labels_samples_total"), 4);
}

TEST_F(WriteReceiverTest, RepeatedLabelsAreInvalidAndUnsortedOnesAreNot) {
  // {__name__="up", b="1", a="2"} and {__name__="up", a="1", a="2"}.
  std::string symbols;
  for (std::string text : {"", "__name__", "up", "b", "1", "a", "2"}) {
    symbols += std::string("\x22") + static_cast<char>(text.size()) + text;
  }
  std::string samples("\x12\x03\x10\xe8\x07", 5);
  auto series = [&](std::string_view refs) {
    std::string bytes("\x0a");
    bytes += static_cast<char>(refs.size());
    bytes += refs;
    bytes += samples;
    return std::string("\x2a") + static_cast<char>(bytes.size()) + bytes;
  };
  net::HttpResponse response = Post(WriteVersion::kV2, symbols + series("\x01\x02\x03\x04\x05\x06"));
  EXPECT_EQ(response.status, 204) << response.body;
  EXPECT_EQ(store_.Text(), "{__name__=\"up\", a=\"2\", b=\"1\"} 0@1000\n");
  response = Post(WriteVersion::kV2, symbols + series("\x01\x02\x05\x04\x05\x06"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body,
            "invalid labels for series, labels {__name__=\"up\", a=\"1\", a=\"2\"}, duplicated label a\n");
}

TEST_F(WriteReceiverTest, ManyComplaintsAreCutShort) {
  WriteRequestBuilder request(WriteVersion::kV2);
  for (int i = 0; i < 150; ++i) {
    request.BeginSeries(Labels::Of({{"n", fmt::format("{}", i)}, {"long", std::string(5'000, 'x')}}));
    request.AddSample({.time_ms = 1, .value = 1, .start_ms = 0});
    request.EndSeries(nullptr);
  }
  net::HttpResponse response = Post(WriteVersion::kV2, request.Finish());
  EXPECT_EQ(response.status, 400);
  EXPECT_TRUE(response.body.ends_with("\nand 50 more\n"));
  EXPECT_LT(response.body.size(), 150'000u);
}

TEST_F(WriteReceiverTest, AFailedCommitIsToBeTriedAgainAndSaysThatNothingWasWritten) {
  store_.fails_commits = true;
  net::HttpResponse response = Post(WriteVersion::kV2, OneSample(WriteVersion::kV2, kUp, 1000, 1));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(Written(response), "0 0 0");
}

TEST_F(WriteReceiverTest, WhatIsNoSuchRequestIsRefused) {
  std::string message = OneSample(WriteVersion::kV1, kUp, 1000, 1);
  std::string body = CompressSnappy(message);
  EXPECT_EQ(Post("text/plain", "snappy", body).status, 415);
  EXPECT_EQ(Post("text/plain", "snappy", body).body,
            "expected application/x-protobuf as the first (media) part, got text/plain content-type\n");
  EXPECT_EQ(Post("application/x-protobuf;proto=what", "snappy", body).status, 415);
  EXPECT_EQ(Post("application/x-protobuf;what", "snappy", body).status, 415);
  EXPECT_EQ(Post("application/x-protobuf", "gzip", body).body,
            "gzip encoding (compression) is not accepted by this server; only snappy is acceptable\n");
  EXPECT_EQ(Post("", "", body).status, 204);
  EXPECT_EQ(Post("application/x-protobuf;proto=prometheus.WriteRequest", "Snappy", body).status, 204);
  EXPECT_EQ(Post("", "snappy", message).body, "snappy: corrupt input\n");
  EXPECT_EQ(Post("", "snappy", "").status, 400);
  EXPECT_EQ(Post(WriteVersion::kV1, message.substr(0, 9)).body,
            "malformed prometheus.WriteRequest: unexpected end of message\n");
}

TEST_F(WriteReceiverTest, AMessageThatIsNotAcceptedIsRefusedByName) {
  Restart({.accepted = {WriteVersion::kV2}});
  net::HttpResponse response = Post(WriteVersion::kV1, OneSample(WriteVersion::kV1, kUp, 1000, 1));
  EXPECT_EQ(response.status, 415);
  EXPECT_EQ(response.body,
            "prometheus.WriteRequest protobuf message is not accepted by this server; only accepts "
            "io.prometheus.write.v2.Request\n");
}

TEST_F(WriteReceiverTest, BombsAreRefusedBeforeTheyExplode) {
  Restart({.max_message_bytes = 1 << 20});
  EXPECT_EQ(Post("", "snappy", CompressSnappy(std::string(2 << 20, 'x'))).status, 413);
  // A block of a few bytes that claims four gigabytes.
  EXPECT_EQ(Post("", "snappy", std::string("\xff\xff\xff\xff\x0f\x00", 6)).status, 400);
}

TEST_F(WriteReceiverTest, NothingOfABrokenRequestIsStored) {
  WriteRequestBuilder request(WriteVersion::kV1);
  request.BeginSeries(kUp);
  request.AddSample({.time_ms = 1000, .value = 1, .start_ms = 0});
  request.EndSeries(nullptr);
  EXPECT_EQ(Post(WriteVersion::kV1, request.Finish() + "\x0a\x7f").status, 400);
  EXPECT_EQ(store_.Text(), "{__name__=\"up\", job=\"a\"}\n");
}

}  // namespace
}  // namespace sextant::remote
