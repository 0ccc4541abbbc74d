#include "httpclient/aws_credentials.h"

#include <unistd.h>

#include <cstdlib>
#include <map>

#include "config/node.h"

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

}  // namespace

std::string ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

Result<AwsCredentials> FindAwsCredentials(const std::string& profile, const Environment& environment) {
  std::string name = ProfileOf(profile, environment);
  AwsCredentials found{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                       environment("AWS_SESSION_TOKEN")};
  if (name.empty() && !found.access_key.empty() && !found.secret_key.empty()) return found;
  if (name.empty()) name = "default";
  SEXTANT_ASSIGN(Section section, LoadProfile(name, environment));
  found = {section["aws_access_key_id"], section["aws_secret_access_key"], section["aws_session_token"]};
  if (!found.access_key.empty() && !found.secret_key.empty()) return found;
  for (const auto& [key, value] : section) {
    if (key == "role_arn" || key == "credential_process" || key.starts_with("sso_") ||
        key == "web_identity_token_file") {
      return Fail(Code::kUnimplemented, "{} of the AWS profile {} is not supported yet", key, name);
    }
  }
  return Fail(Code::kNotFound, "no AWS credentials: neither in the environment nor in the profile {}", name);
}

Result<std::string> FindAwsRegion(const std::string& profile, const Environment& environment) {
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string region = environment(variable); !region.empty()) return region;
  }
  std::string name = ProfileOf(profile, environment);
  SEXTANT_ASSIGN(Section section, LoadProfile(name.empty() ? "default" : name, environment));
  return section["region"];
}

}  // namespace sextant::httpclient
