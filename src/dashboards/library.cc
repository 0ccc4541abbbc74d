#include "dashboards/library.h"

#include <algorithm>

#include "dashboards/document.h"

namespace sextant::dashboards {

namespace {

using core::Code;
using core::Fail;

constexpr size_t kMaxTitleBytes = 200;

std::shared_ptr<Dashboard> MakeDashboard(const Document& document, std::string_view json,
                                         const std::string& uid, int64_t version) {
  auto dashboard = std::make_shared<Dashboard>();
  dashboard->uid = uid;
  dashboard->title = document.title;
  dashboard->tags = document.tags;
  dashboard->version = version;
  dashboard->json = WithIdentity(json, NumericId(uid), uid, version);
  return dashboard;
}

Folder ToFolder(const StoredFolder& stored) {
  return {stored.uid, stored.title, stored.version, stored.created_ms, stored.updated_ms, false};
}

}  // namespace

core::Status Library::AddBuiltin(std::string_view json) {
  SEXTANT_ASSIGN(Document document, ReadDocument(json));
  if (document.uid.empty()) return Fail(Code::kInvalidArgument, "the dashboard has no uid");
  auto dashboard = MakeDashboard(document, json, document.uid, std::max<int64_t>(document.version, 1));
  std::lock_guard lock(mutex_);
  if (!builtin_.try_emplace(document.uid, std::move(dashboard)).second)
    return Fail(Code::kAlreadyExists, "there is a dashboard with uid {} already", document.uid);
  return {};
}

core::Result<std::vector<std::string>> Library::Attach(std::unique_ptr<Store> store) {
  std::lock_guard change(change_mutex_);
  SEXTANT_ASSIGN(std::vector<StoredFolder> folders, store->Folders());
  SEXTANT_ASSIGN(std::vector<StoredDashboard> dashboards, store->Dashboards());
  Dashboards saved;
  std::map<std::string, std::string, std::less<>> based_on;
  std::vector<std::string> problems;
  for (StoredDashboard& stored : dashboards) {
    auto document = ReadDocument(stored.json);
    if (!document) {
      problems.push_back(fmt::format("saved dashboard {} cannot be read and is not shown: {}", stored.uid,
                                     document.error().message()));
      continue;
    }
    auto dashboard = MakeDashboard(*document, stored.json, stored.uid, stored.version);
    dashboard->folder_uid = stored.folder_uid;
    dashboard->created_ms = stored.created_ms;
    dashboard->updated_ms = stored.updated_ms;
    dashboard->origin = Origin::kSaved;
    dashboard->can_delete = true;
    if (!stored.based_on.empty()) based_on[stored.uid] = stored.based_on;
    saved[stored.uid] = std::move(dashboard);
  }
  store_ = std::move(store);
  std::lock_guard lock(mutex_);
  saved_ = std::move(saved);
  based_on_ = std::move(based_on);
  for (const StoredFolder& folder : folders) folders_[folder.uid] = ToFolder(folder);
  return problems;
}

void Library::SetProvisioned(std::vector<ProvisionedDashboard> dashboards, std::vector<Folder> folders) {
  std::map<std::string, Provisioned, std::less<>> now;
  for (ProvisionedDashboard& file : dashboards) {
    auto document = ReadDocument(*file.json);
    if (!document) continue;  // the provisioner hands on what can be read
    Provisioned one;
    one.fingerprint = Fingerprint(*file.json);
    auto shown = MakeDashboard(*document, *file.json, file.uid, std::max<int64_t>(document->version, 1));
    shown->folder_uid = file.folder_uid;
    shown->created_ms = shown->updated_ms = file.updated_ms;
    shown->origin = Origin::kProvisioned;
    shown->external_id = file.external_id;
    shown->can_save = file.allows_changes;
    one.shown = std::move(shown);
    one.file = std::move(file);
    std::string uid = one.file.uid;
    now.insert_or_assign(std::move(uid), std::move(one));
  }
  std::lock_guard change(change_mutex_);
  std::vector<Provisioned> gone;
  {
    std::lock_guard lock(mutex_);
    for (auto& [uid, before] : provisioned_) {
      if (before.file.stays_without_file && !now.contains(uid)) gone.push_back(before);
    }
    provisioned_ = std::move(now);
    provisioned_folders_.clear();
    for (Folder& folder : folders) {
      folder.is_provisioned = true;
      std::string uid = folder.uid;
      provisioned_folders_.insert_or_assign(std::move(uid), std::move(folder));
    }
  }
  for (const Provisioned& one : gone) KeepWithoutFile(one);
}

// What has lost its file and is to stay becomes a dashboard like those that people save.
void Library::KeepWithoutFile(const Provisioned& gone) {
  if (!store_) return;
  auto kept = std::make_shared<Dashboard>(*gone.shown);
  kept->origin = Origin::kSaved;
  kept->can_save = kept->can_delete = true;
  kept->external_id.clear();
  {
    std::lock_guard lock(mutex_);
    if (saved_.contains(kept->uid)) return;
    if (!folders_.contains(kept->folder_uid)) kept->folder_uid.clear();
  }
  if (!CheckRoom(kept->uid, kept->json.size())) return;
  // It fails as any saving may; the dashboard is gone then, as its file is.
  [[maybe_unused]] core::Status done = Keep(std::move(kept), "", "its file is gone");
}

DashboardPtr Library::FindLocked(std::string_view uid) const {
  auto saved = saved_.find(uid);
  if (auto it = provisioned_.find(uid); it != provisioned_.end()) {
    auto base = based_on_.find(uid);
    bool is_changed = saved != saved_.end() && base != based_on_.end() &&
                      base->second == it->second.fingerprint && it->second.file.allows_changes;
    if (!is_changed) return it->second.shown;
    auto shown = std::make_shared<Dashboard>(*saved->second);
    shown->origin = Origin::kProvisioned;
    shown->external_id = it->second.file.external_id;
    shown->can_delete = false;
    return shown;
  }
  if (saved != saved_.end()) return saved->second;
  auto builtin = builtin_.find(uid);
  return builtin == builtin_.end() ? nullptr : builtin->second;
}

DashboardPtr Library::Find(std::string_view uid) const {
  std::lock_guard lock(mutex_);
  return FindLocked(uid);
}

std::vector<DashboardPtr> Library::List() const {
  std::vector<DashboardPtr> list;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [uid, one] : provisioned_) list.push_back(FindLocked(uid));
    for (const auto& [uid, one] : saved_) {
      if (!provisioned_.contains(uid)) list.push_back(one);
    }
    for (const auto& [uid, one] : builtin_) {
      if (!provisioned_.contains(uid) && !saved_.contains(uid)) list.push_back(one);
    }
  }
  std::ranges::sort(list, [](const DashboardPtr& a, const DashboardPtr& b) {
    return std::tie(a->title, a->uid) < std::tie(b->title, b->uid);
  });
  return list;
}

