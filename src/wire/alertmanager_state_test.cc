#include "wire/alertmanager_state.h"

#include <gtest/gtest.h>

namespace sextant::wire {
namespace {

MeshSilence SomeSilence() {
  MeshSilence silence;
  silence.id = "7d1f3c0e-4d2c-4b6a-9d5e-0123456789ab";
  silence.matcher_sets = {
      {{SilenceMatcherType::kNotRegexp, "a", "x.*"}, {SilenceMatcherType::kEqual, "b", ""}},
      {{SilenceMatcherType::kRegexp, "c", "y"}}};
  silence.starts_at_ms = 1'700'000'000'123;
  silence.ends_at_ms = 1'700'000'100'456;
  silence.updated_at_ms = -1;
  silence.created_by = "me";
  silence.comment = std::string(300, 'c');
  silence.annotations = {{"ticket", "42"}, {"empty", ""}};
  silence.expires_at_ms = 1'700'000'200'000;
  return silence;
}

MeshEntry SomeEntry() {
  MeshEntry entry;
  entry.group_key = "{}:{alertname=\"A\"}";
  entry.receiver = "team/x";
  entry.integration = "webhook";
  entry.index = 3;
  entry.time_ms = 1'700'000'000'123;
  entry.firing = {1, 0xFFFF'FFFF'FFFF'FFFFu};
  entry.resolved = {7};
  entry.receiver_data = {{"ts", std::string("12.5")}, {"n", int64_t{-3}}, {"d", 1.5}};
  entry.muted = {1};
  entry.expires_at_ms = 1'700'000'900'000;
  return entry;
}

TEST(AlertmanagerState, ReadsBackWhatItWrote) {
  std::string bytes;
  AppendMeshSilence(bytes, SomeSilence());
  AppendMeshSilence(bytes, MeshSilence{.id = "second"});
  std::string_view rest = bytes;
  const auto first = TakeMeshSilence(rest);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(*first, SomeSilence());
  const auto second = TakeMeshSilence(rest);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, "second");
  EXPECT_TRUE(rest.empty());

  std::string log;
  AppendMeshEntry(log, SomeEntry());
  rest = log;
  const auto entry = TakeMeshEntry(rest);
  ASSERT_TRUE(entry) << entry.error().message();
  EXPECT_EQ(*entry, SomeEntry());
}

TEST(AlertmanagerState, EveryCutIsAnError) {
  std::string bytes;
  AppendMeshSilence(bytes, SomeSilence());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string_view rest = std::string_view(bytes).substr(0, size);
    EXPECT_FALSE(TakeMeshSilence(rest)) << size;
  }
  std::string_view huge = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
  EXPECT_FALSE(TakeMeshEntry(huge));
}

// A silence of a version that has neither sets nor one comment.
TEST(AlertmanagerState, OldSilences) {
  const std::string inner = std::string("\x0A\x01") + "i" +                             // id
                            std::string("\x12\x06\x12\x01") + "a" + "\x1A\x01" + "b" +  // matchers
                            std::string("\x3A\x06\x0A\x01") + "u" + "\x12\x01" + "t";   // comments
  std::string bytes = "\x0A";
  bytes += static_cast<char>(inner.size());
  bytes += inner;
  bytes.insert(bytes.begin(), static_cast<char>(bytes.size()));
  std::string_view rest = bytes;
  const auto silence = TakeMeshSilence(rest);
  ASSERT_TRUE(silence) << silence.error().message();
  EXPECT_EQ(silence->id, "i");
  ASSERT_EQ(silence->matcher_sets.size(), 1);
  EXPECT_EQ(silence->matcher_sets[0][0], (SilenceMatcher{SilenceMatcherType::kEqual, "a", "b"}));
  EXPECT_EQ(silence->created_by, "u");
  EXPECT_EQ(silence->comment, "t");
}

}  // namespace
}  // namespace sextant::wire
