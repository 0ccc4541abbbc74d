// One HTTP exchange as libcurl runs it: options in, bytes collected, outcome out. Shared by the asynchronous
// client and FetchSync. Internal to net: includes curl.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"
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

// Prepares libcurl for this process, once. Thread-safe.
void InitCurl();

class Transfer {
 public:
  explicit Transfer(FetchRequest request) : request_(std::move(request)) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  const FetchRequest& request() const { return request_; }
  // Puts a completed request in the place of the first; before SetUp.
  void Replace(FetchRequest request) { request_ = std::move(request); }

  // Gives `easy` all options; it points into this transfer until it is reset. Errors name the URL.
  core::Status SetUp(CURL* easy, const HttpClientOptions& options);

  // Notes how it ended, while `easy` still knows.
  void NoteEnd(CURL* easy, CURLcode code);
  // Replaces the outcome: the transfer was given up.
  void Fail(core::Code code, std::string_view message);  // the message gets the URL
  void Fail(core::Error error) { error_ = std::move(error); }

  // Makes the response, inflating the body: may take a while. Once.
  core::Result<FetchResponse> TakeResult();

  int status() const { return status_; }
  // For compressed bytes; give it a warm one before and take it back after.
  std::string& compressed() { return compressed_; }

 private:
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static curl_socket_t OpenSocket(void* self, curlsocktype purpose, curl_sockaddr* address);

  bool AppendBody(std::string_view piece);
  bool AppendHeader(std::string_view line);
  core::Status SetUpHeaders(CURL* easy);
  core::Status SetUpTls(CURL* easy, const Url& url);
  core::Status SetUpProxy(CURL* easy, const Url& url);
  void SetUpBody(CURL* easy);
  void SetUpAuth(CURL* easy);
  core::Error DescribeFailure(CURL* easy, CURLcode code) const;
  std::string DescribeTlsFailure(CURL* easy) const;
  core::Error WithUrl(core::Code code, std::string_view message) const;

  FetchRequest request_;
  CurlListPtr header_list_;
  CurlListPtr connect_to_;
  CurlListPtr proxy_headers_;
  std::string request_url_;   // what curl is told: the host may be the TLS server name
  std::string peer_address_;  // last address tried
  char error_text_[CURL_ERROR_SIZE] = "";
  std::string host_;
  bool is_compressed_ = false;
  bool has_body_begun_ = false;
  std::string compressed_;
  size_t header_bytes_ = 0;
  int status_ = 0;
  FetchResponse response_;
  std::optional<core::Error> error_;
};

}  // namespace sextant::net
