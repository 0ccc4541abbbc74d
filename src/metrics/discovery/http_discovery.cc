#include "metrics/discovery/http_discovery.h"

#include <algorithm>

#include "config/text.h"
#include "httpclient/settings.h"
#include "metrics/discovery/group_text.h"
#include "metrics/discovery/refresh_discoverer.h"

namespace sextant::discovery {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr std::string_view kUrlLabel = "__meta_url";

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view Trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// application/json, with UTF-8 as its charset if one is named.
bool IsJsonType(std::string_view type) {
  type = Trim(type);
  size_t semicolon = type.find(';');
  if (!EqualsIgnoringCase(type.substr(0, semicolon), "application/json")) return false;
  if (semicolon == std::string_view::npos) return true;
  std::string_view parameter = Trim(type.substr(semicolon + 1));
  return EqualsIgnoringCase(parameter, "charset=utf-8") || EqualsIgnoringCase(parameter, "charset=\"utf-8\"");
}

// Asks one URL; at most one request is under way.
class Asker : public std::enable_shared_from_this<Asker> {
 public:
  Asker(const Services& services, const config::HttpDiscoveryConfig& config)
      : client_(services.client),
        executor_(services.executor),
        config_(config),
        failures_(services.registry.AddCounter("prometheus_sd_http_failures_total",
                                               "Number of HTTP service discovery refresh failures.")) {
    request_.url = config.url;
    request_.headers.Set("Accept", "application/json");
    request_.headers.Set("User-Agent", services.user_agent);
    request_.headers.Set("X-Prometheus-Refresh-Interval-Seconds",
                         fmt::format("{}", static_cast<double>(config.refresh_interval_ms) / 1000));
    request_.timeout_ms = config.refresh_interval_ms;
    request_.max_body_bytes = kMaxGroupTextBytes;
    httpclient::ApplyHttpConfig(config.http, services.clock, request_);
  }

  void Ask(RefreshDiscoverer::Done done) {
    net::FetchRequest request = request_;
    if (core::Status read = httpclient::ReadSecretFiles(config_.http, request); !read) {
      failures_.Increment();
      return done(tl::unexpected(read.error()));
    }
    client_.Fetch(std::move(request), {.executor = &executor_, .priority = core::Priority::kBackground},
                  [self = shared_from_this(), done](Result<net::FetchResponse> response) {
                    Result<std::vector<TargetGroup>> groups = self->Read(std::move(response));
                    if (!groups) self->failures_.Increment();
                    done(std::move(groups));
                  });
  }

 private:
  Result<std::vector<TargetGroup>> Read(Result<net::FetchResponse> response) {
    if (!response) return tl::unexpected(std::move(response).error());
    if (response->status != 200) {
      return Fail(Code::kUnavailable, "server returned HTTP status {} {}", response->status,
                  net::StatusText(response->status));
    }
    std::string_view type = response->headers.Get("Content-Type");
    if (!IsJsonType(type)) {
      return Fail(Code::kInvalidArgument, "unsupported content type {}", config::Quote(type));
    }
    SEXTANT_ASSIGN(std::vector<TargetGroup> groups, ParseGroupsJson(response->body, config_.url));
    for (TargetGroup& group : groups) {
      model::LabelsBuilder labels(group.labels);
      labels.Set(kUrlLabel, config_.url);
      group.labels = labels.Build();
    }
    size_t count = groups.size();
    for (size_t i = count; i < last_count_; ++i)
      groups.push_back({fmt::format("{}:{}", config_.url, i), {}, {}});
    last_count_ = count;
    return groups;
  }

  net::HttpClient& client_;
  core::Executor& executor_;
  const config::HttpDiscoveryConfig config_;
  core::Counter& failures_;
  net::FetchRequest request_;
  size_t last_count_ = 0;  // groups of the last good answer
};

}  // namespace

std::unique_ptr<Discoverer> MakeHttpDiscoverer(const Services& services,
                                               const config::HttpDiscoveryConfig& config,
                                               const std::string& set) {
  auto asker = std::make_shared<Asker>(services, config);
  return std::make_unique<RefreshDiscoverer>(
      services, RefreshOptions{"http", set, config.refresh_interval_ms, &services.executor},
      [asker](RefreshDiscoverer::Done done) { asker->Ask(std::move(done)); });
}

}  // namespace sextant::discovery
