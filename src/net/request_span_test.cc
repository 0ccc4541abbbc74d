#include "net/request_span.h"

#include <gtest/gtest.h>

#include "net/trace_headers.h"

namespace sextant::net {
namespace {

class KeptSpans final : public core::SpanSink {
 public:
  void Take(core::SpanData span) override { spans.push_back(std::move(span)); }
  std::vector<core::SpanData> spans;
};

class RequestSpanTest : public testing::Test {
 protected:
  RequestSpanTest() { tracer_.Use(kept_, 1); }

  // "" when there is none.
  std::string Text(std::string_view name) const {
    for (const core::SpanAttribute& attribute : kept_->spans.at(0).attributes) {
      if (attribute.name == name) return std::get<std::string>(attribute.value);
    }
    return "";
  }
  int64_t Number(std::string_view name) const {
    for (const core::SpanAttribute& attribute : kept_->spans.at(0).attributes) {
      if (attribute.name == name) return std::get<int64_t>(attribute.value);
    }
    return -1;
  }

  core::ManualClock clock_{1'700'000'000'000};
  core::Tracer tracer_{clock_};
  const std::shared_ptr<KeptSpans> kept_ = std::make_shared<KeptSpans>();
};

TEST_F(RequestSpanTest, ASentRequestNamesItsSpanAndShowsNoCredentials) {
  FetchRequest request;
  request.url = "http://user:secret@host:8080/metrics?a=b";
  core::Span span = StartFetchSpan(&tracer_, "HTTP GET", nullptr, request);
  EXPECT_EQ(request.headers.Get("traceparent"), core::FormatTraceparent(span.context()));
  NoteAnswer(FetchResponse{.status = 404}, span);
  span.End();
  EXPECT_EQ(Text("url.full"), "http://host:8080/metrics?a=b");
  EXPECT_EQ(Text("server.address"), "host");
  EXPECT_EQ(Number("server.port"), 8080);
  EXPECT_EQ(Number("http.response.status_code"), 404);
  EXPECT_TRUE(kept_->spans[0].has_failed);
}

TEST_F(RequestSpanTest, AUrlThatIsASecretIsNotShown) {
  FetchRequest request;
  request.url = "https://[::1]/services/secret";
  StartFetchSpan(&tracer_, "slack/HTTP POST", nullptr, request, ShownUrl::kHostOnly).End();
  EXPECT_EQ(Text("url.full"), "");
  EXPECT_EQ(Text("server.address"), "::1");
  EXPECT_EQ(Number("server.port"), -1);
}

TEST_F(RequestSpanTest, AReceivedRequestBelongsToItsSendersSpan) {
  HttpRequest request;
  request.method = "GET";
  request.target = "/api/v1/query?query=up";
  request.headers.Add("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  request.headers.Add("tracestate", "vendor=1");
  core::Span span = StartRequestSpan(&tracer_, request, "1.1", clock_.MonotonicNs());
  const core::SpanContext seen = ReadTraceHeaders(request.headers);
  EXPECT_EQ(seen.span_id, span.context().span_id);
  EXPECT_EQ(seen.trace_state, "vendor=1");
  FinishRequestSpan(503, 12, span);
  const core::SpanData& ended = kept_->spans.at(0);
  EXPECT_EQ(ended.name, "GET /api/v1/query");
  EXPECT_EQ(ended.kind, core::SpanKind::kServer);
  EXPECT_TRUE(ended.has_remote_parent);
  EXPECT_EQ(core::FormatTraceparent(
                {.trace_id = ended.context.trace_id, .span_id = ended.parent_id, .is_sampled = true}),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_EQ(Number("http.response.status_code"), 503);
  EXPECT_TRUE(ended.has_failed);
}

TEST_F(RequestSpanTest, SwitchedOffItTouchesNothing) {
  tracer_.Use(nullptr, 1);
  HttpRequest request;
  request.method = "GET";
  request.target = "/";
  EXPECT_FALSE(StartRequestSpan(&tracer_, request, "1.1", 0).is_recorded());
  EXPECT_TRUE(request.headers.empty());
  FetchRequest fetch;
  fetch.url = "http://h/";
  EXPECT_FALSE(StartFetchSpan(nullptr, "x", nullptr, fetch).is_recorded());
  EXPECT_TRUE(fetch.headers.empty());
}

}  // namespace
}  // namespace sextant::net
