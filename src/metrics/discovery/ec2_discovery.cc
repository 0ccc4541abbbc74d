#include "metrics/discovery/ec2_discovery.h"

#include "httpclient/aws_metadata.h"
#include "httpclient/settings.h"
#include "httpclient/sigv4.h"
#include "metrics/discovery/ec2_groups.h"
#include "metrics/discovery/refresh_discoverer.h"
#include "net/url.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxBodyBytes = 64 << 20;
// Of one refresh: with a thousand instances each, far above what a region holds.
constexpr size_t kMaxPages = 1'000;

std::string EndpointOf(const config::Ec2DiscoveryConfig& config) {
  if (!config.endpoint.empty()) {
    return config.endpoint.find("://") == std::string::npos ? "https://" + config.endpoint : config.endpoint;
  }
  return fmt::format("https://ec2.{}.amazonaws.com{}/", config.region,
                     config.region.starts_with("cn-") ? ".cn" : "");
}

// Asks for all pages of instances, once for the zones before. One Ask at a time.
class Ec2Api : public std::enable_shared_from_this<Ec2Api> {
 public:
  Ec2Api(const Services& services, const config::Ec2DiscoveryConfig& config, core::Logger logger)
      : client_(services.client),
        executor_(services.executor),
        clock_(services.clock),
        config_(config),
        logger_(std::move(logger)) {
    request_.method = "POST";
    request_.timeout_ms = config.refresh_interval_ms;
    request_.max_body_bytes = kMaxBodyBytes;
    request_.headers.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    request_.headers.Set("User-Agent", services.user_agent);
    httpclient::ApplyHttpConfig(config.http, clock_, request_);
    if (!config_.region.empty()) SetRegion(config_.region);
  }

  void Ask(RefreshDiscoverer::Done done) {
    if (!config_.region.empty()) return AskRegion(std::move(done));
    FindRegion([self = shared_from_this(), done = std::move(done)](Result<std::string> region) mutable {
      if (!region) {
        return done(tl::unexpected(region.error().WithContext("EC2 SD configuration requires a region")));
      }
      self->SetRegion(std::move(*region));
      self->AskRegion(std::move(done));
    });
  }

 private:
  void SetRegion(std::string region) {
    config_.region = std::move(region);
    request_.url = EndpointOf(config_);
    request_.authorizer = httpclient::MakeSigV4Authorizer({.region = config_.region,
                                                           .access_key = config_.access_key,
                                                           .secret_key = config_.secret_key,
                                                           .profile = config_.profile,
                                                           .service_name = "ec2",
                                                           .role_arn = config_.role_arn,
                                                           .external_id = config_.external_id},
                                                          clock_);
  }

  // That of the instance which this runs on.
  void FindRegion(std::function<void(Result<std::string> region)> found) {
    auto metadata = httpclient::FindAwsInstance(httpclient::ProcessEnvironment);
    if (!metadata) return found(tl::unexpected(metadata.error()));
    auto send = [&client = client_, &executor = executor_](net::FetchRequest request,
                                                           net::FetchCallback callback) {
      client.Fetch(std::move(request), {.executor = &executor, .priority = core::Priority::kBackground},
                   std::move(callback));
    };
    httpclient::AwsMetadata::Open(
        *metadata, request_.timeout_ms, std::move(send),
        [found = std::move(found)](Result<std::shared_ptr<const httpclient::AwsMetadata>> session) {
          if (!session) return found(tl::unexpected(session.error()));
          (*session)->Get("placement/region", [found](Result<std::string> region) {
            if (region && region->empty()) {
              return found(Fail(Code::kNotFound, "the instance's metadata name none"));
            }
            found(std::move(region));
          });
        });
  }

