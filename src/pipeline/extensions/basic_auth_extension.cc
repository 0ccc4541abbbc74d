#include "pipeline/extensions/basic_auth_extension.h"

#include <cctype>
#include <optional>

#include "config/secret.h"
#include "core/base64.h"
#include "core/file.h"
#include "pipeline/auth.h"
#include "pipeline/extensions/credential_file.h"
#include "pipeline/extensions/htpasswd.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

struct HtpasswdConfig {
  std::string file;
  std::string inline_text;
};

struct BasicClientConfig {
  std::string username;
  std::string username_file;
  config::Secret password;
  std::string password_file;
};

struct BasicAuthConfig {
  std::optional<HtpasswdConfig> htpasswd;
  std::optional<BasicClientConfig> client_auth;
};

Status CheckBasicAuth(BasicAuthConfig& config, config::Node node) {
  if (config.htpasswd && config.client_auth) {
    return node.Fail("only one of `htpasswd` or `client_auth` can be specified");
  }
  if (!config.htpasswd && !config.client_auth) return node.Fail("no credential source provided");
  if (config.htpasswd && config.htpasswd->file.empty() && config.htpasswd->inline_text.empty()) {
    return node.Fail("no credential source provided");
  }
  return {};
}

const config::Struct& FieldsOf(const HtpasswdConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<HtpasswdConfig>({
      Member<&HtpasswdConfig::file>("file"),
      Member<&HtpasswdConfig::inline_text>("inline", HiddenText()),
  });
  return kFields;
}

const config::Struct& FieldsOf(const BasicClientConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<BasicClientConfig>({
      Member<&BasicClientConfig::username>("username"),
      Member<&BasicClientConfig::username_file>("username_file"),
      Member<&BasicClientConfig::password>("password"),
      Member<&BasicClientConfig::password_file>("password_file"),
      NotYet("aws_secrets_manager", "use password_file"),
  });
  return kFields;
}

const config::Struct& FieldsOf(const BasicAuthConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<BasicAuthConfig>(
      {Member<&BasicAuthConfig::htpasswd>("htpasswd", Section<HtpasswdConfig>()),
       Member<&BasicAuthConfig::client_auth>("client_auth", Section<BasicClientConfig>())},
      &CheckBasicAuth);
  return kFields;
}

class BasicAuthServer final : public Extension, public ServerAuthenticator {
 public:
  explicit BasicAuthServer(HtpasswdConfig config) : config_(std::move(config)) {}

  Status Start() override {
    std::string text;
    if (!config_.file.empty()) {
      constexpr uint64_t kMaxFileBytes = 16 << 20;
      core::PosixFileSystem files;
      Result<std::string> content = core::ReadFile(files, config_.file, kMaxFileBytes);
      if (!content) {
        return Fail(content.error().code(), "open htpasswd file: {}", content.error().message());
      }
      text = *content + "\n";
    }
    SEXTANT_ASSIGN(HtpasswdUsers users, ParseHtpasswd(text + config_.inline_text));
    users_.emplace(std::move(users));
    return {};
  }

  Status Authenticate(const HeaderLookup& headers) override {
    auto refuse = [](std::string_view why) { return Fail(Code::kPermissionDenied, "{}", why); };
    std::optional<std::string_view> header = headers("authorization");
    if (!header || header->empty()) return refuse("no basic auth provided");
    constexpr size_t kPrefixBytes = 6;
    std::string prefix(header->substr(0, kPrefixBytes));
    for (char& c : prefix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (prefix != "basic ") return refuse("invalid authorization scheme prefix");
    std::optional<std::string> decoded = core::DecodeBase64(header->substr(kPrefixBytes));
    size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) return refuse("invalid authorization format");
    return users_->Matches(*header, std::string_view(*decoded).substr(0, colon),
                           std::string_view(*decoded).substr(colon + 1))
               ? Status()
               : refuse("invalid credentials");
  }

 private:
  const HtpasswdConfig config_;
  std::optional<Htpasswd> users_;
};

class BasicAuthClient final : public Extension, public ClientAuthenticator {
 public:
  BasicAuthClient(const ComponentSettings& settings, BasicClientConfig config)
      : config_(std::move(config)),
        username_file_(config_.username_file, settings.environment.clock, settings.logger),
        password_file_(config_.password_file, settings.environment.clock, settings.logger) {}

  Status Start() override {
    SEXTANT_TRY(RequestHeaders());
    return {};
  }

  Result<Headers> RequestHeaders() override {
    std::string name = config_.username;
    std::string password = config_.password.Reveal();
    if (!config_.username_file.empty()) SEXTANT_TRY(ReadInto(username_file_, name));
    if (!config_.password_file.empty()) SEXTANT_TRY(ReadInto(password_file_, password));
    if (name.find(':') != std::string::npos) {
      return Fail(Code::kInvalidArgument, "invalid authorization format");
    }
    return Headers{{"Authorization", "Basic " + core::EncodeBase64(name + ":" + password)}};
  }

 private:
  static Status ReadInto(CredentialFile& file, std::string& out) {
    SEXTANT_ASSIGN(out, file.Value());
    return {};
  }

  const BasicClientConfig config_;
  CredentialFile username_file_;
  CredentialFile password_file_;
};

Made<Extension> MakeBasicAuth(const ComponentSettings& settings, const BasicAuthConfig& config) {
  if (config.htpasswd) return std::make_unique<BasicAuthServer>(*config.htpasswd);
  return std::make_unique<BasicAuthClient>(settings, *config.client_auth);
}

}  // namespace

ComponentType BasicAuthExtensionType() {
  return ExtensionType<BasicAuthConfig>("basicauth", {"basic_auth"}, &MakeBasicAuth);
}

}  // namespace sextant::pipeline
