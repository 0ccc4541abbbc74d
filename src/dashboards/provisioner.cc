#include "dashboards/provisioner.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "config/node.h"
#include "config/paths.h"
#include "core/file.h"
#include "dashboards/document.h"

namespace sextant::dashboards {

namespace {

namespace fs = std::filesystem;

constexpr core::DurationMs kDefaultIntervalMs = 10'000;

bool IsHidden(std::string_view name) { return name.starts_with('.'); }

bool HasEnding(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

// The names in a folder, sorted; nothing when it cannot be read.
core::Result<std::vector<std::string>> NamesIn(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) return core::Fail(core::Code::kIo, "{}: {}", path, error.message());
  std::ranges::sort(names);
  return names;
}

}  // namespace

// What one walk has met so far.
struct Provisioner::Seen {
  Provisioned found;
  std::string state;  // grows with every file's name and signature
  std::set<std::string> paths;
  std::map<std::string, std::string> uids;         // of dashboards, with their files
  std::map<std::string, std::string> folder_uids;  // by title
  size_t files = 0;
  size_t total_bytes = 0;
  bool is_full = false;

  void Problem(std::string text) { found.problems.push_back(std::move(text)); }
};

Provisioner::Provisioner(std::string dir, ReadVariable variable, ProvisioningLimits limits)
    : dir_(std::move(dir)), variable_(std::move(variable)), limits_(limits) {}

core::Result<Provisioner::Signature> Provisioner::Look(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return core::FailErrno(errno, path);
  return Signature{static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
                   static_cast<uint64_t>(info.st_size),
                   int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec};
}

template <typename T, typename Parse>
const Provisioner::Cached<T>& Provisioner::Remember(std::map<std::string, Cached<T>>& cache,
                                                    const std::string& path, size_t limit_bytes, Seen& seen,
                                                    Parse parse) {
  Cached<T>& cached = cache[path];
  seen.paths.insert(path);
  auto signature = Look(path);
  if (!signature) {
    cached.problem = signature.error().message();
    seen.state += path + " cannot be read\n";
  } else {
    seen.state += fmt::format("{} {} {} {} {}\n", path, signature->device, signature->inode,
                              signature->size_bytes, signature->modified_ns);
    seen.total_bytes += signature->size_bytes;
    if (!(cached.signature == *signature)) {
      cached.signature = *signature;
      cached.problem.clear();
      core::Result<std::string> text = config::ReadTextFile(path, limit_bytes);
      core::Result<T> value =
          text ? parse(std::move(*text), *signature) : core::Result<T>(tl::unexpected(text.error()));
      if (value) {
        cached.value = std::move(*value);
      } else {
        cached.problem = value.error().message();
        if (cached.problem.find(path) == std::string::npos) cached.problem = path + ": " + cached.problem;
      }
    }
  }
  if (!cached.problem.empty()) {
    seen.Problem(cached.value ? cached.problem + " (it stays as it was before)" : cached.problem);
  }
  return cached;
}

std::vector<std::string> Provisioner::ConfigFiles(const char* folder, Seen& seen) const {
  std::string path = core::JoinPath(dir_, folder);
  std::vector<std::string> files;
  std::error_code error;
  if (!fs::exists(path, error)) return files;
  auto names = NamesIn(path);
  if (!names) {
    seen.Problem(names.error().message());
    return files;
  }
  for (const std::string& name : *names) {
    if (IsHidden(name) || !HasEnding(name, {".yaml", ".yml"})) continue;
    if (++seen.files > limits_.files) break;
    files.push_back(core::JoinPath(path, name));
  }
  return files;
}

void Provisioner::AddDashboard(const DashboardProvider& provider, const std::string& path,
                               const std::string& below, const std::string& folder_title, Seen& seen) {
  const Cached<DashboardFile>& cached =
      Remember(dashboards_, path, kMaxDocumentBytes, seen,
               [](std::string text, const Signature& signature) -> core::Result<DashboardFile> {
                 SEXTANT_ASSIGN(Document document, ReadDocument(text));
                 return DashboardFile{document.uid, std::make_shared<const std::string>(std::move(text)),
                                      signature.modified_ns / 1'000'000};
               });
  if (!cached.value) return;
  ProvisionedDashboard dashboard;
  dashboard.uid = cached.value->uid.empty() ? DeriveUid(provider.name + "/" + below) : cached.value->uid;
  auto [other, is_new] = seen.uids.emplace(dashboard.uid, path);
  if (!is_new) {
    return seen.Problem(
        fmt::format("{}: the uid {} is that of {}, which stays", path, dashboard.uid, other->second));
  }
  if (!folder_title.empty()) {
    auto [folder, is_new_folder] = seen.folder_uids.emplace(folder_title, "");
    if (is_new_folder) {
      folder->second =
          provider.folder_uid.empty() ? DeriveUid("folder " + folder_title) : provider.folder_uid;
      seen.found.folders.push_back({folder->second, folder_title, 1, 0, 0, true});
    }
    dashboard.folder_uid = folder->second;
  }
  dashboard.json = cached.value->json;
  dashboard.external_id = below;
  dashboard.updated_ms = cached.value->modified_ms;
  dashboard.allows_changes = provider.allows_changes;
  dashboard.stays_without_file = provider.disables_deletion;
  seen.found.dashboards.push_back(std::move(dashboard));
}

void Provisioner::Walk(const DashboardProvider& provider, const std::string& root, const std::string& below,
                       size_t depth, Seen& seen) {
  std::string here = below.empty() ? root : core::JoinPath(root, below);
  auto names = NamesIn(here);
  if (!names) return seen.Problem(fmt::format("provider {}: {}", provider.name, names.error().message()));
  for (const std::string& name : *names) {
    if (IsHidden(name) || seen.is_full) continue;
    std::string path = core::JoinPath(here, name);
    std::string next = below.empty() ? name : below + "/" + name;
    std::error_code error;
    if (fs::is_directory(path, error)) {
      if (depth >= limits_.depth) {
        seen.Problem(fmt::format("{}: folders are read {} deep", path, limits_.depth));
      } else {
        Walk(provider, root, next, depth + 1, seen);
      }
      continue;
    }
    if (!HasEnding(name, {".json"})) continue;
    if (++seen.files > limits_.files || seen.total_bytes > limits_.total_bytes) {
      seen.is_full = true;
      return seen.Problem(fmt::format("{} and what follows is left out: {} files and {} bytes are read", path,
                                      limits_.files, limits_.total_bytes));
    }
    std::string folder = provider.folder;
    if (provider.takes_folders_from_files)
      folder = below.empty() ? std::string() : below.substr(below.rfind('/') + 1);
    AddDashboard(provider, path, next, folder, seen);
  }
}

void Provisioner::ReadProvider(const DashboardProvider& provider, Seen& seen) {
  interval_ms_ = std::min<core::DurationMs>(interval_ms_, provider.interval_s * 1'000);
  std::error_code error;
  // A relative path counts from the folder of provisioning, which does not move as a working directory does.
  std::string root = config::JoinDirectory(dir_, provider.path);
  if (!fs::is_directory(root, error))
    return seen.Problem(fmt::format("provider {}: {} is no folder", provider.name, root));
  Walk(provider, root, "", 1, seen);
}

void Provisioner::ReadSources(Seen& seen) {
  std::map<std::string, DataSource> by_name;
  for (const std::string& path : ConfigFiles("datasources", seen)) {
    const Cached<DataSourceFile>& cached =
        Remember(sources_, path, limits_.config_bytes, seen,
                 [&](std::string text, const Signature&) { return ReadDataSources(text, path, variable_); });
    if (!cached.value) continue;
    for (const DataSource& source : cached.value->sources) {
      auto same_uid = [&](const auto& entry) { return entry.second.uid == source.uid; };
      if (by_name.contains(source.name) || std::ranges::any_of(by_name, same_uid)) {
        seen.Problem(fmt::format("{}: there is a data source {} or one with its uid {} already", path,
                                 source.name, source.uid));
        continue;
      }
      bool has_default =
          std::ranges::any_of(by_name, [](const auto& entry) { return entry.second.is_default; });
      if (source.is_default && has_default) {
        seen.Problem(
            fmt::format("{}: only one data source can be the default; {} is left out", path, source.name));
        continue;
      }
      by_name.emplace(source.name, source);
    }
  }
  // What files delete goes first, as in Grafana, and there are no sources but those of files: nothing is left
  // to delete.
  for (auto& [name, source] : by_name) seen.found.sources.push_back(std::move(source));
}

std::optional<Provisioned> Provisioner::Read(bool always) {
  Seen seen;
  interval_ms_ = kDefaultIntervalMs;
  if (always) {
    // Variables and secrets that configuration names may have changed without its files.
    for (auto& [path, cached] : providers_) cached.signature = {};
    for (auto& [path, cached] : sources_) cached.signature = {};
  }
  std::error_code error;
  if (!fs::is_directory(dir_, error)) seen.Problem(dir_ + " is no folder");
  std::map<std::string, std::string> names;
  for (const std::string& path : ConfigFiles("dashboards", seen)) {
    const auto& cached =
        Remember(providers_, path, limits_.config_bytes, seen,
                 [&](std::string text, const Signature&) { return ReadProviders(text, path, variable_); });
    if (!cached.value) continue;
    for (const DashboardProvider& provider : *cached.value) {
      auto [other, is_new] = names.emplace(provider.name, path);
      if (is_new) {
        ReadProvider(provider, seen);
      } else {
        seen.Problem(
            fmt::format("{}: there is a provider {} in {} already", path, provider.name, other->second));
      }
    }
  }
  ReadSources(seen);
  auto is_gone = [&](const auto& entry) { return !seen.paths.contains(entry.first); };
  std::erase_if(providers_, is_gone);
  std::erase_if(sources_, is_gone);
  std::erase_if(dashboards_, is_gone);
  for (const std::string& problem : seen.found.problems) seen.state += problem + "\n";
  if (!always && seen.state == last_state_) return std::nullopt;
  last_state_ = std::move(seen.state);
  return std::move(seen.found);
}

}  // namespace sextant::dashboards
