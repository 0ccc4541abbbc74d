#include "net/prepared_request.h"

#include <arpa/inet.h>

#include <algorithm>

#include "core/base64.h"
#include "net/url.h"

namespace sextant::net {

namespace {

// What may stand between a request's spaces and line ends.
bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

bool IsFieldText(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; });
}

bool IsFieldName(std::string_view text) {
  return !text.empty() && IsVisible(text) && text.find(':') == std::string_view::npos;
}

bool HasPlainHeaders(const HttpHeaders& headers) {
  for (size_t i = 0; i < headers.size(); ++i) {
    if (!IsFieldName(headers.name(i)) || !IsFieldText(headers.value(i))) return false;
  }
  for (std::string_view name : {"Expect", "Connection", "Transfer-Encoding", "Content-Length", "Upgrade"}) {
    if (headers.Has(name)) return false;
  }
  return true;
}

// Where nothing has to be looked up. Looking up names blocks, and is left to libcurl's threads.
bool IsAddress(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return host == "localhost" || inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

// A GET to a server that is spoken to directly and in the clear.
bool IsPlain(const FetchRequest& request, const Url& url) {
  return url.scheme == "http" && request.method == "GET" && request.body.empty() && !request.on_data &&
         request.proxy_url.empty() && !request.proxy_from_environment && request.unix_socket.empty() &&
         request.authorizer == nullptr && !url.has_user && IsAddress(url.host) && IsVisible(url.path) &&
         IsVisible(url.query) && HasPlainHeaders(request.headers) && IsFieldText(request.bearer_token);
}

std::string MakeHead(const FetchRequest& request, const Url& url, std::string_view user_agent) {
  std::string head = "GET ";
  head += url.path.empty() ? "/" : url.path;
  if (!url.query.empty()) head.append("?").append(url.query);
  head += " HTTP/1.1\r\n";
  auto add = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  auto add_default = [&](std::string_view name, std::string_view value) {
    if (!request.headers.Has(name)) add(name, value);
  };
  Url server = url;
  if (server.port == 80) server.port = 0;
  add_default("Host", server.HostPort());
  add_default("User-Agent", user_agent);
  add_default("Accept", "*/*");
  if (request.accept_compressed) add_default("Accept-Encoding", "gzip, zstd");
  if (!request.basic_user.empty() || !request.basic_password.empty()) {
    add_default("Authorization",
                "Basic " + core::EncodeBase64(request.basic_user + ":" + request.basic_password));
  } else if (!request.bearer_token.empty()) {
    add_default("Authorization", "Bearer " + request.bearer_token);
  }
  for (size_t i = 0; i < request.headers.size(); ++i) add(request.headers.name(i), request.headers.value(i));
  head += "\r\n";
  return head;
}

}  // namespace

std::shared_ptr<const PreparedRequest> PrepareRequest(FetchRequest request, std::string_view user_agent) {
  auto prepared = std::make_shared<PreparedRequest>();
  auto url = ParseUrl(request.url);
  if (url && IsPlain(request, *url)) {
    prepared->is_plain = true;
    prepared->host = url->host;
    prepared->port = url->EffectivePort();
    prepared->head = MakeHead(request, *url, user_agent);
  }
  prepared->request = std::move(request);
  return prepared;
}

}  // namespace sextant::net
