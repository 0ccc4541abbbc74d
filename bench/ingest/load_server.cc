// Serves many targets for the ingestion benchmark: GET /target/<n>/metrics answers `series` lines in text
// format. The mix is that of real exporters: of 20 series, 13 never change, 5 count up and 2 move; each
// request moves the target one step.
//
//   load_server LISTEN TARGETS SERIES [BODIES]
//
// With BODIES, a folder of captured texts, each target serves these in turn instead. Paths begin with /a, /b
// or /c: each server under test scrapes its own copy of a target, so that all see the same steps.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/process.h"
#include "net/http_server.h"

namespace {

using namespace sextant;

// One target's lines: everything up to the value is made once.
class Target {
 public:
  Target(int number, int series) {
    for (int i = 0; i < series; ++i) {
      prefixes_.push_back(fmt::format(
          "load_metric_{}_total{{handler=\"/api/v1/resource/{}\",method=\"{}\",code=\"{}\",shard=\"{}\"}} ",
          i / 20, i % 20, i % 3 == 0 ? "GET" : "POST", 200 + i % 5, number % 7));
      values_.push_back(i * 37 + number);
    }
  }

  // With captured bodies instead, shared by all targets.
  Target(int number, const std::vector<std::string>& captured)
      : captured_(&captured), step_(static_cast<uint64_t>(number) * 7) {}

  std::string Body() {
    ++step_;
    if (captured_ != nullptr) return (*captured_)[step_ % captured_->size()];
    std::string body;
    body.reserve(prefixes_.size() * 100);
    for (size_t i = 0; i < prefixes_.size(); ++i) {
      size_t kind = i % 20;
      if (i % 20 == 0)
        body += fmt::format("# HELP load_metric_{}_total Load.\n# TYPE load_metric_{}_total counter\n",
                            i / 20, i / 20);
      body += prefixes_[i];
      if (kind >= 18) {
        random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
        body += fmt::format("{}\n", static_cast<double>(random_ >> 40) / 1000);
        continue;
      }
      if (kind >= 13) values_[i] += static_cast<int64_t>((step_ * (i + 1)) % 97);
      body += fmt::format("{}\n", values_[i]);
    }
    return body;
  }

 private:
  const std::vector<std::string>* captured_ = nullptr;
  std::vector<std::string> prefixes_;
  std::vector<int64_t> values_;
  uint64_t step_ = 0;
  uint64_t random_ = 1;
};

bool ReadBodies(const std::string& dir, std::vector<std::string>& bodies) {
  core::PosixFileSystem fs;
  auto files = fs.List(dir);
  if (files) {
    for (const core::FileInfo& file : *files) {
      auto body = core::ReadFile(fs, core::JoinPath(dir, file.name), 64 << 20);
      if (body) bodies.push_back(std::move(*body));
    }
  }
  if (bodies.empty()) fmt::print(stderr, "load_server: no bodies in {}\n", dir);
  return !bodies.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fputs("usage: load_server LISTEN TARGETS SERIES [BODIES]\n", stderr);
    return 2;
  }
  std::vector<std::string> captured;
  if (argc == 5 && !ReadBodies(argv[4], captured)) return 1;
  core::SignalWaiter signals;
  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor({.threads = 2, .queue_limit_tasks = 10'000});
  net::IoContext io;
  net::Router router;
  std::vector<std::unique_ptr<Target>> targets;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    for (std::string_view side : {"a", "b", "c"}) {
      targets.push_back(captured.empty() ? std::make_unique<Target>(i, std::atoi(argv[3]))
                                         : std::make_unique<Target>(i, captured));
      router.Add("GET", fmt::format("/{}/target/{}/metrics", side, i),
                 [target = targets.back().get()](const net::HttpRequest&) {
                   net::HttpResponse response;
                   response.headers.Set("Content-Type", "text/plain; version=0.0.4");
                   response.body = target->Body();
                   return response;
                 });
    }
  }
  net::HttpServerOptions options;
  options.listen = {argv[1]};
  // Prometheus keeps a connection for each target.
  options.limits.max_connections = 20'000;
  auto server = net::HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                       std::move(router), options);
  if (!server) {
    std::fprintf(stderr, "load_server: %s\n", server.error().message().c_str());
    return 1;
  }
  std::printf("%s\n", (*server)->bound_address().c_str());
  std::fflush(stdout);
  while (signals.Wait() == SIGHUP) {
  }
  (*server)->Stop(1000);
  return 0;
}
