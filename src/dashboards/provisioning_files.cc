#include "dashboards/provisioning_files.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "config/decode.h"
#include "core/duration.h"
#include "core/json_writer.h"
#include "dashboards/document.h"

namespace sextant::dashboards {

namespace {

using config::CodecFor;
using config::Custom;
using config::Member;
using config::Node;
using config::NotYet;
using config::Struct;
using config::YamlWriter;
using core::Result;
using core::Status;

constexpr int64_t kMaxIntervalS = 24 * 3600;
constexpr int64_t kMaxTimeoutS = 600;
constexpr int kMaxHeaders = 20;

// Values are read as they stand, then expanded, then understood: `isDefault: $IS_DEFAULT` is a boolean.
struct Reader {
  const ReadVariable& variable;

  Result<std::string> Text(Node node) const {
    if (!node || node.IsNull()) return std::string();
    SEXTANT_ASSIGN(std::string raw, node.AsText());
    auto expanded = Expand(raw, variable);
    if (!expanded) return node.Fail("{}", expanded.error().message());
    return expanded;
  }
  Result<bool> Bool(Node node, bool otherwise) const {
    SEXTANT_ASSIGN(std::string text, Text(node));
    if (text.empty()) return otherwise;
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "0" || text == "no" || text == "off") return false;
    return node.Fail("expected true or false, got \"{}\"", text);
  }
  Result<int64_t> Int(Node node, int64_t otherwise) const {
    SEXTANT_ASSIGN(std::string text, Text(node));
    if (text.empty()) return otherwise;
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      return node.Fail("expected a whole number, got \"{}\"", text);
    return value;
  }
};

// A field that stands in a table so that names are checked, and is read with variables afterwards.
CodecFor<Node> Raw() {
  return Custom<Node>([](Node node) -> Result<Node> { return node; },
                      [](const Node&, YamlWriter& out) { out.Null(); });
}

struct ProviderOptions {
  Node path, folder, folders_from_files;
};
const Struct& FieldsOf(const ProviderOptions*) {
  static const Struct kFields = Struct::Of<ProviderOptions>({
      Member<&ProviderOptions::path>("path", Raw()),
      Member<&ProviderOptions::folder>("folder", Raw()),  // what `path` was called before
      Member<&ProviderOptions::folders_from_files>("foldersFromFilesStructure", Raw()),
  });
  return kFields;
}

struct RawProvider {
  Node self, name, org, folder, folder_uid, folder_id, type, disable_deletion, editable, interval,
      allow_changes;
  std::optional<ProviderOptions> options;
};
const Struct& FieldsOf(const RawProvider*) {
  static const Struct kFields = Struct::Of<RawProvider>(
      {
          Member<&RawProvider::name>("name", Raw()),
          Member<&RawProvider::org>("orgId", Raw()),
          Member<&RawProvider::folder>("folder", Raw()),
          Member<&RawProvider::folder_uid>("folderUid", Raw()),
          Member<&RawProvider::type>("type", Raw()),
          Member<&RawProvider::disable_deletion>("disableDeletion", Raw()),
          Member<&RawProvider::editable>("editable", Raw()),  // says nothing in this version of the format
          Member<&RawProvider::interval>("updateIntervalSeconds", Raw()),
          Member<&RawProvider::allow_changes>("allowUiUpdates", Raw()),
          Member<&RawProvider::options>("options"),
      },
      +[](RawProvider& provider, Node node) -> Status {
        provider.self = node;
        return {};
      });
  return kFields;
}

struct ProvidersFile {
  Node api_version;
  std::vector<RawProvider> providers;
};
const Struct& FieldsOf(const ProvidersFile*) {
  static const Struct kFields = Struct::Of<ProvidersFile>({
      Member<&ProvidersFile::api_version>("apiVersion", Raw()),
      Member<&ProvidersFile::providers>("providers"),
  });
  return kFields;
}

Status CheckVersion(const Reader& reader, Node root, Node version) {
  SEXTANT_ASSIGN(int64_t number, reader.Int(version, 0));
  if (number == 1) return {};
  if (!version) return root.Fail("apiVersion is missing; this version reads 1");
  return version.Fail("this version reads apiVersion 1, not {}", number);
}

// There is one organisation, with the number that Grafana's first has.
Status CheckOrganisation(const Reader& reader, Node org) {
  SEXTANT_ASSIGN(int64_t number, reader.Int(org, 1));
  if (number == 1 || number == 0) return {};
  return org.Fail("there is only the organisation 1, not {}", number);
}

Result<DashboardProvider> ToProvider(const Reader& reader, const RawProvider& raw) {
  DashboardProvider provider;
  SEXTANT_ASSIGN(provider.name, reader.Text(raw.name));
  if (provider.name.empty()) return raw.self.Fail("name is missing");
  SEXTANT_TRY(CheckOrganisation(reader, raw.org));
  SEXTANT_ASSIGN(std::string type, reader.Text(raw.type));
  if (!type.empty() && type != "file") return raw.type.Fail("type must be \"file\", not \"{}\"", type);
  SEXTANT_ASSIGN(provider.folder, reader.Text(raw.folder));
  SEXTANT_ASSIGN(provider.folder_uid, reader.Text(raw.folder_uid));
  if (!provider.folder_uid.empty() && !IsUid(provider.folder_uid))
    return raw.folder_uid.Fail("\"{}\" is no uid: 1 to 40 of letters, digits, - and _", provider.folder_uid);
  SEXTANT_ASSIGN(provider.disables_deletion, reader.Bool(raw.disable_deletion, false));
  SEXTANT_ASSIGN(provider.allows_changes, reader.Bool(raw.allow_changes, false));
  SEXTANT_ASSIGN(provider.interval_s, reader.Int(raw.interval, 10));
  if (provider.interval_s == 0) provider.interval_s = 10;
  if (provider.interval_s < 0 || provider.interval_s > kMaxIntervalS)
    return raw.interval.Fail("must be from 1 to {} seconds", kMaxIntervalS);
  ProviderOptions options = raw.options.value_or(ProviderOptions{});
  SEXTANT_ASSIGN(provider.path, reader.Text(options.path));
  if (provider.path.empty()) {
    SEXTANT_ASSIGN(provider.path, reader.Text(options.folder));
  }
  if (provider.path.empty()) return raw.self.Fail("options.path is missing");
  SEXTANT_ASSIGN(provider.takes_folders_from_files, reader.Bool(options.folders_from_files, false));
  if (provider.takes_folders_from_files && !(provider.folder.empty() && provider.folder_uid.empty())) {
    return raw.self.Fail("folder and folderUid must be empty where foldersFromFilesStructure is true");
  }
  return provider;
}

struct RawSource {
  Node self, name, uid, type, access, org, url, user, database, basic_auth, basic_auth_user, with_credentials,
      is_default, json_data, secure_json_data, version, editable, api_version;
};
const Struct& FieldsOf(const RawSource*) {
  static const Struct kFields = Struct::Of<RawSource>(
      {
          Member<&RawSource::name>("name", Raw()),
          Member<&RawSource::uid>("uid", Raw()),
          Member<&RawSource::type>("type", Raw()),
          Member<&RawSource::access>("access", Raw()),
          Member<&RawSource::org>("orgId", Raw()),
          Member<&RawSource::url>("url", Raw()),
          Member<&RawSource::user>("user", Raw()),
          Member<&RawSource::database>("database", Raw()),
          Member<&RawSource::basic_auth>("basicAuth", Raw()),
          Member<&RawSource::basic_auth_user>("basicAuthUser", Raw()),
          Member<&RawSource::with_credentials>("withCredentials", Raw()),
          Member<&RawSource::is_default>("isDefault", Raw()),
          Member<&RawSource::json_data>("jsonData", Raw()),
          Member<&RawSource::secure_json_data>("secureJsonData", Raw()),
          Member<&RawSource::version>("version", Raw()),
          Member<&RawSource::editable>("editable", Raw()),
          Member<&RawSource::api_version>("apiVersion", Raw()),
          NotYet("correlations", "leave it out"),
          NotYet("password", "put it into secureJsonData, as Grafana asks for, too"),
          NotYet("basicAuthPassword", "put it into secureJsonData, as Grafana asks for, too"),
      },
      +[](RawSource& source, Node node) -> Status {
        source.self = node;
        return {};
      });
  return kFields;
}

struct Deleted {
  Node name, org;
};
const Struct& FieldsOf(const Deleted*) {
  static const Struct kFields = Struct::Of<Deleted>({
      Member<&Deleted::name>("name", Raw()),
      Member<&Deleted::org>("orgId", Raw()),
  });
  return kFields;
}

struct SourcesFile {
  Node api_version, prune;
  std::vector<RawSource> sources;
  std::vector<Deleted> deleted;
};
const Struct& FieldsOf(const SourcesFile*) {
  static const Struct kFields = Struct::Of<SourcesFile>({
      Member<&SourcesFile::api_version>("apiVersion", Raw()),
      Member<&SourcesFile::prune>("prune", Raw()),  // what no file names any more is always gone
      Member<&SourcesFile::sources>("datasources"),
      Member<&SourcesFile::deleted>("deleteDatasources"),
  });
  return kFields;
}

// YAML as JSON, texts expanded; plain words that mean numbers or booleans are such.
Status WriteJson(const Reader& reader, Node node, core::JsonWriter& json) {
  if (node.IsMapping()) {
    json.BeginObject();
    for (Node value : node.children()) {
      json.Key(value.key());
      SEXTANT_TRY(WriteJson(reader, value, json));
    }
    json.EndObject();
  } else if (node.IsSequence()) {
    json.BeginArray();
    for (Node value : node.children()) SEXTANT_TRY(WriteJson(reader, value, json));
    json.EndArray();
  } else if (node.IsNull()) {
    json.Null();
  } else if (auto number = node.AsInt(); node.is_plain() && number) {
    json.Int(*number);
  } else if (auto fraction = node.AsFloat(); node.is_plain() && fraction) {
    json.Double(*fraction);
  } else if (auto boolean = node.AsBool(); node.is_plain() && boolean) {
    json.Bool(*boolean);
  } else {
    SEXTANT_ASSIGN(std::string text, reader.Text(node));
    json.String(text);
  }
  return {};
}

// Ways to sign in that would have to be honoured, and are not.
Status RefuseUnknownSignIn(const Reader& reader, Node json_data) {
  for (const char* name : {"sigV4Auth", "oauthPassThru", "azureAuth", "enableSecureSocksProxy"}) {
    Node node = json_data.Find(name);
    if (!node || node.IsNull()) continue;
    auto is_on = reader.Bool(node, false);
    if (!is_on || *is_on)
      return node.FailAtKey(core::Code::kUnimplemented, fmt::format("{} is not supported", name));
  }
  return {};
}

Status ReadJsonData(const Reader& reader, Node json_data, DataSource& source) {
  if (!json_data || json_data.IsNull()) return {};
  if (!json_data.IsMapping()) return json_data.Fail("expected a mapping, got {}", json_data.Describe());
  SEXTANT_TRY(RefuseUnknownSignIn(reader, json_data));
  core::JsonWriter json;
  SEXTANT_TRY(WriteJson(reader, json_data, json));
  source.json_data = std::move(json).Take();
  SEXTANT_ASSIGN(source.skips_verification, reader.Bool(json_data.Find("tlsSkipVerify"), false));
  SEXTANT_ASSIGN(source.server_name, reader.Text(json_data.Find("serverName")));
  SEXTANT_ASSIGN(int64_t timeout_s, reader.Int(json_data.Find("timeout"), 30));
  if (timeout_s < 1 || timeout_s > kMaxTimeoutS)
    return json_data.Find("timeout").Fail("must be from 1 to {} seconds", kMaxTimeoutS);
  source.timeout_ms = timeout_s * 1'000;
  SEXTANT_ASSIGN(std::string step, reader.Text(json_data.Find("timeInterval")));
  if (!step.empty()) {
    auto parsed = core::ParseDuration(step);
    if (!parsed) return json_data.Find("timeInterval").Fail("{}", parsed.error().message());
    source.min_step_ms = *parsed;
  }
  return {};
}

Status ReadSecrets(const Reader& reader, const RawSource& raw, DataSource& source) {
  Node secrets = raw.secure_json_data;
  SEXTANT_ASSIGN(source.basic_auth_password, reader.Text(secrets.Find("basicAuthPassword")));
  SEXTANT_ASSIGN(source.ca_pem, reader.Text(secrets.Find("tlsCACert")));
  SEXTANT_ASSIGN(source.cert_pem, reader.Text(secrets.Find("tlsClientCert")));
  SEXTANT_ASSIGN(source.key_pem, reader.Text(secrets.Find("tlsClientKey")));
  for (int i = 1; i <= kMaxHeaders; ++i) {
    SEXTANT_ASSIGN(std::string name, reader.Text(raw.json_data.Find(fmt::format("httpHeaderName{}", i))));
    if (name.empty()) break;
    SEXTANT_ASSIGN(std::string value, reader.Text(secrets.Find(fmt::format("httpHeaderValue{}", i))));
    source.headers.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

Result<DataSource> ToSource(const Reader& reader, const RawSource& raw) {
  DataSource source;
  SEXTANT_ASSIGN(source.name, reader.Text(raw.name));
  if (source.name.empty()) return raw.self.Fail("name is missing");
  SEXTANT_ASSIGN(source.type, reader.Text(raw.type));
  if (source.type.empty()) return raw.self.Fail("type is missing");
  SEXTANT_TRY(CheckOrganisation(reader, raw.org));
  SEXTANT_ASSIGN(source.uid, reader.Text(raw.uid));
  if (source.uid.empty()) source.uid = DeriveUid("data source " + source.name);
  if (!IsUid(source.uid))
    return raw.uid.Fail("\"{}\" is no uid: 1 to 40 of letters, digits, - and _", source.uid);
  SEXTANT_ASSIGN(source.access, reader.Text(raw.access));
  if (source.access.empty()) source.access = "proxy";
  if (source.access != "proxy") return raw.access.Fail("access must be \"proxy\", not \"{}\"", source.access);
  SEXTANT_ASSIGN(source.url, reader.Text(raw.url));
  SEXTANT_ASSIGN(source.user, reader.Text(raw.user));
  SEXTANT_ASSIGN(source.database, reader.Text(raw.database));
  SEXTANT_ASSIGN(source.basic_auth, reader.Bool(raw.basic_auth, false));
  SEXTANT_ASSIGN(source.basic_auth_user, reader.Text(raw.basic_auth_user));
  SEXTANT_ASSIGN(source.with_credentials, reader.Bool(raw.with_credentials, false));
  SEXTANT_ASSIGN(source.is_default, reader.Bool(raw.is_default, false));
  SEXTANT_ASSIGN(source.version, reader.Int(raw.version, 1));
  SEXTANT_TRY(ReadJsonData(reader, raw.json_data, source));
  SEXTANT_TRY(ReadSecrets(reader, raw, source));
  return source;
}

}  // namespace

Result<std::vector<DashboardProvider>> ReadProviders(std::string_view text, std::string file_name,
                                                     const ReadVariable& variable) {
  SEXTANT_ASSIGN(config::Document document, config::Document::Parse(text, std::move(file_name)));
  Reader reader{variable};
  if (document.root().IsNull()) return std::vector<DashboardProvider>{};
  if (document.root().IsSequence())
    return document.root().Fail(
        "a list of providers is the form before apiVersion 1, which is not supported");
  SEXTANT_ASSIGN(auto file, config::Decode<ProvidersFile>(document.root()));
  SEXTANT_TRY(CheckVersion(reader, document.root(), file.api_version));
  std::vector<DashboardProvider> providers;
  for (const RawProvider& raw : file.providers) {
    SEXTANT_ASSIGN(DashboardProvider provider, ToProvider(reader, raw));
    providers.push_back(std::move(provider));
  }
  return providers;
}

Result<DataSourceFile> ReadDataSources(std::string_view text, std::string file_name,
                                       const ReadVariable& variable) {
  SEXTANT_ASSIGN(config::Document document, config::Document::Parse(text, std::move(file_name)));
  Reader reader{variable};
  DataSourceFile read;
  if (document.root().IsNull()) return read;
  SEXTANT_ASSIGN(auto file, config::Decode<SourcesFile>(document.root()));
  SEXTANT_TRY(CheckVersion(reader, document.root(), file.api_version));
  for (const RawSource& raw : file.sources) {
    SEXTANT_ASSIGN(DataSource source, ToSource(reader, raw));
    read.sources.push_back(std::move(source));
  }
  for (const Deleted& raw : file.deleted) {
    SEXTANT_TRY(CheckOrganisation(reader, raw.org));
    SEXTANT_ASSIGN(std::string name, reader.Text(raw.name));
    read.deleted.push_back(std::move(name));
  }
  return read;
}

}  // namespace sextant::dashboards
