// Labels of routes: templates in the configuration, filled in for each group of alerts. One may use another
// by `routeLabels "name"`; one that needs itself is an error.
#pragma once

#include <map>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "gotemplate/template.h"
#include "gotemplate/value.h"

namespace sextant::alerting {

// `data` is the group as a notification's templates see it. Any thread may call.
core::Result<std::map<std::string, std::string>> FillRouteLabels(
    const std::map<std::string, std::string>& labels, const gotemplate::TemplateSet& templates,
    const gotemplate::Value& data, core::TimestampMs now_ms);

}  // namespace sextant::alerting
