#include "metrics/scrape/body_appender.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "metrics/scrape/memory_storage_for_test.h"
#include "model/value.h"

namespace sextant::scrape {
namespace {

struct Fixture {
  core::Registry registry;
  MetadataStore metadata{registry};
  ScrapeMetrics metrics{registry};
  SampleRules rules;
  MemoryStorage storage;
  std::unique_ptr<BodyAppender> appender;

  explicit Fixture(SampleRules given = {}) : rules(std::move(given)) {
    appender = std::make_unique<BodyAppender>(rules, model::Labels::Of({{"job", "j"}, {"instance", "i"}}),
                                              metadata, metrics);
  }

  core::Result<BodySummary> Scrape(const std::string& text, core::TimestampMs time_ms) {
    auto batch = storage.NewAppender();
    auto summary = appender->AppendBody({text, "text/plain; version=0.0.4"}, time_ms, *batch);
    if (!summary) {
      batch->Rollback();
      batch = storage.NewAppender();
      appender->AppendStale(time_ms, *batch);
    }
    EXPECT_TRUE(batch->Commit());
    return summary;
  }
  bool IsStaleAt(const std::string& series, core::TimestampMs time_ms) {
    auto samples = storage.Of(series);
    return std::ranges::any_of(
        samples, [&](const auto& s) { return s.first == time_ms && model::IsStaleNan(s.second); });
  }
};

SampleRules WithRelabel(std::vector<config::RelabelRuleConfig> configs) {
  SampleRules rules;
  rules.metric_relabel = *relabel::Rules::Compile(configs);
  return rules;
}

TEST(BodyAppender, RefusesNamesThatTheSchemeDoesNotHave) {
  SampleRules legacy;
  legacy.name_scheme = core::NameScheme::kLegacy;
  for (const char* body : {"a 1\n{\"b.c\"} 1\n", "a 1\nb{\"c.d\"=\"x\"} 1\n"}) {
    EXPECT_TRUE(Fixture().Scrape(body, 1000)) << body;
    auto refused = Fixture(legacy).Scrape(body, 1000);
    ASSERT_FALSE(refused) << body;
    EXPECT_TRUE(refused.error().message().starts_with("invalid metric name or label names: ")) << body;
  }
  EXPECT_TRUE(Fixture(legacy).Scrape("a:b{c=\"d.e\"} 1\n", 1000));
  // What relabelling makes counts.
  config::RelabelRuleConfig drop;
  drop.regex = "c.d";
  drop.action = config::RelabelAction::kLabelDrop;
  SampleRules renamed = WithRelabel({drop});
  renamed.name_scheme = core::NameScheme::kLegacy;
  EXPECT_TRUE(Fixture(renamed).Scrape("b{\"c.d\"=\"x\"} 1\n", 1000));
}

// Comments that were there before are not read again, but what they say counts for series that are new.
TEST(BodyAppender, NewSeriesAreOfTheFamilyThatSkippedCommentsName) {
  SampleRules rules;
  rules.parser.type_and_unit_labels = true;
  Fixture f(rules);
  const std::string other = "# TYPE g gauge\ng 1\n";
  const std::string histogram = "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n";
  for (core::TimestampMs time_ms : {1000, 2000, 3000})
    ASSERT_TRUE(f.Scrape(other + histogram + other, time_ms));
  ASSERT_TRUE(f.Scrape(other + histogram + "h_bucket{le=\"2\"} 1\n" + other, 4000));
  EXPECT_EQ(f.storage.Of("h_bucket{__type__=\"histogram\", instance=\"i\", job=\"j\", le=\"2.0\"}").size(),
            1u);
}

TEST(BodyAppender, PassesExemplarsOn) {
  Fixture f;
  for (core::TimestampMs time_ms : {1000, 2000}) {
    auto batch = f.storage.NewAppender();
    std::string body =
        "# TYPE a counter\n"
        "a_total 1 # {trace_id=\"x\"} 0.5 0.7\n"
        "b 1\n"
        "# TYPE c counter\n"
        "c_total{k=\"v\"} 2 # {} 0.25\n"
        "# TYPE d counter\n"
        "d_total 2 # {} 0.25 -1\n"
        "# EOF\n";
    auto summary =
        f.appender->AppendBody({body, "application/openmetrics-text; version=1.0.0"}, time_ms, *batch);
    ASSERT_TRUE(summary) << summary.error().message();
    EXPECT_EQ(summary->refused, 0u);
    ASSERT_TRUE(batch->Commit());
  }
  model::Exemplar timed{model::Labels::Of({{"trace_id", "x"}}), 0.5, 700};
  EXPECT_EQ(f.storage.ExemplarsOf("a_total{instance=\"i\", job=\"j\"}"), (std::vector{timed, timed}));
  EXPECT_EQ(f.storage.ExemplarsOf("c_total{instance=\"i\", job=\"j\", k=\"v\"}"),
            (std::vector<model::Exemplar>{{{}, 0.25, 1000}, {{}, 0.25, 2000}}))
      << "the sample's time when it has none";
  EXPECT_EQ(f.metrics.exemplar_out_of_order.value(), 2);
}

// Those of all buckets are of one series, whose exemplars must come in the order of their times.
TEST(BodyAppender, AHistogramsExemplarsArePutInOrder) {
  SampleRules rules;
  rules.parser.custom_buckets = true;
  Fixture f(rules);
  auto batch = f.storage.NewAppender();
  auto summary = f.appender->AppendBody({"# TYPE h histogram\n"
                                         "h_bucket{le=\"1\"} 1 # {id=\"late\"} 0.5 0.9\n"
                                         "h_bucket{le=\"2\"} 2 # {id=\"early\"} 1.5 0.7\n"
                                         "h_bucket{le=\"+Inf\"} 3 # {id=\"lost\"} 5 -1\n"
                                         "h_sum 7\nh_count 3\n# EOF\n",
                                         "application/openmetrics-text; version=1.0.0"},
                                        1000, *batch);
  ASSERT_TRUE(summary) << summary.error().message();
  EXPECT_EQ(f.storage.ExemplarsOf("h{instance=\"i\", job=\"j\"}"),
            (std::vector<model::Exemplar>{{model::Labels::Of({{"id", "early"}}), 1.5, 700},
                                          {model::Labels::Of({{"id", "late"}}), 0.5, 900}}));
  EXPECT_EQ(f.metrics.exemplar_out_of_order.value(), 0) << "others of the histogram were taken";
}

TEST(BodyAppender, TakesProtobufLikeText) {
  Fixture f;
  // A counter "a_total" with the label x="y", the value 2.5 and an exemplar.
  std::string counter =
      std::string("\x09\x00\x00\x00\x00\x00\x00\x04\x40", 9) +
      std::string("\x12\x12\x0a\x07\x0a\x02id\x12\x01z\x11\x00\x00\x00\x00\x00\x00\xf0\x3f", 20);
  std::string metric =
      std::string("\x0a\x06\x0a\x01x\x12\x01y\x1a") + static_cast<char>(counter.size()) + counter;
  std::string family =
      std::string("\x0a\x07") + "a_total" + "\x22" + static_cast<char>(metric.size()) + metric;
  std::string body = static_cast<char>(family.size()) + family;
  for (core::TimestampMs time_ms : {1000, 2000}) {
    auto batch = f.storage.NewAppender();
    auto summary = f.appender->AppendBody(
        {body,
         "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"},
        time_ms, *batch);
    ASSERT_TRUE(summary) << summary.error().message();
    EXPECT_EQ(summary->scraped, 1u);
    EXPECT_EQ(summary->added, time_ms == 1000 ? 1u : 0u);
    ASSERT_TRUE(batch->Commit());
  }
  using Samples = std::vector<std::pair<core::TimestampMs, double>>;
  EXPECT_EQ(f.storage.Of("a_total{instance=\"i\", job=\"j\", x=\"y\"}"), (Samples{{1000, 2.5}, {2000, 2.5}}));
}

TEST(BodyAppender, PutsTheTargetsLabelsOnSeries) {
  Fixture f;
  auto summary = f.Scrape("a 1\nb{x=\"y\",job=\"own\"} 2\n", 1000);
  ASSERT_TRUE(summary) << summary.error().message();
  EXPECT_EQ(summary->scraped, 2u);
  EXPECT_EQ(summary->added, 2u);
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}"), (MemoryStorage::Samples{{1000, 1}}));
  EXPECT_EQ(f.storage.Of("b{exported_job=\"own\", instance=\"i\", job=\"j\", x=\"y\"}"),
            (MemoryStorage::Samples{{1000, 2}}));
}

TEST(BodyAppender, HonorsTheTargetsOwnLabelsWhenTold) {
  SampleRules rules;
  rules.honor_labels = true;
  Fixture f(rules);
  ASSERT_TRUE(f.Scrape("b{job=\"own\"} 2\n", 1000));
  EXPECT_EQ(f.storage.Of("b{instance=\"i\", job=\"own\"}").size(), 1u);
}

TEST(BodyAppender, MarksWhatVanishesAsStale) {
  Fixture f;
  ASSERT_TRUE(f.Scrape("a 1\nb 2\n", 1000));
  auto summary = f.Scrape("a 1\nc 3\n", 2000);
  EXPECT_EQ(summary->added, 1u);
  EXPECT_TRUE(f.IsStaleAt("b{instance=\"i\", job=\"j\"}", 2000));
  EXPECT_FALSE(f.IsStaleAt("a{instance=\"i\", job=\"j\"}", 2000));
}

TEST(BodyAppender, AFailedScrapeEndsAllSeriesAndAppendsNothingElse) {
  Fixture f;
  ASSERT_TRUE(f.Scrape("a 1\nb 2\n", 1000));
  auto summary = f.Scrape("a 1\nb{x=\"1} 2\n", 2000);
  ASSERT_FALSE(summary);
  EXPECT_TRUE(f.IsStaleAt("a{instance=\"i\", job=\"j\"}", 2000));
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}").size(), 2u);
  ASSERT_TRUE(f.Scrape("a 5\n", 3000));
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}").back(),
            (std::pair<core::TimestampMs, double>{3000, 5}));
}

