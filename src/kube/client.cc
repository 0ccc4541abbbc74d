#include "kube/client.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include "config/decode.h"
#include "config/node.h"
#include "config/paths.h"
#include "config/text.h"
#include "core/base64.h"
#include "core/clock.h"
#include "core/json_writer.h"
#include "httpclient/settings.h"
#include "kube/exec_plugin.h"
#include "net/url.h"

namespace sextant::kube {

namespace {

using config::Node;
using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxSmallFileBytes = 1 << 20;

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// The item of a list that has this name.
Result<Node> FindNamed(Node root, const char* list, std::string_view name) {
  for (Node item : root.Find(list).children()) {
    if (item.Find("name").operator bool() && item.Find("name").text() == name) return item;
  }
  return root.Fail("{} has no {}", list, config::Quote(name));
}

std::string TextOf(Node node, std::string_view key) {
  Node value = node.Find(key);
  return value && value.IsScalar() ? std::string(value.text()) : "";
}

Result<std::string> DataOf(Node node, std::string_view key) {
  std::string decoded;
  std::string text = TextOf(node, key);
  if (!text.empty() && !config::DecodeBase64(text, decoded)) return node.Find(key).Fail("is not base64");
  return decoded;
}

core::Status ReadCluster(Node cluster, ClientConfig& client) {
  std::string directory = config::DirectoryOf(cluster.file());
  client.api_server = WithoutSlash(TextOf(cluster, "server"));
  if (client.api_server.empty()) return cluster.Fail("server is missing");
  client.http.proxy.url = TextOf(cluster, "proxy-url");
  client.http.tls.ca_file = config::JoinDirectory(directory, TextOf(cluster, "certificate-authority"));
  client.http.tls.server_name = TextOf(cluster, "tls-server-name");
  SEXTANT_ASSIGN(client.ca_pem, DataOf(cluster, "certificate-authority-data"));
  if (!client.ca_pem.empty()) client.http.tls.ca_file.clear();
  if (Node skip = cluster.Find("insecure-skip-tls-verify"); skip && !skip.IsNull()) {
    SEXTANT_ASSIGN(client.http.tls.insecure_skip_verify, skip.AsBool());
  }
  return {};
}

void ReadImpersonation(Node user, ClientConfig& client) {
  auto add = [&](const char* header, const std::string& value) {
    if (!value.empty()) client.headers.emplace_back(header, value);
  };
  add("Impersonate-User", TextOf(user, "as"));
  add("Impersonate-Uid", TextOf(user, "as-uid"));
  for (Node group : user.Find("as-groups").children()) add("Impersonate-Group", std::string(group.text()));
  Node extra = user.Find("as-user-extra");
  if (!extra || !extra.IsMapping()) return;
  for (Node values : extra.children()) {
    // Header names do not know case, and the server undoes the escapes.
    std::string header = "Impersonate-Extra-" + net::PathEscape(values.key());
    for (Node value : values.children()) add(header.c_str(), std::string(value.text()));
  }
}

// What a plugin is told of the cluster, when it asks for that.
std::string ClusterInfo(const ClientConfig& client) {
  core::JsonWriter json;
  json.BeginObject().Key("server").String(client.api_server);
  if (!client.http.tls.server_name.empty()) json.Key("tls-server-name").String(client.http.tls.server_name);
  if (client.http.tls.insecure_skip_verify) json.Key("insecure-skip-tls-verify").Bool(true);
  std::string ca = client.ca_pem;
  if (ca.empty() && !client.http.tls.ca_file.empty()) {
    ca = config::ReadTextFile(client.http.tls.ca_file, kMaxSmallFileBytes).value_or("");
  }
  if (!ca.empty()) json.Key("certificate-authority-data").String(core::EncodeBase64(ca));
  if (!client.http.proxy.url.empty()) json.Key("proxy-url").String(client.http.proxy.url);
  json.EndObject();
  return std::move(json).Take();
}

core::Status ReadExec(Node exec, const core::Clock& clock, ClientConfig& client) {
  ExecPlugin plugin;
  plugin.api_version = TextOf(exec, "apiVersion");
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    return exec.Fail("exec plugin: invalid apiVersion {}", config::Quote(plugin.api_version));
  }
  plugin.command = TextOf(exec, "command");
  if (plugin.command.empty()) return exec.Fail("exec: command must be specified");
  // A path counts from the file's folder; a bare name is looked up.
  if (plugin.command.find('/') != std::string::npos) {
    plugin.command = config::JoinDirectory(config::DirectoryOf(exec.file()), plugin.command);
  }
  std::string mode = TextOf(exec, "interactiveMode");
  if (mode.empty() && plugin.api_version.ends_with("/v1")) {
    return exec.Fail("exec plugin: interactiveMode must be specified");
  }
  if (mode == "Always") return exec.Fail("exec plugin cannot support interactive mode: there is no terminal");
  if (!mode.empty() && mode != "Never" && mode != "IfAvailable") {
    return exec.Fail("exec plugin: invalid interactiveMode {}", config::Quote(mode));
  }
  for (Node argument : exec.Find("args").children()) plugin.arguments.emplace_back(argument.text());
  for (Node variable : exec.Find("env").children()) {
    plugin.environment.emplace_back(TextOf(variable, "name"), TextOf(variable, "value"));
  }
  if (TextOf(exec, "provideClusterInfo") == "true") plugin.cluster_info = ClusterInfo(client);
  client.plugin = fmt::format("{}\n{}\n{}\n{}", plugin.api_version, plugin.command,
                              fmt::join(plugin.arguments, "\n"), plugin.cluster_info);
  for (const auto& [name, value] : plugin.environment) client.plugin += "\n" + name + "=" + value;
  client.authorizer = MakeExecAuthorizer(std::move(plugin), clock);
  return {};
}

core::Status ReadUser(Node user, const core::Clock& clock, ClientConfig& client) {
  std::string directory = config::DirectoryOf(user.file());
  if (Node refused = user.Find("auth-provider"); refused && !refused.IsNull()) {
    return refused.FailAtKey(Code::kUnimplemented, "auth-provider is not supported yet; use exec");
  }
  ReadImpersonation(user, client);
  std::string token = TextOf(user, "token");
  std::string token_file = config::JoinDirectory(directory, TextOf(user, "tokenFile"));
  if (!(token + token_file).empty()) {
    config::AuthorizationConfig authorization;
    authorization.credentials_file = token_file;  // the file is preferred
    if (token_file.empty()) authorization.credentials = config::Secret(token);
    client.http.authorization = std::move(authorization);
  } else if (user.Find("username")) {
    config::BasicAuthConfig basic;
    basic.username = TextOf(user, "username");
    basic.password = config::Secret(TextOf(user, "password"));
    client.http.basic_auth = std::move(basic);
  }
  client.http.tls.cert_file = config::JoinDirectory(directory, TextOf(user, "client-certificate"));
  client.http.tls.key_file = config::JoinDirectory(directory, TextOf(user, "client-key"));
  SEXTANT_ASSIGN(client.cert_pem, DataOf(user, "client-certificate-data"));
  SEXTANT_ASSIGN(client.key_pem, DataOf(user, "client-key-data"));
  if (!client.cert_pem.empty()) client.http.tls.cert_file.clear();
  if (!client.key_pem.empty()) client.http.tls.key_file.clear();
  if (Node exec = user.Find("exec"); exec && !exec.IsNull()) {
    if (client.http.authorization || client.http.basic_auth) {
      return exec.Fail("users' exec is used with neither a token nor a password beside it");
    }
    return ReadExec(exec, clock, client);
  }
  return {};
}

}  // namespace

