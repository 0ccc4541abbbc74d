#include "pipeline/extensions/bearer_token_extension.h"

#include <optional>

#include "config/secret.h"
#include "pipeline/auth.h"
#include "pipeline/extensions/credential_file.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

struct BearerTokenConfig {
  std::string header = "Authorization";
  std::string scheme = "Bearer";
  config::Secret token;
  std::vector<config::Secret> tokens;
  std::string filename;
};

Status CheckBearerToken(BearerTokenConfig& config, config::Node node) {
  if (config.token.empty() && config.tokens.empty() && config.filename.empty()) {
    return node.Fail("no bearer token provided");
  }
  if (!config.token.empty() && !config.tokens.empty()) {
    return node.Fail("either tokens or token should be provided, not both");
  }
  return {};
}

const config::Struct& FieldsOf(const BearerTokenConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<BearerTokenConfig>(
      {
          Member<&BearerTokenConfig::header>("header"),
          Member<&BearerTokenConfig::scheme>("scheme"),
          Member<&BearerTokenConfig::token>("token"),
          Member<&BearerTokenConfig::tokens>("tokens"),
          Member<&BearerTokenConfig::filename>("filename"),
          NotYet("retry_on_failure", "the file is read again for each request"),
          NotYet("wait_for_token_file", "the file must be there at the start"),
      },
      &CheckBearerToken);
  return kFields;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

class BearerToken final : public Extension, public ServerAuthenticator, public ClientAuthenticator {
 public:
  BearerToken(const ComponentSettings& settings, BearerTokenConfig config)
      : config_(std::move(config)),
        logger_(settings.logger),
        file_(config_.filename, settings.environment.clock, settings.logger) {}

  Status Start() override {
    if (!config_.filename.empty() && (!config_.token.empty() || !config_.tokens.empty())) {
      logger_.Warn("a filename is specified: configured tokens are ignored");
    }
    SEXTANT_TRY(Tokens());
    return {};
  }

  Status Authenticate(const HeaderLookup& headers) override {
    std::optional<std::string_view> sent = headers(config_.header);
    if (!sent || sent->empty()) {
      return Fail(Code::kPermissionDenied, "missing or empty authorization header: {}", config_.header);
    }
    SEXTANT_ASSIGN(std::vector<std::string> tokens, Tokens());
    bool is_known = false;
    for (const std::string& token : tokens) is_known |= EqualInConstantTime(ValueOf(token), *sent);
    // What was sent stays out of the message: it may be nearly a secret.
    return is_known ? Status() : Fail(Code::kPermissionDenied, "scheme or token does not match");
  }

  Result<Headers> RequestHeaders() override {
    SEXTANT_ASSIGN(std::vector<std::string> tokens, Tokens());
    return Headers{{config_.header, tokens.empty() ? "" : ValueOf(tokens.front())}};
  }

 private:
  std::string ValueOf(const std::string& token) const {
    return config_.scheme.empty() ? token : config_.scheme + " " + token;
  }

  Result<std::vector<std::string>> Tokens() {
    if (!config_.filename.empty()) return file_.Lines();
    std::vector<std::string> tokens;
    if (!config_.token.empty()) tokens.push_back(config_.token.Reveal());
    for (const config::Secret& token : config_.tokens) tokens.push_back(token.Reveal());
    return tokens;
  }

  const BearerTokenConfig config_;
  const core::Logger logger_;
  CredentialFile file_;
};

Made<Extension> MakeBearerToken(const ComponentSettings& settings, const BearerTokenConfig& config) {
  return std::make_unique<BearerToken>(settings, config);
}

}  // namespace

ComponentType BearerTokenExtensionType() {
  return ExtensionType<BearerTokenConfig>("bearertokenauth", {"bearer_token_auth"}, &MakeBearerToken);
}

}  // namespace sextant::pipeline
