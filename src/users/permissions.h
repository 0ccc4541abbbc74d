// Which role a route asks for. By default reading is for viewers and changing for editors; the table in the
// source lists what differs. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "users/role.h"

namespace sextant::users {

struct Permission {
  std::optional<Role> role;  // none: for everybody, also those who are not logged in
  bool changes = false;      // changes something: a browser must not be lured into asking for it
  bool is_page = false;      // shown to a person, who can be sent to the login page instead
};

// `pattern` is that of the route ("/api/folders/{uid}"), or "" where nothing is.
Permission PermissionFor(std::string_view method, std::string_view pattern);

}  // namespace sextant::users
