#include "httpclient/sigv4.h"

#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>

#include "httpclient/aws_chain.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Hex(std::string_view bytes) {
  std::string text;
  for (char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string Sha256Hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  SEXTANT_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return Hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  SEXTANT_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
                     &size) != nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return lower;
}

// AWS' own percent encoding: everything but RFC 3986's unreserved.
std::string AwsEscape(std::string_view text, bool keep_slash) {
  std::string out;
  for (char c : text) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '.' || c == '_' || c == '~' || (keep_slash && c == '/');
    out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// Without empty segments, "." and "..": the path that is signed is the path that is sent.
std::string CleanPath(std::string_view path) {
  std::vector<std::string_view> segments;
  bool ends_open = path.ends_with('/');
  while (!path.empty()) {
    size_t slash = path.find('/');
    std::string_view segment = path.substr(0, slash);
    path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") segments.push_back(segment);
  }
  std::string clean = fmt::format("/{}", fmt::join(segments, "/"));
  if (ends_open && !segments.empty()) clean += '/';
  return clean;
}

std::string CanonicalQuery(const std::string& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  net::QueryParams params = net::ParseQueryLeniently(query);
  for (const auto& [name, value] : params.pairs()) {
    pairs.emplace_back(AwsEscape(name, false), AwsEscape(value, false));
  }
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

// Runs of spaces count as one, as AWS reads them.
std::string TrimAll(std::string_view value) {
  std::string out;
  for (char c : value) {
    bool is_space = c == ' ' || c == '\t';
    if (is_space && (out.empty() || out.back() == ' ')) continue;
    out += is_space ? ' ' : c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::map<std::string, std::string> SignedHeaders(const net::HttpHeaders& headers) {
  std::map<std::string, std::string> signed_headers;
  for (size_t i = 0; i < headers.size(); ++i) {
    std::string name = Lower(headers.name(i));
    // Others on the way change or add to these.
    if (name == "authorization" || name == "user-agent" || name == "expect" || name == "uber-trace-id" ||
        name == "x-amzn-trace-id" || name == "transfer-encoding" || name == "accept-encoding") {
      continue;
    }
    std::string& value = signed_headers[name];
    value += (value.empty() ? "" : ",") + TrimAll(headers.value(i));
  }
  return signed_headers;
}

std::string Signature(const AwsCredentials& credentials, const AwsScope& scope, const std::string& date,
                      const std::string& text) {
  std::string key = Hmac("AWS4" + credentials.secret_key, date);
  for (std::string_view step : {std::string_view(scope.region), std::string_view(scope.service),
                                std::string_view("aws4_request"), std::string_view(text)}) {
    key = Hmac(key, step);
  }
  return Hex(key);
}

class SigV4Authorizer final : public net::RequestAuthorizer {
 public:
  SigV4Authorizer(const config::SigV4Config& config, const core::Clock& clock, const Environment& environment)
      : profile_(config.profile),
        region_(config.region),
        service_(config.service_name.empty() ? "aps" : config.service_name),
        clock_(clock),
        environment_(environment),
        chain_(MakeAwsChain(config, clock, environment)) {}

  void Authorize(net::FetchRequest request, const Send& send, Done done) override {
    Result<std::string> region = Region();
    if (!region) return done(tl::unexpected(region.error()));
    net::FetchRequest cause;
    cause.timeout_ms = request.timeout_ms;
    chain_->Get(cause, *region, send,
                [scope = AwsScope{*region, service_}, &clock = clock_, request = std::move(request),
                 done = std::move(done)](const Result<AwsCredentials>& keys) mutable {
                  if (!keys) {
                    return done(tl::unexpected(keys.error().WithContext("could not get SigV4 credentials")));
                  }
                  core::Status status = SignAwsRequest(*keys, scope, clock.NowMs(), request);
                  if (!status) return done(tl::unexpected(status.error()));
                  done(std::move(request));
                });
  }

 private:
  Result<std::string> Region() const {
    if (!region_.empty()) return region_;
    SEXTANT_ASSIGN(std::string region, FindAwsRegion(profile_, environment_));
    if (!region.empty()) return region;
    return Fail(Code::kInvalidArgument, "region not configured in sigv4 or in default credentials chain");
  }

  const std::string profile_;
  const std::string region_;
  const std::string service_;
  const core::Clock& clock_;
  const Environment environment_;
  const std::shared_ptr<AwsChain> chain_;
};

}  // namespace

core::Status SignAwsRequest(const AwsCredentials& credentials, const AwsScope& scope,
                            core::TimestampMs now_ms, net::FetchRequest& request) {
  SEXTANT_ASSIGN(net::Url url, net::ParseUrl(request.url));
  time_t seconds = now_ms / 1000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  size_t size = strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  std::string time(text.data(), size);
  std::string date = time.substr(0, 8);

  url.path = CleanPath(url.path);
  request.url = url.ToString();
  // Another place would need another signature.
  request.follow_redirects = false;
  request.basic_user.clear();
  request.basic_password.clear();
  request.bearer_token.clear();
  request.headers.Set("Host", url.HostPort());
  request.headers.Set("X-Amz-Date", time);
  if (!credentials.session_token.empty()) {
    request.headers.Set("X-Amz-Security-Token", credentials.session_token);
  }
  std::string names;
  std::string canonical =
      fmt::format("{}\n{}\n{}\n", request.method, AwsEscape(url.path, true), CanonicalQuery(url.query));
  for (const auto& [name, value] : SignedHeaders(request.headers)) {
    canonical += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  canonical += "\n" + names + "\n" + Sha256Hex(request.body);
  std::string place = fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
  std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, place, Sha256Hex(canonical));
  request.headers.Set("Authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}",
                                                   kAlgorithm, credentials.access_key, place, names,
                                                   Signature(credentials, scope, date, to_sign)));
  return {};
}

std::shared_ptr<net::RequestAuthorizer> MakeSigV4Authorizer(const config::SigV4Config& config,
                                                            const core::Clock& clock,
                                                            const Environment& environment) {
  return std::make_shared<SigV4Authorizer>(config, clock, environment);
}

}  // namespace sextant::httpclient