TEST(BodyAppender, TrackedTimestampsGoStale) {
  SampleRules rules;
  rules.track_timestamps_staleness = true;
  Fixture f(rules);
  const std::string series = "a{instance=\"i\", job=\"j\"}";
  ASSERT_TRUE(f.Scrape("a 1 1500\nb 2\n", 1000));
  ASSERT_TRUE(f.Scrape("a 1 1700\nb 2\n", 2000));
  EXPECT_FALSE(f.IsStaleAt(series, 2000));
  ASSERT_TRUE(f.Scrape("b 2\n", 3000));
  EXPECT_TRUE(f.IsStaleAt(series, 3000)) << "at the scrape's time";
  ASSERT_TRUE(f.Scrape("a 1 3500\nb 2\n", 4000));
  EXPECT_FALSE(f.Scrape("a{", 5000));
  EXPECT_TRUE(f.IsStaleAt(series, 5000));
}

TEST(BodyAppender, OwnTimestampsAreKeptAndDoNotGoStale) {
  Fixture f;
  ASSERT_TRUE(f.Scrape("a 1 500\nb 1\n", 1000));
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}").front().first, 500);
  ASSERT_TRUE(f.Scrape("b 1\n", 2000));
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}").size(), 1u);

  SampleRules rules;
  rules.honor_timestamps = false;
  Fixture ignoring(rules);
  ASSERT_TRUE(ignoring.Scrape("a 1 500\n", 1000));
  EXPECT_EQ(ignoring.storage.Of("a{instance=\"i\", job=\"j\"}").front().first, 1000);
}

