#include "wire/remote_read.h"

#include <gtest/gtest.h>

#include "wire/encode.h"

namespace sextant::wire {
namespace {

void PutMatcher(std::string& out, uint64_t type, std::string_view name, std::string_view value) {
  Submessage matcher(out, 3);
  PutUintField(out, 1, type);
  PutBytesField(out, 2, name);
  PutBytesField(out, 3, value);
}

TEST(RemoteRead, ReadsRequests) {
  std::string bytes;
  {
    Submessage query(bytes, 1);
    PutIntField(bytes, 1, -5);
    PutIntField(bytes, 2, 1000);
    PutMatcher(bytes, 0, "__name__", "up");
    PutMatcher(bytes, 3, "job", "a|b");
    Submessage hints(bytes, 4);
    PutIntField(bytes, 1, 15);
  }
  {
    Submessage empty(bytes, 1);
  }
  PutBytesItem(bytes, 2, std::string("\x01\x00", 2));
  auto request = ParseReadRequest(bytes);
  ASSERT_TRUE(request.has_value()) << request.error().message();
  ASSERT_EQ(request->queries.size(), 2u);
  const ReadQuery& query = request->queries.front();
  EXPECT_EQ(query.start_ms, -5);
  EXPECT_EQ(query.end_ms, 1000);
  ASSERT_EQ(query.matchers.size(), 2u);
  EXPECT_EQ(query.matchers[0].name, "__name__");
  EXPECT_EQ(query.matchers[1].type, model::MatchType::kNotRegexp);
  EXPECT_EQ(query.matchers[1].value, "a|b");
  EXPECT_EQ(request->accepted, (std::vector<uint32_t>{1, 0}));
}

std::string ErrorOf(std::string_view bytes) {
  auto request = ParseReadRequest(bytes);
  return request ? "" : request.error().message();
}

TEST(RemoteRead, RefusesWhatIsNoRequestOrTooMuch) {
  EXPECT_EQ(ErrorOf("\x0a\x05"), "malformed prometheus.ReadRequest: unexpected end of message");
  std::string unknown;
  {
    Submessage query(unknown, 1);
    PutMatcher(unknown, 4, "a", "b");
  }
  EXPECT_EQ(ErrorOf(unknown), "invalid matcher type");
  std::string many;
  for (size_t i = 0; i <= kMaxReadQueries; ++i) PutBytesItem(many, 1, "");
  EXPECT_EQ(ErrorOf(many), "more than 1000 queries");
  std::string matchers;
  {
    Submessage query(matchers, 1);
    for (size_t i = 0; i <= kMaxReadMatchers; ++i) PutBytesItem(matchers, 3, "");
  }
  EXPECT_EQ(ErrorOf(matchers), "a query has more than 1000 matchers");
}

TEST(RemoteRead, TheBytesAreThoseOfTheSchema) {
  ReadResponseBuilder response;
  response.BeginQuery();
  model::SampleColumns samples;
  samples.Add(5, 1);
  response.AddSeries({{"a", "b"}}, samples);
  response.BeginQuery();
  EXPECT_EQ(response.Finish(), std::string("\x0a\x17\x0a\x15\x0a\x06\x0a\x01"
                                           "a\x12\x01"
                                           "b\x12\x0b\x09\0\0\0\0\0\0\xf0\x3f\x10\x05\x0a\0",
                                           27));
  EXPECT_EQ(MakeChunkedReadResponse({{"a", "b"}}, {{1, 2, 1, "xy"}}, 3),
            std::string("\x0a\x14\x0a\x06\x0a\x01"
                        "a\x12\x01"
                        "b\x12\x0a\x08\x01\x10\x02\x18\x01\x22\x02xy\x10\x03",
                        24));
}

}  // namespace
}  // namespace sextant::wire