  void AskRegion(RefreshDiscoverer::Done done) {
    if (has_zones_) return AskPage({}, "", 0, std::move(done));
    net::QueryParams params;
    params.Add("Action", "DescribeAvailabilityZones");
    Send(std::move(params), [self = shared_from_this(), done = std::move(done)](Result<std::string> body) {
      Result<std::map<std::string, std::string>> zones =
          body ? ReadEc2Zones(*body) : tl::unexpected(body.error());
      // Without them instances only lack the label of the zone's ID.
      if (zones) {
        self->zones_ = std::move(*zones);
        self->has_zones_ = true;
      } else {
        self->logger_.Debug("availability zones are not known", {{"error", zones.error()}});
      }
      self->AskPage({}, "", 0, done);
    });
  }

  void AskPage(std::vector<model::Labels> targets, const std::string& token, size_t pages,
               RefreshDiscoverer::Done done) {
    net::QueryParams params;
    params.Add("Action", "DescribeInstances");
    for (size_t i = 0; i < config_.filters.size(); ++i) {
      params.Add(fmt::format("Filter.{}.Name", i + 1), config_.filters[i].name);
      for (size_t j = 0; j < config_.filters[i].values.size(); ++j) {
        params.Add(fmt::format("Filter.{}.Value.{}", i + 1, j + 1), config_.filters[i].values[j]);
      }
    }
    if (!token.empty()) params.Add("NextToken", token);
    Send(std::move(params), [self = shared_from_this(), targets = std::move(targets), pages,
                             done = std::move(done)](Result<std::string> body) mutable {
      Result<Ec2Page> page =
          body ? ReadEc2Instances(*body, self->zones_, self->config_.region, self->config_.port)
               : tl::unexpected(body.error());
      if (!page) return done(tl::unexpected(page.error().WithContext("could not describe instances")));
      for (model::Labels& target : page->targets) targets.push_back(std::move(target));
      if (page->next_token.empty()) {
        return done(std::vector<TargetGroup>{{self->config_.region, {}, std::move(targets)}});
      }
      if (pages + 1 >= kMaxPages) {
        return done(
            Fail(Code::kResourceExhausted, "could not describe instances: more than {} pages", kMaxPages));
      }
      self->AskPage(std::move(targets), page->next_token, pages + 1, std::move(done));
    });
  }

  void Send(net::QueryParams params, std::function<void(Result<std::string> body)> done) {
    params.Add("Version", "2016-11-15");
    net::FetchRequest request = request_;
    request.body = params.Encode();
    if (core::Status read = httpclient::ReadSecretFiles(config_.http, request); !read) {
      return done(tl::unexpected(read.error()));
    }
    client_.Fetch(std::move(request), {.executor = &executor_, .priority = core::Priority::kBackground},
                  [done = std::move(done)](Result<net::FetchResponse> response) {
                    if (!response) return done(tl::unexpected(response.error()));
                    if (response->status == 200) return done(std::move(response->body));
                    std::string error = ReadEc2Error(response->body);
                    done(Fail(Code::kUnavailable, "HTTP status {} {}{}{}", response->status,
                              net::StatusText(response->status), error.empty() ? "" : ": ", error));
                  });
  }

  net::HttpClient& client_;
  core::Executor& executor_;
  const core::Clock& clock_;
  config::Ec2DiscoveryConfig config_;  // with the region once it is known
  const core::Logger logger_;
  net::FetchRequest request_;
  std::map<std::string, std::string> zones_;
  bool has_zones_ = false;
};

}  // namespace

Result<std::unique_ptr<Discoverer>> MakeEc2Discoverer(const Services& services,
                                                      const config::Ec2DiscoveryConfig& config,
                                                      const std::string& set) {
  config::Ec2DiscoveryConfig complete = config;
  if (complete.region.empty()) {
    SEXTANT_ASSIGN(complete.region,
                   httpclient::FindAwsRegion(config.profile, httpclient::ProcessEnvironment));
  }
  auto api = std::make_shared<Ec2Api>(services, complete,
                                      services.logger.With("discovery", "ec2").With("config", set));
  return std::unique_ptr<Discoverer>(std::make_unique<RefreshDiscoverer>(
      services, RefreshOptions{"ec2", set, complete.refresh_interval_ms, &services.executor},
      [api](RefreshDiscoverer::Done done) { api->Ask(std::move(done)); }));
}

}  // namespace sextant::discovery
