#include "net/response_reader.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace sextant::net {
namespace {

using Progress = ResponseReader::Progress;

struct Outcome {
  Progress progress = Progress::kMore;
  int status = 0;
  bool may_reuse = false;
  bool is_redirect = false;
  std::string body;
  std::string error;
};

// What comes of `text` when it arrives in pieces of `step` bytes; `ends` says that the peer closes then.
Outcome ReadAll(std::string_view text, size_t step, bool ends = false, FetchRequest request = {}) {
  ResponseCollector collector(std::make_shared<const FetchRequest>(std::move(request)), {});
  ResponseReader reader(collector);
  Outcome out;
  for (size_t at = 0; at < text.size() && out.progress == Progress::kMore; at += step) {
    out.progress = reader.Feed(text.substr(at, step));
  }
  if (ends && out.progress == Progress::kMore) out.progress = reader.FeedEnd();
  out.status = reader.status();
  out.may_reuse = reader.may_reuse();
  out.is_redirect = reader.is_redirect();
  Decompressor decompressor;
  auto response = collector.TakeResult(decompressor);
  if (response) {
    out.body = response->body;
  } else {
    out.error = response.error().message();
  }
  return out;
}

class ResponseReaderTest : public testing::TestWithParam<size_t> {};

TEST_P(ResponseReaderTest, ReadsTheStraightCases) {
  auto sized = ReadAll("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello", GetParam());
  EXPECT_EQ(sized.progress, Progress::kDone);
  EXPECT_EQ(sized.body, "hello");
  EXPECT_EQ(sized.status, 200);
  EXPECT_TRUE(sized.may_reuse);

  auto chunked = ReadAll(
      "HTTP/1.1 500 Oh no\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;name=value\r\nhello\r\nA \r\n 123456789\r\n0\r\nTrailer: x\r\n\r\n",
      GetParam());
  EXPECT_EQ(chunked.progress, Progress::kDone);
  EXPECT_EQ(chunked.body, "hello 123456789");
  EXPECT_EQ(chunked.status, 500);
  EXPECT_TRUE(chunked.may_reuse);

  auto until_end = ReadAll("HTTP/1.0 200\r\nServer: old\r\n\r\nhello", GetParam(), true);
  EXPECT_EQ(until_end.progress, Progress::kDone);
  EXPECT_EQ(until_end.body, "hello");
  EXPECT_FALSE(until_end.may_reuse);

  auto empty = ReadAll("HTTP/1.1 204 No Content\r\n\r\n", GetParam());
  EXPECT_EQ(empty.progress, Progress::kDone);
  EXPECT_EQ(empty.body, "");

  auto closing = ReadAll("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", GetParam());
  EXPECT_EQ(closing.progress, Progress::kDone);
  EXPECT_FALSE(closing.may_reuse);

  auto moved = ReadAll("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", GetParam());
  EXPECT_TRUE(moved.is_redirect);
}

TEST_P(ResponseReaderTest, KnowsWhatItDoesNotRead) {
  for (std::string_view text : {
           "SSH-2.0-OpenSSH_9.2\r\n",
           "HTTP/2 200\r\n\r\n",
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
           "HTTP/1.1 20x OK\r\n\r\n",
           "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
           "HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\n\r\n",
           "HTTP/1.1 200 OK\r\nName : value\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\nhello\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
       }) {
    EXPECT_EQ(ReadAll(text, GetParam()).progress, Progress::kOdd) << text;
  }
  std::string endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(5'000, 'x');
  EXPECT_EQ(ReadAll(endless, GetParam()).progress, Progress::kOdd);
  std::string trailers = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  while (trailers.size() < 70'000) trailers += "Trailer: x\r\n";
  EXPECT_EQ(ReadAll(trailers, GetParam()).progress, Progress::kOdd);
}

TEST_P(ResponseReaderTest, SaysWhenAResponseIsCutOff) {
  for (std::string_view text : {
           "HTTP/1.1 200 OK\r\nContent-Le",
           "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
       }) {
    EXPECT_EQ(ReadAll(text, GetParam(), true).progress, Progress::kMore) << text;
  }
}

TEST_P(ResponseReaderTest, KeepsTheRequestsLimits) {
  std::string large = "HTTP/1.1 200 OK\r\nA: " + std::string(2'000, 'b') + "\r\n\r\n";
  auto head = ReadAll(large, GetParam(), false, {.url = "http://x/", .max_header_bytes = 1'000});
  EXPECT_EQ(head.progress, Progress::kFailed);
  EXPECT_EQ(head.error, "Get \"http://x/\": the response's header is larger than 1000 bytes");
  for (std::string_view text : {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n",
                                "HTTP/1.1 200 OK\r\n\r\nhello world"}) {
    auto body = ReadAll(text, GetParam(), true, {.url = "http://x/", .max_body_bytes = 10});
    EXPECT_EQ(body.progress, Progress::kFailed) << text;
    EXPECT_EQ(body.error, "Get \"http://x/\": the response's body is larger than 10 bytes");
  }
}

INSTANTIATE_TEST_SUITE_P(Pieces, ResponseReaderTest, testing::Values(1, 2, 7, 100'000));

TEST(ResponseReader, DoesNotReuseAConnectionThatSaysMore) {
  auto more = ReadAll("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello there", 100);
  EXPECT_EQ(more.progress, Progress::kDone);
  EXPECT_EQ(more.body, "hello");
  EXPECT_FALSE(more.may_reuse);
}

}  // namespace
}  // namespace sextant::net
