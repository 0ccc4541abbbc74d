#include "app/amtool_format.h"

#include <algorithm>

#include "gotemplate/go_time.h"
#include "gotemplate/unicode.h"

namespace sextant::app {

namespace {

using alerting::Route;

constexpr size_t kPadding = 2;

std::string Date(core::TimestampMs time_ms, const AmtoolFormat& format) {
  return gotemplate::FormatTime(gotemplate::Time::FromUnixMs(time_ms), format.date_layout);
}

std::string Pairs(const TextMap& map) {
  std::string out;
  for (const auto& [name, value] : map)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : " ", name, value);
  return out;
}

std::string MatchersOf(const ShownSilence& silence) {
  std::string out;
  for (const alerting::Matcher& matcher : silence.matchers)
    out += (out.empty() ? "" : " ") + matcher.ToString();
  return out;
}

template <typename Item>
std::string JsonList(const std::vector<Item>& items) {
  std::string out = "[";
  for (const Item& item : items) out += (out.size() > 1 ? "," : "") + item.json;
  return out + "]\n";
}

// A node and its children with lines between them, as the original's library draws trees.
struct Tree {
  std::string text;
  std::vector<Tree> children;
};

void Draw(const Tree& tree, const std::string& prefix, std::string& out) {
  for (size_t i = 0; i < tree.children.size(); ++i) {
    const bool is_last = i + 1 == tree.children.size();
    out += prefix + (is_last ? "└── " : "├── ") + tree.children[i].text + "\n";
    Draw(tree.children[i], prefix + (is_last ? "    " : "│   "), out);
  }
}

std::string Drawn(Tree root) {
  Tree top;
  top.children.push_back(std::move(root));
  std::string out = ".\n";
  Draw(top, "", out);
  return out;
}

std::string RouteText(const alerting::Config& config, const Route& route, bool with_continue,
                      bool with_receiver) {
  std::string text = route.matchers.empty() ? "default-route" : alerting::MatchersText(route.matchers);
  if (with_continue && route.continues) text += "  continue: true";
  if (!with_receiver) return text;
  text += "  receiver: " + config.receivers[route.receiver].name;
  if (!route.group_by.empty()) {
    std::string names;
    for (const std::string& name : route.group_by) names += (names.empty() ? "" : ",") + name;
    text += "  grouping: [" + names + "]";
  }
  return text;
}

Tree WholeTree(const alerting::Config& config, const Route& route) {
  Tree tree{RouteText(config, route, true, true), {}};
  for (const auto& child : route.routes) tree.children.push_back(WholeTree(config, *child));
  return tree;
}

Tree MatchingTree(const alerting::Config& config, const Route& route, const model::Labels& labels) {
  Tree tree{RouteText(config, route, false, false), {}};
  for (const auto& child : route.routes) {
    if (!alerting::MatchesAll(child->matchers, labels)) continue;
    tree.children.push_back(MatchingTree(config, *child, labels));
    if (!child->continues) break;
  }
  if (tree.children.empty()) tree.text = RouteText(config, route, false, true);
  return tree;
}

}  // namespace

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], gotemplate::CountRunes(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      out += row[i] + std::string(widths[i] - gotemplate::CountRunes(row[i]) + kPadding, ' ');
    out += '\n';
  }
  return out;
}

std::string FormatAlerts(std::vector<ShownAlert> alerts, const AmtoolFormat& format) {
  if (format.output == AmtoolOutput::kJson) return JsonList(alerts);
  std::stable_sort(alerts.begin(), alerts.end(),
                   [](const ShownAlert& a, const ShownAlert& b) { return a.starts_at_ms < b.starts_at_ms; });
  const auto get = [](const TextMap& map, const char* name) {
    const auto found = map.find(name);
    return found == map.end() ? std::string() : found->second;
  };
  std::vector<std::vector<std::string>> rows;
  if (format.output == AmtoolOutput::kSimple) {
    rows.push_back({"Alertname", "Starts At", "Summary", "State"});
    for (const ShownAlert& alert : alerts) {
      rows.push_back({get(alert.labels, "alertname"), Date(alert.starts_at_ms, format),
                      get(alert.annotations, "summary"), alert.state});
    }
  } else {
    rows.push_back({"Labels", "Annotations", "Starts At", "Ends At", "Generator URL", "State"});
    for (const ShownAlert& alert : alerts) {
      rows.push_back({Pairs(alert.labels), Pairs(alert.annotations), Date(alert.starts_at_ms, format),
                      Date(alert.ends_at_ms, format), alert.generator_url, alert.state});
    }
  }
  return FormatTable(rows);
}

std::string FormatSilences(std::vector<ShownSilence> silences, const AmtoolFormat& format) {
  if (format.output == AmtoolOutput::kJson) return JsonList(silences);
  std::stable_sort(silences.begin(), silences.end(),
                   [](const ShownSilence& a, const ShownSilence& b) { return a.ends_at_ms < b.ends_at_ms; });
  std::vector<std::vector<std::string>> rows;
  if (format.output == AmtoolOutput::kSimple) {
    rows.push_back({"ID", "Matchers", "Ends At", "Created By", "Comment"});
    for (const ShownSilence& silence : silences) {
      rows.push_back({silence.id, MatchersOf(silence), Date(silence.ends_at_ms, format), silence.created_by,
                      silence.comment});
    }
  } else {
    rows.push_back({"ID", "Matchers", "Starts At", "Ends At", "Updated At", "Created By", "Comment"});
    for (const ShownSilence& silence : silences) {
      rows.push_back({silence.id, alerting::MatchersText(silence.matchers),
                      Date(silence.starts_at_ms, format), Date(silence.ends_at_ms, format),
                      Date(silence.updated_at_ms, format), silence.created_by, silence.comment});
    }
  }
  return FormatTable(rows);
}

std::string FormatConfig(const ShownStatus& status, const AmtoolFormat& format) {
  if (format.output == AmtoolOutput::kJson) return status.json + "\n";
  std::string out = status.config + "\n";
  if (format.output == AmtoolOutput::kSimple) return out;
  for (const auto& [name, value] : status.version_info) out += fmt::format("{} {}\n", name, value);
  return out + fmt::format("uptime {}\n", status.uptime);
}

std::string FormatCluster(const ShownStatus& status, const AmtoolFormat& format) {
  if (format.output == AmtoolOutput::kJson) return status.cluster_json + "\n";
  std::string out =
      fmt::format("Cluster Status:  {}\nNode Name:       {}\n", status.cluster_status, status.cluster_name);
  if (format.output == AmtoolOutput::kSimple) return out;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [address, name] : status.peers) rows.push_back({address, name});
  std::sort(rows.begin(), rows.end());
  return out + "\nAddress  Name\n" + FormatTable(rows);
}

std::string FormatRoutes(const alerting::Config& config, const Route& root) {
  return "Routing tree:\n" + Drawn(WholeTree(config, root)) + "\n";
}

std::string FormatMatchingRoutes(const alerting::Config& config, const Route& root,
                                 const model::Labels& labels) {
  return "Matching routes:\n" + Drawn(MatchingTree(config, root, labels)) + "\n\n";
}

}  // namespace sextant::app
