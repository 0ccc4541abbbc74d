#include "net/compression.h"

#include <gtest/gtest.h>

#include <vector>

namespace sextant::net {
namespace {

using core::Code;

std::vector<std::string> Bodies() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "http_requests_total{code=\"" + std::to_string(i) + "\"} 1\n";
  std::string noise;
  uint32_t state = 1;
  for (int i = 0; i < 100'000; ++i) noise += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return {"", "x", text, noise, std::string(5'000'000, 'a')};
}

TEST(CompressionTest, RoundTrips) {
  for (Encoding encoding : {Encoding::kIdentity, Encoding::kGzip, Encoding::kDeflate, Encoding::kZstd}) {
    for (const std::string& body : Bodies()) {
      std::string small;
      std::string back = "left over";
      ASSERT_TRUE(Compress(encoding, body, small));
      core::Status status = Decompress(encoding, small, body.size(), back);
      ASSERT_TRUE(status) << status.error().message();
      EXPECT_TRUE(back == body) << EncodingName(encoding) << " " << body.size();
      if (!body.empty()) {
        EXPECT_EQ(Decompress(encoding, small, body.size() - 1, back).error().code(),
                  Code::kResourceExhausted);
      }
    }
  }
}

TEST(CompressionTest, StreamsRoundTrip) {
  for (Encoding encoding : {Encoding::kGzip, Encoding::kZstd}) {
    for (const std::string& body : Bodies()) {
      StreamCompressor compressor(encoding);
      std::string small;
      for (size_t at = 0; at < body.size(); at += 70'001) {
        ASSERT_TRUE(compressor.Write(std::string_view(body).substr(at, 70'001), small));
        if (at % 2 == 0) {
          ASSERT_TRUE(compressor.Flush(small));
        }
      }
      ASSERT_TRUE(compressor.Finish(small));
      std::string back;
      core::Status status = Decompress(encoding, small, body.size(), back);
      ASSERT_TRUE(status) << status.error().message();
      EXPECT_TRUE(back == body);
    }
  }
}

TEST(CompressionTest, FlushMakesAllReadable) {
  StreamCompressor compressor(Encoding::kGzip);
  std::string small;
  ASSERT_TRUE(compressor.Write("hello", small));
  ASSERT_TRUE(compressor.Flush(small));
  size_t flushed = small.size();
  EXPECT_GT(flushed, 15u);
  ASSERT_TRUE(compressor.Finish(small));
  EXPECT_GT(small.size(), flushed);
}

TEST(CompressionTest, ReadsSeveralMembers) {
  for (Encoding encoding : {Encoding::kGzip, Encoding::kZstd}) {
    std::string first;
    std::string second;
    std::string back;
    ASSERT_TRUE(Compress(encoding, std::string(50'000, 'a'), first));
    ASSERT_TRUE(Compress(encoding, std::string(70'000, 'b'), second));
    ASSERT_TRUE(Decompress(encoding, first + second, 120'000, back));
    EXPECT_EQ(back, std::string(50'000, 'a') + std::string(70'000, 'b'));
    EXPECT_EQ(Decompress(encoding, first + second, 119'999, back).error().code(), Code::kResourceExhausted);
  }
}

TEST(CompressionTest, ReadsRawDeflate) {
  // The zlib format without its two header bytes and four checksum bytes.
  std::string zlib;
  std::string back;
  ASSERT_TRUE(Compress(Encoding::kDeflate, "hello hello hello", zlib));
  ASSERT_TRUE(Decompress(Encoding::kDeflate, zlib.substr(2, zlib.size() - 6), 100, back));
  EXPECT_EQ(back, "hello hello hello");
}

TEST(CompressionTest, RefusesBrokenInput) {
  for (Encoding encoding : {Encoding::kGzip, Encoding::kDeflate, Encoding::kZstd}) {
    std::string small;
    std::string back;
    ASSERT_TRUE(Compress(encoding, Bodies()[2], small));
    for (const std::string& broken :
         {std::string("not compressed at all"), std::string(), small.substr(0, small.size() / 2),
          small.substr(0, 1), small.substr(0, small.size() - 1), small + "trailing"}) {
      if (broken.empty() && encoding == Encoding::kZstd) continue;  // no frame is an empty body
      core::Status status = Decompress(encoding, broken, 10'000'000, back);
      ASSERT_FALSE(status) << EncodingName(encoding) << " " << broken.size();
      EXPECT_EQ(status.error().code(), Code::kInvalidArgument) << status.error().message();
    }
  }
}

TEST(CompressionTest, ClaimedSizesAreNotTrusted) {
  std::string small;
  std::string back;
  ASSERT_TRUE(Compress(Encoding::kGzip, "hello", small));
  for (size_t i = 0; i < 4; ++i) small[small.size() - 1 - i] = '\xff';  // claims 4 GiB
  EXPECT_FALSE(Decompress(Encoding::kGzip, small, 1 << 30, back));
  EXPECT_LT(back.capacity(), 1u << 20);
}

TEST(CompressionTest, Negotiates) {
  const std::pair<std::string_view, Encoding> cases[] = {
      {"", Encoding::kIdentity},
      {"identity", Encoding::kIdentity},
      {"br", Encoding::kIdentity},
      {"gzip", Encoding::kGzip},
      {"GZIP", Encoding::kGzip},
      {"gzip;q=0", Encoding::kIdentity},
      {"gzip, deflate, br, zstd", Encoding::kZstd},
      {"gzip;q=1.0, zstd;q=0.5", Encoding::kGzip},
      {"zstd;q=0, gzip;q=0.1", Encoding::kGzip},
      {"*", Encoding::kGzip},
      {"*;q=0", Encoding::kIdentity},
      {"gzip;q=0, *", Encoding::kIdentity},
      {" gzip ; q=0.3 ,, ", Encoding::kGzip},
  };
  for (auto [accept, expected] : cases) EXPECT_EQ(NegotiateEncoding(accept), expected) << accept;
  EXPECT_EQ(ParseEncoding("x-gzip"), Encoding::kGzip);
  EXPECT_EQ(ParseEncoding(""), Encoding::kIdentity);
  EXPECT_EQ(ParseEncoding("br"), std::nullopt);
}

}  // namespace
}  // namespace sextant::net
