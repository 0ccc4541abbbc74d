// Where AWS' tools find keys and the region, in their order: the environment, the shared files in ~/.aws, a
// web identity, a program, the container's endpoint, the instance's metadata. This part reads the environment
// and files alone and says what is to be asked; aws_chain.h asks.
//
// Variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION,
// AWS_PROFILE, AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN,
// AWS_ROLE_SESSION_NAME, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI,
// AWS_CONTAINER_AUTHORIZATION_TOKEN, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, AWS_EC2_METADATA_DISABLED,
// AWS_EC2_METADATA_V1_DISABLED, AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE,
// AWS_CA_BUNDLE.
// Profiles with `sso_*` or `mfa_serial` are refused by name. Any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::httpclient {

struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // may be empty
  friend bool operator==(const AwsCredentials&, const AwsCredentials&) = default;
};

// A token of another issuer, for which STS gives keys of a role.
struct AwsWebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;  // empty: one is made
  friend bool operator==(const AwsWebIdentity&, const AwsWebIdentity&) = default;
};

// A command line for the shell, which prints keys.
struct AwsCredentialProcess {
  std::string command;
  friend bool operator==(const AwsCredentialProcess&, const AwsCredentialProcess&) = default;
};

// An endpoint that the container's host or agent offers.
struct AwsContainerEndpoint {
  std::string url;
  std::string token;       // sent as Authorization; empty: none
  std::string token_file;  // the same from a file
  friend bool operator==(const AwsContainerEndpoint&, const AwsContainerEndpoint&) = default;
};

// EC2's instance metadata service, version 2 or, where that is not there, 1.
struct AwsInstanceMetadata {
  std::string url;  // without "/" at its end
  bool allows_v1 = true;
  friend bool operator==(const AwsInstanceMetadata&, const AwsInstanceMetadata&) = default;
};

using AwsSource = std::variant<AwsCredentials, AwsWebIdentity, AwsCredentialProcess, AwsContainerEndpoint,
                               AwsInstanceMetadata>;

// A role that is assumed with the keys of whatever comes before.
struct AwsRole {
  std::string arn;
  std::string external_id;
  std::string session_name;  // empty: one is made
  std::map<std::string, std::string> tags = {};
  friend bool operator==(const AwsRole&, const AwsRole&) = default;
};

struct AwsPlan {
  AwsSource source;
  std::vector<AwsRole> roles;  // assumed one after the other
  friend bool operator==(const AwsPlan&, const AwsPlan&) = default;
};

// Reads a variable, "" when it is not set.
using Environment = std::function<std::string(const std::string& name)>;
std::string ProcessEnvironment(const std::string& name);

// How to get keys of `profile`, or with "": of AWS_PROFILE, the environment's own, or the profile `default`.
// Files are read each time (at most 1 MiB), so that rotated keys are found.
core::Result<AwsPlan> PlanAwsCredentials(const std::string& profile, const Environment& environment);
// Where the instance's metadata is to be had; kNotFound when the environment forbids to ask.
core::Result<AwsInstanceMetadata> FindAwsInstance(const Environment& environment);
// The region from the environment or the profile, or "".
core::Result<std::string> FindAwsRegion(const std::string& profile, const Environment& environment);
// The file of authorities that AWS' tools trust in place of the system's: AWS_CA_BUNDLE, or the profile's
// `ca_bundle`, or "".
core::Result<std::string> FindAwsCaBundle(const std::string& profile, const Environment& environment);

// ---- Answers that carry keys.

struct AwsTemporaryKeys {
  AwsCredentials keys;
  core::TimestampMs expires_ms = 0;  // 0: it does not say
};

// STS' answer to AssumeRole and AssumeRoleWithWebIdentity. kUnavailable for anything but keys.
core::Result<AwsTemporaryKeys> ReadStsAnswer(std::string_view xml);
// STS' error as "Code: message", or "".
std::string ReadStsError(std::string_view xml);
// The JSON of containers' endpoints, instances' metadata (with `Token`) and programs (with `SessionToken`).
core::Result<AwsTemporaryKeys> ReadAwsKeysJson(std::string_view json);

}  // namespace sextant::httpclient
