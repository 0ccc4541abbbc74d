// Users of the platform: on while the configuration names a grafana.ini, with their database in the data
// directory.
//
// Apply is called from one thread; the gate may be used from any.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "app/services.h"
#include "core/result.h"
#include "net/io.h"
#include "users/access.h"

namespace sextant::app {

class UserService {
 public:
  UserService(Services& services, std::string data_dir, std::string route_prefix);
  ~UserService();  // stops
  UserService(const UserService&) = delete;
  UserService& operator=(const UserService&) = delete;

  // Null: users are off. Opens the database when it is first needed, and makes the administrator when it has
  // no users. Errors: the database's; kInvalidArgument when the administrator has no password.
  core::Status Apply(const std::shared_ptr<const users::Settings>& settings);
  // Writes when sessions were seen; nothing more is written from now on.
  void Stop();

  // What an HttpServer asks; lives as long as that wants.
  const std::shared_ptr<users::AccessControl>& access() const { return access_; }

 private:
  core::Status MakeAdmin(const users::Settings& settings);
  void Flush();
  void StartTimer();

  Services& services_;
  const core::Logger logger_;
  const std::string data_dir_;
  const std::shared_ptr<users::AccessControl> access_;
  std::shared_ptr<users::Directory> directory_;  // from the first Apply on that needs it
  net::Timer timer_;
  bool is_timer_started_ = false;
  std::atomic<bool> is_stopped_ = false;
};

}  // namespace sextant::app
