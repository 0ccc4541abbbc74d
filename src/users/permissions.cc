#include "users/permissions.h"

#include <algorithm>
#include <array>

namespace sextant::users {

namespace {

// What must work before anybody is logged in. Health is asked for by load balancers and kubelets.
constexpr auto kOpen = std::to_array<std::string_view>(
    {"/login", "/logout", "/assets/*", "/api/health", "/-/healthy", "/-/ready"});

// Asked by POST for the length of what is asked.
constexpr auto kReadByPost = std::to_array<std::string_view>({
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/query_exemplars",
    "/api/v1/format_query",
    "/api/v1/parse_query",
    "/api/v1/labels",
    "/api/v1/series",
    "/api/v1/explain",
    "/api/v1/read",
    "/api/v1/search/metric_names",
    "/api/v1/search/label_names",
    "/api/v1/search/label_values",
    "/api/ds/query",
    "/api/batch",
    "/api/datasources/proxy/uid/{uid}/*",
    "/api/datasources/proxy/{id}/*",
    "/api/datasources/uid/{uid}/resources/*",
    "/api/v2/history/dry-run",
});

constexpr auto kForAdmins =
    std::to_array<std::string_view>({"/api/v1/admin/", "/api/admin/", "/api/users", "/api/org/users",
                                     "/api/auth/keys", "/api/serviceaccounts", "/-/"});

// What everybody may change of what is theirs.
constexpr auto kOwn =
    std::to_array<std::string_view>({"/api/user", "/api/user/password", "/api/user/preferences",
                                     "/api/user/revoke-auth-token", "/api/user/auth-tokens/rotate"});

// Programs' places; every other path is a page.
constexpr auto kNoPages =
    std::to_array<std::string_view>({"/api/", "/-/", "/metrics", "/federate", "/assets/"});

template <size_t kSize>
bool Has(const std::array<std::string_view, kSize>& list, std::string_view one) {
  return std::ranges::find(list, one) != list.end();
}

template <size_t kSize>
bool HasPrefixOf(const std::array<std::string_view, kSize>& list, std::string_view one) {
  return std::ranges::any_of(list, [&](std::string_view prefix) { return one.starts_with(prefix); });
}

}  // namespace

Permission PermissionFor(std::string_view method, std::string_view pattern) {
  Permission permission;
  if (method == "OPTIONS") return permission;  // what a browser asks before it may show who asks
  bool reads = method == "GET" || method == "HEAD";
  permission.changes = !reads;
  permission.is_page = reads && !pattern.empty() && !HasPrefixOf(kNoPages, pattern);
  if (Has(kOpen, pattern)) return permission;
  if (HasPrefixOf(kForAdmins, pattern)) {
    permission.role = Role::kAdmin;
  } else if (reads) {
    permission.role = Role::kViewer;
  } else if (method == "POST" && Has(kReadByPost, pattern)) {
    permission.role = Role::kViewer;
    permission.changes = false;
  } else if (Has(kOwn, pattern)) {
    permission.role = Role::kViewer;
  } else {
    permission.role = Role::kEditor;
  }
  return permission;
}

}  // namespace sextant::users
