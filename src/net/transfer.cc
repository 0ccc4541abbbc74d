#include "net/transfer.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "net/socket_text.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Error;

// Fewer, larger reads: a scrape's body arrives in two or three.
constexpr long kReceiveBufferBytes = 128 << 10;
// A renewed authority file is seen after this long.
constexpr long kCaCacheSeconds = 60;

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
  });
}

void Append(CurlListPtr& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  SEXTANT_CHECK(longer != nullptr);
  (void)list.release();
  list.reset(longer);
}

core::Result<long> MaxTlsVersion(std::string_view name) {
  if (name.empty()) return CURL_SSLVERSION_MAX_DEFAULT;
  if (name == "TLS10") return CURL_SSLVERSION_MAX_TLSv1_0;
  if (name == "TLS11") return CURL_SSLVERSION_MAX_TLSv1_1;
  if (name == "TLS12") return CURL_SSLVERSION_MAX_TLSv1_2;
  if (name == "TLS13") return CURL_SSLVERSION_MAX_TLSv1_3;
  return core::Fail(Code::kInvalidArgument, "unknown TLS version: {}", name);
}

core::Result<long> TlsVersion(std::string_view name) {
  if (name.empty()) return CURL_SSLVERSION_TLSv1_2;
  if (name == "TLS10") return CURL_SSLVERSION_TLSv1_0;
  if (name == "TLS11") return CURL_SSLVERSION_TLSv1_1;
  if (name == "TLS12") return CURL_SSLVERSION_TLSv1_2;
  if (name == "TLS13") return CURL_SSLVERSION_TLSv1_3;
  return core::Fail(Code::kInvalidArgument, "unknown TLS version: {}", name);
}

}  // namespace

core::Status Transfer::SetUp(CURL* easy, const HttpClientOptions& options, core::DurationMs timeout_ms) {
  auto url = ParseUrl(request_.url);
  if (!url) return tl::unexpected(WithUrl(Code::kInvalidArgument, url.error().message()));
  if (url->scheme != "http" && url->scheme != "https") {
    return tl::unexpected(
        WithUrl(Code::kInvalidArgument, fmt::format("unsupported protocol scheme \"{}\"", url->scheme)));
  }
  if (!IsToken(request_.method)) {
    return tl::unexpected(WithUrl(Code::kInvalidArgument, "the method is not a word"));
  }
  host_ = url->host;
  request_url_ = request_.url;
  if (core::Status status = SetUpTls(easy, *url); !status) {
    return tl::unexpected(WithUrl(status.error().code(), status.error().message()));
  }
  if (core::Status status = SetUpHeaders(easy); !status) {
    return tl::unexpected(WithUrl(status.error().code(), status.error().message()));
  }
  SetUpBody(easy);
  SetUpAuth(easy);

  curl_easy_setopt(easy, CURLOPT_URL, request_url_.c_str());
  curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, request_.shuffles_addresses ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<core::DurationMs>(1, timeout_ms)));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::max<core::DurationMs>(1, timeout_ms)));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request_.follow_redirects ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, static_cast<long>(request_.max_redirects));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  if (core::Status status = SetUpProxy(easy, *url); !status) {
    return tl::unexpected(WithUrl(status.error().code(), status.error().message()));
  }
  if (!request_.unix_socket.empty()) {
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request_.unix_socket.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(options.max_idle_ms / 1'000));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::OpenSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  return {};
}

core::Status Transfer::SetUpProxy(CURL* easy, const Url& url) {
  std::string proxy = request_.proxy_url;
  std::string no_proxy = request_.no_proxy;
  if (request_.proxy_from_environment) {
    auto read = [](const char* upper, const char* lower) -> std::string {
      const char* value = std::getenv(upper);
      if (value == nullptr) value = std::getenv(lower);
      return value == nullptr ? "" : value;
    };
    bool is_local = url.host == "localhost" || url.host.starts_with("127.") || url.host == "::1";
    if (!is_local)
      proxy = url.scheme == "https" ? read("HTTPS_PROXY", "https_proxy") : read("HTTP_PROXY", "http_proxy");
    no_proxy = read("NO_PROXY", "no_proxy");
  }
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy.c_str());       // "" keeps curl from asking the environment
  curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy.c_str());  // and so does this
  if (url.scheme != "https") return {};                       // then the proxy gets the request itself
  const HttpHeaders& headers = request_.proxy_connect_headers;
  for (size_t i = 0; i < headers.size(); ++i) {
    if (!IsToken(headers.name(i)) || HasControl(headers.value(i))) {
      return core::Fail(Code::kInvalidArgument, "invalid header field \"{}\" for the proxy", headers.name(i));
    }
    Append(proxy_headers_, fmt::format("{}: {}", headers.name(i), headers.value(i)));
  }
  // What is meant for the server is not shown to the proxy, nor the other way round.
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(easy, CURLOPT_PROXYHEADER, proxy_headers_.get());
  return {};
}

