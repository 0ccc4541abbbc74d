#include "dashboards/annotations.h"

#include <algorithm>

namespace sextant::dashboards {

namespace {

using core::Code;
using core::Fail;
using sqlite::Statement;

constexpr const char* kSchema =
    "CREATE TABLE annotations(id INTEGER PRIMARY KEY, dashboard_uid TEXT NOT NULL, panel_id INTEGER NOT NULL,"
    " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, text TEXT NOT NULL, tags TEXT NOT NULL,"
    " login TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL);";

std::string Joined(const std::vector<std::string>& tags) {
  std::string text;
  for (const std::string& tag : tags) text += tag + "\n";
  return text;
}

std::vector<std::string> Parted(std::string_view text) {
  std::vector<std::string> tags;
  while (!text.empty()) {
    size_t end = text.find('\n');
    tags.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return tags;
}

core::Status Check(const Annotation& annotation) {
  using Limits = Annotations;
  if (annotation.text.empty()) return Fail(Code::kInvalidArgument, "text field should not be empty");
  if (annotation.text.size() > Limits::kMaxTextBytes)
    return Fail(Code::kInvalidArgument, "the text is longer than {} bytes", Limits::kMaxTextBytes);
  if (annotation.tags.size() > Limits::kMaxTags)
    return Fail(Code::kInvalidArgument, "there are more than {} tags", Limits::kMaxTags);
  for (const std::string& tag : annotation.tags) {
    if (tag.empty() || tag.size() > Limits::kMaxTagBytes || tag.find('\n') != std::string::npos)
      return Fail(Code::kInvalidArgument, "a tag must be one line of 1 to {} bytes", Limits::kMaxTagBytes);
  }
  if (annotation.from_ms < 0 || annotation.to_ms < annotation.from_ms)
    return Fail(Code::kInvalidArgument, "timeEnd must not be before time");
  return {};
}

bool HasTags(const Annotation& annotation, const AnnotationFilter& filter) {
  if (filter.tags.empty()) return true;
  auto has = [&](const std::string& tag) {
    return std::ranges::find(annotation.tags, tag) != annotation.tags.end();
  };
  return filter.any_tag ? std::ranges::any_of(filter.tags, has) : std::ranges::all_of(filter.tags, has);
}

bool Takes(const AnnotationFilter& filter, const Annotation& one) {
  return (!filter.from_ms || one.to_ms >= *filter.from_ms) &&
         (!filter.to_ms || one.from_ms <= *filter.to_ms) &&
         (filter.dashboard_uid.empty() || one.dashboard_uid == filter.dashboard_uid) &&
         (filter.panel_id == 0 || one.panel_id == filter.panel_id) && HasTags(one, filter);
}

}  // namespace

core::Status Annotations::Open(const std::string& path) {
  SEXTANT_ASSIGN(auto db, sqlite::Database::Open(path, {"annotations' database", kSchema}));
  std::map<int64_t, Annotation> all;
  {
    Statement read(*db,
                   "SELECT id, dashboard_uid, panel_id, from_ms, to_ms, text, tags, login, created_ms,"
                   " updated_ms FROM annotations");
    while (true) {
      SEXTANT_ASSIGN(bool has_row, read.Step());
      if (!has_row) break;
      all[read.Int(0)] = {read.Int(0),  read.Text(1),         read.Int(2),  read.Int(3), read.Int(4),
                          read.Text(5), Parted(read.Text(6)), read.Text(7), read.Int(8), read.Int(9)};
    }
  }
  std::lock_guard lock(mutex_);
  db_ = std::move(db);
  all_ = std::move(all);
  last_id_ = all_.empty() ? 0 : all_.rbegin()->first;
  return {};
}

core::Status Annotations::Put(const Annotation& annotation) {
  Statement put(*db_,
                "INSERT OR REPLACE INTO annotations(id, dashboard_uid, panel_id, from_ms, to_ms, text, tags,"
                " login, created_ms, updated_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  put.Bind(annotation.id).Bind(annotation.dashboard_uid).Bind(annotation.panel_id).Bind(annotation.from_ms);
  put.Bind(annotation.to_ms).Bind(annotation.text).Bind(Joined(annotation.tags)).Bind(annotation.login);
  return put.Bind(annotation.created_ms).Bind(annotation.updated_ms).Run();
}

core::Result<int64_t> Annotations::Add(Annotation annotation) {
  SEXTANT_TRY(Check(annotation));
  std::lock_guard lock(mutex_);
  if (db_ == nullptr) return Fail(Code::kUnavailable, "annotations cannot be saved; the log says why");
  if (all_.size() >= kMaxAnnotations)
    return Fail(Code::kResourceExhausted, "there are {} annotations; delete some", kMaxAnnotations);
  annotation.id = last_id_ + 1;
  annotation.created_ms = annotation.updated_ms = clock_.NowMs();
  SEXTANT_TRY(Put(annotation));
  last_id_ = annotation.id;
  all_[annotation.id] = std::move(annotation);
  return last_id_;
}

core::Result<Annotation> Annotations::Find(int64_t id) const {
  std::lock_guard lock(mutex_);
  auto found = all_.find(id);
  if (found == all_.end()) return Fail(Code::kNotFound, "annotation not found");
  return found->second;
}

std::vector<Annotation> Annotations::List(const AnnotationFilter& filter) const {
  std::vector<Annotation> found;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, one] : all_) {
      if (Takes(filter, one)) found.push_back(one);
    }
  }
  std::ranges::stable_sort(found, std::greater(), &Annotation::from_ms);
  if (found.size() > filter.limit) found.resize(filter.limit);
  return found;
}

core::Status Annotations::Replace(Annotation annotation) {
  SEXTANT_TRY(Check(annotation));
  std::lock_guard lock(mutex_);
  auto found = all_.find(annotation.id);
  if (found == all_.end()) return Fail(Code::kNotFound, "annotation not found");
  annotation.updated_ms = clock_.NowMs();
  SEXTANT_TRY(Put(annotation));
  found->second = std::move(annotation);
  return {};
}

core::Status Annotations::Remove(int64_t id) {
  std::lock_guard lock(mutex_);
  if (!all_.contains(id)) return Fail(Code::kNotFound, "annotation not found");
  SEXTANT_TRY(Statement(*db_, "DELETE FROM annotations WHERE id = ?1").Bind(id).Run());
  all_.erase(id);
  return {};
}

std::vector<std::pair<std::string, int64_t>> Annotations::Tags(std::string_view part, size_t limit) const {
  std::map<std::string, int64_t> counts;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, one] : all_) {
      for (const std::string& tag : one.tags) {
        if (tag.find(part) != std::string::npos) ++counts[tag];
      }
    }
  }
  std::vector<std::pair<std::string, int64_t>> tags(counts.begin(), counts.end());
  if (tags.size() > limit) tags.resize(limit);
  return tags;
}

}  // namespace sextant::dashboards
