// What alerting reads from outside: matchers in three syntaxes, alertmanager.yml, and the saved notification
// log, silences, firing alerts and history. None may crash or hang, and what is accepted must read back from
// its own text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "alerting/config.h"
#include "alerting/firing_alerts.h"
#include "alerting/history_codec.h"
#include "alerting/matchers.h"
#include "alerting/notification_log.h"
#include "alerting/route.h"
#include "alerting/silences.h"

namespace al = sextant::alerting;

namespace {

void TryMatchers(const std::string& text) {
  for (const al::MatcherSyntax syntax :
       {al::MatcherSyntax::kClassic, al::MatcherSyntax::kUtf8Strict, al::MatcherSyntax::kFallback}) {
    const auto matchers = al::ParseMatchers(text, syntax);
    if (!matchers) continue;
    for (const al::Matcher& matcher : *matchers) static_cast<void>(matcher.Matches("value"));
    const auto again = al::ParseMatchers(al::MatchersText(*matchers), syntax);
    // The classic syntax takes regular expressions that the anchored text of Go's printing repeats exactly.
    if (!again || *again != *matchers) std::abort();
  }
}

void TryConfig(const std::string& text) {
  const auto config = al::ParseConfig(text, "fuzz.yml");
  if (!config) return;
  const auto root = al::BuildRoutes(**config);
  static_cast<void>(
      al::MatchRoutes(*root, sextant::model::Labels::Of({{"alertname", "A"}, {"severity", "critical"}})));
  static_cast<void>(root->MutedAt(1'767'323'045'678));
}

void TryLog(const std::string& bytes) {
  al::NotificationLog log(1'000);
  if (!log.Restore(bytes)) return;
  al::NotificationLog again(1'000);
  if (!again.Restore(log.Serialize())) std::abort();
}

void TrySilences(const std::string& bytes) {
  al::SilenceStore store({});
  static_cast<void>(store.MergeBytes(bytes, 0));
  al::SilenceStore again({});
  if (!again.MergeBytes(store.Serialize(), 0) || again.size() != store.size()) std::abort();
}

void TryFiringAlerts(const std::string& bytes) {
  al::FiringAlerts alerts;
  static_cast<void>(alerts.Restore(bytes));  // what came before the damage counts
  al::FiringAlerts again;
  if (!again.Restore(alerts.SerializeRestored()) || again.SerializeRestored() != alerts.SerializeRestored())
    std::abort();
}

void TryHistory(const std::string& bytes) {
  const auto events = al::DecodeHistory(bytes);
  if (!events) return;
  std::vector<const al::HistoryEvent*> pointers;
  for (const al::HistoryEvent& event : *events) pointers.push_back(&event);
  const auto again = al::DecodeHistory(al::EncodeHistory(pointers));
  if (!again || again->size() != events->size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size > 8192) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  TryMatchers(text);
  TryConfig(text);
  TryLog(text);
  TrySilences(text);
  TryFiringAlerts(text);
  TryHistory(text);
  return 0;
}