Result<ClientConfig> InClusterConfig(const std::function<std::string(const std::string& name)>& environment,
                                     const std::string& dir) {
  std::string host = environment("KUBERNETES_SERVICE_HOST");
  std::string port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return Fail(Code::kNotFound,
                "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
                "KUBERNETES_SERVICE_PORT must be defined");
  }
  ClientConfig client;
  bool is_v6 = host.find(':') != std::string::npos;
  client.api_server = fmt::format(fmt::runtime(is_v6 ? "https://[{}]:{}" : "https://{}:{}"), host, port);
  config::AuthorizationConfig authorization;
  authorization.credentials_file = dir + "/token";
  SEXTANT_TRY(config::ReadTextFile(authorization.credentials_file, kMaxSmallFileBytes));
  client.http.authorization = std::move(authorization);
  std::string ca_file = dir + "/ca.crt";
  if (access(ca_file.c_str(), R_OK) == 0) client.http.tls.ca_file = ca_file;
  return client;
}

Result<std::string> OwnNamespace(const std::string& dir) {
  SEXTANT_ASSIGN(std::string text, config::ReadTextFile(dir + "/namespace", kMaxSmallFileBytes));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (text.empty()) return Fail(Code::kInvalidArgument, "{}/namespace is empty", dir);
  return text;
}

Result<ClientConfig> LoadKubeconfig(const std::string& path, const core::Clock& clock) {
  SEXTANT_ASSIGN(config::Document document, config::Document::Load(path));
  Node root = document.root();
  std::string current = TextOf(root, "current-context");
  if (current.empty()) return root.Fail("no current-context");
  SEXTANT_ASSIGN(Node context_item, FindNamed(root, "contexts", current));
  Node context = context_item.Find("context");
  SEXTANT_ASSIGN(Node cluster, FindNamed(root, "clusters", TextOf(context, "cluster")));
  ClientConfig client;
  SEXTANT_TRY(ReadCluster(cluster.Find("cluster"), client));
  if (std::string user_name = TextOf(context, "user"); !user_name.empty()) {
    SEXTANT_ASSIGN(Node user, FindNamed(root, "users", user_name));
    if (Node fields = user.Find("user"); fields && fields.IsMapping())
      SEXTANT_TRY(ReadUser(fields, clock, client));
  }
  return client;
}

std::string Fingerprint(const ClientConfig& client) {
  std::string headers;
  for (const auto& [name, value] : client.headers) headers += name + ": " + value + "\n";
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", client.api_server, config::WriteYaml(client.http),
                     config::RevealSecrets(client.http), client.ca_pem, client.cert_pem, client.key_pem,
                     client.plugin, headers);
}

Result<net::FetchRequest> MakeRequest(const ClientConfig& client, const std::string& path_and_query,
                                      const std::string& user_agent) {
  net::FetchRequest request;
  request.url = client.api_server + path_and_query;
  request.headers.Set("Accept", "application/json");
  request.headers.Set("User-Agent", user_agent);
  for (const auto& [name, value] : client.headers) request.headers.Add(name, value);
  httpclient::ApplyHttpConfig(client.http, client.authorizer, request);
  SEXTANT_TRY(httpclient::ReadSecretFiles(client.http, request));
  if (!(client.ca_pem + client.cert_pem + client.key_pem).empty()) {
    net::TlsClientOptions tls = *request.tls;
    tls.ca_pem = client.ca_pem;
    tls.cert_pem = client.cert_pem;
    tls.key_pem = client.key_pem;
    request.tls = std::make_shared<const net::TlsClientOptions>(std::move(tls));
  }
  return request;
}

}  // namespace sextant::kube
