#include "config/sextant_config.h"

#include "config/decode.h"
#include "config/paths.h"

namespace sextant::config {

const Struct& FieldsOf(const GrafanaSection*) {
  static const Struct kFields = Struct::Of<GrafanaSection>({
      Member<&GrafanaSection::provisioning>("provisioning"),
      Member<&GrafanaSection::local_urls>("local_urls"),
      Member<&GrafanaSection::ini>("ini"),
  });
  return kFields;
}

namespace {

struct Sections {
  Node prometheus;
  Node alertmanager;
  Node otelcol;
  GrafanaSection grafana;
};

const Struct& FieldsOf(const Sections*) {
  auto raw = Custom<Node>([](Node node) -> core::Result<Node> { return node; },
                          [](const Node&, YamlWriter& out) { out.Null(); });
  static const Struct kFields = Struct::Of<Sections>({
      Member<&Sections::prometheus>("prometheus", raw),
      Member<&Sections::alertmanager>("alertmanager", raw),
      Member<&Sections::otelcol>("otelcol", raw),
      NotYet("tempo", "run Tempo beside Sextant for now"),
      Member<&Sections::grafana>("grafana"),
  });
  return kFields;
}

}  // namespace

core::Result<SextantConfig> SextantConfig::Load(const std::string& path) {
  SEXTANT_ASSIGN(Document document, Document::Load(path));
  return FromDocument(std::move(document));
}

core::Result<SextantConfig> SextantConfig::Parse(std::string_view text, std::string file_name) {
  SEXTANT_ASSIGN(Document document, Document::Parse(text, std::move(file_name)));
  return FromDocument(std::move(document));
}

core::Result<SextantConfig> SextantConfig::FromDocument(Document document) {
  SextantConfig config;
  config.documents_.push_back(std::move(document));
  SEXTANT_ASSIGN(auto sections, Decode<Sections>(config.documents_.front().root()));
  SEXTANT_ASSIGN(config.prometheus_, config.Resolve(sections.prometheus));
  SEXTANT_ASSIGN(config.alertmanager_, config.Resolve(sections.alertmanager));
  SEXTANT_ASSIGN(config.otelcol_, ReadCollector(sections.otelcol));
  config.grafana_ = std::move(sections.grafana);
  std::string directory = DirectoryOf(config.documents_.front().file());
  for (std::string* path : {&config.grafana_.provisioning, &config.grafana_.ini})
    *path = JoinDirectory(directory, *path);
  return config;
}

std::vector<std::string> SextantConfig::files() const {
  std::vector<std::string> files;
  for (const Document& document : documents_) files.push_back(document.file());
  return files;
}

core::Result<CollectorSection> SextantConfig::ReadCollector(Node section) {
  CollectorSection collector;
  if (!section || section.IsNull()) return collector;
  collector.section = section;
  if (section.IsMapping()) return collector;
  std::vector<Node> items;
  if (section.IsSequence()) {
    for (Node item : section.children()) items.push_back(item);
    if (items.empty()) return section.Fail("the list names no file");
  } else {
    items.push_back(section);
  }
  for (Node item : items) {
    if (!item.IsScalar()) {
      return item.Fail("expected the configuration itself or the path of its file, got {}", item.Describe());
    }
    collector.files.push_back(JoinDirectory(DirectoryOf(item.file()), item.text()));
  }
  return collector;
}

core::Result<Node> SextantConfig::Resolve(Node section) {
  if (!section || section.IsMapping()) return section;
  if (!section.IsScalar()) {
    return section.Fail("expected the configuration itself or the path of its file, got {}",
                        section.Describe());
  }
  std::string path = JoinDirectory(DirectoryOf(section.file()), section.text());
  auto document = Document::Load(path);
  // A file that is not there is this line's mistake; what is wrong inside it has its own position.
  if (!document && document.error().code() != core::Code::kInvalidArgument) {
    return section.FailAt(section.position(), document.error().code(), document.error().message());
  }
  if (!document) return tl::unexpected(std::move(document).error());
  documents_.push_back(std::move(*document));
  return documents_.back().root();
}

}  // namespace sextant::config
