// `amtool template render`: fills a template in with the data of a notification.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::app {

// `globs` are files of templates beside the default ones; `data` is JSON as notifications' templates see it,
// or empty for an example of two alerts. Errors are those of the templates, or kInvalidArgument for the data.
core::Result<std::string> RenderTemplate(const std::vector<std::string>& globs, const std::string& text,
                                         const std::string& data, bool as_html, core::TimestampMs now_ms);

}  // namespace sextant::app
