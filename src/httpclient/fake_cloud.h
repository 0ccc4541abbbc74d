// For tests: a server that plays the services that give tokens and keys, and the one that wants them; and RSA
// keys with what they have signed.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <simdjson.h>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base64.h"
#include "core/metrics.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace sextant::httpclient {

class FakeCloud {
 public:
  using Answer = std::function<net::HttpResponse(const net::HttpRequest& request)>;

  FakeCloud() {
    net::Router router;
    for (const char* method : {"GET", "POST", "PUT"}) {
      router.Add(method, "/*", [this](const net::HttpRequest& request) { return Take(request); });
    }
    auto server =
        net::HttpServer::Start(io_, executor_, clock_, registry_, core::Logger::Discard(), std::move(router),
                               {.listen = {"127.0.0.1:0"}, .security = {}, .limits = {}, .timeouts = {}});
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }
  ~FakeCloud() {
    client_.Stop();
    server_->Stop(1000);
  }

  std::string address() const { return server_->bound_address(); }
  std::string url() const { return "http://" + address(); }

  void On(const std::string& path, Answer answer) {
    std::lock_guard lock(mutex_);
    answers_[path] = std::move(answer);
  }
  void OnJson(const std::string& path, const std::string& json, int status = 200) {
    On(path, [json, status](const net::HttpRequest&) { return net::HttpResponse::Json(status, json); });
  }

  // What came for a path, in order.
  std::vector<net::HttpRequest> Seen(const std::string& path) const {
    std::lock_guard lock(mutex_);
    std::vector<net::HttpRequest> seen;
    for (const net::HttpRequest& one : seen_) {
      if (one.path == path) seen.push_back(one);
    }
    return seen;
  }

  // The headers with which a request for /target arrives, as the value of one of them, or the error.
  std::string HeaderWith(const std::shared_ptr<net::RequestAuthorizer>& authorizer,
                         const std::string& header = "Authorization") {
    net::FetchRequest request;
    request.url = url() + "/target";
    request.timeout_ms = 10'000;
    request.authorizer = authorizer;
    std::promise<core::Result<net::FetchResponse>> promise;
    client_.Fetch(std::move(request), {.executor = &executor_},
                  [&](auto answer) { promise.set_value(std::move(answer)); });
    auto answer = promise.get_future().get();
    if (!answer) return answer.error().message();
    return std::string(Seen("/target").back().headers.Get(header));
  }

 private:
  net::HttpResponse Take(const net::HttpRequest& request) {
    Answer answer;
    {
      std::lock_guard lock(mutex_);
      seen_.push_back(request);
      auto found = answers_.find(request.path);
      if (found != answers_.end()) answer = found->second;
    }
    if (answer) return answer(request);
    return request.path == "/target" ? net::HttpResponse::Text(200, "ok")
                                     : net::HttpResponse::Text(404, "nothing here");
  }

  core::SystemClock clock_;
  core::Registry registry_;
  core::Executor executor_{{.threads = 3, .queue_limit_tasks = 1000}};
  net::IoContext io_;
  net::HttpClient client_{io_, registry_};
  std::unique_ptr<net::HttpServer> server_;

  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Answer> answers_;
  std::vector<net::HttpRequest> seen_;
};

// A key of its own, and what it has signed.
class RsaKey {
 public:
  RsaKey() : key_(EVP_RSA_gen(2048)) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    long size = BIO_get_mem_data(bio, &data);
    pem_.assign(data, static_cast<size_t>(size));
    BIO_free(bio);
  }
  ~RsaKey() { EVP_PKEY_free(key_); }
  RsaKey(const RsaKey&) = delete;
  RsaKey& operator=(const RsaKey&) = delete;

  const std::string& pem() const { return pem_; }
  EVP_PKEY* get() const { return key_; }

  // The header (0) or the claims (1) of a token as JSON, or "bad signature".
  std::string PartOf(const std::string& jwt, int part, const EVP_MD* digest = EVP_sha256(),
                     bool is_pss = false) const {
    size_t first = jwt.find('.');
    size_t second = jwt.find('.', first + 1);
    if (second == std::string::npos) return "no token";
    std::string text = jwt.substr(0, second);
    std::string signature = Decode(jwt.substr(second + 1));
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* settings = nullptr;
    EVP_DigestVerifyInit(context, &settings, digest, nullptr, key_);
    if (is_pss) EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
    int is_good =
        EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size());
    EVP_MD_CTX_free(context);
    if (is_good != 1) return "bad signature";
    return Decode(part == 0 ? jwt.substr(0, first) : jwt.substr(first + 1, second - first - 1));
  }

 private:
  static std::string Decode(std::string text) {
    for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
    while (text.size() % 4 != 0) text += '=';
    return core::DecodeBase64(text).value_or("not base64");
  }

  EVP_PKEY* key_;
  std::string pem_;
};

inline std::string FormValue(const net::HttpRequest& request, std::string_view name) {
  auto form = request.Form();
  return form ? std::string(form->Get(name)) : form.error().message();
}

// A member of a JSON object as JSON text; "" when it is absent.
inline std::string JsonMember(const std::string& json, std::string_view name) {
  simdjson::dom::parser parser;
  simdjson::dom::element value;
  if (parser.parse(simdjson::padded_string(json))[name].get(value) != simdjson::SUCCESS) return "";
  return simdjson::minify(value);
}

}  // namespace sextant::httpclient