TEST(BodyAppender, RelabellingDropsOnceAndForAll) {
  config::RelabelRuleConfig drop;
  drop.source_labels = {"__name__"};
  drop.regex = "noise.*";
  drop.action = config::RelabelAction::kDrop;
  Fixture f(WithRelabel({drop}));
  for (core::TimestampMs time_ms : {1000, 2000}) {
    auto summary = f.Scrape("noise_a 1\ngood 2\n", time_ms);
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->scraped, 2u);
    EXPECT_EQ(summary->post_relabel, 1u);
  }
  EXPECT_EQ(f.storage.SeriesNames(), std::vector<std::string>{"good{instance=\"i\", job=\"j\"}"});
}

TEST(BodyAppender, KeepsToItsLimits) {
  SampleRules rules;
  rules.limits.sample_limit = 2;
  Fixture samples(rules);
  EXPECT_TRUE(samples.Scrape("a 1\nb 1\n", 1000));
  EXPECT_EQ(samples.Scrape("a 1\nb 1\nc 1\n", 2000).error().message(), "sample limit exceeded");
  EXPECT_EQ(samples.metrics.sample_limit.value(), 1);

  rules = {};
  rules.limits.label_limit = 3;
  EXPECT_TRUE(Fixture(rules).Scrape("a 1\n", 1000));
  EXPECT_EQ(Fixture(rules).Scrape("a{x=\"1\"} 1\n", 1000).error().message(),
            "label_limit exceeded (metric: a, number of labels: 4, limit: 3)");
  rules = {};
  rules.limits.label_value_length_limit = 5;
  EXPECT_FALSE(Fixture(rules).Scrape("a{x=\"123456\"} 1\n", 1000));
}

