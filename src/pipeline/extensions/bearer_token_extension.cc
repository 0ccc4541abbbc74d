#include "pipeline/extensions/bearer_token_extension.h"

#include <chrono>
#include <optional>
#include <thread>

#include "config/secret.h"
#include "pipeline/auth.h"
#include "pipeline/extensions/credential_file.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

struct FileRetryConfig {
  bool enabled = false;
  int64_t max_retries = 10;
  core::DurationMs retry_interval_ms = 1'000;
};

struct BearerTokenConfig {
  std::string header = "Authorization";
  std::string scheme = "Bearer";
  config::Secret token;
  std::vector<config::Secret> tokens;
  std::string filename;
  FileRetryConfig file_retry;
};

Status CheckFileRetry(FileRetryConfig& retry, config::Node node) {
  if (retry.max_retries < 0) return node.Fail("max_retries must not be negative");
  if (retry.retry_interval_ms <= 0) return node.Fail("retry_interval must be positive");
  // The collector starts nothing else meanwhile.
  constexpr core::DurationMs kMaxWaitMs = 600'000;
  if (retry.max_retries > kMaxWaitMs / retry.retry_interval_ms) {
    return node.Fail("max_retries times retry_interval must be at most 10m");
  }
  return {};
}

const config::Struct& FieldsOf(const FileRetryConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<FileRetryConfig>(
      {
          Member<&FileRetryConfig::enabled>("enabled"),
          Member<&FileRetryConfig::max_retries>("max_retries"),
          Member<&FileRetryConfig::retry_interval_ms>("retry_interval", GoDuration()),
      },
      &CheckFileRetry);
  return kFields;
}

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
          Member<&BearerTokenConfig::file_retry>("file_retry"),
          NotYet("retry_on_failure", "file_retry waits for the file at the start"),
          NotYet("wait_for_token_file", "file_retry waits for the file at the start"),
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
    int64_t retries = config_.file_retry.enabled ? config_.file_retry.max_retries : 0;
    for (Result<std::vector<std::string>> tokens = Tokens(); !tokens; tokens = Tokens()) {
      if (--retries < 0) return tl::unexpected(tokens.error());
      logger_.Info("the file of tokens is not there yet, waiting", {{"err", tokens.error()}});
      std::this_thread::sleep_for(std::chrono::milliseconds(config_.file_retry.retry_interval_ms));
    }
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
