// Silences: who must not be told of what, until when. Created, edited and expired by people, kept for the
// retention after they ended, and mergeable: of two versions of a silence the one updated later wins, on
// every instance and in any order.
//
//   SEXTANT_ASSIGN(std::string id, silences.Set({.matcher_sets = {matchers}, .ends_at_ms = …}, now));
//   for (const std::string& id : silences.Silencing(fingerprint, labels, now)) …
//
// An edit that would change history (other matchers, another start of what is active, anything of what has
// expired) expires the old silence and makes a new one with an id of its own, as upstream does.
//
// What an alert is silenced by is remembered per fingerprint, so that only silences that changed since are
// compared with it again.
//
// No I/O: TakeRecords gives what a journal must keep, Serialize the whole in Alertmanager's file format.
// Owned and called by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alerting/matchers.h"
#include "core/clock.h"
#include "core/result.h"
#include "model/labels.h"
#include "wire/alertmanager_state.h"

namespace sextant::alerting {

enum class SilenceState : uint8_t { kActive, kPending, kExpired };
// "active", "pending", "expired".
std::string_view SilenceStateName(SilenceState state);

struct Silence {
  std::string id = {};                      // empty: a new one
  std::vector<Matchers> matcher_sets = {};  // an alert that matches all of one set is silenced
  core::TimestampMs starts_at_ms = 0;       // 0: now
  core::TimestampMs ends_at_ms = 0;
  core::TimestampMs updated_at_ms = 0;
  std::string created_by = {};
  std::string comment = {};
  std::map<std::string, std::string> annotations = {};

  SilenceState StateAt(core::TimestampMs now_ms) const {
    if (now_ms < starts_at_ms) return SilenceState::kPending;
    return now_ms >= ends_at_ms ? SilenceState::kExpired : SilenceState::kActive;
  }
  bool Matches(const model::Labels& labels) const;
};

struct SilenceLimits {
  size_t max_silences = 0;       // expired ones count too; 0: a million
  size_t max_silence_bytes = 0;  // as stored; 0: a mebibyte
  core::DurationMs retention_ms = 120LL * 3'600'000;
  MatcherSyntax syntax = MatcherSyntax::kFallback;  // which names of labels are valid
};

class SilenceStore {
 public:
  explicit SilenceStore(SilenceLimits limits) : limits_(limits) {}

  // Makes or changes a silence and gives its id. Errors, in upstream's words: kNotFound for an id that is not
  // there, kResourceExhausted for a limit, kInvalidArgument for all else.
  core::Result<std::string> Set(Silence silence, core::TimestampMs now_ms);
  // Ends a silence now; one that has ended stays as it is. kNotFound.
  core::Status Expire(const std::string& id, core::TimestampMs now_ms);

  // Null when there is none.
  const Silence* Find(const std::string& id) const;
  std::vector<Silence> List() const;
  // The ids of the active silences that match, sorted. Ids of alerts are their fingerprints.
  std::vector<std::string> Silencing(uint64_t fingerprint, const model::Labels& labels,
                                     core::TimestampMs now_ms);
  // Forgets what was remembered of an alert that is gone.
  void ForgetAlert(uint64_t fingerprint) { matched_.erase(fingerprint); }

  // Takes a version of a silence from elsewhere; whether it changed anything. Commutative, and the same twice
  // is the same as once. kInvalidArgument when its matchers are none.
  core::Result<bool> Merge(const wire::MeshSilence& silence, core::TimestampMs now_ms);
  // Merges a record or a whole serialized state. What can be read is merged also when the rest is damaged.
  core::Status MergeBytes(std::string_view bytes, core::TimestampMs now_ms);

  // Removes silences whose retention is over; how many.
  size_t Collect(core::TimestampMs now_ms);
  size_t Count(SilenceState state, core::TimestampMs now_ms) const;
  size_t size() const { return silences_.size(); }

  std::string Serialize() const;
  // One record per change since the last call (or Serialize by the caller).
  std::vector<std::string> TakeRecords() { return std::exchange(records_, {}); }
  bool has_records() const { return !records_.empty(); }

 private:
  struct Stored {
    Silence silence;
    wire::MeshSilence message;
    uint64_t version = 0;  // of the store, when this came
  };
  struct Matched {
    uint64_t version = 0;          // silences up to this one were compared
    std::vector<std::string> ids;  // those that matched and had not expired
  };

  core::Status Validate(const Silence& silence) const;
  core::Status CheckSize(const wire::MeshSilence& message) const;
  wire::MeshSilence ToMessage(const Silence& silence) const;
  void Store(wire::MeshSilence message, Silence silence);
  core::Status ExpireStored(const Stored& stored, core::TimestampMs now_ms);

  const SilenceLimits limits_;
  std::map<std::string, Stored> silences_;      // by id
  std::map<uint64_t, std::string> by_version_;  // the ids, in the order of their last change
  uint64_t version_ = 0;
  std::unordered_map<uint64_t, Matched> matched_;
  std::vector<std::string> records_;
};

// A random UUID (version 4).
std::string RandomUuid();

}  // namespace sextant::alerting
