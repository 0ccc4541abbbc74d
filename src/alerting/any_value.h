// Free-form YAML in a configuration (PagerDuty's details, Jira's fields, a webhook's payload): read, written,
// and filled in with templates. Plain functions; any thread may call.
#pragma once

#include <functional>
#include <string>

#include "config/node.h"
#include "config/yaml_writer.h"
#include "core/result.h"
#include "gotemplate/value.h"

namespace sextant::alerting {

// A YAML node as a value for templates and JSON: plain scalars mean what YAML says.
gotemplate::Value AnyValueOf(config::Node node);

void WriteAnyValue(const gotemplate::Value& value, config::YamlWriter& out);

// A copy in which `fill` has been applied to every text and every key. A filled text that reads as a YAML
// list, mapping, number or boolean (what toJson makes, for example) becomes that.
core::Result<gotemplate::Value> FillAnyValue(
    const gotemplate::Value& value, const std::function<core::Result<std::string>(const std::string&)>& fill);

}  // namespace sextant::alerting
