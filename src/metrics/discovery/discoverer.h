// What service discovery is made of: groups of targets, and who finds them.
//
// A mechanism (file, http, dns, …) is a Discoverer: it finds groups, each under a source of its own, and
// hands over those that changed. The Manager (manager.h) runs them, keeps the last groups of each source and
// passes them on to whoever uses them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/executor.h"
#include "core/log.h"
#include "core/metrics.h"
#include "model/labels.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::discovery {

// Targets that share labels. A group without targets takes the place of an earlier one of the same source.
struct TargetGroup {
  std::string source;
  model::Labels labels;
  std::vector<model::Labels> targets;  // each with `__address__`

  friend bool operator==(const TargetGroup&, const TargetGroup&) = default;
};

// What all mechanisms use. All of it outlives them.
struct Services {
  net::IoContext& io;
  net::HttpClient& client;
  core::Executor& executor;
  const core::Clock& clock;
  core::Registry& registry;
  core::Logger logger;
  std::string user_agent;
};

class Discoverer {
 public:
  // Takes groups that are new or changed; those of other sources stay as they were. An empty list says that
  // the mechanism has looked and found nothing new.
  using Sink = std::function<void(std::vector<TargetGroup> groups)>;

  virtual ~Discoverer() = default;
  // Begins to look, once. `sink` is called from any thread, but never by two at the same time.
  virtual void Start(Sink sink) = 0;
  // Ends; the sink is not called any more when it returns. May be called again.
  virtual void Stop() = 0;
};

}  // namespace sextant::discovery
