// Where AWS' tools find keys and the region: the environment and the shared files in ~/.aws.
//
// Of what the SDKs know we do: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
// AWS_DEFAULT_REGION, AWS_PROFILE, AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE, and keys and regions in the
// two files. Profiles that get their keys from elsewhere (role_arn, credential_process, sso_*) are refused by
// name.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::httpclient {

struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // may be empty
};

// Reads a variable, "" when it is not set.
using Environment = std::function<std::string(const std::string& name)>;
std::string ProcessEnvironment(const std::string& name);

// Keys of `profile`, or with "": of AWS_PROFILE, the environment's own, or the profile `default`. Files are
// read each time (at most 1 MiB), so that rotated keys are found.
core::Result<AwsCredentials> FindAwsCredentials(const std::string& profile, const Environment& environment);
// The region likewise, or "".
core::Result<std::string> FindAwsRegion(const std::string& profile, const Environment& environment);

}  // namespace sextant::httpclient
