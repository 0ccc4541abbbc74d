#include "app/user_service.h"

#include <filesystem>

#include "core/file.h"
#include "net/passwords.h"

namespace sextant::app {

namespace {

constexpr const char* kDatabaseName = "users.sqlite";
constexpr core::DurationMs kFlushIntervalMs = 60'000;
constexpr size_t kMaxListedKeys = 40;

// "a.b, c.d and 7 more"
std::string Listed(const std::vector<std::string>& keys) {
  std::string text;
  for (size_t i = 0; i < keys.size() && i < kMaxListedKeys; ++i) text += (i == 0 ? "" : ", ") + keys[i];
  if (keys.size() > kMaxListedKeys) text += fmt::format(" and {} more", keys.size() - kMaxListedKeys);
  return text;
}

}  // namespace

UserService::UserService(Services& services, std::string data_dir, std::string route_prefix)
    : services_(services),
      logger_(services.logger.With("component", "users")),
      data_dir_(std::move(data_dir)),
      access_(
          std::make_shared<users::AccessControl>(services.clock, services.registry, std::move(route_prefix))),
      timer_(services.io, services.executor, core::Priority::kBackground) {}

UserService::~UserService() { Stop(); }

core::Status UserService::Apply(const std::shared_ptr<const users::Settings>& settings) {
  if (settings == nullptr) {
    access_->Apply(nullptr);
    return {};
  }
  if (directory_ == nullptr) {
    std::error_code error;
    std::filesystem::create_directories(data_dir_, error);
    if (error) return core::Fail(core::Code::kIo, "{}: {}", data_dir_, error.message());
    SEXTANT_ASSIGN(directory_,
                   users::Directory::Open(core::JoinPath(data_dir_, kDatabaseName), services_.clock));
  }
  SEXTANT_TRY(MakeAdmin(*settings));
  auto before = access_->state();
  if (!settings->not_honoured.empty() &&
      (before == nullptr || before->settings.not_honoured != settings->not_honoured)) {
    logger_.Warn("keys of grafana.ini that do nothing here", {{"keys", Listed(settings->not_honoured)}});
  }
  access_->Apply(std::make_shared<const users::AccessState>(users::AccessState{*settings, directory_}));
  if (!is_timer_started_) StartTimer();
  is_timer_started_ = true;
  return {};
}

// As Grafana: the password of the configuration counts once, when there are no users yet.
core::Status UserService::MakeAdmin(const users::Settings& settings) {
  if (!settings.makes_admin || !directory_->Users().empty()) return {};
  if (settings.admin_password.empty()) {
    return core::Fail(
        core::Code::kInvalidArgument,
        "grafana.ini: security.admin_password (or GF_SECURITY_ADMIN_PASSWORD) must be set for the "
        "first start: there is no default password");
  }
  users::User admin;
  admin.login = settings.admin_user;
  admin.role = users::Role::kAdmin;
  admin.password_hash = net::HashBcrypt(settings.admin_password, users::AccessControl::kBcryptCost);
  SEXTANT_ASSIGN(admin, directory_->AddUser(std::move(admin)));
  logger_.Info("made the first administrator", {{"login", admin.login}});
  return {};
}

void UserService::Flush() {
  auto state = access_->state();
  if (state == nullptr) return;
  if (core::Status written = state->directory->Flush(state->session_limits()); !written)
    logger_.Error("sessions not written", {{"error", written.error()}});
}

void UserService::StartTimer() {
  if (is_stopped_) return;
  timer_.StartAfter(kFlushIntervalMs, [this] {
    Flush();
    StartTimer();
  });
}

void UserService::Stop() {
  if (is_stopped_.exchange(true)) return;
  timer_.Cancel();
  Flush();
}

}  // namespace sextant::app
