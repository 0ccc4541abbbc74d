#include "api/search_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "core/metrics.h"
#include "metrics/promql/query_context.h"

namespace sextant::api {
namespace {

using testing::HasSubstr;

constexpr size_t kNames = 20'000;

// A store of very many names, which it gives out at once.
class ManyNames final : public model::Queryable {
 public:
  core::Result<std::unique_ptr<model::Querier>> NewQuerier(core::TimestampMs,
                                                           core::TimestampMs) const override {
    return std::make_unique<Querier>();
  }

 private:
  class Querier final : public model::Querier {
   public:
    core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>&,
                                                           const model::SelectHints&) const override {
      return core::Fail(core::Code::kUnimplemented, "no search selects series");
    }
    core::Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<model::Matcher>&,
                                                       const model::SelectHints& hints) const override {
      EXPECT_NE(hints.check, nullptr);
      SEXTANT_TRY(hints.Check());
      std::vector<std::string> names;
      for (size_t i = 0; i < kNames; ++i) names.push_back(fmt::format("name_of_a_metric_{:07}", i));
      return names;
    }
    core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>& matchers,
                                                      const model::SelectHints& hints) const override {
      return LabelValues("", matchers, hints);
    }
  };
};

// Raises a flag when it is asked for the n-th time.
class CancellingClock final : public core::Clock {
 public:
  core::TimestampMs NowMs() const override { return 1'700'000'000'000; }
  int64_t MonotonicNs() const override {
    if (++looks_ == cancel_at_) cancelled_->store(true);
    return looks_;
  }
  std::shared_ptr<const std::atomic<bool>> Begin(int64_t cancel_at) {
    looks_ = 0;
    cancel_at_ = cancel_at;
    cancelled_ = std::make_shared<std::atomic<bool>>(false);
    return cancelled_;
  }
  int64_t looks() const { return looks_; }

 private:
  mutable int64_t looks_ = 0;
  int64_t cancel_at_ = 0;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};

class SearchTest : public testing::Test {
 protected:
  net::HttpResponse Get(std::string query, int64_t cancel_at = 0, int64_t max_bytes = 0) {
    promql::EngineOptions options;
    options.timeout_ms = 1'000'000;
    options.max_bytes = max_bytes;
    promql::Engine engine(options, clock_, nullptr);
    net::Router router;
    AddSearchRoutes(router, {storage_, engine, metadata_, clock_, true});
    net::HttpRequest request;
    request.method = "GET";
    request.query_string = std::move(query);
    request.cancelled = clock_.Begin(cancel_at);
    return router.Match("GET", "/api/v1/search/metric_names").route->handler(request);
  }

  core::Registry registry_;
  scrape::MetadataStore metadata_{registry_};
  ManyNames storage_;
  CancellingClock clock_;
};

TEST_F(SearchTest, FindsTheFirstAndTheBest) {
  EXPECT_EQ(Get("search[]=0000042&limit=1").body,
            "{\"results\":[{\"name\":\"name_of_a_metric_0000042\"}]}\n{\"status\":\"success\",\"has_more\":"
            "false}\n");
  EXPECT_THAT(Get("limit=2&sort_by=alpha&sort_dir=dsc").body, HasSubstr("name_of_a_metric_0019999"));
  // What several selectors find is there once.
  EXPECT_EQ(Get("match[]=a&match[]=b&search[]=0000042").body, Get("search[]=0000042").body);
}

TEST_F(SearchTest, StopsAtEveryLookWhenTheClientIsGone) {
  for (const char* query : {"search[]=metric", "search[]=metric&sort_by=score&fuzz_alg=jarowinkler",
                            "match[]=a&match[]=b&search[]=metric"}) {
    SCOPED_TRACE(query);
    EXPECT_EQ(Get(query).status, 200);
    const int64_t looks = clock_.looks();
    // Each name is judged, which counts for many times more than its length.
    EXPECT_GT(looks, static_cast<int64_t>(kNames) * 64 / promql::QueryContext::kWorkBetweenChecks);
    for (int64_t at = 2; at < looks; at += 1 + looks / 10) {
      EXPECT_EQ(Get(query, at).status, 499) << at;
      EXPECT_LE(clock_.looks(), at + 2);
    }
  }
}

TEST_F(SearchTest, RefusesTermsThatTakeTooLong) {
  net::HttpResponse response = Get("search[]=" + std::string(4'097, 'a'));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("a search[] term has 4097 bytes: at most 4096"));
  EXPECT_EQ(Get("search[]=" + std::string(4'096, 'a')).status, 200);
}

TEST_F(SearchTest, IsBoundedByTheMemoryOfAQuery) {
  net::HttpResponse response = Get("search[]=metric", 0, 100'000);
  EXPECT_EQ(response.status, 422);
  EXPECT_THAT(response.body, HasSubstr("more than 100000 bytes of memory"));
  EXPECT_EQ(Get("search[]=metric", 0, 100'000'000).status, 200);
}

}  // namespace
}  // namespace sextant::api
