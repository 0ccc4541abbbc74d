// What other programs leave in files *.prom of some folders, and node_textfile_*.
#include <glob.h>
#include <sys/stat.h>

#include <map>

#include "agents/node/collectors.h"
#include "agents/node/textfile_parser.h"

namespace sextant::node {
namespace {

constexpr size_t kFileLimit = 10'000;

// The folders that a pattern names; the text itself when it matches none.
std::vector<std::string> Expand(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> folders;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) folders.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  if (folders.empty()) folders.push_back(pattern);
  for (std::string& folder : folders) {
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  }
  return folders;
}

// One collection: gathers families of all files before it adds them, since a family may be spread over
// several.
class Collection {
 public:
  explicit Collection(MetricSink& sink) : sink_(sink) {}

  void ReadFolder(const std::string& folder) {
    const auto names = ListDirectory(folder);
    if (!names) return NoteError(names.error().message());
    for (const std::string& name : *names) {
      if (!name.ends_with(".prom")) continue;
      if (++file_count_ > kFileLimit) return NoteError(fmt::format("{}: too many files", folder));
      ReadFile(folder + "/" + name);
    }
  }

  void Finish() {
    std::map<std::string_view, std::string> read_from;
    for (const Item& item : items_) {
      std::string& files = read_from[item.family.name];
      files += files.empty() ? "Metric read from " : ", ";
      files += item.path;
    }
    for (const Item& item : items_) {
      const auto help = helps_.find(item.family.name);
      AddTextfileFamily(item.family, help == helps_.end() ? read_from[item.family.name] : help->second,
                        sink_);
      // Another collector's metric, or another type: the others of the file are still good.
      if (core::Status status = sink_.TakeStatus(); !status)
        NoteError(item.path + ": " + status.error().message());
    }
    auto& mtimes = sink_.GetFamily("node_textfile_mtime_seconds", "When a file was last changed.",
                                   MetricType::kGauge, {"file"});
    for (const auto& [path, seconds] : mtimes_) mtimes.Add({path}, seconds);
    sink_.Gauge("node_textfile_scrape_error", "Whether a file or folder could not be read (0 or 1).",
                has_error_ ? 1 : 0);
  }

 private:
  struct Item {
    std::string path;
    TextfileFamily family;
  };

  void NoteError(std::string text) {
    has_error_ = true;
    sink_.Warn(std::move(text));
  }

  void ReadFile(const std::string& path) {
    const auto text = ReadHostFile(path);
    if (!text) return NoteError(text.error().message());
    auto families = ParseTextfile(*text);
    if (!families) return NoteError(path + ": " + families.error().message());
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return NoteError(path + ": it vanished");
    mtimes_[path] = static_cast<double>(info.st_mtim.tv_sec);
    for (TextfileFamily& family : *families) {
      if (family.name.starts_with("node_textfile_")) {
        NoteError(fmt::format("{}: {} is a metric of the collector itself", path, family.name));
        continue;
      }
      if (family.help) {
        const auto [known, is_new] = helps_.try_emplace(family.name, *family.help);
        if (!is_new && known->second != *family.help) {
          NoteError(fmt::format("{}: another help text for {} than in a file before", path, family.name));
          continue;
        }
      }
      items_.push_back({path, std::move(family)});
    }
  }

  MetricSink& sink_;
  std::vector<Item> items_;
  std::map<std::string, std::string, std::less<>> helps_;
  std::map<std::string, double> mtimes_;
  size_t file_count_ = 0;
  bool has_error_ = false;
};

core::Status CollectTextfiles(const std::vector<std::string>& directories, MetricSink& sink) {
  Collection collection(sink);
  for (const std::string& pattern : directories) {
    for (const std::string& folder : Expand(pattern)) collection.ReadFolder(folder);
  }
  collection.Finish();
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeTextfileCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "textfile", [directories = options.textfile_directories](const HostPaths&, MetricSink& sink) {
        return CollectTextfiles(directories, sink);
      });
}

}  // namespace sextant::node
