#include "dashboards/annotations.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/clock.h"

namespace sextant::dashboards {
namespace {

using core::Code;

class AnnotationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "annotations_test.sqlite";
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    ASSERT_TRUE(annotations_.Open(path_));
  }
  int64_t Add(int64_t from_ms, int64_t to_ms, std::vector<std::string> tags, std::string dashboard = "") {
    Annotation one{.dashboard_uid = std::move(dashboard), .from_ms = from_ms, .to_ms = to_ms, .text = "t"};
    one.tags = std::move(tags);
    auto id = annotations_.Add(std::move(one));
    return id ? *id : 0;
  }
  std::vector<int64_t> Ids(const AnnotationFilter& filter) {
    std::vector<int64_t> ids;
    for (const Annotation& one : annotations_.List(filter)) ids.push_back(one.id);
    return ids;
  }
  std::string path_;
  core::SystemClock clock_;
  Annotations annotations_{clock_};
};

TEST_F(AnnotationsTest, AreFoundByTimeTagsAndDashboard) {
  EXPECT_EQ(Add(10, 20, {"a", "b"}), 1);
  EXPECT_EQ(Add(30, 30, {"b"}, "home"), 2);
  EXPECT_EQ(Add(5, 100, {}), 3);
  using Ids = std::vector<int64_t>;
  EXPECT_EQ(this->Ids({}), (Ids{2, 1, 3}));
  EXPECT_EQ(this->Ids({.from_ms = 20, .to_ms = 29}), (Ids{1, 3}));
  EXPECT_EQ(this->Ids({.from_ms = 21, .to_ms = 30}), (Ids{2, 3}));
  EXPECT_EQ(this->Ids({.dashboard_uid = "home"}), Ids{2});
  EXPECT_EQ(this->Ids({.tags = {"a", "b"}}), Ids{1});
  EXPECT_EQ(this->Ids({.tags = {"a", "b"}, .any_tag = true}), (Ids{2, 1}));
  EXPECT_EQ(this->Ids({.limit = 1}), Ids{2});
  using Tags = std::vector<std::pair<std::string, int64_t>>;
  EXPECT_EQ(annotations_.Tags("", 10), (Tags{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(annotations_.Tags("b", 10), (Tags{{"b", 2}}));
}

TEST_F(AnnotationsTest, WhatIsKeptIsThereAfterARestart) {
  Add(10, 20, {"a", "b c"}, "home");
  Add(1, 1, {});
  Annotation changed = *annotations_.Find(1);
  changed.text = "changed";
  EXPECT_TRUE(annotations_.Replace(changed));
  EXPECT_TRUE(annotations_.Remove(2));
  Annotations again{clock_};
  ASSERT_TRUE(again.Open(path_));
  auto kept = again.Find(1);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->text, "changed");
  EXPECT_EQ(kept->tags, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(kept->dashboard_uid, "home");
  EXPECT_EQ(again.Find(2).error().code(), Code::kNotFound);
  EXPECT_EQ(*again.Add({.text = "next"}), 2);
}

TEST_F(AnnotationsTest, WhatIsNoneIsRefused) {
  auto code = [&](Annotation one) { return annotations_.Add(std::move(one)).error().code(); };
  EXPECT_EQ(code({}), Code::kInvalidArgument);
  EXPECT_EQ(code({.from_ms = 2, .to_ms = 1, .text = "t"}), Code::kInvalidArgument);
  EXPECT_EQ(code({.text = std::string(Annotations::kMaxTextBytes + 1, 'x')}), Code::kInvalidArgument);
  for (const std::string& tag : {std::string(), std::string("a\nb"), std::string(101, 'x')})
    EXPECT_EQ(code({.text = "t", .tags = {tag}}), Code::kInvalidArgument);
  EXPECT_EQ(code({.text = "t", .tags = std::vector<std::string>(51, "x")}), Code::kInvalidArgument);
  EXPECT_EQ(annotations_.Remove(7).error().code(), Code::kNotFound);
  EXPECT_EQ(annotations_.Replace({.id = 7, .text = "t"}).error().code(), Code::kNotFound);
  Annotations closed{clock_};
  EXPECT_EQ(closed.Add({.text = "t"}).error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace sextant::dashboards
