// Answers that describe the server itself, against Prometheus' own.
#include <gtest/gtest.h>
#include <re2/re2.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "api/cors.h"
#include "api/features_api.h"
#include "api/openapi_api.h"

namespace sextant::api {
namespace {

namespace dom = simdjson::dom;

std::filesystem::path Conformance(const char* file) {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return std::filesystem::path(folder ? folder : SEXTANT_CONFORMANCE_DEFAULT) / "prometheus/api" / file;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// The lines of a description without what explains: descriptions, summaries, examples, titles and contact.
// A property that is called so has no text behind its name and stays.
std::vector<std::string> Structure(const std::string& yaml) {
  static const RE2 kExplains(R"( *(?:(?:description|summary|title): .+|(?:examples?|contact):.*))");
  std::vector<std::string> lines;
  std::optional<size_t> left_out;  // the indentation of what is left out with all that is deeper
  std::istringstream in(yaml);
  for (std::string line; std::getline(in, line);) {
    size_t indentation = line.find_first_not_of(' ');
    if (indentation == line.npos || (left_out && indentation > *left_out)) continue;
    left_out.reset();
    if (RE2::FullMatch(line, kExplains)) {
      left_out = indentation;
    } else {
      lines.push_back(line);
    }
  }
  return lines;
}

TEST(OpenApi, DescribesWhatPrometheusDescribes) {
  std::filesystem::path v31 = Conformance("openapi_3.1_golden.yaml");
  if (!std::filesystem::exists(v31)) GTEST_SKIP() << "no conformance data at " << v31;
  std::string source = ReadFile(SEXTANT_OPENAPI_SOURCE);
  EXPECT_GT(Structure(source).size(), 3'000u);
  EXPECT_EQ(Structure(OpenApi31(source, {})), Structure(ReadFile(v31)));
  EXPECT_EQ(Structure(OpenApi32(source, {})), Structure(ReadFile(Conformance("openapi_3.2_golden.yaml"))));
}

TEST(OpenApi, TellsTheServersOwnVersionAndUrl) {
  std::string text =
      OpenApi31("# a comment\nopenapi: 3.2.0\ninfo:\n    version: 0\nservers:\n    - url: /x\n",
                {"1.2", "http://h/api/v1"});
  EXPECT_EQ(text, "openapi: 3.1.0\ninfo:\n    version: 1.2\nservers:\n    - url: http://h/api/v1\n");
}

FeatureSwitches DefaultSwitches() { return {}; }

TEST(Features, OfTheLanguageAreThoseOfADefaultServer) {
  std::filesystem::path path = Conformance("features.json");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no conformance data at " << path;
  Features ours = ListFeatures(DefaultSwitches());
  dom::parser parser;
  dom::element golden = parser.load(path.string());
  for (const char* category :
       {"promql", "promql_functions", "promql_operators", "api", "templating_functions"}) {
    std::map<std::string, bool> expected;
    for (auto [name, is_on] : golden[category].get_object()) expected[std::string(name)] = is_on.get_bool();
    EXPECT_EQ(ours[category], expected) << category;
  }
  // Of the others every name is there; whether we have it is ours to say.
  for (auto [category, members] : golden.get_object()) {
    for (auto [name, is_on] : members.get_object()) {
      EXPECT_TRUE(ours[std::string(category)].contains(std::string(name))) << category << "." << name;
    }
  }
}

TEST(Features, FollowTheSwitches) {
  FeatureSwitches switches;
  switches.engine.parser = promql::ParserOptions::Everything();
  switches.engine.delayed_name_removal = true;
  switches.per_step_stats = switches.search_api = switches.admin_api = true;
  switches.lifecycle = switches.remote_write_receiver = switches.auto_reload = true;
  Features features = ListFeatures(switches);
  for (const char* name :
       {"anchored", "smoothed", "fill", "duration_expr", "delayed_name_removal", "per_step_stats"}) {
    EXPECT_TRUE(features["promql"][name]) << name;
  }
  EXPECT_TRUE(features["promql_functions"]["info"]);
  EXPECT_TRUE(features["promql_operators"]["limitk"]);
  EXPECT_TRUE(features["api"]["admin"]);
  EXPECT_TRUE(features["api"]["search"]);
  EXPECT_TRUE(features["api"]["lifecycle"]);
  EXPECT_TRUE(features["api"]["remote_write_receiver"]);
  EXPECT_TRUE(features["prometheus"]["auto_reload_config"]);
  for (const char* name : {"dns", "file", "http", "kubernetes", "static"}) {
    EXPECT_TRUE(features["service_discovery_providers"][name]) << name;
  }
}

net::HttpHeaders CorsHeaders(std::string_view pattern, std::string_view origin,
                             std::string path = "/api/v1/query") {
  net::HttpRequest request;
  request.path = std::move(path);
  if (!origin.empty()) request.headers.Add("Origin", origin);
  net::HttpHeaders headers;
  (*MakeCors(pattern))(request, headers);
  return headers;
}

TEST(Cors, AllowsWhomThePatternNames) {
  net::HttpHeaders all = CorsHeaders(".*", "https://example.com");
  EXPECT_EQ(all.Get("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(all.Get("Access-Control-Allow-Methods"), "GET, POST, OPTIONS");
  EXPECT_EQ(all.Get("Access-Control-Allow-Headers"), "Accept, Authorization, Content-Type, Origin");
  EXPECT_EQ(all.Get("Access-Control-Expose-Headers"), "Date");
  EXPECT_EQ(all.Get("Vary"), "Origin");
  std::string_view pattern = R"(https?://(a|b)\.example)";
  EXPECT_EQ(CorsHeaders(pattern, "http://a.example").Get("Access-Control-Allow-Origin"), "http://a.example");
  EXPECT_FALSE(CorsHeaders(pattern, "http://a.example.evil").Has("Access-Control-Allow-Origin"));
  EXPECT_TRUE(CorsHeaders(".*", "").empty());
  EXPECT_TRUE(CorsHeaders(".*", "https://example.com", "/assets/index.js").empty());
  EXPECT_FALSE(MakeCors("("));
}

}  // namespace
}  // namespace sextant::api
