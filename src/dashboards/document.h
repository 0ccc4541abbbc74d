// A dashboard's JSON in Grafana's model: what lists show of it, and its identity put into it.
//
// Pure functions over values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::dashboards {

// Larger dashboards are refused.
inline constexpr size_t kMaxDocumentBytes = 8 << 20;

// What was read from a dashboard's JSON.
struct Document {
  std::string uid;  // empty: none given
  std::string title;
  std::vector<std::string> tags;
  int64_t version = 0;  // 0: none given
};

// Reads a dashboard. kInvalidArgument when it is not a JSON object with a title, larger than
// kMaxDocumentBytes, or its uid is not usable; the messages are Grafana's where it has any.
core::Result<Document> ReadDocument(std::string_view json);

// The same JSON with these in place of what it says of `id`, `uid` and `version`. The JSON must be one that
// ReadDocument takes.
std::string WithIdentity(std::string_view json, int64_t id, std::string_view uid, int64_t version);

// Grafana's bounds for uids: 1 to 40 of [A-Za-z0-9_-].
bool IsUid(std::string_view text);
// A uid that follows from a text: the same for the same one.
std::string DeriveUid(std::string_view text);
// The number that Grafana's API has beside a uid, also the same for the same one; always above 0.
int64_t NumericId(std::string_view uid);
// A title as it stands in addresses: "Node / CPU" → "node-cpu"; "-" when nothing is left.
std::string Slug(std::string_view title);
// A hash of a text, for noticing changes.
std::string Fingerprint(std::string_view text);

}  // namespace sextant::dashboards
