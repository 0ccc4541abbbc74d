#include "app/web_flags.h"

#include "config/web_config.h"
#include "core/duration.h"
#include "net/http_server.h"

namespace sextant::app {

namespace {

using core::Code;
using core::Fail;
using core::Result;

// "/a/b" from any of "a/b", "/a/b/", …; "" from "/".
std::string CleanPath(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? "" : fmt::format("/{}", path);
}

}  // namespace

void AddWebFlags(FlagSet& flags, WebOptions& options) {
  flags.AddString("web.config.file", "FILE", "Configuration file with TLS, users and response headers.",
                  &options.config_file);
  flags.AddString("web.external-url", "URL",
                  "The URL under which this server is reachable from outside, for links back to it.",
                  &options.external_url);
  flags.AddString("web.route-prefix", "PATH",
                  "Path under which everything is answered; by default that of --web.external-url.",
                  &options.route_prefix);
  flags.AddSwitch("web.enable-lifecycle", "Allow reload and shutdown over HTTP.", &options.enable_lifecycle);
  flags.Add(
      "config.auto-reload-interval", "DURATION",
      "How often the configuration is looked at for changes; when given, it is reloaded when it changed.",
      [&options](const std::string& text) -> core::Status {
        SEXTANT_ASSIGN(options.auto_reload_interval_ms, core::ParseDuration(text));
        options.auto_reload = true;
        return {};
      },
      core::FormatDuration(options.auto_reload_interval_ms));
}

Result<std::string> ExternalUrl(const WebOptions& options) {
  std::string url = options.external_url;
  if (url.empty()) return url;
  if (url.front() == '"' || url.front() == '\'' || url.back() == '"' || url.back() == '\'') {
    return Fail(Code::kInvalidArgument, "--web.external-url: URL must not begin or end with quotes");
  }
  size_t scheme = url.find("://");
  if (scheme == std::string::npos || scheme == 0 || url.size() == scheme + 3 || url[scheme + 3] == '/') {
    return Fail(Code::kInvalidArgument, "--web.external-url: \"{}\" is not a URL with scheme and host", url);
  }
  url = url.substr(0, url.find_first_of("?#"));
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Result<std::string> RoutePrefix(const WebOptions& options) {
  SEXTANT_ASSIGN(std::string url, ExternalUrl(options));
  if (!options.route_prefix.empty()) return CleanPath(options.route_prefix);
  if (url.empty()) return std::string();
  size_t path = url.find('/', url.find("://") + 3);
  return path == std::string::npos ? std::string() : CleanPath(url.substr(path));
}

Result<httpclient::WebSettings> LoadWebSettings(const WebOptions& options) {
  if (options.config_file.empty()) return httpclient::WebSettings();
  return httpclient::LoadWebSettings(options.config_file)
      .map_error(core::AddContext("{}", options.config_file));
}

core::Status CheckWebSecurity(const net::WebSecurity& security, bool has_tls) {
  SEXTANT_TRY(net::ValidateWebSecurity(security));
  if (security.has_tls() == has_tls) return {};
  return core::Fail(core::Code::kInvalidArgument, "TLS cannot be switched {} while running; restart",
                    has_tls ? "off" : "on");
}

}  // namespace sextant::app
