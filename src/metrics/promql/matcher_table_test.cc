// Prometheus' table of label matchers.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "model/matcher.h"

namespace sextant::promql {
namespace {

TEST(MatcherTable, Matches) {
  const char* dir = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path =
      fmt::format("{}/prometheus/promql/matcher_cases.json", dir != nullptr ? dir : SEXTANT_CONFORMANCE_DEFAULT);
  if (!std::filesystem::exists(path)) GTEST_SKIP();
  const std::map<std::string_view, model::MatchType> types = {{"MatchEqual", model::MatchType::kEqual},
                                                              {"MatchNotEqual", model::MatchType::kNotEqual},
                                                              {"MatchRegexp", model::MatchType::kRegexp},
                                                              {"MatchNotRegexp", model::MatchType::kNotRegexp}};
  simdjson::dom::parser parser;
  int cases = 0;
  for (simdjson::dom::element test : parser.load(path)) {
    ++cases;
    simdjson::dom::array args = test["matcher"]["args"];
    std::string_view expression = args.at(2);
    core::Result<model::Matcher> matcher =
        model::Matcher::Make(types.at(std::string_view(args.at(1)["$id"])), "label", expression);
    ASSERT_TRUE(matcher) << expression;
    EXPECT_EQ(matcher->Matches(std::string_view(test["value"])), bool(test["match"])) << expression;
  }
  EXPECT_GT(cases, 10);
}

}  // namespace
}  // namespace sextant::promql
