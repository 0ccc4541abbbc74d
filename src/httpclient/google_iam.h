// Tokens of Google Cloud for writing to Cloud Monitoring, as the authorizer of requests: of a service account
// or a user whose credentials stand in a file, or of the machine (its metadata server).
//
// Without a file the first of these counts: GOOGLE_APPLICATION_CREDENTIALS, gcloud's
// application_default_credentials.json (in CLOUDSDK_CONFIG or ~/.config/gcloud), the metadata server at
// GCE_METADATA_HOST or 169.254.169.254. A token is kept until ten seconds before it expires, and got once for
// all who wait; files are read when one is needed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "config/cloud_auth_config.h"
#include "core/clock.h"
#include "core/result.h"
#include "httpclient/aws_credentials.h"
#include "net/http_client.h"

namespace sextant::httpclient {

// A file of credentials of type `service_account` or `authorized_user`.
struct GoogleCredentials {
  std::string type;
  std::string token_uri;  // empty: Google's
  std::string quota_project;
  std::string client_email;  // of a service account: this and the next two
  std::string private_key;
  std::string private_key_id;
  std::string client_id;  // of a user: this and the next two
  std::string client_secret;
  std::string refresh_token;
};

// kInvalidArgument for what is none; kUnimplemented names other types.
core::Result<GoogleCredentials> ReadGoogleCredentials(std::string_view json);

// `clock` must outlive it.
std::shared_ptr<net::RequestAuthorizer> MakeGoogleAuthorizer(config::GoogleIamConfig config,
                                                             const core::Clock& clock,
                                                             Environment environment = ProcessEnvironment);

}  // namespace sextant::httpclient
