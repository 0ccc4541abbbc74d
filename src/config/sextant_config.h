// sextant.yaml: one file whose sections hold the originals' own configurations, inline or as the path of
// their file:
//
//   prometheus: prometheus.yml        # seen from the folder of sextant.yaml
//   alertmanager:
//     route: {receiver: team}
//     receivers: [{name: team}]
//
//   otelcol: collector.yaml           # pipelines of telemetry; also a list of files, merged in their order
//
//   grafana:
//     provisioning: provisioning      # a folder as Grafana's, seen from the folder of sextant.yaml
//     local_urls: [http://prometheus-operated:9090]   # data sources at these URLs are this server itself
//     ini: grafana.ini                # switches users on: who may log in, and how
//
// A section is handed on as a raw node, so that its own decoder reads it and errors point at the file, line
// and path where the person wrote it (`sextant.yaml:3:5: alertmanager.route…`, or the other file's name).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/node.h"
#include "core/result.h"

namespace sextant::config {

// What stands for Grafana's own configuration.
struct GrafanaSection {
  std::string provisioning;  // empty: none
  std::vector<std::string> local_urls;
  std::string ini;  // empty: none
};

// The collector's configuration, whose values are still to be expanded.
struct CollectorSection {
  Node section;                    // none: the section is absent or empty
  std::vector<std::string> files;  // where it names them, with their folder; empty: it stands in the section
};

// Owns the files it was read from; its nodes live as long as it does.
class SextantConfig {
 public:
  // Reads sextant.yaml and the files its sections point to. Unknown sections, sections that are not supported
  // yet (kUnimplemented), and files that cannot be read are errors.
  static core::Result<SextantConfig> Load(const std::string& path);
  static core::Result<SextantConfig> Parse(std::string_view text, std::string file_name);

  // The configuration of a section, or no node when the section is absent or empty.
  Node prometheus() const { return prometheus_; }
  Node alertmanager() const { return alertmanager_; }
  // Its files are not read here.
  const CollectorSection& otelcol() const { return otelcol_; }
  const GrafanaSection& grafana() const { return grafana_; }
  // All files that were read.
  std::vector<std::string> files() const;

 private:
  static core::Result<SextantConfig> FromDocument(Document document);
  // The node that a section means: itself, or the root of the file it names.
  core::Result<Node> Resolve(Node section);
  static core::Result<CollectorSection> ReadCollector(Node section);

  std::vector<Document> documents_;
  Node prometheus_;
  Node alertmanager_;
  CollectorSection otelcol_;
  GrafanaSection grafana_;
};

}  // namespace sextant::config
