#include "users/role.h"

namespace sextant::users {

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kViewer:
      return "Viewer";
    case Role::kEditor:
      return "Editor";
    case Role::kAdmin:
      return "Admin";
  }
  return "";
}

std::optional<Role> ParseRole(std::string_view name) {
  for (Role role : {Role::kViewer, Role::kEditor, Role::kAdmin}) {
    if (name == RoleName(role)) return role;
  }
  return std::nullopt;
}

}  // namespace sextant::users
