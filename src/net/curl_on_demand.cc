#include "net/curl_on_demand.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>
#include <string>

namespace sextant::net {

namespace {

constexpr const char* kLibrary = "libcurl.so.4";

struct Library {
  void* handle = nullptr;
  std::string error;
};

// Never unloaded: its threads may outlive whoever used it last.
const Library& LoadedLibrary() {
  static const Library library = [] {
    Library loaded;
    loaded.handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (loaded.handle == nullptr) loaded.error = dlerror();
    return loaded;
  }();
  return library;
}

template <typename Function>
Function* Find(const char* name) {
  void* found = LoadedLibrary().handle == nullptr ? nullptr : dlsym(LoadedLibrary().handle, name);
  SEXTANT_CHECK(found != nullptr);
  return reinterpret_cast<Function*>(found);
}

}  // namespace

core::Status LoadCurl() {
  if (LoadedLibrary().handle == nullptr) {
    return core::Fail(core::Code::kUnavailable, "libcurl cannot be loaded: {}", LoadedLibrary().error);
  }
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) {
    return core::Fail(core::Code::kUnavailable, "libcurl cannot be used: {}", curl_easy_strerror(result));
  }
  return {};
}

}  // namespace sextant::net

// The names in parentheses are those of functions: <curl/curl.h> also has macros of these names, which check
// arguments where they are used.
using sextant::net::Find;

CURLcode(curl_global_init)(long flags) {
  static auto* const real = Find<decltype(curl_global_init)>("curl_global_init");
  return real(flags);
}

CURL*(curl_easy_init)() {
  static auto* const real = Find<decltype(curl_easy_init)>("curl_easy_init");
  return real();
}

void(curl_easy_cleanup)(CURL* easy) {
  static auto* const real = Find<decltype(curl_easy_cleanup)>("curl_easy_cleanup");
  real(easy);
}

void(curl_easy_reset)(CURL* easy) {
  static auto* const real = Find<decltype(curl_easy_reset)>("curl_easy_reset");
  real(easy);
}

CURLcode(curl_easy_perform)(CURL* easy) {
  static auto* const real = Find<decltype(curl_easy_perform)>("curl_easy_perform");
  return real(easy);
}

const char*(curl_easy_strerror)(CURLcode code) {
  static auto* const real = Find<decltype(curl_easy_strerror)>("curl_easy_strerror");
  return real(code);
}

// Whatever an option or an answer is (a long, a pointer, a curl_off_t), it is passed as eight bytes.
static_assert(sizeof(long) == sizeof(void*) && sizeof(curl_off_t) == sizeof(void*));

CURLcode(curl_easy_setopt)(CURL* easy, CURLoption option, ...) {
  static auto* const real = Find<decltype(curl_easy_setopt)>("curl_easy_setopt");
  va_list arguments;
  va_start(arguments, option);
  void* value = va_arg(arguments, void*);
  va_end(arguments);
  return real(easy, option, value);
}

CURLcode(curl_easy_getinfo)(CURL* easy, CURLINFO info, ...) {
  static auto* const real = Find<decltype(curl_easy_getinfo)>("curl_easy_getinfo");
  va_list arguments;
  va_start(arguments, info);
  void* value = va_arg(arguments, void*);
  va_end(arguments);
  return real(easy, info, value);
}

CURLM*(curl_multi_init)() {
  static auto* const real = Find<decltype(curl_multi_init)>("curl_multi_init");
  return real();
}

CURLMcode(curl_multi_cleanup)(CURLM* multi) {
  static auto* const real = Find<decltype(curl_multi_cleanup)>("curl_multi_cleanup");
  return real(multi);
}

CURLMcode(curl_multi_setopt)(CURLM* multi, CURLMoption option, ...) {
  static auto* const real = Find<decltype(curl_multi_setopt)>("curl_multi_setopt");
  va_list arguments;
  va_start(arguments, option);
  void* value = va_arg(arguments, void*);
  va_end(arguments);
  return real(multi, option, value);
}

CURLMcode(curl_multi_add_handle)(CURLM* multi, CURL* easy) {
  static auto* const real = Find<decltype(curl_multi_add_handle)>("curl_multi_add_handle");
  return real(multi, easy);
}

CURLMcode(curl_multi_remove_handle)(CURLM* multi, CURL* easy) {
  static auto* const real = Find<decltype(curl_multi_remove_handle)>("curl_multi_remove_handle");
  return real(multi, easy);
}

CURLMcode(curl_multi_socket_action)(CURLM* multi, curl_socket_t socket, int events, int* running) {
  static auto* const real = Find<decltype(curl_multi_socket_action)>("curl_multi_socket_action");
  return real(multi, socket, events, running);
}

CURLMsg*(curl_multi_info_read)(CURLM* multi, int* left) {
  static auto* const real = Find<decltype(curl_multi_info_read)>("curl_multi_info_read");
  return real(multi, left);
}

curl_slist*(curl_slist_append)(curl_slist* list, const char* text) {
  static auto* const real = Find<decltype(curl_slist_append)>("curl_slist_append");
  return real(list, text);
}

void(curl_slist_free_all)(curl_slist* list) {
  static auto* const real = Find<decltype(curl_slist_free_all)>("curl_slist_free_all");
  real(list);
}