core::Status Library::CheckStore() const {
  if (!store_) return Fail(Code::kUnavailable, "dashboards cannot be saved: their database is not open");
  return {};
}

core::Status Library::CheckRoom(const std::string& uid, size_t bytes) const {
  std::lock_guard lock(mutex_);
  for (const auto& [other, dashboard] : saved_) {
    if (other != uid) bytes += dashboard->json.size();
  }
  if (bytes > kMaxSavedBytes)
    return Fail(Code::kResourceExhausted, "saved dashboards may have {} bytes in all", kMaxSavedBytes);
  if (!saved_.contains(uid) && saved_.size() >= kMaxSavedDashboards)
    return Fail(Code::kResourceExhausted, "{} dashboards can be saved; delete some", kMaxSavedDashboards);
  return {};
}

std::string Library::NewUid() const {
  int64_t now_ns = clock_.MonotonicNs();
  for (int64_t attempt = 0;; ++attempt) {
    std::string uid = DeriveUid(fmt::format("{}/{}/{}", clock_.NowMs(), now_ns, attempt));
    std::lock_guard lock(mutex_);
    if (FindLocked(uid) == nullptr && !folders_.contains(uid)) return uid;
  }
}

core::Status Library::Keep(DashboardPtr dashboard, const std::string& based_on, const std::string& message) {
  StoredDashboard stored{dashboard->uid,        dashboard->folder_uid, dashboard->json, dashboard->version,
                         dashboard->created_ms, dashboard->updated_ms, based_on};
  SEXTANT_TRY(store_->Put(stored, dashboard->title, message));
  std::lock_guard lock(mutex_);
  if (based_on.empty()) {
    based_on_.erase(dashboard->uid);
  } else {
    based_on_[dashboard->uid] = based_on;
  }
  std::string uid = dashboard->uid;
  saved_.insert_or_assign(std::move(uid), std::move(dashboard));
  return {};
}

