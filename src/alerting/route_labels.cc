#include "alerting/route_labels.h"

#include <set>

#include "config/text.h"
#include "gotemplate/alertmanager.h"

namespace sextant::alerting {
namespace {

using core::Result;

// Every label in use of another one takes stack.
constexpr size_t kMaxNesting = 16;

class Filler {
 public:
  Filler(const std::map<std::string, std::string>& labels, const gotemplate::TemplateSet& templates,
         const gotemplate::Value& data, core::TimestampMs now_ms)
      : labels_(labels), templates_(templates), data_(data) {
    environment_.now_ms = now_ms;
    environment_.fill_route_label = [this](const std::string& name) { return Fill(name); };
  }

  Result<std::string> Fill(const std::string& name) {
    const auto label = labels_.find(name);
    if (label == labels_.end()) return std::string();
    if (const auto known = filled_.find(name); known != filled_.end()) return known->second;
    if (label->second.find("{{") == std::string::npos) return filled_[name] = label->second;
    if (under_way_.contains(name) || under_way_.size() >= kMaxNesting) {
      return core::Fail(core::Code::kInvalidArgument, "route label {} needs itself, or too many others",
                        config::Quote(name));
    }
    under_way_.insert(name);
    auto text = templates_.ExecuteText("", label->second, data_, &environment_);
    under_way_.erase(name);
    if (!text) return tl::unexpected(std::move(text).error());
    return filled_[name] = std::move(*text);
  }

 private:
  const std::map<std::string, std::string>& labels_;
  const gotemplate::TemplateSet& templates_;
  const gotemplate::Value& data_;
  gotemplate::AlertmanagerEnvironment environment_;
  std::map<std::string, std::string> filled_;
  std::set<std::string> under_way_;
};

}  // namespace

Result<std::map<std::string, std::string>> FillRouteLabels(const std::map<std::string, std::string>& labels,
                                                           const gotemplate::TemplateSet& templates,
                                                           const gotemplate::Value& data,
                                                           core::TimestampMs now_ms) {
  Filler filler(labels, templates, data, now_ms);
  std::map<std::string, std::string> out;
  for (const auto& [name, text] : labels) {
    auto filled = filler.Fill(name);
    if (!filled) return tl::unexpected(std::move(filled).error().WithContext("route label " + name));
    out[name] = std::move(*filled);
  }
  return out;
}

}  // namespace sextant::alerting
