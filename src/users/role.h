// What somebody may do: each role may do what those before it may.
#pragma once

#include <optional>
#include <string_view>

namespace sextant::users {

enum class Role { kViewer, kEditor, kAdmin };

// "Viewer", "Editor", "Admin": Grafana's words.
std::string_view RoleName(Role role);
std::optional<Role> ParseRole(std::string_view name);

}  // namespace sextant::users