core::Result<DashboardPtr> Library::Save(SaveRequest request) {
  SEXTANT_ASSIGN(Document document, ReadDocument(request.json));
  std::lock_guard change(change_mutex_);
  SEXTANT_TRY(CheckStore());
  std::string uid = document.uid.empty() ? NewUid() : document.uid;
  DashboardPtr before;
  std::string based_on;
  {
    std::lock_guard lock(mutex_);
    before = FindLocked(uid);
    if (auto it = provisioned_.find(uid); it != provisioned_.end()) {
      if (!it->second.file.allows_changes)
        return Fail(Code::kPermissionDenied, "Cannot save provisioned dashboard");
      based_on = it->second.fingerprint;
      request.folder_uid = it->second.file.folder_uid;
    } else if (!request.folder_uid.empty() && !folders_.contains(request.folder_uid) &&
               !provisioned_folders_.contains(request.folder_uid)) {
      return Fail(Code::kNotFound, "folder not found");
    }
  }
  if (before != nullptr && !request.overwrite && document.version != before->version)
    return Fail(Code::kAlreadyExists, "The dashboard has been changed by someone else");
  SEXTANT_TRY(CheckRoom(uid, request.json.size()));
  auto dashboard = MakeDashboard(document, request.json, uid, before == nullptr ? 1 : before->version + 1);
  dashboard->folder_uid = request.folder_uid;
  dashboard->updated_ms = clock_.NowMs();
  dashboard->created_ms =
      before == nullptr || before->created_ms == 0 ? dashboard->updated_ms : before->created_ms;
  dashboard->origin = Origin::kSaved;
  dashboard->can_delete = true;
  SEXTANT_TRY(Keep(dashboard, based_on, request.message));
  return Find(uid);
}

core::Result<DashboardPtr> Library::Delete(std::string_view uid) {
  std::lock_guard change(change_mutex_);
  DashboardPtr before = Find(uid);
  if (before == nullptr) return Fail(Code::kNotFound, "Dashboard not found");
  if (before->origin == Origin::kProvisioned)
    return Fail(Code::kPermissionDenied, "provisioned dashboard cannot be deleted");
  if (before->origin == Origin::kBuiltin)
    return Fail(Code::kPermissionDenied, "built-in dashboard cannot be deleted");
  SEXTANT_TRY(CheckStore());
  SEXTANT_TRY(store_->RemoveDashboard(before->uid));
  std::lock_guard lock(mutex_);
  saved_.erase(before->uid);
  based_on_.erase(before->uid);
  return before;
}

core::Result<std::vector<StoredVersion>> Library::Versions(std::string_view uid) const {
  if (Find(uid) == nullptr) return Fail(Code::kNotFound, "Dashboard not found");
  std::lock_guard change(change_mutex_);
  if (!store_) return std::vector<StoredVersion>{};
  return store_->Versions(std::string(uid));
}

core::Result<StoredVersion> Library::Version(std::string_view uid, int64_t version) const {
  std::lock_guard change(change_mutex_);
  SEXTANT_TRY(CheckStore());
  return store_->Version(std::string(uid), version);
}

