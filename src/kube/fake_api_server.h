// For tests: an API server that answers lists as told and whose watches say what a test makes them say.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/response_writer.h"

namespace sextant::kube {

inline std::string KubeConformanceDir(const char* otherwise) {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return std::string(given != nullptr ? given : otherwise) + "/kube/";
}

inline std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class FakeApiServer {
 public:
  struct Answer {
    int status = 200;
    std::string body = {};
    std::string retry_after = {};
  };

  FakeApiServer(net::IoContext& io, core::Executor& executor, const core::Clock& clock,
                core::Registry& registry) {
    net::Router router;
    router.AddStream("GET", "/*", [this](net::HttpRequest request, net::ResponseWriter writer) {
      Take(std::move(request), std::move(writer));
    });
    auto server = net::HttpServer::Start(
        io, executor, clock, registry, core::Logger::Discard(), std::move(router),
        {.listen = {"127.0.0.1:0"}, .security = {}, .limits = {}, .timeouts = {}, .add_headers = nullptr});
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }

  std::string url() const { return "http://" + server_->bound_address(); }
  void Stop() {
    {
      std::lock_guard lock(mutex_);
      watches_.clear();
    }
    server_->Stop(0);
  }

  // The answer to a list of this path; with a token, to its next page. The key is "path" or "path?token".
  void Set(const std::string& key, Answer answer) {
    std::lock_guard lock(mutex_);
    answers_[key] = std::move(answer);
  }
  // Requests so far, each as "list path", "next path" or "watch path version".
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::string authorization() {
    std::lock_guard lock(mutex_);
    return authorization_;
  }
  // Says something on the last watch of a path, in one piece; false when there is none.
  bool Say(const std::string& path, const std::string& text) {
    std::shared_ptr<net::ResponseWriter> writer = Find(path);
    return writer && writer->Write(text).has_value();
  }
  bool EndWatch(const std::string& path) {
    std::shared_ptr<net::ResponseWriter> writer = Find(path);
    if (writer) writer->Finish();
    std::lock_guard lock(mutex_);
    return watches_.erase(path) > 0;
  }

 private:
  std::shared_ptr<net::ResponseWriter> Find(const std::string& path) {
    std::lock_guard lock(mutex_);
    auto found = watches_.find(path);
    return found == watches_.end() ? nullptr : found->second;
  }

  void Take(net::HttpRequest request, net::ResponseWriter writer) {
    net::QueryParams params = request.Query();
    std::string path = "/" + std::string(request.PathParam("*"));
    std::string token(params.Get("continue"));
    std::lock_guard lock(mutex_);
    authorization_ = request.headers.Get("Authorization");
    if (params.Get("watch") == "1") {
      requests_.push_back(fmt::format("watch {} {}", path, params.Get("resourceVersion")));
      auto shared = std::make_shared<net::ResponseWriter>(std::move(writer));
      net::HttpHeaders headers;
      headers.Set("Content-Type", "application/json");
      shared->StartEndless(200, std::move(headers));
      watches_[path] = std::move(shared);
      return;
    }
    requests_.push_back((token.empty() ? "list " : "next ") + path);
    auto found = answers_.find(token.empty() ? path : path + "?" + token);
    Answer answer = found == answers_.end() ? Answer{.status = 404} : found->second;
    net::HttpResponse response = net::HttpResponse::Text(answer.status, answer.body);
    response.headers.Set("Content-Type", "application/json");
    if (!answer.retry_after.empty()) response.headers.Set("Retry-After", answer.retry_after);
    writer.Send(std::move(response));
  }

  std::mutex mutex_;
  std::map<std::string, Answer> answers_;  // guarded by mutex_, as what follows
  std::map<std::string, std::shared_ptr<net::ResponseWriter>> watches_;
  std::vector<std::string> requests_;
  std::string authorization_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace sextant::kube
