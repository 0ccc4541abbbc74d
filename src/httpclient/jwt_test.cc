#include "httpclient/jwt.h"

#include <gtest/gtest.h>

#include <tuple>

#include "httpclient/fake_cloud.h"

namespace sextant::httpclient {
namespace {

TEST(Jwt, SignedWithEachAlgorithm) {
  RsaKey key;
  for (auto [algorithm, digest, is_pss] :
       {std::tuple{"RS256", EVP_sha256(), false}, std::tuple{"RS384", EVP_sha384(), false},
        std::tuple{"RS512", EVP_sha512(), false}, std::tuple{"PS256", EVP_sha256(), true}}) {
    auto jwt = SignJwt({algorithm, "k1", R"({"x5c":["a"]})"}, R"({"iss":"me"})", key.pem());
    ASSERT_TRUE(jwt) << jwt.error().message();
    EXPECT_EQ(key.PartOf(*jwt, 0, digest, is_pss),
              fmt::format(R"({{"alg":"{}","typ":"JWT","kid":"k1","x5c":["a"]}})", algorithm));
    EXPECT_EQ(key.PartOf(*jwt, 1, digest, is_pss), R"({"iss":"me"})");
    EXPECT_EQ(RsaKey().PartOf(*jwt, 1, digest, is_pss), "bad signature");
    EXPECT_EQ(jwt->find_first_of("+/="), std::string::npos);
  }
}

TEST(Jwt, BadKeysAreErrors) {
  for (const char* bad : {"", "mysecret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
    auto jwt = SignJwt({"RS256"}, "{}", bad);
    ASSERT_FALSE(jwt);
    EXPECT_NE(jwt.error().message().find("invalid key: it must be an RSA key in PEM"), std::string::npos);
  }
  EXPECT_FALSE(SignJwt({"HS256"}, "{}", RsaKey().pem()));
}

TEST(Jwt, ObjectsAreMerged) {
  EXPECT_EQ(MergeJsonObjects(R"({"a":1,"b":"x"})", R"({"b":[true,null],"c":{}})"),
            R"({"a":1,"b":[true,null],"c":{}})");
  EXPECT_EQ(MergeJsonObjects(R"({"a":1})", ""), R"({"a":1})");
  EXPECT_EQ(MergeJsonObjects("[1]", "nonsense"), "{}");
}

TEST(Jwt, IdsDiffer) {
  std::string one = RandomUuid();
  EXPECT_EQ(one.size(), 36u);
  EXPECT_EQ(one[14], '4');
  EXPECT_NE(one, RandomUuid());
  EXPECT_EQ(EncodeBase64Url("\xfb\xff\xfe?"), "-__-Pw");
}

}  // namespace
}  // namespace sextant::httpclient
