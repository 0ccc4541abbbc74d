// The dashboards and folders that the server has: those built in, those of provisioned files, and those that
// people saved.
//
// One uid is one dashboard: a provisioned one hides a saved one, both hide a built-in one. A provisioned
// dashboard whose provider allows changes may be saved over; the change holds until its file changes.
//
// Thread-safe. Readers get shared, unchanging values. Changes are written to the store first, one after the
// other; readers never wait for that.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "dashboards/store.h"

namespace sextant::dashboards {

enum class Origin { kBuiltin, kProvisioned, kSaved };

// A dashboard: its JSON with its identity, and what lists show of it.
struct Dashboard {
  std::string uid;
  std::string title;
  std::vector<std::string> tags;
  std::string json;
  std::string folder_uid;  // empty: the root
  int64_t version = 1;
  core::TimestampMs created_ms = 0;
  core::TimestampMs updated_ms = 0;
  Origin origin = Origin::kBuiltin;
  std::string external_id;  // of a provisioned one: its file's path below the provider's
  bool can_save = true;
  bool can_delete = false;
};
using DashboardPtr = std::shared_ptr<const Dashboard>;

struct Folder {
  std::string uid;
  std::string title;
  int64_t version = 1;
  core::TimestampMs created_ms = 0;
  core::TimestampMs updated_ms = 0;
  bool is_provisioned = false;  // cannot be changed
};

// A dashboard as a provider's file has it.
struct ProvisionedDashboard {
  std::string uid;
  std::shared_ptr<const std::string> json;  // shared with whoever read the file; never null
  std::string folder_uid;
  std::string external_id;
  core::TimestampMs updated_ms = 0;  // of the file
  bool allows_changes = false;
  bool stays_without_file = false;  // becomes a saved one when its file goes
};

struct SaveRequest {
  std::string json;
  std::string folder_uid;
  std::string message;
  bool overwrite = false;  // whatever version is there
};

class Library {
 public:
  static constexpr size_t kMaxSavedDashboards = 5'000;
  static constexpr size_t kMaxFolders = 1'000;
  static constexpr size_t kMaxSavedBytes = size_t{256} << 20;  // JSON of all saved ones

  explicit Library(const core::Clock& clock) : clock_(clock) {}

  // Adds a built-in dashboard, which must have a uid. kAlreadyExists for one that is there.
  core::Status AddBuiltin(std::string_view json);
  // From now on what is saved goes there, and what it has is shown. A dashboard that cannot be read stays in
  // the store and is not shown; gives what is wrong with each. Errors are the store's; without a store
  // nothing can be saved (kUnavailable).
  core::Result<std::vector<std::string>> Attach(std::unique_ptr<Store> store);

  // What providers' files say now, in place of what they said before. Uids are unique.
  void SetProvisioned(std::vector<ProvisionedDashboard> dashboards, std::vector<Folder> folders);

  // The dashboard of a uid, or null.
  DashboardPtr Find(std::string_view uid) const;
  // All, sorted by title.
  std::vector<DashboardPtr> List() const;
  // Saves a dashboard; one without uid gets a new one. Errors: kInvalidArgument (the JSON), kNotFound (the
  // folder), kAlreadyExists (there is another version than that which was changed), kPermissionDenied (it is
  // provisioned), kResourceExhausted (too many), and the store's.
  core::Result<DashboardPtr> Save(SaveRequest request);
  // Errors: kNotFound, kPermissionDenied (built in or provisioned), and the store's.
  core::Result<DashboardPtr> Delete(std::string_view uid);
  // Newest first. kNotFound for an unknown dashboard; one that was never saved has none.
  core::Result<std::vector<StoredVersion>> Versions(std::string_view uid) const;
  core::Result<StoredVersion> Version(std::string_view uid, int64_t version) const;

  // Sorted by title.
  std::vector<Folder> Folders() const;
  // kNotFound when there is none.
  core::Result<Folder> FindFolder(std::string_view uid) const;
  // Errors: kInvalidArgument, kAlreadyExists (the uid or the title), kResourceExhausted, and the store's.
  core::Result<Folder> CreateFolder(std::string uid, std::string title);
  // `version` is that which was changed; -1: any. Errors: also kNotFound, kPermissionDenied.
  core::Result<Folder> RenameFolder(std::string_view uid, std::string title, int64_t version);
  // With the dashboards in it. kPermissionDenied when one of them or the folder is provisioned.
  core::Result<Folder> DeleteFolder(std::string_view uid);

 private:
  using Dashboards = std::map<std::string, DashboardPtr, std::less<>>;
  struct Provisioned {
    ProvisionedDashboard file;
    std::string fingerprint;
    DashboardPtr shown;
  };

  DashboardPtr FindLocked(std::string_view uid) const;
  core::Status CheckStore() const;
  core::Status CheckRoom(const std::string& uid, size_t bytes) const;
  std::string NewUid() const;
  core::Status Keep(DashboardPtr dashboard, const std::string& based_on, const std::string& message);
  void KeepWithoutFile(const Provisioned& gone);

  const core::Clock& clock_;
  // Held by those who change, also while they write to the store; taken before mutex_.
  mutable std::mutex change_mutex_;
  std::unique_ptr<Store> store_;  // set once, used under change_mutex_

  mutable std::mutex mutex_;  // guards what follows; never held while something is written
  Dashboards builtin_;
  std::map<std::string, Provisioned, std::less<>> provisioned_;
  Dashboards saved_;
  std::map<std::string, std::string, std::less<>> based_on_;  // of saved changes of provisioned ones
  std::map<std::string, Folder, std::less<>> folders_;
  std::map<std::string, Folder, std::less<>> provisioned_folders_;
};

}  // namespace sextant::dashboards
