// A relabelling rule as configuration files write it (Prometheus' relabel_config), checked but not compiled;
// the module relabel makes it run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/decode.h"
#include "core/metric_names.h"

namespace sextant::config {

enum class RelabelAction {
  kNone,  // an explicit null; never in a rule that was decoded
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

// "replace", "keep", …
std::string_view RelabelActionName(RelabelAction action);

struct RelabelRuleConfig {
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string regex = "(.*)";  // to be matched against the whole value, `.` matching line breaks too
  uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
  RelabelAction action = RelabelAction::kReplace;
  core::NameScheme name_scheme = core::NameScheme::kUtf8;  // of the labels it may make; not in the file

  friend bool operator==(const RelabelRuleConfig&, const RelabelRuleConfig&) = default;
};

const Struct& FieldsOf(const RelabelRuleConfig*);

// Whether a text may be a label name, for configurations: any UTF-8 that is not empty.
bool IsLabelName(std::string_view name);

}  // namespace sextant::config
