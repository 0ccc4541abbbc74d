// Reads the input as what servers, programs and files say of tokens and keys.
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/http_client_config.h"
#include "core/rfc3339.h"
#include "httpclient/aws_credentials.h"
#include "httpclient/google_iam.h"
#include "httpclient/jwt.h"
#include "httpclient/token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace sextant::httpclient;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  if (auto keys = ReadStsAnswer(text)) SEXTANT_CHECK(!keys->keys.access_key.empty());
  if (auto keys = ReadAwsKeysJson(text)) SEXTANT_CHECK(!keys->keys.secret_key.empty());
  static_cast<void>(ReadStsError(text));
  static_cast<void>(ReadGoogleCredentials(text));
  static_cast<void>(sextant::core::ParseRfc3339(text));
  // Merged with nothing it stays an object.
  const std::string merged = MergeJsonObjects(text, text);
  SEXTANT_CHECK(MergeJsonObjects(merged, "") == merged);
  static_cast<void>(SignJwt({"RS256"}, "{}", text));
  for (const char* type : {"application/json", "application/x-www-form-urlencoded"}) {
    for (int status : {200, 400}) {
      sextant::net::FetchResponse answer;
      answer.status = status;
      answer.headers.Set("Content-Type", type);
      answer.body = text;
      if (auto token = ReadTokenAnswer(answer)) SEXTANT_CHECK(!token->value.empty() && status == 200);
    }
  }
  return 0;
}
