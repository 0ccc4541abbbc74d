// Tokens that clouds give to senders of remote write: `azuread` (Microsoft Entra ID) and `google_iam`.
// Fields, defaults and errors are Prometheus'.
#pragma once

#include <optional>
#include <string>

#include "config/decode.h"
#include "config/secret.h"

namespace sextant::config {

struct AzureManagedIdentityConfig {
  std::string client_id;  // empty: the machine's own identity
};

struct AzureWorkloadIdentityConfig {
  std::string client_id;
  std::string tenant_id;
  std::string token_file_path;  // a Kubernetes service account's token
};

struct AzureOAuthConfig {
  std::string client_id;
  Secret client_secret;
  std::string tenant_id;
};

struct AzureCertificateConfig {
  std::string client_id;
  std::string tenant_id;
  std::string certificate_path;  // PEM, with the key unless that has a file of its own, or PKCS 12
  std::string certificate_key_path;
  Secret certificate_password;
  bool send_certificate_chain = false;
};

// Whatever Azure's SDK finds in the environment.
struct AzureSdkConfig {
  std::string tenant_id;  // empty: the environment's
};

// Exactly one of the ways is there.
struct AzureAdConfig {
  std::optional<AzureManagedIdentityConfig> managed_identity;
  std::optional<AzureWorkloadIdentityConfig> workload_identity;
  std::optional<AzureOAuthConfig> oauth;
  std::optional<AzureCertificateConfig> certificate;
  std::optional<AzureSdkConfig> sdk;
  std::string cloud = "AzurePublic";  // "AzureChina", "AzureGovernment"
  std::string scope;                  // empty: that of the cloud's monitor
};

struct GoogleIamConfig {
  std::string credentials_file;  // empty: where Google's tools find them
};

const Struct& FieldsOf(const AzureManagedIdentityConfig*);
const Struct& FieldsOf(const AzureWorkloadIdentityConfig*);
const Struct& FieldsOf(const AzureOAuthConfig*);
const Struct& FieldsOf(const AzureCertificateConfig*);
const Struct& FieldsOf(const AzureSdkConfig*);
const Struct& FieldsOf(const AzureAdConfig*);
const Struct& FieldsOf(const GoogleIamConfig*);

// The secrets that a dump hides, for telling whether a configuration has changed; not to be shown.
std::string RevealSecrets(const std::optional<AzureAdConfig>& azure);

}  // namespace sextant::config
