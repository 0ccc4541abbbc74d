// Credentials from a program that a kubeconfig names (`exec`), as Kubernetes' own clients get them: the
// program prints an ExecCredential with a token or a client certificate, which is good until it expires.
//
// Format: kubernetes.io/docs/reference/config-api/client-authentication.v1/ (and .v1beta1). The program gets
// no terminal; it may run for 25 seconds and print 1 MiB.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "net/http_client.h"

namespace sextant::kube {

struct ExecPlugin {
  std::string api_version;  // "client.authentication.k8s.io/v1"
  std::string command;      // a path, or a name that is looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  std::string cluster_info;  // the member `cluster` of what it is told, as JSON; empty: it is not told
};

struct ExecCredential {
  std::string token;
  std::string cert_pem;
  std::string key_pem;
  core::TimestampMs expires_ms = 0;  // 0: it does not say
};

// What a program has printed. kInvalidArgument for anything but a credential of that version.
core::Result<ExecCredential> ParseExecCredential(std::string_view json, const std::string& api_version);

// Runs the program and waits for it. kUnavailable when it cannot be run, fails or says too much;
// kDeadlineExceeded when it takes too long.
core::Result<ExecCredential> RunExecPlugin(const ExecPlugin& plugin, core::DurationMs timeout_ms = 25'000);

// Puts the credentials into requests; runs the program on a thread of its own when there are none that are
// still good, once for all requests that wait. `clock` must outlive it; its end waits for the program.
std::shared_ptr<net::RequestAuthorizer> MakeExecAuthorizer(ExecPlugin plugin, const core::Clock& clock);

}  // namespace sextant::kube
