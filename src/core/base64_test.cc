#include "core/base64.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

TEST(Base64Test, GivesBackWhatWasPutIn) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64Test, PadsToGroupsOfFour) {
  EXPECT_EQ(EncodeBase64(""), "");
  EXPECT_EQ(EncodeBase64("a"), "YQ==");
  EXPECT_EQ(EncodeBase64("ab"), "YWI=");
  EXPECT_EQ(EncodeBase64("\xff\xfe\xfd"), "//79");
}

TEST(Base64Test, RefusesWhatIsNoBase64) {
  for (std::string_view text : {"abc", "a", "====", "YQ=", "Y===", "YQ==YQ==", "Y Q=", "YWJj\n", "YQ_-"}) {
    EXPECT_FALSE(DecodeBase64(text)) << text;
  }
}

TEST(Base64Test, PaddingMayBeLeftOut) {
  EXPECT_EQ(DecodeUnpaddedBase64("YQ"), "a");
  EXPECT_EQ(DecodeUnpaddedBase64("YQ=="), "a");
  EXPECT_EQ(DecodeUnpaddedBase64("YWI"), "ab");
  EXPECT_FALSE(DecodeUnpaddedBase64("Y"));
  EXPECT_FALSE(DecodeUnpaddedBase64("YQ==YQ"));
}

}  // namespace
}  // namespace sextant::core
