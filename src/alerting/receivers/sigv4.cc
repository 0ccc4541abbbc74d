#include "alerting/receivers/sigv4.h"

#include <fmt/format.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <map>

#include "gotemplate/go_time.h"
#include "gotemplate/unicode.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string Sha256Hex(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return Hex({reinterpret_cast<const char*>(digest), sizeof digest});
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), size};
}

}  // namespace

void SignRequest(net::FetchRequest& request, const SigV4Credentials& credentials, const std::string& region,
                 const std::string& service, core::TimestampMs now_ms) {
  const std::string stamp = gotemplate::FormatTime(gotemplate::Time::FromUnixMs(now_ms), "20060102T150405Z");
  const std::string day = stamp.substr(0, 8);
  request.headers.Set("X-Amz-Date", stamp);
  if (!credentials.session_token.empty())
    request.headers.Set("X-Amz-Security-Token", credentials.session_token);

  const auto url = net::ParseUrl(request.url).value_or(net::Url());
  std::map<std::string, std::string> headers = {{"host", url.HostPort()}};
  for (size_t i = 0; i < request.headers.size(); ++i) {
    const std::string name = gotemplate::ToLower(request.headers.name(i));
    // What proxies on the way may change is not signed.
    if (name == "user-agent" || name == "authorization") continue;
    headers[name] = std::string(gotemplate::TrimSpace(request.headers.value(i)));
  }
  std::string canonical_headers;
  std::string signed_headers;
  for (const auto& [name, value] : headers) {
    canonical_headers += name + ":" + value + "\n";
    signed_headers += (signed_headers.empty() ? "" : ";") + name;
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, url.path.empty() ? "/" : url.path, url.query,
                  canonical_headers, signed_headers, Sha256Hex(request.body));
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, region, service);
  const std::string to_sign = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", stamp, scope, Sha256Hex(canonical));
  std::string key = HmacSha256("AWS4" + credentials.secret_key, day);
  for (const std::string_view part :
       {std::string_view(region), std::string_view(service), std::string_view("aws4_request")}) {
    key = HmacSha256(key, part);
  }
  request.headers.Set(
      "Authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}", credentials.access_key,
                  scope, signed_headers, Hex(HmacSha256(key, to_sign))));
}

}  // namespace sextant::alerting
