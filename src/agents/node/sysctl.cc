// node_sysctl_*: chosen files of /proc/sys, as numbers (--collector.sysctl.include) or as texts
// (--collector.sysctl.include-info).
#include <algorithm>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

struct Sysctl {
  std::string name;               // "fs.file-nr"
  std::vector<std::string> keys;  // of its fields, if given: "fs.file-nr:total,current,max"
};

Sysctl ParseSysctl(std::string_view text) {
  Sysctl sysctl;
  const size_t colon = text.find(':');
  sysctl.name = text.substr(0, colon);
  if (colon == std::string_view::npos) return sysctl;
  std::string_view keys = text.substr(colon + 1);
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = keys.find(',');
    sysctl.keys.emplace_back(keys.substr(0, comma));
    if (comma != std::string_view::npos) keys.remove_prefix(comma + 1);
  }
  return sysctl;
}

class SysctlCollector final : public Collector {
 public:
  explicit SysctlCollector(const NodeOptions& options) {
    for (const std::string& text : options.sysctl_include) numbers_.push_back(ParseSysctl(text));
    for (const std::string& text : options.sysctl_include_info) texts_.push_back(ParseSysctl(text));
  }

  std::string_view name() const override { return "sysctl"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    for (const Sysctl& sysctl : numbers_) SEXTANT_TRY(CollectNumbers(sysctl, paths, sink));
    for (const Sysctl& sysctl : texts_) SEXTANT_TRY(CollectTexts(sysctl, paths, sink));
    return {};
  }

 private:
  // The words of the file; the views go into `text`.
  static core::Status ReadWords(const Sysctl& sysctl, const HostPaths& paths, std::string& text,
                                std::vector<std::string_view>& words) {
    std::string relative = sysctl.name;
    std::replace(relative.begin(), relative.end(), '.', '/');
    const std::string path = paths.Proc("sys/" + relative);
    SEXTANT_ASSIGN(text, ReadHostFile(path));
    std::replace(text.begin(), text.end(), '\n', ' ');
    SplitFields(text, words);
    if (words.empty()) return core::Fail(core::Code::kInvalidArgument, "{}: no values", path);
    return {};
  }

  static core::Status CollectNumbers(const Sysctl& sysctl, const HostPaths& paths, MetricSink& sink) {
    std::string text;
    std::vector<std::string_view> words;
    SEXTANT_TRY(ReadWords(sysctl, paths, text, words));
    if (!sysctl.keys.empty() && sysctl.keys.size() != words.size()) {
      return core::Fail(core::Code::kInvalidArgument, "sysctl {} has {} values, but {} names are given",
                        sysctl.name, words.size(), sysctl.keys.size());
    }
    const std::string name = "node_sysctl_" + MetricNamePart(sysctl.name);
    const std::string help = "The kernel's setting " + sysctl.name + ".";
    for (size_t i = 0; i < words.size(); ++i) {
      SEXTANT_ASSIGN(const double value,
                     ParseFloat(words[i]).map_error(core::AddContext("sysctl {}", sysctl.name)));
      if (!sysctl.keys.empty()) {
        sink.GetFamily(name + "_" + sysctl.keys[i], help, MetricType::kUntyped).Add(value);
      } else if (words.size() == 1) {
        sink.GetFamily(name, help, MetricType::kUntyped).Add(value);
      } else {
        sink.GetFamily(name, help, MetricType::kUntyped, {"index"}).Add({std::to_string(i)}, value);
      }
    }
    return {};
  }

  static core::Status CollectTexts(const Sysctl& sysctl, const HostPaths& paths, MetricSink& sink) {
    if (!sysctl.keys.empty()) {
      return core::Fail(core::Code::kInvalidArgument, "sysctl {}: texts cannot have names", sysctl.name);
    }
    std::string text;
    std::vector<std::string_view> words;
    SEXTANT_TRY(ReadWords(sysctl, paths, text, words));
    auto& info = sink.GetFamily("node_sysctl_info", "Settings of the kernel that are texts; always 1.",
                                MetricType::kGauge, {"index", "name", "value"});
    for (size_t i = 0; i < words.size(); ++i) info.Add({std::to_string(i), sysctl.name, words[i]}, 1);
    return {};
  }

  std::vector<Sysctl> numbers_;
  std::vector<Sysctl> texts_;
};

}  // namespace

std::unique_ptr<Collector> MakeSysctlCollector(const NodeOptions& options) {
  return std::make_unique<SysctlCollector>(options);
}

}  // namespace sextant::node
