#include "config/cloud_auth_config.h"

#include <algorithm>

#include "config/paths.h"

namespace sextant::config {

namespace {

using core::Status;

constexpr const char* kWorkloadTokenPath = "/var/run/secrets/azure/tokens/azure-identity-token";

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

bool HasUuidDigits(std::string_view text) {
  if (text.size() == 32) return IsHex(text);
  if (text.size() != 36) return false;
  for (size_t dash : {8, 13, 18, 23}) {
    if (text[dash] != '-') return false;
  }
  std::string digits(text);
  std::erase(digits, '-');
  return digits.size() == 32 && IsHex(digits);
}

// In any of the forms that Prometheus takes: bare, with "urn:uuid:", in braces, without dashes.
bool IsUuid(std::string_view text) {
  if (text.starts_with("urn:uuid:") && text.size() == 45) text.remove_prefix(9);
  if (text.size() == 38 && text.front() == '{' && text.back() == '}') text = text.substr(1, 36);
  return HasUuidDigits(text);
}

bool IsTenant(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return IsAlphanumeric(c) || c == '-' || c == '.'; });
}

bool IsScope(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return IsAlphanumeric(c) || std::string_view(" \t\r\n\f_:/.\\-").find(c) != std::string_view::npos;
  });
}

void MakeRelative(Node node, std::string& path) { path = JoinDirectory(DirectoryOf(node.file()), path); }

// What every application has.
Status CheckApplication(std::string_view kind, const std::string& client_id, const std::string& tenant_id,
                        Node node) {
  if (client_id.empty()) return node.Fail("must provide an Azure {} client_id in the Azure AD config", kind);
  if (tenant_id.empty()) return node.Fail("must provide an Azure {} tenant_id in the Azure AD config", kind);
  if (!IsUuid(client_id)) return node.Fail("the provided Azure {} client_id is invalid", kind);
  if (!IsTenant(tenant_id)) return node.Fail("the provided Azure {} tenant_id is invalid", kind);
  return {};
}

Status FinishManagedIdentity(AzureManagedIdentityConfig& identity, Node node) {
  if (identity.client_id.empty() || IsUuid(identity.client_id)) return {};
  return node.Fail("the provided Azure Managed Identity client_id is invalid");
}

Status FinishWorkloadIdentity(AzureWorkloadIdentityConfig& identity, Node node) {
  SEXTANT_TRY(CheckApplication("Workload Identity", identity.client_id, identity.tenant_id, node));
  if (identity.token_file_path.empty()) identity.token_file_path = kWorkloadTokenPath;
  MakeRelative(node, identity.token_file_path);
  return {};
}

Status FinishOAuth(AzureOAuthConfig& oauth, Node node) {
  if (!oauth.client_id.empty() && oauth.client_secret.empty()) {
    return node.Fail("must provide an Azure OAuth client_secret in the Azure AD config");
  }
  return CheckApplication("OAuth", oauth.client_id, oauth.tenant_id, node);
}

Status FinishCertificate(AzureCertificateConfig& certificate, Node node) {
  SEXTANT_TRY(CheckApplication("Certificate", certificate.client_id, certificate.tenant_id, node));
  if (certificate.certificate_path.empty()) {
    return node.Fail("must provide an Azure Certificate certificate_path in the Azure AD config");
  }
  MakeRelative(node, certificate.certificate_path);
  MakeRelative(node, certificate.certificate_key_path);
  return {};
}

Status FinishSdk(AzureSdkConfig& sdk, Node node) {
  if (sdk.tenant_id.empty() || IsTenant(sdk.tenant_id)) return {};
  return node.Fail("the provided Azure OAuth tenant_id is invalid");
}