TEST(BodyAppender, ASeriesTheStoreRefusesDoesNotFailTheOthers) {
  Fixture f;
  ASSERT_TRUE(f.Scrape("a 1\n", 1000));
  f.storage.RefuseNewSeries();
  auto summary = f.Scrape("a 2\nb 1\n", 2000);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->refused, 1u);
  EXPECT_EQ(summary->refusal, "the limit of active series is reached (--series.limit)");
  EXPECT_EQ(summary->refused_series, "b");
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}").size(), 2u);
  EXPECT_EQ(f.metrics.series_refused.value(), 1);
}

// As Prometheus counts it for its alert PrometheusDuplicateTimestamps: the first line of a series is taken.
TEST(BodyAppender, ASeriesTwiceInABodyIsCountedEachTime) {
  config::RelabelRuleConfig drop;
  drop.regex = "x";
  drop.action = config::RelabelAction::kLabelDrop;
  Fixture f(WithRelabel({drop}));
  const std::string same_text = "a 1\nb 1\na 2\n";
  const std::string same_labels = "c{x=\"1\"} 1\nc{x=\"2\"} 2\n";
  auto summary = f.Scrape(same_text + same_labels, 1000);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->scraped, 5u);
  EXPECT_EQ(summary->post_relabel, 5u);
  EXPECT_EQ(summary->added, 3u);
  EXPECT_EQ(summary->refused, 2u);
  EXPECT_EQ(summary->refusal, "duplicate sample for timestamp");
  EXPECT_EQ(summary->refused_series, "a");
  EXPECT_EQ(f.metrics.duplicate_timestamp.value(), 2);
  // The same lines again, others before them, and without what was repeated.
  EXPECT_EQ(f.Scrape(same_text + same_labels, 2000)->refused, 2u);
  EXPECT_EQ(f.Scrape("z 1\n" + same_text + same_labels, 3000)->refused, 2u);
  EXPECT_EQ(f.Scrape("a 1\nc{x=\"2\"} 2\n", 4000)->refused, 0u);
  EXPECT_EQ(f.metrics.duplicate_timestamp.value(), 6);
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}").back(), std::pair(core::TimestampMs{4000}, 1.0));
}

TEST(BodyAppender, LinesOfOneSeriesWithTimesOfTheirOwnAreNoDuplicates) {
  Fixture f;
  for (core::TimestampMs time_ms : {1000, 2000}) {
    auto summary = f.Scrape("a 1 500\na 2 600\na 3\n", time_ms);
    ASSERT_TRUE(summary);
    EXPECT_EQ(summary->refused, 0u);
  }
  EXPECT_EQ(f.storage.Of("a{instance=\"i\", job=\"j\"}").size(), 6u);
}

TEST(BodyAppender, ReportsAndRemembersMetadata) {
  Fixture f;
  auto summary = f.Scrape("# HELP a Says\\nmuch.\n# TYPE a counter\na 1\n", 1000);
  auto batch = f.storage.NewAppender();
  f.appender->AppendReport({.is_up = true, .duration_seconds = 0.25}, *summary, 1000, *batch);
  ASSERT_TRUE(batch->Commit());
  EXPECT_EQ(f.storage.Of("up{instance=\"i\", job=\"j\"}"), (MemoryStorage::Samples{{1000, 1}}));
  EXPECT_EQ(f.storage.Of("scrape_duration_seconds{instance=\"i\", job=\"j\"}"),
            (MemoryStorage::Samples{{1000, 0.25}}));
  EXPECT_EQ(f.storage.Of("scrape_series_added{instance=\"i\", job=\"j\"}"),
            (MemoryStorage::Samples{{1000, 1}}));
  auto list = f.metadata.List("a");
  ASSERT_EQ(list["a"].size(), 1u);
  EXPECT_EQ(list["a"][0].type, "counter");
  EXPECT_EQ(list["a"][0].help, "Says\nmuch.");
}

