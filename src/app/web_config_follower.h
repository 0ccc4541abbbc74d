// Keeps a server's certificates, users and headers as its web configuration file says: by SIGHUP, and when
// the file or one that it names changes.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/services.h"
#include "core/result.h"
#include "httpclient/web_settings.h"
#include "net/http_server.h"

namespace sextant::app {

// Begin, Follow and Stop are called by the owner's thread, Stop before the server ends; Reload by any.
class WebConfigFollower {
 public:
  // `services` must outlive it. An empty `file` is none.
  WebConfigFollower(Services& services, std::string file)
      : services_(services),
        file_(std::move(file)),
        timer_(services.io, services.executor, core::Priority::kBackground) {}

  // Reads the file into the options of a server that is to be started. Errors name the file.
  core::Status Begin(net::HttpServerOptions& server);
  // Looks after the files from now on, every five seconds.
  void Follow(net::HttpServer& server);
  // Reads the file again. On an error everything stays as it was, and the log says why.
  void Reload();
  void Stop();

 private:
  void Note(const httpclient::WebSettings& web);
  core::Result<httpclient::WebSettings> Load() const;
  uint64_t Fingerprint() const;

  Services& services_;
  const std::string file_;
  net::HttpServer* server_ = nullptr;
  std::mutex reload_mutex_;
  std::atomic<bool> is_stopped_ = false;
  std::atomic<uint64_t> fingerprint_ = 0;
  std::atomic<std::shared_ptr<const std::map<std::string, std::string>>> headers_;
  std::atomic<std::shared_ptr<const std::vector<std::string>>> files_;
  net::Timer timer_;
};

}  // namespace sextant::app
