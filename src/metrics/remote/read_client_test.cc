#include "metrics/remote/read_client.h"

#include <gtest/gtest.h>

#include "core/crc32c.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/remote/snappy_block.h"
#include "wire/remote_read.h"

namespace sextant::remote {
namespace {

constexpr std::string_view kStreamed =
    "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

std::string Frame(std::string_view message) {
  std::string frame;
  for (uint64_t size = message.size();; size >>= 7) {
    frame += static_cast<char>(size >= 0x80 ? size | 0x80 : size);
    if (size < 0x80) break;
  }
  uint32_t checksum = core::Crc32c(message);
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(checksum >> shift);
  return frame + std::string(message);
}

model::SampleColumns Samples(core::TimestampMs first_ms, int count) {
  model::SampleColumns samples;
  for (int i = 0; i < count; ++i) samples.Add(first_ms + i, i);
  return samples;
}

std::string Chunked(const model::SampleColumns& samples) {
  std::vector<promfiles::EncodedChunk> chunks;
  EXPECT_TRUE(promfiles::EncodeChunks(samples, {}, chunks).has_value());
  std::vector<wire::ReadChunk> sent;
  for (const promfiles::EncodedChunk& chunk : chunks) {
    sent.push_back(
        {chunk.min_time_ms, chunk.max_time_ms, static_cast<uint32_t>(chunk.encoding), chunk.bytes});
  }
  return wire::MakeChunkedReadResponse({{"__name__", "m"}}, sent, 0);
}

std::string Show(const core::Result<std::vector<RemoteSeries>>& series) {
  if (!series) return series.error().message();
  std::string text;
  for (const RemoteSeries& one : *series) {
    text += one.labels.ToMetricString();
    for (size_t i = 0; i < one.samples.size(); ++i) {
      bool is_histogram = !one.samples.histograms.empty() && one.samples.histograms[i] != nullptr;
      text += is_histogram ? fmt::format(" h@{}", one.samples.times_ms[i])
                           : fmt::format(" {}@{}", one.samples.values[i], one.samples.times_ms[i]);
    }
    text += '\n';
  }
  return text;
}

TEST(ReadClientTest, WholeAnswersHaveFloatsAndHistogramsInOneOrder) {
  model::SampleColumns samples;
  samples.Add(1, 10);
  auto histogram = std::make_shared<model::FloatHistogram>();
  histogram->is_integer = true;
  samples.AddHistogram(2, histogram);
  samples.Add(3, 30);
  samples.Add(9, 90);
  wire::ReadResponseBuilder response;
  response.BeginQuery();
  response.AddSeries({{"__name__", "m"}, {"job", "a"}}, samples);
  std::string body = CompressSnappy(response.Finish());
  EXPECT_EQ(Show(ReadAnswer("application/x-protobuf", body, 1000, 1, 5)), "m{job=\"a\"} 10@1 h@2 30@3\n");
  EXPECT_EQ(Show(ReadAnswer("text/html", body, 1000, 1, 5)), "unsupported content type: text/html");
  EXPECT_FALSE(ReadAnswer("application/x-protobuf", "junk", 1000, 1, 5).has_value());
}

TEST(ReadClientTest, StreamsOfFramesBecomeSeries) {
  // A series over two frames, the second of which overlaps the first.
  std::string body = Frame(Chunked(Samples(10, 3))) + Frame(Chunked(Samples(12, 2)));
  EXPECT_EQ(Show(ReadAnswer(kStreamed, body, 1000, 0, 100)), "m 0@10 1@11 2@12 1@13\n");
  EXPECT_EQ(Show(ReadAnswer(kStreamed, body, 1000, 11, 12)), "m 1@11 2@12\n");
  EXPECT_EQ(Show(ReadAnswer(kStreamed, "", 1000, 0, 100)), "");
}

TEST(ReadClientTest, BrokenStreamsAreErrors) {
  std::string body = Frame(Chunked(Samples(10, 3)));
  for (size_t size = 1; size < body.size(); ++size) {
    EXPECT_EQ(Show(ReadAnswer(kStreamed, body.substr(0, size), 1000, 0, 100)),
              "a frame of the answer is cut short");
  }
  EXPECT_EQ(Show(ReadAnswer(kStreamed, body, 10, 0, 100)).substr(0, 44),
            "message size exceeded the limit 10 bytes; go");
  body.back() ^= 1;
  EXPECT_EQ(Show(ReadAnswer(kStreamed, body, 1000, 0, 100)), "chunkedReader: corrupted frame");
  EXPECT_FALSE(ReadAnswer(kStreamed, Frame("\x0a\x04\x12\x02\x22\x7f"), 1000, 0, 100).has_value());
}

}  // namespace
}  // namespace sextant::remote
