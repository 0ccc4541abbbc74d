// What a configuration says about the names of metrics and labels: which are valid
// (metric_name_validation_scheme) and how targets are asked to escape the others
// (metric_name_escaping_scheme).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "config/relabel_config.h"
#include "core/metric_names.h"

namespace sextant::config {

struct NameConfig {
  std::optional<core::NameScheme> validation;  // unset: not said, or said to be ""
  std::string escaping;                        // as core::EscapingName has it; empty: not said

  // What holds, of a config that InheritNames has been through.
  core::NameScheme scheme() const { return validation.value_or(core::NameScheme::kUtf8); }
  core::Escaping escaping_scheme() const {
    return core::ParseEscaping(escaping).value_or(core::Escaping::kAllowUtf8);
  }
};

const Struct& FieldsOf(const NameConfig*);

// Gives a scrape config's names what its own fields and then those of `global` mean. `node` is the scrape
// config's, for errors: kInvalidArgument for an unknown escaping, and for UTF-8 names of a job whose names
// are legacy ones.
core::Status InheritNames(const NameConfig& global, NameConfig& names, Node node);

// Makes the rules produce labels of this scheme only. kInvalidArgument at the rule's field in `list`, the
// rules' node, for a target that the scheme does not have.
core::Status SetNameScheme(std::vector<RelabelRuleConfig>& rules, core::NameScheme scheme, Node list);

}  // namespace sextant::config
