// node_os_info and node_os_version: /etc/os-release. See os-release(5).
#include <ctime>
#include <map>

#include "agents/node/collectors.h"

namespace sextant::node {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

// The value of an assignment in the shell's manner: bare, 'single' or "double" quoted with backslash escapes.
std::string Unquote(std::string_view text) {
  text = TrimSpace(text);
  if (text.size() < 2 || (text.front() != '"' && text.front() != '\'') || text.back() != text.front()) {
    return std::string(text);
  }
  const bool has_escapes = text.front() == '"';
  text = text.substr(1, text.size() - 2);
  std::string value;
  for (size_t i = 0; i < text.size(); ++i) {
    if (has_escapes && text[i] == '\\' && i + 1 < text.size()) ++i;
    value += text[i];
  }
  return value;
}

Variables ParseOsRelease(std::string_view text) {
  Variables variables;
  std::string_view line;
  while (NextLine(text, line)) {
    const size_t equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    variables[std::string(TrimSpace(line.substr(0, equals)))] = Unquote(line.substr(equals + 1));
  }
  return variables;
}

// "20.04.2" → 20.04; "12" → 12; "rolling" → nothing.
std::optional<double> MajorMinor(std::string_view version) {
  size_t end = 0;
  bool has_dot = false;
  while (end < version.size()) {
    const char c = version[end];
    if (c == '.' && !has_dot && end > 0) {
      has_dot = true;
    } else if (c < '0' || c > '9') {
      break;
    }
    ++end;
  }
  const auto value = ParseFloat(version.substr(0, end));
  if (!value) return std::nullopt;
  return *value;
}

core::Result<std::string> ReadOsRelease(const HostPaths& paths) {
  auto text = ReadHostFile(paths.Root("/etc/os-release"));
  if (text || text.error().code() != core::Code::kNotFound) return text;
  return ReadHostFile(paths.Root("/usr/lib/os-release"));
}

core::Status CollectOs(const HostPaths& paths, MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string text, ReadOsRelease(paths));
  const Variables variables = ParseOsRelease(text);
  const auto get = [&](std::string_view name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string_view() : std::string_view(found->second);
  };
  sink.GetFamily("node_os_info",
                 "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, "
                 "image_version, name, "
                 "pretty_name, variant, variant_id, version, version_codename, version_id.",
                 MetricType::kGauge,
                 {"build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant",
                  "variant_id", "version", "version_codename", "version_id"})
      .Add({get("BUILD_ID"), get("ID"), get("ID_LIKE"), get("IMAGE_ID"), get("IMAGE_VERSION"), get("NAME"),
            get("PRETTY_NAME"), get("VARIANT"), get("VARIANT_ID"), get("VERSION"), get("VERSION_CODENAME"),
            get("VERSION_ID")},
           1);
  if (const auto version = MajorMinor(get("VERSION_ID"))) {
    sink.GetFamily("node_os_version", "Metric containing the major.minor part of the OS version.",
                   MetricType::kGauge, {"id", "id_like", "name"})
        .Add({get("ID"), get("ID_LIKE"), get("NAME")}, *version);
  }
  if (const std::string support_end(get("SUPPORT_END")); !support_end.empty()) {
    std::tm date{};
    if (::strptime(support_end.c_str(), "%Y-%m-%d", &date) != nullptr) {
      sink.Gauge("node_os_support_end_timestamp_seconds",
                 "Metric containing the end-of-life date timestamp of the OS.",
                 static_cast<double>(::timegm(&date)));
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeOsCollector() { return std::make_unique<StatelessCollector>("os", CollectOs); }

}  // namespace sextant::node
