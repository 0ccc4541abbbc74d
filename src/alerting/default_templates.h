// The templates that a configuration finds defined before its own: the names of Alertmanager's default
// templates, giving the same texts, so that receivers' defaults and users' templates that build on them work.
#pragma once

#include <memory>
#include <string>

#include "alerting/config.h"
#include "core/result.h"
#include "gotemplate/template.h"

namespace sextant::alerting {

// The text of all of them.
std::string DefaultTemplates();

// The defaults and the files that a configuration names, in this order. A pattern that matches nothing is
// fine; a file that cannot be read or parsed is an error that names it.
core::Result<std::shared_ptr<const gotemplate::TemplateSet>> LoadTemplates(const Config& config);

}  // namespace sextant::alerting
