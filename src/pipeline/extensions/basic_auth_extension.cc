#include "pipeline/extensions/basic_auth_extension.h"

#include <cctype>
#include <map>
#include <optional>

#include "config/secret.h"
#include "core/base64.h"
#include "core/file.h"
#include "net/basic_auth.h"
#include "pipeline/auth.h"
#include "pipeline/extensions/credential_file.h"

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

// The same time for every text of the same length.
bool EqualInConstantTime(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

// The users of a htpasswd text; later lines of the same user count.
struct Users {
  std::map<std::string, std::string> bcrypt;
  std::map<std::string, std::string, std::less<>> plain;
};

// Kinds of hashes that htpasswd knows and we do not check.
bool IsOtherHash(std::string_view hash) {
  return hash.starts_with('$') || hash.starts_with("{SHA}") || hash.starts_with("{SSHA}");
}

Result<Users> ParseHtpasswd(std::string_view text) {
  Users users;
  size_t number = 0;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return Fail(Code::kInvalidArgument, "read htpasswd content: line {}: malformed line, no colon", number);
    }
    std::string name(line.substr(0, colon));
    std::string hash(line.substr(colon + 1));
    users.bcrypt.erase(name);
    users.plain.erase(name);
    if (net::IsBcrypt(hash)) {
      users.bcrypt[name] = hash;
    } else if (IsOtherHash(hash)) {
      return Fail(
          Code::kUnimplemented,
          "read htpasswd content: line {}: the hash of user \"{}\" is of a kind that is not supported "
          "yet: use bcrypt (htpasswd -B)",
          number, name);
    } else {
      users.plain[name] = hash;
    }
  }
  return users;
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
    SEXTANT_ASSIGN(Users users, ParseHtpasswd(text + config_.inline_text));
    plain_ = std::move(users.plain);
    bcrypt_.emplace(std::move(users.bcrypt));
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
    return Matches(*header, std::string_view(*decoded).substr(0, colon),
                   std::string_view(*decoded).substr(colon + 1))
               ? Status()
               : refuse("invalid credentials");
  }

 private:
  bool Matches(std::string_view header, std::string_view name, std::string_view password) {
    if (auto plain = plain_.find(name); plain != plain_.end()) {
      return EqualInConstantTime(plain->second, password);
    }
    std::string user;
    net::BasicAuth::Verdict verdict = bcrypt_->Check(header, user);
    if (verdict == net::BasicAuth::Verdict::kUnknown) return bcrypt_->Verify(header, user);
    return verdict == net::BasicAuth::Verdict::kAccepted;
  }

  const HtpasswdConfig config_;
  std::map<std::string, std::string, std::less<>> plain_;
  std::optional<net::BasicAuth> bcrypt_;
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
