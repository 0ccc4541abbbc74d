#include "pipeline/extensions/zpages_extension.h"

#include "pipeline/extensions/extension_server.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using core::Status;

struct ExpvarConfig {
  bool enabled = false;
};

struct ZpagesConfig {
  ZpagesConfig() { server.endpoint = "localhost:55679"; }

  HttpServerConfig server;
  ExpvarConfig expvar;
};

Status CheckExpvar(ExpvarConfig& config, config::Node node) {
  if (!config.enabled) return {};
  return node.FailAtKey(core::Code::kUnimplemented, "is not supported yet: variables of Go's runtime");
}

const config::Struct& FieldsOf(const ExpvarConfig*) {
  using namespace config;
  static const Struct kFields =
      Struct::Of<ExpvarConfig>({Member<&ExpvarConfig::enabled>("enabled")}, &CheckExpvar);
  return kFields;
}

const config::Struct& FieldsOf(const ZpagesConfig*) {
  using namespace config;
  static const Struct kFields =
      Struct::Of<ZpagesConfig>({Member<&ZpagesConfig::expvar>("expvar"), Inline<&ZpagesConfig::server>()});
  return kFields;
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title></head><body>\n"
      "<h1>{0}</h1>\n<p><a href=\"servicez\">Service</a> <a href=\"pipelinez\">Pipelines</a> "
      "<a href=\"extensionz\">Extensions</a> <a href=\"featurez\">Features</a> "
      "<a href=\"tracez\">Traces</a></p>\n{1}</body></html>\n",
      Escaped(title), body);
}

std::string Row(std::initializer_list<std::string> cells) {
  std::string row = "<tr>";
  for (const std::string& cell : cells) row += "<td>" + Escaped(cell) + "</td>";
  return row + "</tr>\n";
}

std::string Join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

class Zpages final : public Extension {
 public:
  Zpages(const ComponentSettings& settings, ZpagesConfig config)
      : settings_(settings), environment_(settings.environment), config_(std::move(config)) {}

  Status Start() override {
    started_ms_ = environment_.clock.NowMs();
    net::Router router;
    auto add = [&](std::string_view path, std::string_view title, std::string (Zpages::*body)() const) {
      router.Add("GET", path, [this, title = std::string(title), body](const net::HttpRequest&) {
        return net::HttpResponse::Html(200, Page(title, (this->*body)()));
      });
    };
    add("/debug/servicez", "Service", &Zpages::Service);
    add("/debug/pipelinez", "Pipelines", &Zpages::Pipelines);
    add("/debug/extensionz", "Extensions", &Zpages::Extensions);
    add("/debug/featurez", "Features", &Zpages::Features);
    add("/debug/tracez", "Traces", &Zpages::Traces);
    SEXTANT_ASSIGN(endpoint_, StartExtensionServer(settings_, config_.server, std::move(router)));
    return {};
  }

  void Shutdown() override { endpoint_->Stop(); }

 private:
  std::string Service() const {
    return "<table>\n" + Row({"Version", environment_.version}) +
           Row({"Instance", environment_.instance_id}) +
           Row({"Uptime", FormatGoDurationMs(environment_.clock.NowMs() - started_ms_)}) + "</table>\n";
  }

  std::string Pipelines() const {
    std::string table =
        "<table>\n<tr><th>Pipeline</th><th>Receivers</th><th>Processors</th><th>Exporters</th></tr>\n";
    for (const PipelineInfo& pipeline : environment_.extensions.Pipelines()) {
      table +=
          Row({pipeline.id, Join(pipeline.receivers), Join(pipeline.processors), Join(pipeline.exporters)});
    }
    return table + "</table>\n";
  }

  std::string Extensions() const {
    std::string table = "<table>\n";
    for (const std::string& id : environment_.extensions.ExtensionIds()) table += Row({id});
    return table + "</table>\n";
  }

  std::string Features() const { return "<p>This program has no feature gates.</p>\n"; }
  std::string Traces() const { return "<p>This program keeps no spans of its own here.</p>\n"; }

  const ComponentSettings settings_;
  Environment& environment_;
  const ZpagesConfig config_;
  core::TimestampMs started_ms_ = 0;
  std::unique_ptr<Endpoint> endpoint_;
};

Made<Extension> MakeZpages(const ComponentSettings& settings, const ZpagesConfig& config) {
  return std::make_unique<Zpages>(settings, config);
}

}  // namespace

ComponentType ZpagesExtensionType() { return ExtensionType<ZpagesConfig>("zpages", {}, &MakeZpages); }

}  // namespace sextant::pipeline
