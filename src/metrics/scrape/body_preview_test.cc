#include "metrics/scrape/body_preview.h"

#include <gtest/gtest.h>

namespace sextant::scrape {
namespace {

TEST(BodyPreviewTest, ATextIsCutAtAWholeCharacter) {
  std::string text(kMaxPreviewBytes - 1, 'a');
  text += "\xc3\xa4 and more";
  BodyPreview preview = PreviewOf(text, "text/plain");
  EXPECT_TRUE(preview.is_text);
  EXPECT_EQ(preview.body.size(), kMaxPreviewBytes - 1);
  EXPECT_EQ(preview.received_bytes, text.size());
}

TEST(BodyPreviewTest, WhatIsNoTextIsNotShown) {
  for (std::string_view body :
       {std::string_view("a\0b", 3), std::string_view("\xff\xfe"), std::string_view("cut \xc3")}) {
    BodyPreview preview = PreviewOf(body, "");
    EXPECT_FALSE(preview.is_text);
    EXPECT_EQ(preview.body, "");
  }
  EXPECT_TRUE(PreviewOf("", "").is_text);
}

TEST(BodyPreviewTest, SecretsAreHidden) {
  net::FetchRequest request;
  request.basic_user = "me";
  request.basic_password = "opensesame";
  request.headers.Set("X-Key", "key-key");
  request.headers.Set("X-Open", "visible");
  config::HttpClientConfig http;
  http.http_headers["X-Key"].secrets = {config::Secret("key-key")};
  http.http_headers["X-Open"].values = {"visible"};
  std::string text =
      HideSecrets("Basic bWU6b3BlbnNlc2FtZQ== opensesame key-key visible", SecretsOf(request, http), false);
  EXPECT_EQ(text, "Basic <secret> <secret> <secret> visible");

  net::FetchRequest digest;
  digest.headers.Set("Authorization", "Token abcdef");
  EXPECT_EQ(HideSecrets("abcdef", SecretsOf(digest, {}), false), "<secret>");
}

TEST(BodyPreviewTest, ShortSecretsAreHiddenAsWordsOfTheirOwn) {
  net::FetchRequest request;
  request.basic_password = "pw1";
  EXPECT_EQ(HideSecrets("password=pw1 pw10 xpw1 {a=\"pw1\"} pw1", SecretsOf(request, {}), false),
            "password=<secret> pw10 xpw1 {a=\"<secret>\"} <secret>");
  request.basic_password = "-";
  EXPECT_EQ(HideSecrets("a-b", SecretsOf(request, {}), false), "a<secret>b");
}

TEST(BodyPreviewTest, FetchedTokensAreHiddenByTheNameOfTheirHeader) {
  EXPECT_EQ(HideSecrets("a authorization: Bearer x y\nb", {}, true), "a authorization: <secret>\nb");
  EXPECT_EQ(HideSecrets(R"({"Authorization": "Bearer x", "b": 1})", {}, true),
            R"({"Authorization": "<secret>", "b": 1})");
  EXPECT_EQ(HideSecrets("authorization_errors 1\nauthorization", {}, true),
            "authorization_errors 1\nauthorization");
}

}  // namespace
}  // namespace sextant::scrape
