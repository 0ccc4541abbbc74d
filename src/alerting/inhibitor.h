// Inhibition: alerts that stay quiet because another one is firing.
//
// A rule remembers every source alert under the values of its `equal` labels, all of them and not only the
// last, so that the end of one source does not free what another still holds back. Owned and called by one
// thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerting/alert.h"
#include "alerting/config.h"

namespace sextant::alerting {

class Inhibitor {
 public:
  explicit Inhibitor(const Config& config);

  // Takes note of a new or updated alert.
  void Update(uint64_t fingerprint, const AlertPtr& alert);
  void Remove(uint64_t fingerprint, const model::Labels& labels);

  // The source that keeps these labels quiet now, if any.
  std::optional<uint64_t> InhibitedBy(const model::Labels& labels, core::TimestampMs now_ms) const;

 private:
  using Sources = std::map<uint64_t, AlertPtr>;
  struct Rule {
    Matchers source;
    Matchers target;
    std::vector<std::string> equal;
    std::unordered_map<std::string, Sources> sources;  // by the values of `equal`

    std::string EqualKey(const model::Labels& labels) const;
  };
  std::vector<Rule> rules_;
};

}  // namespace sextant::alerting
