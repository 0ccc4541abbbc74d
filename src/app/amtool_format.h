// What `sextant amtool` prints: alerts, silences and status as tables (simple, extended) or JSON, in the
// columns of the original, and routing trees. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "alerting/route.h"
#include "app/amtool_client.h"

namespace sextant::app {

enum class AmtoolOutput { kSimple, kExtended, kJson };

struct AmtoolFormat {
  AmtoolOutput output = AmtoolOutput::kSimple;
  std::string date_layout = "2006-01-02 15:04:05 MST";
};

std::string FormatAlerts(std::vector<ShownAlert> alerts, const AmtoolFormat& format);
std::string FormatSilences(std::vector<ShownSilence> silences, const AmtoolFormat& format);
std::string FormatConfig(const ShownStatus& status, const AmtoolFormat& format);
std::string FormatCluster(const ShownStatus& status, const AmtoolFormat& format);

// The whole tree, and the part of it that labels pass through.
std::string FormatRoutes(const alerting::Config& config, const alerting::Route& root);
std::string FormatMatchingRoutes(const alerting::Config& config, const alerting::Route& root,
                                 const model::Labels& labels);

// Rows whose cells stand below each other, two blanks apart; each cell is followed by them.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace sextant::app
