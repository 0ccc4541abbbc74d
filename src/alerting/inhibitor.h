// Inhibition: alerts that stay quiet because others are firing.
//
// A rule has one or several sources; all of them must be firing, each with the values of its own `equal`
// labels. A source remembers every alert under those values, all of them and not only the last, so that the
// end of one does not free what another still holds back. Owned and called by one thread at a time.
#pragma once

#include <map>
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

  // The alerts that keep these labels quiet now, one per source of the first rule that does; none: nothing
  // does. `rule`, when given, gets that rule's place in the configuration.
  std::vector<uint64_t> InhibitedBy(const model::Labels& labels, core::TimestampMs now_ms,
                                    size_t* rule = nullptr) const;

 private:
  using Alerts = std::map<uint64_t, AlertPtr>;
  // Alerts with the same values of the equal labels. Those that are targets of the rule too must not silence
  // others like them, nor themselves.
  struct EqualSet {
    Alerts only_sources;
    Alerts targets_too;
  };
  struct Source {
    Matchers matchers;
    std::vector<std::string> equal;
    std::unordered_map<std::string, EqualSet> sets = {};  // by the values of `equal`

    std::string EqualKey(const model::Labels& labels) const;
    void Remove(uint64_t fingerprint, const model::Labels& labels);
    // A firing alert of the set that these labels belong to, or 0.
    const Alert* FindFiring(const model::Labels& labels, core::TimestampMs now_ms,
                            uint64_t& fingerprint) const;
  };
  struct Rule {
    Matchers target;
    std::vector<Source> sources;
  };
  std::vector<Rule> rules_;
};

}  // namespace sextant::alerting
