#include "otlp/memory.h"

#include <gtest/gtest.h>

#include <thread>

#include "otlp/encode.h"
#include "otlp/full_data.h"

namespace sextant::otlp {
namespace {

TEST(MemoryTest, CopiesStayWhereTheyAre) {
  Memory memory;
  std::vector<std::string_view> texts;
  for (size_t i = 0; i < 2000; ++i)
    texts.push_back(memory.Copy(std::string(i, static_cast<char>('a' + i % 26))));
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(texts[i], std::string(i, static_cast<char>('a' + i % 26)));
  }
  EXPECT_GE(memory.bytes(), 2000u * 1999 / 2);
  EXPECT_EQ(memory.Copy("").size(), 0u);
}

TEST(MemoryTest, KeepsWhatViewsReferTo) {
  auto owner = std::make_shared<std::string>("kept");
  std::weak_ptr<std::string> watch = owner;
  Memory memory;
  memory.Keep(std::move(owner), 4);
  EXPECT_EQ(memory.bytes(), 4u);
  Memory copy = memory;
  memory = Memory();
  EXPECT_FALSE(watch.expired());
  copy = Memory();
  EXPECT_TRUE(watch.expired());
}

TEST(MemoryTest, JoinTakesAllThatTheOtherHad) {
  Memory other;
  std::string_view text = other.Copy("from the other");
  auto message = std::make_shared<std::string>("message");
  other.Keep(message, 7);
  Memory memory;
  memory.Keep(message, 7);
  memory.Join(std::move(other));
  EXPECT_EQ(text, "from the other");
  EXPECT_EQ(message.use_count(), 2);  // once here, once in the memory, which knew it
}

TEST(MemoryTest, EditingACopyLeavesTheOriginal) {
  TracesData original = FullTraces();
  std::string before = EncodeTraces(original);
  TracesData copy = original;
  AttributeEditor editor(copy.resources[0].resource.attributes, copy.memory);
  editor.Set("added", AnyValue::Text(copy.memory.Copy(std::string(1000, 'z'))));
  EXPECT_TRUE(editor.Remove("text"));
  editor.Apply();
  copy.resources[0].scopes[0].spans[0].name = "changed";
  EXPECT_EQ(EncodeTraces(original), before);
  std::string changed = EncodeTraces(copy);
  EXPECT_NE(changed, before);
  original = TracesData();
  EXPECT_EQ(EncodeTraces(copy), changed);
}

// Copies of the same data, each edited by a thread of its own. With the thread sanitizer this shows that what
// is shared is only read.
TEST(MemoryTest, ThreadsEditCopiesOfTheirOwn) {
  TracesData original = FullTraces();
  std::string message = EncodeTraces(original);
  std::vector<std::thread> threads;
  std::vector<std::string> results(4);
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([copy = original, i, &results]() mutable {
      for (int round = 0; round < 50; ++round) {
        TracesData mine = copy;
        for (ResourceSpans& resource : mine.resources) {
          AttributeEditor editor(resource.resource.attributes, mine.memory);
          editor.Set("thread", AnyValue::Int(static_cast<int64_t>(i)));
          editor.Apply();
        }
        results[i] = EncodeTraces(mine);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < results.size(); ++i) {
    auto decoded = DecodeTraces(results[i]);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*FindAttribute(decoded->resources[0].resource.attributes, "thread"),
              AnyValue::Int(static_cast<int64_t>(i)));
  }
  EXPECT_EQ(EncodeTraces(original), message);
}

}  // namespace
}  // namespace sextant::otlp
