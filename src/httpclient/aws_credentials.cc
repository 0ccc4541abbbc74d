#include "httpclient/aws_credentials.h"

#include <simdjson.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <optional>

#include "config/node.h"
#include "core/rfc3339.h"
#include "core/xml.h"
#include "net/url.h"

namespace sextant::httpclient {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr size_t kMaxFileBytes = 1 << 20;

using Section = std::map<std::string, std::string, std::less<>>;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The lines of one section of an INI file. Nested values (indented lines) are not ours.
Section ReadSection(std::string_view text, std::string_view wanted) {
  Section section;
  bool is_inside = false;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    bool is_nested = line.starts_with(' ') || line.starts_with('\t');
    line = Trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      is_inside = line.back() == ']' && Trim(line.substr(1, line.size() - 2)) == wanted;
      continue;
    }
    size_t equals = line.find('=');
    if (!is_inside || is_nested || equals == std::string_view::npos) continue;
    section[std::string(Trim(line.substr(0, equals)))] = Trim(line.substr(equals + 1));
  }
  return section;
}

std::string PathOf(const Environment& environment, const char* variable, const char* name) {
  std::string path = environment(variable);
  return path.empty() ? environment("HOME") + "/.aws/" + name : path;
}

// A profile as both files have it; the credentials file counts first.
Result<Section> LoadProfile(const std::string& profile, const Environment& environment) {
  Section merged;
  std::string in_config = profile == "default" ? profile : "profile " + profile;
  for (const auto& [path, section] :
       {std::pair{PathOf(environment, "AWS_CONFIG_FILE", "config"), in_config},
        std::pair{PathOf(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), profile}}) {
    if (access(path.c_str(), F_OK) != 0) continue;
    SEXTANT_ASSIGN(std::string text, config::ReadTextFile(path, kMaxFileBytes));
    for (auto& [name, value] : ReadSection(text, section)) merged[name] = value;
  }
  return merged;
}

std::string ProfileOf(const std::string& profile, const Environment& environment) {
  return profile.empty() ? environment("AWS_PROFILE") : profile;
}

// Profiles that take their keys from each other.
constexpr size_t kMaxProfiles = 10;

// Hosts that may give keys over plain HTTP: this one, and the agents' of ECS and EKS.
bool MayGiveKeys(const net::Url& url) {
  return url.scheme == "https" || url.host == "localhost" || url.host == "::1" ||
         url.host.starts_with("127.") || url.host == "169.254.170.2" || url.host == "169.254.170.23" ||
         url.host == "fd00:ec2::23";
}

Result<std::optional<AwsContainerEndpoint>> ContainerOf(const Environment& environment) {
  AwsContainerEndpoint endpoint;
  const std::string relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::nullopt;
  endpoint.url = relative.empty() ? full : "http://169.254.170.2" + relative;
  SEXTANT_ASSIGN(
      net::Url url,
      net::ParseUrl(endpoint.url).map_error(core::AddContext("AWS_CONTAINER_CREDENTIALS_FULL_URI")));
  if (!MayGiveKeys(url)) {
    return Fail(Code::kInvalidArgument,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI: {} is neither HTTPS nor an address of this machine",
                full);
  }
  endpoint.token_file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (endpoint.token_file.empty()) endpoint.token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  return endpoint;
}

bool IsTrue(std::string_view text) { return text == "true" || text == "TRUE" || text == "True"; }

Result<AwsPlan> WebIdentity(std::string file, std::string role, std::string session) {
  if (role.empty()) {
    return Fail(Code::kInvalidArgument, "the AWS web identity token {} has no role: AWS_ROLE_ARN is not set",
                file);
  }
  return AwsPlan{AwsWebIdentity{std::move(file), std::move(role), std::move(session)}, {}};
}

