#include "net/htpasswd.h"

#include <gtest/gtest.h>

namespace sextant::net {

namespace {

// Hashes as `openssl passwd` gives them.
constexpr const char* kHashes[] = {
    "$apr1$abcdefgh$1tbvZt3PQE5Gxh1tXXSfl1",
    "$1$xyz$f82Mbi3cPgwhdUKAAUxAC/",
    "$5$saltsalt$45tzb1q.ym52ECEaFpsg0M4Rde5Mpkjnr2O/2y3kRs9",
    "$6$saltsalt$lK82rUHFcnOT2X0mMScGOn0pQA9N6UGZLGqBV0v9aLxlIiZLCVAz..2rXh1MBUP9XTjynoOjkqqYPZ6oZqVdh/",
    "{SHA}MzVTQ5LSgIxlpOaxDZ8h6reSDs8=",
    "{SSHA}GZXer+Yw7Joj/2o2SzWZGbM7dyVzYWx0eQ==",
};

TEST(HtpasswdTest, ChecksEveryKind) {
  for (const char* hash : kHashes) {
    EXPECT_TRUE(IsHtpasswdHash(hash)) << hash;
    EXPECT_TRUE(MatchesHtpasswdHash("se cret", hash)) << hash;
    EXPECT_FALSE(MatchesHtpasswdHash("secret", hash)) << hash;
    EXPECT_FALSE(MatchesHtpasswdHash("", hash)) << hash;
    EXPECT_FALSE(MatchesHtpasswdHash(std::string("se cret\0", 8), hash)) << hash;
  }
  EXPECT_TRUE(MatchesHtpasswdHash("", "$apr1$abc$BfqKdn9xFDWJPa3kcp/PH0"));
  EXPECT_TRUE(MatchesHtpasswdHash("a password that is longer than thirty-two bytes",
                                  "$apr1$longsalt$oiPcGdx4Pq5NOUgipkrMx1"));
}

TEST(HtpasswdTest, NothingMatchesWhatIsMalformed) {
  for (const char* hash : {"$apr1$", "$apr1$salt", "$apr1$salt$", "{SHA}", "{SHA}!", "{SHA}QQ==", "{SSHA}",
                           "$1$", "$5$rounds=x$", "$6$"}) {
    EXPECT_TRUE(IsHtpasswdHash(hash)) << hash;
    EXPECT_FALSE(MatchesHtpasswdHash("x", hash)) << hash;
  }
  // A digest with something behind it is none without a salt.
  EXPECT_FALSE(MatchesHtpasswdHash("se cret", "{SHA}GZXer+Yw7Joj/2o2SzWZGbM7dyVzYWx0eQ=="));
  for (const char* other : {"", "plain", "$2y$10$x", "$9$x"}) {
    EXPECT_FALSE(IsHtpasswdHash(other)) << other;
    EXPECT_FALSE(MatchesHtpasswdHash("x", other)) << other;
  }
}

}  // namespace

}  // namespace sextant::net