TEST(BodyAppender, ExtraMetricsAreReportedAndEndWithTheTarget) {
  SampleRules rules;
  rules.extra_metrics = true;
  rules.limits.sample_limit = 7;
  Fixture f(rules);
  auto batch = f.storage.NewAppender();
  f.appender->AppendReport({true, 0.25, 10, 1234}, {}, 1000, *batch);
  f.appender->AppendReport({false, 0.25, 10, -1}, {}, 2000, *batch);
  f.appender->AppendStaleReport(3000, *batch);
  ASSERT_TRUE(batch->Commit());
  auto first = [&](const std::string& name) {
    return f.storage.Of(name + "{instance=\"i\", job=\"j\"}").at(0).second;
  };
  EXPECT_EQ(first("scrape_timeout_seconds"), 10);
  EXPECT_EQ(first("scrape_sample_limit"), 7);
  EXPECT_EQ(first("scrape_body_size_bytes"), 1234);
  EXPECT_EQ(f.storage.Of("scrape_body_size_bytes{instance=\"i\", job=\"j\"}").at(1).second, -1);
  EXPECT_TRUE(f.IsStaleAt("scrape_body_size_bytes{instance=\"i\", job=\"j\"}", 3000));
}

// Two classic buckets make a histogram of two custom ones and the last.
TEST(BodyAppender, HistogramsKeepToTheirLimitOfBuckets) {
  SampleRules rules;
  rules.parser.custom_buckets = true;
  rules.histogram_limits.bucket_limit = 1;
  Fixture f(rules);
  auto scraped = f.Scrape(
      "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"+Inf\"} 9\nh_sum "
      "4\nh_count 9\n",
      1000);
  ASSERT_FALSE(scraped);
  EXPECT_EQ(scraped.error().message(), "histogram bucket limit exceeded");
  EXPECT_EQ(f.metrics.bucket_limit.value(), 1);
}

// Two buckets of a schema that there is not, which no widening gets below the limit.
TEST(BodyAppender, HistogramsOfUnknownSchemasAreLeftToTheStore) {
  SampleRules rules;
  rules.parser.native_histograms = true;
  rules.histogram_limits.bucket_limit = 1;
  Fixture f(rules);
  const std::string histogram(
      "\x08\x02\x28\xc8\x01\x31\0\0\0\0\0\0\0\0\x62\x04\x08\x00\x10\x02\x6a\x02\x02\x00", 24);
  const std::string metric = std::string("\x3a") + static_cast<char>(histogram.size()) + histogram;
  const std::string family = std::string("\x0a\x01h\x18\x04\x22") + static_cast<char>(metric.size()) + metric;
  auto batch = f.storage.NewAppender();
  auto summary = f.appender->AppendBody(
      {static_cast<char>(family.size()) + family,
       "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"},
      1000, *batch);
  ASSERT_TRUE(summary) << summary.error().message();
  EXPECT_EQ(summary->scraped, 1u);
  EXPECT_EQ(f.metrics.bucket_limit.value(), 0);
}

TEST(BodyAppender, ReadsMetadataAgainWhenItChanges) {
  Fixture f;
  std::string before = "# HELP a One.\n# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n";
  std::string after = "# HELP a One.\n# TYPE a counter\na 1\n# HELP b Two.\n# TYPE b gauge\nb 1\n";
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(f.Scrape(before, 1000 * (i + 1)));
  EXPECT_EQ(f.metadata.List().size(), 2u);
  for (int i = 4; i < 8; ++i) ASSERT_TRUE(f.Scrape(after, 1000 * (i + 1)));
  auto list = f.metadata.List("b");
  ASSERT_EQ(list["b"].size(), 2u);
  EXPECT_EQ(list["b"][1].help, "Two.");
  EXPECT_EQ(list["b"][1].type, "gauge");
  EXPECT_EQ(f.storage.Of("b{instance=\"i\", job=\"j\"}").size(), 8u);
}

