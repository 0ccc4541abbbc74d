#include "metrics/promfiles/wal_record.h"

#include <gtest/gtest.h>

#include <map>

#include "metrics/promfiles/golden_vectors_test_util.h"

namespace sextant::promfiles {
namespace {

using simdjson::dom::element;

model::Labels LabelsOf(element json) {
  model::LabelsBuilder builder;
  for (auto field : simdjson::dom::object(json)) builder.Set(field.key, std::string_view(field.value));
  return builder.Build();
}

uint64_t Number(element json, const char* key) { return uint64_t(json[key]); }

// What a golden record says, built from its JSON.
struct Expected {
  std::vector<WalSeries> series;
  std::vector<WalSample> samples;
  std::vector<WalTombstone> tombstones;
  std::vector<WalExemplar> exemplars;
  std::vector<WalMmapMarker> markers;
  std::vector<WalMetadata> metadata;
  std::vector<WalHistogram> histograms;
};

const char* const kTypes[] = {"unknown", "counter", "gauge"};

Expected Build(RecordType type, element decoded) {
  Expected expected;
  for (auto entry : simdjson::dom::array(decoded)) {
    uint64_t ref = Number(entry, "ref");
    int64_t time_ms = 0;
    int64_t start_ms = 0;
    if (entry["t"].get(time_ms) != simdjson::SUCCESS) time_ms = 0;
    if (entry["st"].get(start_ms) != simdjson::SUCCESS) start_ms = 0;
    if (type == RecordType::kSeries) {
      expected.series.push_back({.ref = ref, .labels = LabelsOf(entry["labels"])});
    } else if (type == RecordType::kSamples || type == RecordType::kSamplesV2) {
      double value = test::FromBits(test::Text(entry, "v_bits"));
      expected.samples.push_back({.ref = ref, .time_ms = time_ms, .value = value, .start_ms = start_ms});
    } else if (type == RecordType::kTombstones) {
      expected.tombstones.push_back(
          {.ref = ref, .min_ms = int64_t(entry["mint"]), .max_ms = int64_t(entry["maxt"])});
    } else if (type == RecordType::kExemplars) {
      expected.exemplars.push_back(
          {.ref = ref,
           .exemplar = {
               .labels = LabelsOf(entry["labels"]), .value = test::Number(entry["v"]), .time_ms = time_ms}});
    } else if (type == RecordType::kMmapMarkers) {
      expected.markers.push_back({.ref = ref, .chunk_ref = Number(entry, "mmap_ref")});
    } else if (type == RecordType::kMetadata) {
      expected.metadata.push_back({.ref = ref,
                                   .metadata = {.type = kTypes[Number(entry, "type")],
                                                .help = test::Text(entry, "help"),
                                                .unit = test::Text(entry, "unit")}});
    } else {
      expected.histograms.push_back(
          {.ref = ref, .time_ms = time_ms, .start_ms = start_ms, .histogram = test::HistogramOf(entry)});
    }
  }
  return expected;
}

std::string Encode(RecordType type, const Expected& all) {
  std::string out;
  if (!all.series.empty()) EncodeSeriesRecord(all.series, out);
  if (!all.samples.empty()) EncodeSamplesRecord(type, all.samples, out);
  if (!all.tombstones.empty()) EncodeTombstonesRecord(all.tombstones, out);
  if (!all.exemplars.empty()) EncodeExemplarsRecord(all.exemplars, out);
  if (!all.markers.empty()) EncodeMmapMarkersRecord(all.markers, out);
  if (!all.metadata.empty()) EncodeMetadataRecord(all.metadata, out);
  if (!all.histograms.empty()) EncodeHistogramsRecord(type, all.histograms, out);
  return out;
}

core::Status Decode(RecordType type, std::string_view record, Expected& out) {
  switch (type) {
    case RecordType::kSeries:
      return DecodeSeriesRecord(record, out.series);
    case RecordType::kSamples:
    case RecordType::kSamplesV2:
      return DecodeSamplesRecord(record, out.samples);
    case RecordType::kTombstones:
      return DecodeTombstonesRecord(record, out.tombstones);
    case RecordType::kExemplars:
      return DecodeExemplarsRecord(record, out.exemplars);
    case RecordType::kMmapMarkers:
      return DecodeMmapMarkersRecord(record, out.markers);
    case RecordType::kMetadata:
      return DecodeMetadataRecord(record, out.metadata);
    default:
      return DecodeHistogramsRecord(record, out.histograms);
  }
}

std::vector<std::string> Describe(const Expected& all) {
  std::vector<std::string> lines;
  for (const auto& x : all.series) lines.push_back(fmt::format("{} {}", x.ref, x.labels.ToString()));
  for (const auto& x : all.samples) {
    lines.push_back(
        fmt::format("{} {} {} {:x}", x.ref, x.time_ms, x.start_ms, std::bit_cast<uint64_t>(x.value)));
  }
  for (const auto& x : all.tombstones) lines.push_back(fmt::format("{} {} {}", x.ref, x.min_ms, x.max_ms));
  for (const auto& x : all.exemplars) {
    lines.push_back(fmt::format("{} {} {} {}", x.ref, x.exemplar.time_ms, x.exemplar.value,
                                x.exemplar.labels.ToString()));
  }
  for (const auto& x : all.markers) lines.push_back(fmt::format("{} {}", x.ref, x.chunk_ref));
  for (const auto& x : all.metadata) {
    lines.push_back(fmt::format("{} {} {} {}", x.ref, x.metadata.type, x.metadata.unit, x.metadata.help));
  }
  for (const auto& x : all.histograms) {
    lines.push_back(fmt::format("{} {} {} {}", x.ref, x.time_ms, x.start_ms, test::Describe(*x.histogram)));
  }
  return lines;
}

TEST(WalRecordTest, GoldenRecords) {
  test::Json json("golden-vectors-3.14/wal_records.json");
  if (!json.present()) GTEST_SKIP() << "no conformance data";
  std::map<uint64_t, int> seen;
  for (auto vector : simdjson::dom::array(json.root())) {
    SCOPED_TRACE(test::Text(vector, "name"));
    auto type = static_cast<RecordType>(Number(vector, "type"));
    ++seen[Number(vector, "type")];
    std::string record = test::FromHex(test::Text(vector, "record_hex"));
    ASSERT_EQ(static_cast<RecordType>(record[0]), type);
    Expected expected = Build(type, vector["decoded"]);
    EXPECT_EQ(test::ToHex(Encode(type, expected)), test::ToHex(record));

    Expected decoded;
    auto status = Decode(type, record, decoded);
    ASSERT_TRUE(status) << status.error().message();
    EXPECT_EQ(Describe(decoded), Describe(expected));

    // Cut short it is broken, or has fewer entries; and no other decoder takes it.
    for (size_t size = 0; size < record.size(); ++size) {
      Expected part;
      if (!Decode(type, record.substr(0, size), part)) {
        EXPECT_EQ(Describe(part).size(), 0u);
      } else {
        EXPECT_LT(Describe(part).size(), Describe(expected).size());
      }
    }
    for (auto other :
         {RecordType::kSeries, RecordType::kSamples, RecordType::kMetadata, RecordType::kHistograms}) {
      bool family = (other == RecordType::kSamples && type == RecordType::kSamplesV2) ||
                    (other == RecordType::kHistograms && !expected.histograms.empty());
      if (other == type || family) continue;
      Expected nothing;
      EXPECT_FALSE(Decode(other, record, nothing));
    }
  }
  EXPECT_EQ(seen.size(), 13u);
}

TEST(WalRecordTest, HistogramsThatCannotBeAreNull) {
  auto good = std::make_shared<model::FloatHistogram>();
  good->schema = 1;
  good->positive_spans = {{0, 1}};
  good->positive_buckets = {3};
  auto odd_schema = std::make_shared<model::FloatHistogram>(*good);
  odd_schema->schema = 53;
  auto odd_buckets = std::make_shared<model::FloatHistogram>(*good);
  odd_buckets->positive_buckets = {3, 4};
  std::vector<WalHistogram> histograms;
  for (auto& histogram : {odd_schema, odd_buckets, good})
    histograms.push_back({.ref = 1, .time_ms = 1, .start_ms = 0, .histogram = histogram});
  std::string record;
  EncodeHistogramsRecord(RecordType::kFloatHistograms, histograms, record);
  std::vector<WalHistogram> decoded;
  ASSERT_TRUE(DecodeHistogramsRecord(record, decoded));
  ASSERT_EQ(decoded.size(), 3u);
  EXPECT_EQ(decoded[0].histogram, nullptr);
  EXPECT_EQ(decoded[1].histogram, nullptr);
  ASSERT_NE(decoded[2].histogram, nullptr);
  EXPECT_EQ(decoded[2].histogram->positive_buckets, good->positive_buckets);
}

TEST(WalRecordTest, FinerHistogramsThanWeKnowAreWidened) {
  auto fine = std::make_shared<model::FloatHistogram>();
  fine->schema = 52;
  fine->positive_spans = {{1, 2}};
  fine->positive_buckets = {3, 4};
  fine->negative_spans = {{0, 1}};
  fine->negative_buckets = {5};
  std::string record;
  std::vector<WalHistogram> histograms = {{.ref = 1, .time_ms = 1, .start_ms = 0, .histogram = fine}};
  EncodeHistogramsRecord(RecordType::kFloatHistograms, histograms, record);
  std::vector<WalHistogram> decoded;
  ASSERT_TRUE(DecodeHistogramsRecord(record, decoded));
  ASSERT_NE(decoded.at(0).histogram, nullptr);
  EXPECT_EQ(decoded[0].histogram->schema, 8);
  EXPECT_EQ(decoded[0].histogram->positive_buckets, std::vector<double>{7});
  EXPECT_EQ(decoded[0].histogram->negative_buckets, std::vector<double>{5});
}

TEST(WalRecordTest, LabelsInAnyOrder) {
  std::string record(
      "\x01\0\0\0\0\0\0\0\x05\x04\x01"
      "b\x01"
      "1\x01"
      "a\x01"
      "2\x01"
      "b\x01"
      "3\x01"
      "c\0",
      25);
  std::vector<WalSeries> series;
  ASSERT_TRUE(DecodeSeriesRecord(record, series));
  ASSERT_EQ(series.size(), 1u);
  EXPECT_EQ(series[0].labels.ToString(), R"({a="2", b="3"})");
}

}  // namespace
}  // namespace sextant::promfiles
