#include "net/body_compression.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy.h>

#include "net/compression.h"
#include "net/snappy_frames.h"

namespace sextant::net {

namespace {

std::string Body() {
  std::string body;
  for (int i = 0; i < 5'000; ++i) body += fmt::format("line {} of a body\n", i % 97);
  return body;
}

std::string Unpack(std::string_view coding, const std::string& packed, size_t size) {
  std::string out;
  core::Status status;
  if (coding == "snappy") {
    EXPECT_TRUE(snappy::Uncompress(packed.data(), packed.size(), &out));
  } else if (coding == "x-snappy-framed") {
    status = DecompressSnappyFrames(packed, 1 << 20, out);
  } else if (coding == "lz4") {
    LZ4F_dctx* context = nullptr;
    LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    out.resize(size + 1);
    size_t made = out.size();
    size_t used = packed.size();
    EXPECT_EQ(LZ4F_decompress(context, out.data(), &made, packed.data(), &used, nullptr), 0u);
    LZ4F_freeDecompressionContext(context);
    out.resize(made);
  } else {
    status = Decompress(*ParseEncoding(coding == "zlib" ? "deflate" : coding), packed, 1 << 20, out);
  }
  EXPECT_TRUE(status) << coding;
  return out;
}

TEST(BodyCompressionTest, EveryCodingCanBeRead) {
  const std::string body = Body();
  for (const char* coding : {"gzip", "zlib", "deflate", "zstd", "snappy", "x-snappy-framed", "lz4"}) {
    for (const std::string& text : {body, std::string()}) {
      std::string packed = "left over";
      ASSERT_TRUE(CheckBodyCompression(coding, 0));
      ASSERT_TRUE(CompressBody(coding, 0, text, packed));
      EXPECT_EQ(Unpack(coding, packed, text.size()), text) << coding;
    }
  }
}

TEST(BodyCompressionTest, HigherLevelsMakeSmallerBodies) {
  const std::string body = Body();
  for (const char* coding : {"gzip", "zlib", "zstd"}) {
    std::string low;
    std::string high;
    ASSERT_TRUE(CompressBody(coding, 1, body, low));
    ASSERT_TRUE(CompressBody(coding, 9, body, high));
    EXPECT_LT(high.size(), low.size()) << coding;
    EXPECT_EQ(Unpack(coding, high, body.size()), body);
  }
}

TEST(BodyCompressionTest, RefusesWhatThereIsNot) {
  EXPECT_TRUE(CheckBodyCompression("gzip", -1));
  EXPECT_TRUE(CheckBodyCompression("zstd", 11));
  EXPECT_EQ(CheckBodyCompression("gzip", 10).error().message(),
            "unsupported parameters {Level:10} for compression type \"gzip\"");
  EXPECT_FALSE(CheckBodyCompression("zstd", -1));
  EXPECT_FALSE(CheckBodyCompression("snappy", 1));
  EXPECT_EQ(CheckBodyCompression("br", 0).error().message(), "unsupported compression type \"br\"");
}

}  // namespace

}  // namespace sextant::net