// "family type help" of what the last good body said.
std::vector<std::string> Said(const Fixture& f) {
  std::vector<std::string> said;
  if (f.appender->metadata() == nullptr) return said;
  std::vector<MetadataStore::Statement> statements;
  f.metadata.Resolve(*f.appender->metadata(), "", 1'000, statements);
  for (const auto& [family, metadata] : statements) {
    said.push_back(family + " " + metadata.type + " " + metadata.help);
  }
  return said;
}

TEST(BodyAppender, KnowsWhatItsTargetSaysOfFamilies) {
  using Lines = std::vector<std::string>;
  Fixture f;
  EXPECT_TRUE(Said(f).empty());
  core::TimestampMs time_ms = 0;
  auto scrape = [&](const std::string& body) { return f.Scrape(body, time_ms += 1'000); };
  const std::string a = "# HELP a One.\n# TYPE a counter\na 1\n";
  const std::string b = "# TYPE b gauge\nb 1\n";
  const std::string c = "# HELP c Three.\nc 1\n";
  ASSERT_TRUE(scrape(a + b));
  EXPECT_EQ(Said(f), (Lines{"a counter One.", "b gauge "}));
  auto list = f.appender->metadata();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(scrape(a + b));
  EXPECT_EQ(f.appender->metadata(), list) << "nothing is read again";
  // A change is known with the body after it.
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(scrape(a + c + b));
  EXPECT_EQ(Said(f), (Lines{"a counter One.", "c  Three.", "b gauge "}));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(scrape(a + c));
  EXPECT_EQ(Said(f), (Lines{"a counter One.", "c  Three."})) << "what stood at the end is gone";
  EXPECT_FALSE(scrape(a + "garbage{\n"));
  EXPECT_EQ(Said(f), (Lines{"a counter One.", "c  Three."}));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(scrape(b));
  EXPECT_EQ(Said(f), (Lines{"b gauge "}));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(scrape("d 1\n"));
  EXPECT_TRUE(Said(f).empty());
}

TEST(MetadataStoreTest, ListsAreKeptOnceAndResolved) {
  core::Registry registry;
  MetadataStore store(registry);
  uint32_t a = store.Add("a", {"counter", "One.", ""});
  uint32_t b = store.Add("b", {"gauge", "Two.", "bytes"});
  EXPECT_EQ(store.Add("a", {"counter", "One.", ""}), a);
  EXPECT_NE(store.Add("a", {"gauge", "One.", ""}), a);
  EXPECT_EQ(store.Add("a", {"gauge", std::string(MetadataStore::kMaxTextBytes, 'x'), ""}),
            MetadataStore::kNoNumber);
  auto list = store.Share({a, b});
  EXPECT_EQ(store.Share({a, b}), list);
  EXPECT_NE(store.Share({b, a}), list);
  std::vector<MetadataStore::Statement> found;
  store.Resolve(*list, "", 10, found);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].metadata.unit, "bytes");
  found.clear();
  store.Resolve(*list, "b", 10, found);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].family, "b");
  found.clear();
  store.Resolve(*list, "", 1, found);
  EXPECT_EQ(found.size(), 1u);
}

TEST(BodyAppender, RefusesWrongMetadataEachTime) {
  Fixture f;
  ASSERT_TRUE(f.Scrape("# TYPE a counter\na 1\n", 1000));
  for (int i = 1; i < 5; ++i) {
    EXPECT_FALSE(f.Scrape("# TYPE a counter\na 1\n# TYPE b nonsense\nb 1\n", 1000 * (i + 1))) << i;
  }
  EXPECT_TRUE(f.Scrape("# TYPE a counter\na 1\n", 9000));
}

TEST(BodyAppender, RefusesFormatsItCannotRead) {
  Fixture f;
  auto batch = f.storage.NewAppender();
  EXPECT_FALSE(f.appender->AppendBody({"a 1\n", "text/html"}, 1000, *batch));
}

}  // namespace
}  // namespace sextant::scrape