core::Status Transfer::SetUpHeaders(CURL* easy) {
  const HttpHeaders& headers = request_.headers;
  for (size_t i = 0; i < headers.size(); ++i) {
    if (!IsToken(headers.name(i)) || HasControl(headers.value(i))) {
      return core::Fail(Code::kInvalidArgument, "invalid header field \"{}\"", headers.name(i));
    }
    // curl drops a field without a value unless it is written this way.
    Append(header_list_, headers.value(i).empty() ? fmt::format("{};", headers.name(i))
                                                  : fmt::format("{}: {}", headers.name(i), headers.value(i)));
  }
  if (request_.accept_compressed && !headers.Has("Accept-Encoding"))
    Append(header_list_, "Accept-Encoding: gzip, zstd");
  // Waiting for leave to send costs a round trip, and a second with servers that never give it.
  if (!headers.Has("Expect")) Append(header_list_, "Expect:");
  if (!request_.body.empty() && !headers.Has("Content-Type")) Append(header_list_, "Content-Type:");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_.get());
  return {};
}

core::Status Transfer::SetUpTls(CURL* easy, const Url& url) {
  if (url.scheme != "https" && !request_.follow_redirects) return {};
  static const TlsClientOptions kDefaults;
  const TlsClientOptions& tls = request_.tls != nullptr ? *request_.tls : kDefaults;
  for (const std::string* path : {&tls.ca_file, &tls.cert_file, &tls.key_file}) {
    if (!path->empty() && access(path->c_str(), R_OK) != 0) {
      return core::Fail(Code::kInvalidArgument, "open {}: {}", *path, DescribeErrno(errno));
    }
  }
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    return core::Fail(Code::kInvalidArgument, "a client certificate needs both cert_file and key_file");
  }
  SEXTANT_ASSIGN(long version, TlsVersion(tls.min_version));
  SEXTANT_ASSIGN(long max_version, MaxTlsVersion(tls.max_version));
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, version | max_version);
  if (tls.min_version == "TLS10" || tls.min_version == "TLS11") {
    // They sign with SHA-1, which OpenSSL does not do by itself any more.
    curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:@SECLEVEL=0");
  }
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, kCaCacheSeconds);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, tls.insecure_skip_verify ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, tls.insecure_skip_verify ? 0L : 2L);
  if (!tls.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, tls.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (!tls.cert_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.cert_file.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key_file.c_str());
  }
  auto blob = [&](CURLoption option, const std::string& pem) {
    if (pem.empty()) return;
    curl_blob data{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_COPY};
    curl_easy_setopt(easy, option, &data);
  };
  blob(CURLOPT_CAINFO_BLOB, tls.ca_pem);
  blob(CURLOPT_SSLCERT_BLOB, tls.cert_pem);
  blob(CURLOPT_SSLKEY_BLOB, tls.key_pem);
  if (!tls.next_protos.empty()) {
    // curl's own offer would take the place of ours.
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, &Transfer::OfferProtocols);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, this);
  }
  if (!tls.server_name.empty() && url.scheme == "https" && tls.server_name != url.host) {
    // curl takes the name to verify from the URL: put it there, connect to the true host, and keep the Host
    // header.
    Url named = url;
    named.host = tls.server_name;
    request_url_ = named.ToString();
    Append(connect_to_, fmt::format("{}:{}", JoinHostPort(named.host, named.EffectivePort()),
                                    JoinHostPort(url.host, url.EffectivePort())));
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_.get());
    if (!request_.headers.Has("Host")) Append(header_list_, "Host: " + url.HostPort());
  }
  return {};
}

