#include "kube/client.h"

#include <unistd.h>

#include "config/decode.h"
#include "config/node.h"
#include "config/paths.h"
#include "config/text.h"
#include "httpclient/settings.h"

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
  for (const char* refused : {"proxy-url"}) {
    if (cluster.Find(refused))
      return cluster.Find(refused).FailAtKey(Code::kUnimplemented,
                                             fmt::format("{} is not supported yet", refused));
  }
  client.http.tls.ca_file = config::JoinDirectory(directory, TextOf(cluster, "certificate-authority"));
  client.http.tls.server_name = TextOf(cluster, "tls-server-name");
  SEXTANT_ASSIGN(client.ca_pem, DataOf(cluster, "certificate-authority-data"));
  if (!client.ca_pem.empty()) client.http.tls.ca_file.clear();
  if (Node skip = cluster.Find("insecure-skip-tls-verify"); skip && !skip.IsNull()) {
    SEXTANT_ASSIGN(client.http.tls.insecure_skip_verify, skip.AsBool());
  }
  return {};
}

core::Status ReadUser(Node user, ClientConfig& client) {
  std::string directory = config::DirectoryOf(user.file());
  for (const char* refused : {"exec", "auth-provider", "as", "as-uid", "as-groups", "as-user-extra"}) {
    Node node = user.Find(refused);
    if (node && !node.IsNull())
      return node.FailAtKey(Code::kUnimplemented, fmt::format("{} is not supported yet", refused));
  }
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

Result<ClientConfig> LoadKubeconfig(const std::string& path) {
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
    if (Node fields = user.Find("user"); fields && fields.IsMapping()) SEXTANT_TRY(ReadUser(fields, client));
  }
  return client;
}

std::string Fingerprint(const ClientConfig& client) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", client.api_server, config::WriteYaml(client.http),
                     config::RevealSecrets(client.http), client.ca_pem, client.cert_pem, client.key_pem);
}

Result<net::FetchRequest> MakeRequest(const ClientConfig& client, const std::string& path_and_query,
                                      const std::string& user_agent) {
  net::FetchRequest request;
  request.url = client.api_server + path_and_query;
  request.headers.Set("Accept", "application/json");
  request.headers.Set("User-Agent", user_agent);
  httpclient::ApplyHttpConfig(client.http, request);
  request.authorizer = client.authorizer;  // one for all requests, so that it can keep what it fetched
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
