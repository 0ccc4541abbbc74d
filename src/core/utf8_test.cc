#include "core/utf8.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

std::string Utf8(uint32_t code) {
  std::string out;
  AppendUtf8(code, out);
  return out;
}

TEST(Utf8, EveryLengthAndWhatIsNoCodePoint) {
  EXPECT_EQ(Utf8('a'), "a");
  EXPECT_EQ(Utf8(0x7f), "\x7f");
  EXPECT_EQ(Utf8(0x80), "\xc2\x80");
  EXPECT_EQ(Utf8(0x20ac), "\xe2\x82\xac");
  EXPECT_EQ(Utf8(0x1f600), "\xf0\x9f\x98\x80");
  EXPECT_EQ(Utf8(0x10ffff), "\xf4\x8f\xbf\xbf");
  for (uint32_t none : {0xd800u, 0xdfffu, 0x110000u, 0xffffffffu}) EXPECT_EQ(Utf8(none), "\xef\xbf\xbd");
}

TEST(Utf8Test, WhatIsNoTextIsReplacedByteByByte) {
  EXPECT_EQ(RepairUtf8("plain \xc3\xa4"), "plain \xc3\xa4");
  EXPECT_EQ(RepairUtf8("a\xff\xc3(b\xe2\x82"), "a\uFFFD\uFFFD(b\uFFFD\uFFFD");
  EXPECT_EQ(RepairUtf8(""), "");
}

}  // namespace
}  // namespace sextant::core
