#include "alerting/alert.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "config/text.h"

namespace sextant::alerting {
namespace {

constexpr unsigned char kSeparator = 0xFF;

}  // namespace

uint64_t Fingerprint(const model::Labels& labels) {
  uint64_t hash = 14'695'981'039'346'656'037u;
  const auto add = [&hash](unsigned char byte) { hash = (hash ^ byte) * 1'099'511'628'211u; };
  for (const model::LabelView label : labels) {
    for (const char c : label.name) add(static_cast<unsigned char>(c));
    add(kSeparator);
    for (const char c : label.value) add(static_cast<unsigned char>(c));
    add(kSeparator);
  }
  return hash;
}

std::string FingerprintText(uint64_t fingerprint) { return fmt::format("{:016x}", fingerprint); }

uint64_t AlertHash(const model::Labels& labels) {
  std::string bytes;
  for (const model::LabelView label : labels) {
    bytes += label.name;
    bytes += static_cast<char>(kSeparator);
    bytes += label.value;
    bytes += static_cast<char>(kSeparator);
  }
  return XXH64(bytes.data(), bytes.size(), 0);
}

std::string LabelSetText(const model::Labels& labels) {
  std::string out = "{";
  for (const model::LabelView label : labels) {
    if (out.size() > 1) out += ", ";
    out += label.name;
    out += '=';
    out += model::QuoteGo(label.value);
  }
  return out + "}";
}

// Go's model.LabelSet.Before: fewer labels first, then the first difference over the union of the names,
// where a missing label comes first.
bool LabelSetComesBefore(const model::Labels& a, const model::Labels& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() && j != b.end()) {
    // The side that has the smaller name has a label that the other lacks.
    if ((*i).name != (*j).name) return (*j).name < (*i).name;
    if ((*i).value != (*j).value) return (*i).value < (*j).value;
    ++i;
    ++j;
  }
  return false;
}

bool ComesBefore(const Alert& a, const Alert& b) {
  for (const std::string_view name : {"job", "instance"}) {
    const std::string_view x = a.labels.Get(name);
    const std::string_view y = b.labels.Get(name);
    if (x == y) continue;
    if (x.empty() || y.empty()) return y.empty();
    return x < y;
  }
  return LabelSetComesBefore(a.labels, b.labels);
}

bool Overlaps(const Alert& older, const Alert& newer) {
  return (newer.ends_at_ms > older.starts_at_ms && newer.ends_at_ms < older.ends_at_ms) ||
         (newer.starts_at_ms > older.starts_at_ms && newer.starts_at_ms < older.ends_at_ms);
}

Alert Merge(const Alert& older, const Alert& newer, core::TimestampMs now_ms) {
  Alert merged = newer;
  if (older.starts_at_ms < newer.starts_at_ms) merged.starts_at_ms = older.starts_at_ms;
  if (newer.IsResolvedAt(now_ms)) {
    // Both are over: the latest end that somebody stated counts.
    if (older.IsResolvedAt(now_ms) && older.ends_at_ms > newer.ends_at_ms)
      merged.ends_at_ms = older.ends_at_ms;
  } else if (older.ends_at_ms > newer.ends_at_ms && !older.has_timeout) {
    merged.ends_at_ms = older.ends_at_ms;
  }
  return merged;
}

}  // namespace sextant::alerting
