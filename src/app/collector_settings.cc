#include "app/collector_settings.h"

#include <algorithm>

#include "pipeline/config_resolver.h"
#include "pipeline/service_config.h"

namespace sextant::app {

namespace {

using core::Result;

bool IsSame(const config::Value& a, const config::Value& b) {
  return a.kind == b.kind && a.text == b.text && a.is_plain == b.is_plain && a.key == b.key &&
         std::ranges::equal(a.children, b.children, &IsSame);
}

}  // namespace

bool CollectorSettings::IsSameAs(const CollectorSettings& other) const {
  return kind == other.kind && IsSame(resolved, other.resolved);
}

Result<CollectorSettings> LoadCollectorSettings(const config::CollectorSection& section,
                                                const core::Logger& logger) {
  CollectorSettings settings;
  if (!section.section) return settings;
  const bool is_in_place = section.files.empty();
  const auto children = section.section.children();
  if (is_in_place && children.begin() == children.end()) {
    settings.kind = CollectorSettings::Kind::kNone;
    return settings;
  }
  settings.kind = CollectorSettings::Kind::kConfigured;
  settings.files = section.files;
  const pipeline::ConfigProviders providers = pipeline::ConfigProviders::System();
  if (is_in_place) {
    SEXTANT_ASSIGN(settings.resolved,
                   pipeline::ResolveConfig(config::Value::Of(section.section), providers, logger));
  } else {
    std::vector<std::string> sources;
    for (const std::string& file : section.files) sources.push_back("file:" + file);
    auto resolved = pipeline::ResolveConfig(sources, providers, logger);
    // A file that is not there is this section's mistake; what is wrong inside it has its own position.
    if (!resolved && resolved.error().code() != core::Code::kInvalidArgument) {
      return section.section.FailAt(section.section.position(), resolved.error().code(),
                                    resolved.error().message());
    }
    if (!resolved) return tl::unexpected(std::move(resolved).error());
    settings.resolved = std::move(*resolved);
  }
  SEXTANT_TRY(pipeline::ReadCollectorConfig(settings.resolved, true));
  return settings;
}

}  // namespace sextant::app
