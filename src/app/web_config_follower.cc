#include "app/web_config_follower.h"

#include "app/platform_config.h"

namespace sextant::app {

namespace {

constexpr core::DurationMs kLookMs = 5'000;

}  // namespace

core::Status WebConfigFollower::Begin(net::HttpServerOptions& server) {
  if (file_.empty()) return {};
  SEXTANT_ASSIGN(httpclient::WebSettings web, Load());
  server.security = web.security;
  Note(web);
  server.add_headers = [this](const net::HttpRequest&, net::HttpHeaders& headers) {
    for (const auto& [name, value] : *headers_.load()) headers.Set(name, value);
  };
  return {};
}

void WebConfigFollower::Follow(net::HttpServer& server) {
  if (file_.empty()) return;
  server_ = &server;
  timer_.StartAfter(kLookMs, [this] {
    if (is_stopped_) return;
    if (Fingerprint() != fingerprint_) Reload();
    Follow(*server_);
  });
}

void WebConfigFollower::Reload() {
  if (file_.empty()) return;
  const std::lock_guard lock(reload_mutex_);
  auto web = Load();
  core::Status changed =
      web ? server_->SetSecurity(web->security) : core::Status(tl::unexpected(web.error()));
  if (changed) {
    Note(*web);
    services_.logger.Info("web configuration read again");
  } else {
    fingerprint_ = Fingerprint();  // one complaint is enough
    services_.logger.Error("web configuration not read again; the one before stays in force",
                           {{"error", changed.error()}});
  }
}

void WebConfigFollower::Stop() {
  is_stopped_ = true;
  timer_.Cancel();
}

void WebConfigFollower::Note(const httpclient::WebSettings& web) {
  headers_ = std::make_shared<const std::map<std::string, std::string>>(web.headers);
  auto files = std::make_shared<std::vector<std::string>>();
  for (const std::string* file :
       {&file_, &web.security.cert_file, &web.security.key_file, &web.security.client_ca_file}) {
    if (!file->empty()) files->push_back(*file);
  }
  files_ = std::move(files);
  fingerprint_ = Fingerprint();
}

core::Result<httpclient::WebSettings> WebConfigFollower::Load() const {
  return httpclient::LoadWebSettings(file_).map_error(core::AddContext("{}", file_));
}

uint64_t WebConfigFollower::Fingerprint() const { return FingerprintFiles(*files_.load(), {}); }

}  // namespace sextant::app