Status FinishAzureAd(AzureAdConfig& azure, Node node) {
  if (azure.cloud.empty()) azure.cloud = "AzurePublic";
  if (azure.cloud != "AzurePublic" && azure.cloud != "AzureChina" && azure.cloud != "AzureGovernment") {
    return node.Fail("must provide a cloud in the Azure AD config");
  }
  int ways = 0;
  for (bool has : {azure.managed_identity.has_value(), azure.workload_identity.has_value(),
                   azure.oauth.has_value(), azure.certificate.has_value(), azure.sdk.has_value()}) {
    ways += has ? 1 : 0;
  }
  if (ways == 0) {
    return node.Fail(
        "must provide an Azure Managed Identity, Azure Workload Identity, Azure OAuth, Azure Certificate or "
        "Azure SDK in the Azure AD config");
  }
  if (ways > 1) return node.Fail("cannot provide multiple authentication methods in the Azure AD config");
  if (!IsScope(azure.scope)) {
    return node.Find("scope").Fail("the provided scope contains invalid characters");
  }
  return {};
}

Status FinishGoogleIam(GoogleIamConfig& google, Node node) {
  MakeRelative(node, google.credentials_file);
  return {};
}

}  // namespace

const Struct& FieldsOf(const AzureManagedIdentityConfig*) {
  static const Struct kFields = Struct::Of<AzureManagedIdentityConfig>(
      {Member<&AzureManagedIdentityConfig::client_id>("client_id")}, FinishManagedIdentity);
  return kFields;
}

const Struct& FieldsOf(const AzureWorkloadIdentityConfig*) {
  using Config = AzureWorkloadIdentityConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Member<&Config::client_id>("client_id"),
          Member<&Config::tenant_id>("tenant_id"),
          Member<&Config::token_file_path>("token_file_path"),
      },
      FinishWorkloadIdentity);
  return kFields;
}

const Struct& FieldsOf(const AzureOAuthConfig*) {
  using Config = AzureOAuthConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Member<&Config::client_id>("client_id"),
          Member<&Config::client_secret>("client_secret"),
          Member<&Config::tenant_id>("tenant_id"),
      },
      FinishOAuth);
  return kFields;
}

const Struct& FieldsOf(const AzureCertificateConfig*) {
  using Config = AzureCertificateConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Member<&Config::client_id>("client_id"),
          Member<&Config::tenant_id>("tenant_id"),
          Member<&Config::certificate_path>("certificate_path"),
          Member<&Config::certificate_key_path>("certificate_key_path"),
          Member<&Config::certificate_password>("certificate_password"),
          Member<&Config::send_certificate_chain>("send_certificate_chain"),
      },
      FinishCertificate);
  return kFields;
}

const Struct& FieldsOf(const AzureSdkConfig*) {
  static const Struct kFields =
      Struct::Of<AzureSdkConfig>({Member<&AzureSdkConfig::tenant_id>("tenant_id")}, FinishSdk);
  return kFields;
}

const Struct& FieldsOf(const AzureAdConfig*) {
  using Config = AzureAdConfig;
  static const Struct kFields = Struct::Of<Config>(
      {
          Member<&Config::managed_identity>("managed_identity"),
          Member<&Config::workload_identity>("workload_identity"),
          Member<&Config::oauth>("oauth"),
          Member<&Config::certificate>("certificate"),
          Member<&Config::sdk>("sdk"),
          Member<&Config::cloud>("cloud"),
          Member<&Config::scope>("scope"),
      },
      FinishAzureAd);
  return kFields;
}

const Struct& FieldsOf(const GoogleIamConfig*) {
  static const Struct kFields = Struct::Of<GoogleIamConfig>(
      {Member<&GoogleIamConfig::credentials_file>("credentials_file")}, FinishGoogleIam);
  return kFields;
}

std::string RevealSecrets(const std::optional<AzureAdConfig>& azure) {
  std::string text;
  if (azure && azure->oauth) text += "\n" + azure->oauth->client_secret.Reveal();
  if (azure && azure->certificate) text += "\n" + azure->certificate->certificate_password.Reveal();
  return text;
}

}  // namespace sextant::config
