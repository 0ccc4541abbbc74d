#include "dashboards/library.h"

#include <gtest/gtest.h>

namespace sextant::dashboards {
namespace {

TEST(Library, KeepsWhatItWasGiven) {
  Library library;
  std::string json = R"({"uid":"home","title":"Home","tags":["a",1],"panels":[]})";
  ASSERT_TRUE(library.Add(json));
  ASSERT_TRUE(library.Add(R"({"uid":"a","title":"A"})"));
  ASSERT_NE(library.Find("home"), nullptr);
  EXPECT_EQ(library.Find("home")->json, json);
  EXPECT_EQ(library.Find("home")->tags, std::vector<std::string>{"a"});
  EXPECT_EQ(library.Find("nothing"), nullptr);
  EXPECT_EQ(library.List().front()->title, "A");
}

TEST(Library, RefusesWhatIsNoDashboard) {
  Library library;
  for (const char* json :
       {"", "[]", "{", "{}", R"({"uid":"a"})", R"({"uid":"a/b","title":"x"})", R"({"uid":7,"title":"x"})"}) {
    EXPECT_EQ(library.Add(json).error().code(), core::Code::kInvalidArgument) << json;
  }
  ASSERT_TRUE(library.Add(R"({"uid":"a","title":"A"})"));
  EXPECT_EQ(library.Add(R"({"uid":"a","title":"B"})").error().code(), core::Code::kAlreadyExists);
}

}  // namespace
}  // namespace sextant::dashboards
