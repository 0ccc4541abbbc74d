#include "otlp/attributes.h"

#include <gtest/gtest.h>

#include "otlp/full_data.h"

namespace sextant::otlp {
namespace {

TEST(AttributesTest, ValuesAreEqualByContent) {
  Memory memory;
  EXPECT_EQ(AnyValue::Text("a"), AnyValue::Text(memory.Copy("a")));
  EXPECT_FALSE(AnyValue::Text("a") == AnyValue::Bytes("a"));
  EXPECT_FALSE(AnyValue::Int(1) == AnyValue::Bool(true));
  EXPECT_FALSE(AnyValue::Int(1) == AnyValue::Double(1));
  EXPECT_EQ(AnyValue(), AnyValue());
  Attributes one = MakeAttributes(memory, {{"a", AnyValue::Int(1)}, {"b", AnyValue::Text("x")}});
  Attributes other = MakeAttributes(memory, {{"b", AnyValue::Text("x")}, {"a", AnyValue::Int(1)}});
  Attributes third = MakeAttributes(memory, {{"b", AnyValue::Text("x")}, {"a", AnyValue::Int(2)}});
  EXPECT_EQ(AnyValue::Map(one), AnyValue::Map(other));
  EXPECT_FALSE(AnyValue::Array(one) == AnyValue::Array(other));
  EXPECT_FALSE(AnyValue::Map(one) == AnyValue::Map(third));
}

TEST(AttributesTest, CopiesNeedNothingOfTheirSource) {
  Memory memory;
  Attributes copy;
  {
    Memory source;
    copy = CopyAttributes(AllValues(source), memory);
  }
  Memory again;
  Attributes expected = AllValues(again);
  ASSERT_EQ(copy.size(), expected.size());
  for (size_t i = 0; i < copy.size(); ++i) {
    EXPECT_EQ(copy[i].key, expected[i].key);
    EXPECT_EQ(ValueText(copy[i].value), ValueText(expected[i].value)) << copy[i].key;
  }
}

TEST(AttributesTest, ValuesAsText) {
  Memory memory;
  Attributes attributes = AllValues(memory);
  auto text = [&](std::string_view key) { return ValueText(*FindAttribute(attributes, key)); };
  EXPECT_EQ(text("text"), "a \"quoted\"\n<text>, \u00e4\u20ac");
  EXPECT_EQ(text("yes"), "true");
  EXPECT_EQ(text("least"), "-9223372036854775808");
  EXPECT_EQ(text("double"), "1.5e+300");
  EXPECT_EQ(text("bytes"), "AP+A");
  EXPECT_EQ(text("list"), R"(["",0,null,{"":-1,"k":"v"}])");
  EXPECT_EQ(text("map"), R"({"":-1,"k":"v"})");
  EXPECT_EQ(text("empty list"), "[]");
  EXPECT_EQ(text("empty map"), "{}");
  EXPECT_EQ(text("nothing"), "");
  EXPECT_EQ(FindAttribute(attributes, "absent"), nullptr);
}

TEST(AttributeEditorTest, ChangesAreSeenWhenApplied) {
  Memory memory;
  Attributes attributes = MakeAttributes(
      memory,
      {{"a", AnyValue::Int(1)}, {"b", AnyValue::Int(2)}, {"c", AnyValue::Int(3)}, {"b", AnyValue::Int(4)}});
  const KeyValue* before = attributes.begin();
  AttributeEditor editor(attributes, memory);
  editor.Apply();
  EXPECT_EQ(attributes.begin(), before);  // nothing changed
  editor.Set("b", AnyValue::Text("new"));
  editor.Set("d", AnyValue::Bool(true));
  EXPECT_TRUE(editor.Remove("a"));
  EXPECT_FALSE(editor.Remove("absent"));
  editor.RemoveIf([](const KeyValue& item) { return item.key == "c"; });
  ASSERT_NE(editor.Find("b"), nullptr);
  EXPECT_EQ(*editor.Find("b"), AnyValue::Text("new"));
  EXPECT_EQ(editor.Find("a"), nullptr);
  EXPECT_EQ(attributes.size(), 4u);
  editor.Apply();
  ASSERT_EQ(attributes.size(), 3u);
  EXPECT_EQ(attributes[0].key, "b");
  EXPECT_EQ(attributes[0].value, AnyValue::Text("new"));
  EXPECT_EQ(attributes[1].value, AnyValue::Int(4));
  EXPECT_EQ(attributes[2].key, "d");
  editor.RemoveIf([](const KeyValue&) { return true; });
  editor.Apply();
  EXPECT_TRUE(attributes.empty());
}

}  // namespace
}  // namespace sextant::otlp