// Where everything else has nothing: the container's endpoint, or the instance's metadata.
Result<AwsPlan> PlanSurroundings(const Environment& environment) {
  SEXTANT_ASSIGN(std::optional<AwsContainerEndpoint> container, ContainerOf(environment));
  if (container) return AwsPlan{std::move(*container), {}};
  SEXTANT_ASSIGN(AwsInstanceMetadata metadata,
                 FindAwsInstance(environment)
                     .map_error(core::AddContext("no AWS credentials in the environment or the profile")));
  return AwsPlan{std::move(metadata), {}};
}

Result<AwsPlan> PlanNamedSource(const std::string& source, const Environment& environment) {
  if (source == "Environment") {
    return AwsPlan{AwsCredentials{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                                  environment("AWS_SESSION_TOKEN")},
                   {}};
  }
  if (source == "Ec2InstanceMetadata") {
    SEXTANT_ASSIGN(AwsInstanceMetadata metadata, FindAwsInstance(environment));
    return AwsPlan{std::move(metadata), {}};
  }
  if (source == "EcsContainer") {
    SEXTANT_ASSIGN(std::optional<AwsContainerEndpoint> container, ContainerOf(environment));
    if (container) return AwsPlan{std::move(*container), {}};
    return Fail(Code::kInvalidArgument,
                "EcsContainer was specified as the credential_source, but "
                "'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI' was not set");
  }
  return Fail(Code::kInvalidArgument,
              "credential_source values must be EcsContainer, Ec2InstanceMetadata, or Environment");
}

Result<AwsPlan> PlanProfile(const std::string& name, const Environment& environment, size_t depth) {
  if (depth >= kMaxProfiles) {
    return Fail(Code::kInvalidArgument, "AWS profiles take their keys from each other, {} of them",
                kMaxProfiles);
  }
  SEXTANT_ASSIGN(Section section, LoadProfile(name, environment));
  for (const auto& [key, value] : section) {
    if (key == "mfa_serial" || key.starts_with("sso_")) {
      return Fail(Code::kUnimplemented, "{} of the AWS profile {} is not supported yet", key, name);
    }
  }
  AwsCredentials keys{section["aws_access_key_id"], section["aws_secret_access_key"],
                      section["aws_session_token"]};
  const bool has_keys = !keys.access_key.empty() && !keys.secret_key.empty();
  const std::string& role = section["role_arn"];
  const std::string& source_profile = section["source_profile"];
  if (!section["web_identity_token_file"].empty()) {
    return WebIdentity(section["web_identity_token_file"], role, section["role_session_name"]);
  }
  AwsPlan plan;
  if (!role.empty() && !source_profile.empty() && source_profile != name) {
    SEXTANT_ASSIGN(plan, PlanProfile(source_profile, environment, depth + 1));
  } else if (has_keys) {
    plan.source = std::move(keys);
  } else if (!section["credential_source"].empty()) {
    SEXTANT_ASSIGN(plan, PlanNamedSource(section["credential_source"], environment));
  } else if (!section["credential_process"].empty()) {
    plan.source = AwsCredentialProcess{section["credential_process"]};
  } else {
    SEXTANT_ASSIGN(plan, PlanSurroundings(environment));
  }
  if (!role.empty()) {
    plan.roles.push_back({role, section["external_id"], section["role_session_name"]});
  }
  return plan;
}

Result<std::string> ProfileValue(const std::string& key, const std::string& profile,
                                 const Environment& environment) {
  const std::string name = ProfileOf(profile, environment);
  SEXTANT_ASSIGN(Section section, LoadProfile(name.empty() ? "default" : name, environment));
  return section[key];
}

}  // namespace

std::string ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

Result<AwsInstanceMetadata> FindAwsInstance(const Environment& environment) {
  if (IsTrue(environment("AWS_EC2_METADATA_DISABLED"))) {
    return Fail(Code::kNotFound, "AWS_EC2_METADATA_DISABLED is set");
  }
  AwsInstanceMetadata metadata;
  metadata.url = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (metadata.url.empty()) {
    const std::string mode = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    metadata.url = mode == "IPv6" || mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  }
  while (metadata.url.ends_with('/')) metadata.url.pop_back();
  metadata.allows_v1 = !IsTrue(environment("AWS_EC2_METADATA_V1_DISABLED"));
  return metadata;
}

