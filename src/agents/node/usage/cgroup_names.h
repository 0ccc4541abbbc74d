// What a control group is, by its path: a unit of systemd, a container, a machine. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>

namespace sextant::node {

struct CgroupIdentity {
  std::string kind;  // "service", "scope", "container", "machine", "cgroup": nothing that we know
  std::string name;  // the unit, of a user's units with "user-1000.slice/" before; the container's short id
                     // until somebody knows its name; the machine; the path
  std::string id;    // the container's short id (12 digits); empty: none
  std::string pod;   // the Kubernetes pod's uid; empty: none
  std::string full_id;  // the container's whole id
};

// Understands what systemd, Docker, containerd, CRI-O, Podman, Kubernetes (with either of its drivers), LXC,
// systemd-nspawn and libvirt make. `path` begins with a slash.
CgroupIdentity IdentifyCgroup(std::string_view path);

// Whether what is below belongs to it: a service's or container's own groups are its own business.
bool IsCgroupWhole(std::string_view path);

}  // namespace sextant::node
