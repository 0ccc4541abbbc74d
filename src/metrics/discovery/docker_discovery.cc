#include "metrics/discovery/docker_discovery.h"

#include <algorithm>
#include <charconv>

#include "core/json_writer.h"
#include "httpclient/settings.h"
#include "metrics/discovery/docker_groups.h"
#include "metrics/discovery/docker_swarm_groups.h"
#include "metrics/discovery/refresh_discoverer.h"
#include "net/url.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxBodyBytes = 64 << 20;
// What we have been written for; newer daemons speak it, too.
constexpr int kNewestMinor = 47;
constexpr int kOldestMinor = 24;

// Filters as the API wants them: {"status":{"running":true}}.
std::string FiltersJson(const std::vector<config::DiscoveryFilter>& filters) {
  std::map<std::string, std::map<std::string, bool>> merged;
  for (const config::DiscoveryFilter& filter : filters) {
    for (const std::string& value : filter.values) merged[filter.name][value] = true;
  }
  if (merged.empty()) return "";
  core::JsonWriter json;
  json.BeginObject();
  for (const auto& [name, values] : merged) {
    json.Key(name).BeginObject();
    for (const auto& [value, is_set] : values) json.Key(value).Bool(is_set);
    json.EndObject();
  }
  json.EndObject();
  return std::move(json).Take();
}

std::string WithFilters(const std::string& path, const std::vector<config::DiscoveryFilter>& filters) {
  std::string json = FiltersJson(filters);
  return json.empty() ? path : path + "?filters=" + net::QueryEscape(json);
}

// The API of one daemon, in the newest version that both know. One Ask at a time.
class DockerApi : public std::enable_shared_from_this<DockerApi> {
 public:
  using Bodies = std::vector<std::string>;

  DockerApi(const Services& services, const std::string& host, const config::HttpClientConfig& http,
            core::DurationMs timeout_ms)
      : client_(services.client), executor_(services.executor) {
    request_.timeout_ms = timeout_ms;
    request_.max_body_bytes = kMaxBodyBytes;
    request_.headers.Set("Accept", "application/json");
    request_.headers.Set("User-Agent", services.user_agent);
    if (host.starts_with("http")) {
      http_ = http;
      httpclient::ApplyHttpConfig(http, services.clock, request_);
      base_ = host;
    } else if (host.starts_with("tcp://")) {
      base_ = "http://" + host.substr(6);
    } else {
      request_.unix_socket = host.substr(7);
      base_ = "http://localhost";
    }
    while (base_.ends_with('/')) base_.pop_back();
  }

  // Gets the paths one after the other.
  void Ask(std::vector<std::string> paths, std::function<void(Result<Bodies> bodies)> done) {
    if (!version_.empty()) return AskNext(std::move(paths), {}, std::move(done));
    Get("/_ping", [self = shared_from_this(), paths = std::move(paths),
                   done = std::move(done)](Result<net::FetchResponse> response) mutable {
      if (!response) return done(tl::unexpected(response.error()));
      Result<std::string> version = VersionOf(response->headers.Get("Api-Version"));
      if (!version) return done(tl::unexpected(version.error()));
      self->version_ = "/v" + *version;
      self->AskNext(std::move(paths), {}, std::move(done));
    });
  }

