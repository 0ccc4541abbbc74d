// Annotations: moments and stretches of time that people and scripts marked, of one dashboard or of all.
//
//   annotations(id, dashboard_uid, panel_id, from_ms, to_ms, text, tags, login, created_ms, updated_ms)
//
// in a SQLite file of their own (tags: one a line); all are in memory too. Thread-safe: a change is written
// first, then seen.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "sqlite/database.h"

namespace sextant::dashboards {

struct Annotation {
  int64_t id = 0;
  std::string dashboard_uid = {};  // empty: of no dashboard
  int64_t panel_id = 0;            // 0: of no panel
  core::TimestampMs from_ms = 0;
  core::TimestampMs to_ms = 0;  // the same for a moment
  std::string text = {};
  std::vector<std::string> tags = {};
  std::string login = {};  // whose it is
  core::TimestampMs created_ms = 0;
  core::TimestampMs updated_ms = 0;
};

struct AnnotationFilter {
  std::optional<core::TimestampMs> from_ms = {};  // what ends before is not wanted
  std::optional<core::TimestampMs> to_ms = {};    // nor what begins after
  std::string dashboard_uid = {};                 // empty: any
  int64_t panel_id = 0;                           // 0: any
  std::vector<std::string> tags = {};             // that it must have
  bool any_tag = false;                           // one of them is enough
  size_t limit = 100;
};

class Annotations {
 public:
  static constexpr size_t kMaxAnnotations = 100'000;
  static constexpr size_t kMaxTextBytes = 64 << 10;
  static constexpr size_t kMaxTags = 50;
  static constexpr size_t kMaxTagBytes = 100;

  explicit Annotations(const core::Clock& clock) : clock_(clock) {}

  // Reads what the file has, and keeps there what is added from now on; before, nothing can be
  // (kUnavailable).
  core::Status Open(const std::string& path);

  // Gives the id. Errors: kInvalidArgument, kResourceExhausted, kUnavailable, and the file's.
  core::Result<int64_t> Add(Annotation annotation);
  // kNotFound when there is none.
  core::Result<Annotation> Find(int64_t id) const;
  // The newest first.
  std::vector<Annotation> List(const AnnotationFilter& filter) const;
  // In place of that of the same id. Errors: as of Add, and kNotFound.
  core::Status Replace(Annotation annotation);
  core::Status Remove(int64_t id);
  // Tags that contain `part`, sorted, with how many annotations have them.
  std::vector<std::pair<std::string, int64_t>> Tags(std::string_view part, size_t limit) const;

 private:
  core::Status Put(const Annotation& annotation);

  const core::Clock& clock_;
  mutable std::mutex mutex_;  // guards all that follows
  std::unique_ptr<sqlite::Database> db_;
  std::map<int64_t, Annotation> all_;
  int64_t last_id_ = 0;
};

}  // namespace sextant::dashboards