std::vector<Folder> Library::Folders() const {
  std::vector<Folder> list;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [uid, folder] : provisioned_folders_) list.push_back(folder);
    for (const auto& [uid, folder] : folders_) {
      if (!provisioned_folders_.contains(uid)) list.push_back(folder);
    }
  }
  std::ranges::sort(list, [](const Folder& a, const Folder& b) {
    return std::tie(a.title, a.uid) < std::tie(b.title, b.uid);
  });
  return list;
}

core::Result<Folder> Library::FindFolder(std::string_view uid) const {
  std::lock_guard lock(mutex_);
  if (auto it = provisioned_folders_.find(uid); it != provisioned_folders_.end()) return it->second;
  if (auto it = folders_.find(uid); it != folders_.end()) return it->second;
  return Fail(Code::kNotFound, "folder not found");
}

core::Result<Folder> Library::CreateFolder(std::string uid, std::string title) {
  if (title.empty()) return Fail(Code::kInvalidArgument, "folder title cannot be empty");
  if (title.size() > kMaxTitleBytes)
    return Fail(Code::kInvalidArgument, "a folder's title may have {} bytes", kMaxTitleBytes);
  if (!uid.empty() && !IsUid(uid)) return Fail(Code::kInvalidArgument, "uid contains illegal characters");
  std::lock_guard change(change_mutex_);
  SEXTANT_TRY(CheckStore());
  if (uid.empty()) uid = NewUid();
  std::vector<Folder> folders = Folders();
  for (const Folder& folder : folders) {
    if (folder.uid == uid) return Fail(Code::kAlreadyExists, "a folder with the uid {} already exists", uid);
    if (folder.title == title) return Fail(Code::kAlreadyExists, "a folder with that name already exists");
  }
  if (folders.size() >= kMaxFolders)
    return Fail(Code::kResourceExhausted, "there can be {} folders; delete some", kMaxFolders);
  core::TimestampMs now_ms = clock_.NowMs();
  StoredFolder stored{uid, std::move(title), 1, now_ms, now_ms};
  SEXTANT_TRY(store_->Put(stored));
  std::lock_guard lock(mutex_);
  return folders_[uid] = ToFolder(stored);
}

core::Result<Folder> Library::RenameFolder(std::string_view uid, std::string title, int64_t version) {
  if (title.empty()) return Fail(Code::kInvalidArgument, "folder title cannot be empty");
  if (title.size() > kMaxTitleBytes)
    return Fail(Code::kInvalidArgument, "a folder's title may have {} bytes", kMaxTitleBytes);
  std::lock_guard change(change_mutex_);
  SEXTANT_ASSIGN(Folder folder, FindFolder(uid));
  if (folder.is_provisioned) return Fail(Code::kPermissionDenied, "the folder is provisioned");
  if (version >= 0 && version != folder.version)
    return Fail(Code::kAlreadyExists, "the folder has been changed by someone else");
  SEXTANT_TRY(CheckStore());
  StoredFolder stored{folder.uid, std::move(title), folder.version + 1, folder.created_ms, clock_.NowMs()};
  SEXTANT_TRY(store_->Put(stored));
  std::lock_guard lock(mutex_);
  return folders_[folder.uid] = ToFolder(stored);
}

core::Result<Folder> Library::DeleteFolder(std::string_view uid) {
  std::lock_guard change(change_mutex_);
  SEXTANT_ASSIGN(Folder folder, FindFolder(uid));
  if (folder.is_provisioned) return Fail(Code::kPermissionDenied, "the folder is provisioned");
  SEXTANT_TRY(CheckStore());
  {
    std::lock_guard lock(mutex_);
    for (const auto& [other, one] : provisioned_) {
      if (one.file.folder_uid == uid)
        return Fail(Code::kPermissionDenied, "provisioned dashboard cannot be deleted");
    }
  }
  SEXTANT_TRY(store_->RemoveFolder(folder.uid));
  std::lock_guard lock(mutex_);
  folders_.erase(folder.uid);
  std::erase_if(saved_, [&](const auto& entry) { return entry.second->folder_uid == folder.uid; });
  std::erase_if(based_on_, [&](const auto& entry) { return !saved_.contains(entry.first); });
  return folder;
}

}  // namespace sextant::dashboards
