#include "kube/exec_plugin.h"

#include <simdjson.h>

#include <mutex>
#include <optional>
#include <thread>

#include "core/json_writer.h"
#include "core/rfc3339.h"
#include "core/run_program.h"

namespace sextant::kube {

namespace {

using core::Code;
using core::Fail;
using core::Result;

// Credentials are fetched anew a little before they expire, and after this time when they do not say.
constexpr core::DurationMs kExpiryMarginMs = 10'000;
constexpr core::DurationMs kUnstatedLifeMs = 600'000;

std::string ExecInfo(const ExecPlugin& plugin) {
  core::JsonWriter json;
  json.BeginObject().Key("kind").String("ExecCredential").Key("apiVersion").String(plugin.api_version);
  json.Key("spec").BeginObject();
  if (!plugin.cluster_info.empty()) json.Key("cluster").Raw(plugin.cluster_info);
  json.Key("interactive").Bool(false).EndObject().EndObject();
  return std::move(json).Take();
}

class ExecAuthorizer final : public net::RequestAuthorizer {
 public:
  ExecAuthorizer(ExecPlugin plugin, const core::Clock& clock) : plugin_(std::move(plugin)), clock_(clock) {}
  ~ExecAuthorizer() override {
    if (thread_.joinable()) thread_.join();
  }

  void Authorize(net::FetchRequest request, const Send&, Done done) override {
    std::optional<ExecCredential> good;
    std::thread ended;
    {
      std::lock_guard lock(mutex_);
      if (credential_ && clock_.NowMs() < good_until_ms_) {
        good = credential_;
      } else {
        waiting_.push_back({std::move(request), std::move(done)});
        if (is_running_) return;
        is_running_ = true;
        ended = std::move(thread_);
        thread_ = std::thread([this] { Run(); });
      }
    }
    if (ended.joinable()) ended.join();
    if (!good) return;
    Use(*good, request);
    done(std::move(request));
  }

 private:
  struct Waiting {
    net::FetchRequest request;
    Done done;
  };

  static void Use(const ExecCredential& credential, net::FetchRequest& request) {
    if (!credential.token.empty()) request.bearer_token = credential.token;
    if (credential.cert_pem.empty()) return;
    net::TlsClientOptions tls = request.tls ? *request.tls : net::TlsClientOptions();
    tls.cert_pem = credential.cert_pem;
    tls.key_pem = credential.key_pem;
    request.tls = std::make_shared<const net::TlsClientOptions>(std::move(tls));
  }

  void Run() {
    Result<ExecCredential> credential = RunExecPlugin(plugin_);
    std::vector<Waiting> waiting;
    {
      std::lock_guard lock(mutex_);
      if (credential) {
        credential_ = *credential;
        good_until_ms_ = credential->expires_ms == 0 ? clock_.NowMs() + kUnstatedLifeMs
                                                     : credential->expires_ms - kExpiryMarginMs;
      }
      is_running_ = false;
      waiting.swap(waiting_);
    }
    for (Waiting& one : waiting) {
      if (!credential) {
        one.done(tl::unexpected(credential.error().WithContext("getting credentials")));
        continue;
      }
      Use(*credential, one.request);
      one.done(std::move(one.request));
    }
  }

  const ExecPlugin plugin_;
  const core::Clock& clock_;

  std::mutex mutex_;  // guards what follows
  std::thread thread_;
  std::optional<ExecCredential> credential_;
  core::TimestampMs good_until_ms_ = 0;
  bool is_running_ = false;
  std::vector<Waiting> waiting_;
};

}  // namespace

Result<ExecCredential> ParseExecCredential(std::string_view json, const std::string& api_version) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(simdjson::padded_string(json)).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return Fail(Code::kInvalidArgument, "exec: decoding stdout: it is not a JSON object");
  }
  auto text = [](simdjson::dom::element object, std::string_view key) {
    std::string_view value;
    return object[key].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  if (text(root, "kind") != "ExecCredential") {
    return Fail(Code::kInvalidArgument, "exec: decoding stdout: it is no ExecCredential");
  }
  if (text(root, "apiVersion") != api_version) {
    return Fail(Code::kInvalidArgument,
                "exec plugin is configured to use API version {}, plugin returned version {}", api_version,
                text(root, "apiVersion"));
  }
  simdjson::dom::element status;
  if (root["status"].get(status) != simdjson::SUCCESS || !status.is_object()) {
    return Fail(Code::kInvalidArgument, "exec plugin didn't return a status field");
  }
  ExecCredential credential{text(status, "token"), text(status, "clientCertificateData"),
                            text(status, "clientKeyData"), 0};
  if (credential.token.empty() && credential.cert_pem.empty() && credential.key_pem.empty()) {
    return Fail(Code::kInvalidArgument, "exec plugin didn't return a token or cert/key pair");
  }
  if (credential.cert_pem.empty() != credential.key_pem.empty()) {
    return Fail(Code::kInvalidArgument, "exec plugin returned only certificate or key, not both");
  }
  if (std::string expires = text(status, "expirationTimestamp"); !expires.empty()) {
    std::optional<core::TimestampMs> time_ms = core::ParseRfc3339(expires);
    if (!time_ms) return Fail(Code::kInvalidArgument, "exec: decoding stdout: \"{}\" is no time", expires);
    credential.expires_ms = *time_ms;
  }
  return credential;
}

Result<ExecCredential> RunExecPlugin(const ExecPlugin& plugin, core::DurationMs timeout_ms) {
  core::Program program{plugin.command, plugin.arguments, plugin.environment};
  program.environment.emplace_back("KUBERNETES_EXEC_INFO", ExecInfo(plugin));
  SEXTANT_ASSIGN(core::ProgramOutput output,
                 core::RunProgram(program, timeout_ms).map_error(core::AddContext("exec")));
  return ParseExecCredential(output.out, plugin.api_version);
}

std::shared_ptr<net::RequestAuthorizer> MakeExecAuthorizer(ExecPlugin plugin, const core::Clock& clock) {
  return std::make_shared<ExecAuthorizer>(std::move(plugin), clock);
}

}  // namespace sextant::kube
