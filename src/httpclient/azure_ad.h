// Tokens of Microsoft Entra ID (Azure AD) as the authorizer of requests: of a managed identity (IMDS version
// 2018-02-01, App Service version 2019-08-01), a workload identity, an application with a secret or a
// certificate, or whichever of these the environment describes (`sdk`).
//
// A token is kept for half of its life, as Prometheus does it, and got once for all who wait.
#pragma once

#include <memory>
#include <string>

#include "config/cloud_auth_config.h"
#include "core/clock.h"
#include "httpclient/aws_credentials.h"
#include "net/http_client.h"

namespace sextant::httpclient {

// Where Azure is asked; other addresses are for tests.
struct AzureEndpoints {
  std::string authority = {};  // empty: that of the configuration's cloud; ends without "/"
  std::string metadata = "http://169.254.169.254";
};

// What stands in files and variables is read when a token is needed. `clock` must outlive it.
//
// Variables: IDENTITY_ENDPOINT and IDENTITY_HEADER (App Service); for `sdk` also AZURE_CLIENT_ID,
// AZURE_TENANT_ID, AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH, AZURE_CLIENT_CERTIFICATE_PASSWORD,
// AZURE_CLIENT_SEND_CERTIFICATE_CHAIN and AZURE_FEDERATED_TOKEN_FILE. Identities of Azure Arc, Service Fabric
// and Cloud Shell are refused by name.
std::shared_ptr<net::RequestAuthorizer> MakeAzureAuthorizer(config::AzureAdConfig config,
                                                            const core::Clock& clock,
                                                            AzureEndpoints endpoints = {},
                                                            Environment environment = ProcessEnvironment);

}  // namespace sextant::httpclient
