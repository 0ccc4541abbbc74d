// One HTTP exchange as libcurl runs it, once that is loaded (curl_on_demand.h): options in, what comes into a
// collector. Shared by the asynchronous client and FetchSync. Internal to net: includes curl.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "net/response_collector.h"
#include "net/url.h"

namespace sextant::net {

template <auto free_function>
struct CurlDeleter {
  template <typename T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
using CurlEasyPtr = std::unique_ptr<CURL, CurlDeleter<curl_easy_cleanup>>;
using CurlListPtr = std::unique_ptr<curl_slist, CurlDeleter<curl_slist_free_all>>;

class Transfer {
 public:
  // `collector` must outlive the transfer.
  explicit Transfer(ResponseCollector& collector) : collector_(collector), request_(collector.request()) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Gives `easy` all options; it points into this transfer until it is reset. The exchange may take
  // `timeout_ms` as a whole. Errors name the URL.
  core::Status SetUp(CURL* easy, const HttpClientOptions& options, core::DurationMs timeout_ms);

  // Tells the collector how it ended, while `easy` still knows.
  void NoteEnd(CURL* easy, CURLcode code);

 private:
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static CURLcode OfferProtocols(CURL* easy, void* context, void* self);
  static curl_socket_t OpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);

  core::Status SetUpHeaders(CURL* easy);
  core::Status SetUpTls(CURL* easy, const Url& url);
  core::Status SetUpProxy(CURL* easy, const Url& url);
  void SetUpBody(CURL* easy);
  void SetUpAuth(CURL* easy);
  core::Error DescribeFailure(CURL* easy, CURLcode code) const;
  std::string DescribeTlsFailure(CURL* easy) const;
  core::Error WithUrl(core::Code code, std::string_view message) const {
    return collector_.WithUrl(code, message);
  }

  ResponseCollector& collector_;
  const FetchRequest& request_;
  CurlListPtr header_list_;
  CurlListPtr connect_to_;
  CurlListPtr proxy_headers_;
  std::string request_url_;   // what curl is told: the host may be the TLS server name
  std::string peer_address_;  // last address tried
  char error_text_[CURL_ERROR_SIZE] = "";
  std::string host_;
};

}  // namespace sextant::net