Result<AwsPlan> PlanAwsCredentials(const std::string& profile, const Environment& environment) {
  std::string name = ProfileOf(profile, environment);
  if (name.empty()) {
    AwsCredentials found{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                         environment("AWS_SESSION_TOKEN")};
    if (!found.access_key.empty() && !found.secret_key.empty()) return AwsPlan{std::move(found), {}};
    if (std::string file = environment("AWS_WEB_IDENTITY_TOKEN_FILE"); !file.empty()) {
      return WebIdentity(std::move(file), environment("AWS_ROLE_ARN"), environment("AWS_ROLE_SESSION_NAME"));
    }
    name = "default";
  }
  return PlanProfile(name, environment, 0);
}

Result<std::string> FindAwsRegion(const std::string& profile, const Environment& environment) {
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string region = environment(variable); !region.empty()) return region;
  }
  return ProfileValue("region", profile, environment);
}

Result<std::string> FindAwsCaBundle(const std::string& profile, const Environment& environment) {
  if (std::string file = environment("AWS_CA_BUNDLE"); !file.empty()) return file;
  return ProfileValue("ca_bundle", profile, environment);
}

Result<AwsTemporaryKeys> ReadStsAnswer(std::string_view xml) {
  SEXTANT_ASSIGN(core::XmlElement root, core::ParseXml(xml));
  for (const core::XmlElement& result : root.children) {
    const core::XmlElement* found = result.Find("Credentials");
    if (found == nullptr) continue;
    AwsTemporaryKeys keys{
        {std::string(found->Text("AccessKeyId")), std::string(found->Text("SecretAccessKey")),
         std::string(found->Text("SessionToken"))},
        0};
    if (keys.keys.access_key.empty() || keys.keys.secret_key.empty()) break;
    keys.expires_ms = core::ParseRfc3339(std::string(found->Text("Expiration"))).value_or(0);
    return keys;
  }
  return Fail(Code::kUnavailable, "the answer has no credentials");
}

std::string ReadStsError(std::string_view xml) {
  Result<core::XmlElement> root = core::ParseXml(xml);
  const core::XmlElement* error = root ? root->Find("Error") : nullptr;
  if (error == nullptr) return "";
  return fmt::format("{}: {}", error->Text("Code"), error->Text("Message"));
}

Result<AwsTemporaryKeys> ReadAwsKeysJson(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(json)).get(object) != simdjson::SUCCESS) {
    return Fail(Code::kUnavailable, "the answer is not a JSON object");
  }
  auto text = [&](std::string_view name) {
    std::string_view value;
    return object[name].get(value) == simdjson::SUCCESS ? std::string(value) : std::string();
  };
  if (std::string code = text("Code"); !code.empty() && code != "Success") {
    return Fail(Code::kUnavailable, "{}: {}", code, text("Message"));
  }
  int64_t version = 1;
  if (object["Version"].get(version) == simdjson::SUCCESS && version != 1) {
    return Fail(Code::kUnavailable, "wrong version {} of the answer (expected 1)", version);
  }
  AwsTemporaryKeys keys{{text("AccessKeyId"), text("SecretAccessKey"), text("Token")}, 0};
  if (keys.keys.session_token.empty()) keys.keys.session_token = text("SessionToken");
  if (keys.keys.access_key.empty() || keys.keys.secret_key.empty()) {
    return Fail(Code::kUnavailable, "the answer has no credentials");
  }
  if (std::string expires = text("Expiration"); !expires.empty()) {
    std::optional<core::TimestampMs> time_ms = core::ParseRfc3339(expires);
    if (!time_ms) return Fail(Code::kUnavailable, "the answer's Expiration \"{}\" is no time", expires);
    keys.expires_ms = *time_ms;
  }
  return keys;
}

}  // namespace sextant::httpclient
