// Alertmanager's state as it stands in its files `silences` and `nflog`: protobuf messages
// (silencepb.MeshSilence, nflogpb.MeshEntry), each behind its length as a varint.
//
// Values only. Times are milliseconds since the Unix epoch; what Alertmanager has in nanoseconds is cut to
// them. Unknown fields are skipped. Specification: silence/silencepb/silence.proto and
// nflog/nflogpb/nflog.proto of prometheus/alertmanager.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::wire {

// The numbers are the protocol's.
enum class SilenceMatcherType : uint8_t { kEqual = 0, kRegexp = 1, kNotEqual = 2, kNotRegexp = 3 };

struct SilenceMatcher {
  SilenceMatcherType type = SilenceMatcherType::kEqual;
  std::string name;
  std::string pattern;

  friend bool operator==(const SilenceMatcher&, const SilenceMatcher&) = default;
};

struct MeshSilence {
  std::string id = {};
  std::vector<std::vector<SilenceMatcher>> matcher_sets = {};  // one of them must match as a whole
  core::TimestampMs starts_at_ms = 0;
  core::TimestampMs ends_at_ms = 0;
  core::TimestampMs updated_at_ms = 0;
  std::string created_by = {};
  std::string comment = {};
  std::map<std::string, std::string> annotations = {};
  core::TimestampMs expires_at_ms = 0;

  friend bool operator==(const MeshSilence&, const MeshSilence&) = default;
};

using ReceiverDataValue = std::variant<std::string, int64_t, double>;

struct MeshEntry {
  std::string group_key;
  std::string receiver;
  std::string integration;
  uint32_t index = 0;
  core::TimestampMs time_ms = 0;
  std::vector<uint64_t> firing;
  std::vector<uint64_t> resolved;
  std::map<std::string, ReceiverDataValue> receiver_data;
  std::vector<uint64_t> muted;
  core::TimestampMs expires_at_ms = 0;

  friend bool operator==(const MeshEntry&, const MeshEntry&) = default;
};

// One message with its length, appended.
void AppendMeshSilence(std::string& out, const MeshSilence& silence);
void AppendMeshEntry(std::string& out, const MeshEntry& entry);

// Takes one message with its length off the front of `bytes`; kInvalidArgument for what is none.
core::Result<MeshSilence> TakeMeshSilence(std::string_view& bytes);
core::Result<MeshEntry> TakeMeshEntry(std::string_view& bytes);

}  // namespace sextant::wire
