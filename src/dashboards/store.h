// Dashboards and folders that people saved, in a SQLite file: what is written here is there after a crash.
//
//   folders(uid, title, version, created_ms, updated_ms)
//   dashboards(uid, folder_uid, title, version, created_ms, updated_ms, based_on, json)
//   versions(uid, version, saved_ms, message, json)      the last kKeptVersions of each dashboard
//
// `PRAGMA user_version` is 1. Calls may come from any thread, one at a time: the library sees to that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "sqlite/database.h"

namespace sextant::dashboards {

struct StoredFolder {
  std::string uid;
  std::string title;
  int64_t version = 1;
  core::TimestampMs created_ms = 0;
  core::TimestampMs updated_ms = 0;
};

struct StoredDashboard {
  std::string uid;
  std::string folder_uid;  // empty: the root
  std::string json;
  int64_t version = 1;
  core::TimestampMs created_ms = 0;
  core::TimestampMs updated_ms = 0;
  // For a change of a provisioned dashboard: the fingerprint of the file's text that was changed.
  std::string based_on;
};

struct StoredVersion {
  int64_t version = 0;
  core::TimestampMs saved_ms = 0;
  std::string message;
  std::string json;  // empty in lists
};

class Store {
 public:
  // Of one dashboard; older ones go.
  static constexpr int kKeptVersions = 20;

  // Opens or makes the file. Errors: kCorruption when it is no database of ours, kIo otherwise.
  static core::Result<std::unique_ptr<Store>> Open(const std::string& path);

  core::Result<std::vector<StoredFolder>> Folders();
  core::Result<std::vector<StoredDashboard>> Dashboards();
  // Newest first, without their JSON.
  core::Result<std::vector<StoredVersion>> Versions(const std::string& uid);
  // kNotFound when it is not kept.
  core::Result<StoredVersion> Version(const std::string& uid, int64_t version);

  // Makes or replaces; the dashboard's version is remembered with the message.
  core::Status Put(const StoredDashboard& dashboard, const std::string& title, const std::string& message);
  core::Status Put(const StoredFolder& folder);
  // With its versions. What is not there is fine.
  core::Status RemoveDashboard(const std::string& uid);
  // With the dashboards in it, all or nothing.
  core::Status RemoveFolder(const std::string& uid);

 private:
  explicit Store(std::unique_ptr<sqlite::Database> db) : db_(std::move(db)) {}

  const std::unique_ptr<sqlite::Database> db_;
};

}  // namespace sextant::dashboards