 private:
  static Result<std::string> VersionOf(std::string_view text) {
    int minor = kOldestMinor;
    if (!text.empty()) {
      bool is_v1 = text.starts_with("1.");
      std::string_view digits = is_v1 ? text.substr(2) : "";
      auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), minor);
      if (!is_v1 || error != std::errc() || end != digits.data() + digits.size()) {
        return Fail(Code::kUnavailable, "the daemon speaks the API version {}, which is not known", text);
      }
    }
    return fmt::format("1.{}", std::min(minor, kNewestMinor));
  }

  void AskNext(std::vector<std::string> paths, Bodies bodies, std::function<void(Result<Bodies>)> done) {
    if (bodies.size() == paths.size()) return done(std::move(bodies));
    std::string path = version_ + paths[bodies.size()];
    Get(path, [self = shared_from_this(), paths = std::move(paths), bodies = std::move(bodies),
               done = std::move(done)](Result<net::FetchResponse> response) mutable {
      if (!response) return done(tl::unexpected(response.error()));
      bodies.push_back(std::move(response->body));
      self->AskNext(std::move(paths), std::move(bodies), std::move(done));
    });
  }

  void Get(const std::string& path, std::function<void(Result<net::FetchResponse>)> done) {
    net::FetchRequest request = request_;
    request.url = base_ + path;
    if (core::Status read = httpclient::ReadSecretFiles(http_, request); !read) {
      return done(tl::unexpected(read.error()));
    }
    client_.Fetch(std::move(request), {.executor = &executor_, .priority = core::Priority::kBackground},
                  [done = std::move(done)](Result<net::FetchResponse> response) {
                    if (response && response->status != 200) {
                      return done(Fail(Code::kUnavailable, "the daemon answered with HTTP status {} {}: {}",
                                       response->status, net::StatusText(response->status),
                                       response->body.substr(0, 512)));
                    }
                    done(std::move(response));
                  });
  }

  net::HttpClient& client_;
  core::Executor& executor_;
  config::HttpClientConfig http_;
  net::FetchRequest request_;
  std::string base_;
  std::string version_;  // "/v1.40" once it is known
};

using ReadGroup = std::function<Result<TargetGroup>(DockerApi::Bodies& bodies)>;

std::unique_ptr<Discoverer> MakeDiscoverer(const Services& services, RefreshOptions options,
                                           std::shared_ptr<DockerApi> api, std::vector<std::string> paths,
                                           ReadGroup read) {
  return std::make_unique<RefreshDiscoverer>(
      services, std::move(options),
      [api = std::move(api), paths = std::move(paths), read = std::move(read)](RefreshDiscoverer::Done done) {
        api->Ask(paths, [done = std::move(done), read](Result<DockerApi::Bodies> bodies) {
          if (!bodies) return done(tl::unexpected(bodies.error()));
          Result<TargetGroup> group = read(*bodies);
          if (!group) return done(tl::unexpected(group.error()));
          done(std::vector<TargetGroup>{std::move(*group)});
        });
      });
}

}  // namespace

std::unique_ptr<Discoverer> MakeDockerDiscoverer(const Services& services,
                                                 const config::DockerDiscoveryConfig& config,
                                                 const std::string& set) {
  auto api = std::make_shared<DockerApi>(services, config.host, config.http, config.refresh_interval_ms);
  return MakeDiscoverer(services, {"docker", set, config.refresh_interval_ms, &services.executor},
                        std::move(api), {WithFilters("/containers/json", config.filters), "/networks"},
                        [config](DockerApi::Bodies& bodies) -> Result<TargetGroup> {
                          SEXTANT_ASSIGN(LabelsById networks,
                                         ReadDockerNetworks(bodies[1], "__meta_docker_"));
                          return ReadDockerContainers(bodies[0], networks, config);
                        });
}

std::unique_ptr<Discoverer> MakeDockerSwarmDiscoverer(const Services& services,
                                                      const config::DockerSwarmDiscoveryConfig& config,
                                                      const std::string& set) {
  auto api = std::make_shared<DockerApi>(services, config.host, config.http, config.refresh_interval_ms);
  RefreshOptions options{"dockerswarm", set, config.refresh_interval_ms, &services.executor};
  int32_t port = config.port;
  if (config.role == "nodes") {
    return MakeDiscoverer(
        services, std::move(options), std::move(api), {WithFilters("/nodes", config.filters)},
        [port](DockerApi::Bodies& bodies) { return ReadSwarmNodes({.nodes = std::move(bodies[0])}, port); });
  }
  if (config.role == "services") {
    return MakeDiscoverer(services, std::move(options), std::move(api),
                          {WithFilters("/services", config.filters), "/networks"},
                          [port](DockerApi::Bodies& bodies) {
                            return ReadSwarmServices(
                                {.services = std::move(bodies[0]), .networks = std::move(bodies[1])}, port);
                          });
  }
  return MakeDiscoverer(
      services, std::move(options), std::move(api),
      {WithFilters("/tasks", config.filters), "/services", "/nodes", "/networks"},
      [port](DockerApi::Bodies& bodies) {
        return ReadSwarmTasks(
            {std::move(bodies[0]), std::move(bodies[1]), std::move(bodies[2]), std::move(bodies[3])}, port);
      });
}

}  // namespace sextant::discovery
