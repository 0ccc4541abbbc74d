#include "net/grpc_wire.h"

#include <gtest/gtest.h>

#include "net/snappy_frames.h"

namespace sextant::net {
namespace {

std::string Framed(std::string_view message, bool is_compressed = false) {
  std::string out;
  AppendGrpcPrefix(is_compressed, message.size(), out);
  return out.append(message);
}

TEST(GrpcWireTest, ReadsAMessageHoweverItArrives) {
  std::string bytes = Framed("hello");
  for (size_t step = 1; step <= bytes.size(); ++step) {
    GrpcMessageReader reader(100, nullptr);
    for (size_t at = 0; at < bytes.size(); at += step) {
      EXPECT_FALSE(reader.has_message());
      EXPECT_TRUE(reader.Feed(std::string_view(bytes).substr(at, step)));
    }
    EXPECT_TRUE(reader.Finish());
    EXPECT_FALSE(reader.is_compressed());
    EXPECT_EQ(reader.TakeMessage(), "hello");
  }
}

TEST(GrpcWireTest, RefusesWhatIsNoMessage) {
  auto error_of = [](std::string_view bytes) {
    GrpcMessageReader reader(10, nullptr);
    if (reader.Feed(bytes) && reader.Finish()) return GrpcStatus();
    return reader.error();
  };
  EXPECT_TRUE(error_of(Framed("")).is_ok());
  EXPECT_EQ(error_of(Framed(std::string(11, 'x'))).code, GrpcCode::kResourceExhausted);
  EXPECT_EQ(error_of(Framed(std::string(11, 'x'))).message,
            "grpc: received message larger than max (11 vs. 10)");
  EXPECT_EQ(error_of(Framed("x") + "y").code, GrpcCode::kInternal);
  EXPECT_EQ(error_of("").code, GrpcCode::kInternal);
  EXPECT_EQ(error_of(Framed("abc").substr(0, 7)).message, "unexpected EOF");
  EXPECT_EQ(error_of("\x02").code, GrpcCode::kInternal);
  EXPECT_EQ(error_of(std::string("\x02\0\0\0\0", 5)).message, "grpc: received unexpected payload format 2");
}

TEST(GrpcWireTest, CompressesAndDecompresses) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i);
  for (auto encoding :
       {GrpcEncoding::kIdentity, GrpcEncoding::kGzip, GrpcEncoding::kZstd, GrpcEncoding::kSnappy}) {
    for (std::string_view input : {std::string_view(text), std::string_view("x"), std::string_view()}) {
      std::string compressed;
      ASSERT_TRUE(CompressGrpc(encoding, input, compressed));
      std::string plain;
      EXPECT_TRUE(DecompressGrpc(encoding, compressed, text.size(), plain).is_ok())
          << GrpcEncodingName(encoding) << input.size();
      EXPECT_EQ(plain, input);
    }
    std::string compressed;
    ASSERT_TRUE(CompressGrpc(encoding, text, compressed));
    std::string plain;
    EXPECT_EQ(DecompressGrpc(encoding, compressed, text.size() - 1, plain).code,
              GrpcCode::kResourceExhausted);
    if (encoding == GrpcEncoding::kIdentity) continue;
    EXPECT_EQ(DecompressGrpc(encoding, "garbage", 1'000, plain).code, GrpcCode::kInternal);
    compressed.resize(compressed.size() / 2);
    EXPECT_EQ(DecompressGrpc(encoding, compressed, text.size(), plain).code, GrpcCode::kInternal);
  }
}

// As golang/snappy's buffered writer makes it of "hello".
TEST(GrpcWireTest, ReadsFramedSnappyOfOthers) {
  const std::string frames(
      "\xff\x06\x00\x00sNaPpY\x01\x09\x00\x00\xbb\x1f\x1c\x19"
      "hello",
      23);
  std::string plain;
  auto status = DecompressSnappyFrames(frames, 100, plain);
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(plain, "hello");
  std::string wrong = frames;
  wrong[15] ^= 1;
  EXPECT_FALSE(DecompressSnappyFrames(wrong, 100, plain));
}

TEST(GrpcWireTest, WritesAndReadsTimeouts) {
  EXPECT_EQ(ParseGrpcTimeout("100m"), 100'000'000);
  EXPECT_EQ(ParseGrpcTimeout("1S"), 1'000'000'000);
  EXPECT_EQ(ParseGrpcTimeout("2H"), 7'200'000'000'000);
  EXPECT_EQ(ParseGrpcTimeout("0n"), 0);
  EXPECT_TRUE(ParseGrpcTimeout("99999999H"));
  for (const char* wrong : {"", "1", "S", "-1S", "1.5S", "123456789S", "1s", " 1S"})
    EXPECT_FALSE(ParseGrpcTimeout(wrong)) << wrong;
  EXPECT_EQ(FormatGrpcTimeout(5'000'000'000), "5000000u");
  EXPECT_EQ(FormatGrpcTimeout(-1), "0n");
  for (int64_t timeout : {int64_t{1}, int64_t{99'999'999}, int64_t{100'000'001}, int64_t{86'400'000'000'000}})
    EXPECT_GE(*ParseGrpcTimeout(FormatGrpcTimeout(timeout)), timeout);
}

TEST(GrpcWireTest, EscapesTexts) {
  EXPECT_EQ(EncodeGrpcText("50% \xc3\xa9\n"), "50%25 %C3%A9%0A");
  EXPECT_EQ(DecodeGrpcText("50%25 %C3%A9%0A"), "50% \xc3\xa9\n");
  EXPECT_EQ(DecodeGrpcText("50% %zz %4"), "50% %zz %4");
}

TEST(GrpcWireTest, CarriesBinaryMetadata) {
  HttpHeaders metadata{{"plain", "text"}, {"bytes-bin", std::string_view("\0\1\xff", 3)}};
  HttpHeaders encoded = EncodeGrpcMetadata(metadata);
  EXPECT_EQ(encoded.Get("plain"), "text");
  EXPECT_EQ(encoded.Get("bytes-bin"), "AAH/");
  EXPECT_EQ(DecodeGrpcMetadata(encoded).Get("bytes-bin"), std::string_view("\0\1\xff", 3));
  HttpHeaders joined = DecodeGrpcMetadata({{"a-bin", "AQ==,Ag"}, {"b-bin", "?"}});
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined.value(0), "\x01");
  EXPECT_EQ(joined.value(1), "\x02");
}

TEST(GrpcWireTest, CarriesStatusWithRetryInfo) {
  GrpcStatus status = GrpcStatusWithRetry(GrpcCode::kUnavailable, "busy", 1'500);
  HttpHeaders trailers;
  AppendGrpcStatus(status, trailers);
  auto parsed = ParseGrpcStatus(trailers);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->code, GrpcCode::kUnavailable);
  EXPECT_EQ(parsed->message, "busy");
  EXPECT_EQ(ParseGrpcRetryDelay(parsed->details), 1'500);
  EXPECT_FALSE(ParseGrpcRetryDelay(""));
  EXPECT_FALSE(ParseGrpcRetryDelay("garbage"));
  for (size_t size = 0; size < status.details.size(); ++size)
    EXPECT_FALSE(ParseGrpcRetryDelay(std::string_view(status.details).substr(0, size))) << size;
  EXPECT_FALSE(ParseGrpcStatus({}));
  EXPECT_EQ(ParseGrpcStatus({{"grpc-status", "99"}})->code, GrpcCode::kUnknown);
  EXPECT_EQ(ParseGrpcStatus({{"grpc-status", "x"}})->code, GrpcCode::kInternal);
}

TEST(GrpcWireTest, KnowsItsContentTypes) {
  for (const char* known : {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"})
    EXPECT_TRUE(IsGrpcContentType(known));
  for (const char* other : {"", "application/json", "application/grpc-web", "application/grp"})
    EXPECT_FALSE(IsGrpcContentType(other));
}

TEST(GrpcWireTest, PoolsLargeBuffers) {
  auto pool = std::make_shared<GrpcBufferPool>(10 << 20);
  std::string buffer(1 << 20, 'x');
  const void* bytes = buffer.data();
  pool->Share(std::move(buffer));
  std::string again = pool->Take(1 << 20);
  EXPECT_EQ(again.data(), bytes);
  EXPECT_TRUE(again.empty());
  EXPECT_EQ(pool->Take(1 << 20).capacity(), std::string().capacity());
}

}  // namespace
}  // namespace sextant::net