CURLcode Transfer::OfferProtocols(CURL*, void* context, void* self) {
  std::string offer;  // each with its length in front (RFC 7301, 3.1)
  for (const std::string& protocol : static_cast<Transfer*>(self)->request_.tls->next_protos) {
    if (protocol == "h2" || protocol.size() > 255) continue;
    offer += static_cast<char>(protocol.size());
    offer += protocol;
  }
  int failed = SSL_CTX_set_alpn_protos(static_cast<SSL_CTX*>(context),
                                       reinterpret_cast<const unsigned char*>(offer.data()),
                                       static_cast<unsigned int>(offer.size()));
  return failed == 0 ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

void Transfer::SetUpBody(CURL* easy) {
  const std::string& method = request_.method;
  bool has_body = !request_.body.empty() || method == "POST" || method == "PUT";
  if (has_body) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
    if (method != "POST") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  } else if (method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (method != "GET") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

void Transfer::SetUpAuth(CURL* easy) {
  if (!request_.basic_user.empty() || !request_.basic_password.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(easy, CURLOPT_USERNAME, request_.basic_user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, request_.basic_password.c_str());
  } else if (!request_.bearer_token.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, request_.bearer_token.c_str());
  }
}

size_t Transfer::OnBody(char* data, size_t size, size_t count, void* self) {
  return static_cast<Transfer*>(self)->collector_.AppendBody({data, size * count}) ? size * count : 0;
}

size_t Transfer::OnHeader(char* data, size_t size, size_t count, void* self) {
  return static_cast<Transfer*>(self)->collector_.AppendHeader({data, size * count}) ? size * count : 0;
}

// Notes the address, for error messages.
curl_socket_t Transfer::OpenSocket(void* self, curlsocktype, curl_sockaddr* address) {
  Transfer* transfer = static_cast<Transfer*>(self);
  transfer->peer_address_ =
      address->family == AF_UNIX ? transfer->request_.unix_socket : FormatAddress(&address->addr);
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void Transfer::NoteEnd(CURL* easy, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  const char* url = nullptr;
  curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
  collector_.SetEnd(static_cast<int>(status), url != nullptr && request_url_ != url ? url : "");
  if (code != CURLE_OK && !collector_.has_failed()) collector_.Fail(DescribeFailure(easy, code));
}

std::string Transfer::DescribeTlsFailure(CURL* easy) const {
  long verdict = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
  std::string reason;
  switch (verdict) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      reason = "x509: certificate signed by unknown authority";
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      reason = "x509: certificate has expired or is not yet valid";
      break;
    default:
      reason = std::string_view(error_text_).find("subject name") != std::string_view::npos
                   ? fmt::format("x509: certificate is not valid for {}",
                                 request_.tls != nullptr && !request_.tls->server_name.empty()
                                     ? request_.tls->server_name
                                     : host_)
                   : std::string(error_text_);
  }
  return "tls: failed to verify certificate: " + reason;
}

Error Transfer::DescribeFailure(CURL* easy, CURLcode code) const {
  long number = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  std::string_view text = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return WithUrl(Code::kDeadlineExceeded, "context deadline exceeded");
    case CURLE_COULDNT_RESOLVE_HOST:
      return WithUrl(Code::kUnavailable, fmt::format("dial tcp: lookup {}: no such host", host_));
    case CURLE_COULDNT_RESOLVE_PROXY:
      return WithUrl(Code::kUnavailable, fmt::format("proxyconnect tcp: dial tcp: lookup of {}: no such host",
                                                     RedactUrl(request_.proxy_url)));
    case CURLE_COULDNT_CONNECT:
      return WithUrl(Code::kUnavailable,
                     fmt::format("dial {} {}: connect: {}", request_.unix_socket.empty() ? "tcp" : "unix",
                                 peer_address_, number != 0 ? DescribeErrno(number) : std::string(text)));
    case CURLE_GOT_NOTHING:
      return WithUrl(Code::kUnavailable, "EOF");
    case CURLE_PARTIAL_FILE:
      return WithUrl(Code::kUnavailable, "unexpected EOF");
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return WithUrl(Code::kUnavailable,
                     fmt::format("{} tcp {}: {}", code == CURLE_RECV_ERROR ? "read" : "write", peer_address_,
                                 number != 0 ? DescribeErrno(number) : std::string(text)));
    case CURLE_TOO_MANY_REDIRECTS:
      return WithUrl(Code::kUnavailable, fmt::format("stopped after {} redirects", request_.max_redirects));
    case CURLE_PEER_FAILED_VERIFICATION:
      return WithUrl(Code::kPermissionDenied, DescribeTlsFailure(easy));
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return WithUrl(Code::kInvalidArgument, fmt::format("tls: {}", text));
    case CURLE_SSL_CONNECT_ERROR:
      if (text.find("wrong version number") != std::string_view::npos) {
        return WithUrl(Code::kUnavailable, "http: server gave HTTP response to HTTPS client");
      }
      return WithUrl(Code::kUnavailable, fmt::format("tls: {}", text));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return WithUrl(Code::kUnavailable, fmt::format("malformed HTTP response: {}", text));
    default:
      return WithUrl(Code::kUnavailable, text);
  }
}

}  // namespace sextant::net
