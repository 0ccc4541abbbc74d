#include "metrics/discovery/ec2_groups.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "core/xml.h"
#include "metrics/discovery/meta_labels.h"

namespace sextant::discovery {

namespace {

using core::ParseXml;
using core::Result;
using core::XmlElement;

// Network interfaces of one instance; the largest types have a few dozen.
constexpr size_t kMaxDevices = 1'024;

std::string Name(std::string_view name) { return fmt::format("__meta_ec2_{}", name); }

template <typename Visit>
void ForEachItem(const XmlElement& parent, std::string_view list, const Visit& visit) {
  const XmlElement* items = parent.Find(list);
  if (items == nullptr) return;
  for (const XmlElement& item : items->children) {
    if (item.name == "item") visit(item);
  }
}

// Surrounded by commas, so that a regular expression can look for a whole one.
std::string Join(const std::vector<std::string>& values) {
  return fmt::format(",{},", fmt::join(values, ","));
}

struct Ipv6Addresses {
  std::vector<std::string> all;
  std::vector<std::string> primary;  // by the index of the device; some may be empty
};

Ipv6Addresses Ipv6Of(const XmlElement& instance) {
  Ipv6Addresses addresses;
  if (instance.Find("vpcId") == nullptr) return addresses;
  ForEachItem(instance, "networkInterfaceSet", [&](const XmlElement& device) {
    if (device.Find("subnetId") == nullptr) return;
    const XmlElement* attachment = device.Find("attachment");
    std::string_view text = attachment == nullptr ? "" : attachment->Text("deviceIndex");
    size_t index = kMaxDevices;
    std::from_chars(text.data(), text.data() + text.size(), index);
    ForEachItem(device, "ipv6AddressesSet", [&](const XmlElement& item) {
      if (item.Find("ipv6Address") == nullptr) return;
      std::string address(item.Text("ipv6Address"));
      addresses.all.push_back(address);
      if (item.Text("isPrimaryIpv6") != "true" || index >= kMaxDevices) return;
      if (addresses.primary.size() <= index) addresses.primary.resize(index + 1);
      addresses.primary[index] = std::move(address);
    });
  });
  return addresses;
}

std::string DefaultIpv6(const Ipv6Addresses& addresses) {
  for (const auto* list : {&addresses.primary, &addresses.all}) {
    auto found = std::ranges::find_if(*list, [](const std::string& address) { return !address.empty(); });
    if (found != list->end()) return *found;
  }
  return "";
}

std::vector<std::string> SubnetsOf(const XmlElement& instance) {
  std::vector<std::string> subnets;
  ForEachItem(instance, "networkInterfaceSet", [&](const XmlElement& device) {
    const XmlElement* subnet = device.Find("subnetId");
    if (subnet == nullptr || std::ranges::find(subnets, subnet->text) != subnets.end()) return;
    subnets.push_back(subnet->text);
  });
  return subnets;
}

void SetNetwork(const XmlElement& instance, const Ipv6Addresses& addresses, model::LabelsBuilder& labels) {
  labels.Set(Name("private_ip"), instance.Text("privateIpAddress"));
  labels.Set(Name("private_dns_name"), instance.Text("privateDnsName"));
  if (instance.Find("ipAddress") != nullptr) {
    labels.Set(Name("public_ip"), instance.Text("ipAddress"));
    labels.Set(Name("public_dns_name"), instance.Text("dnsName"));
  }
  labels.Set(Name("default_ipv6_address"), DefaultIpv6(addresses));
  if (!addresses.primary.empty()) labels.Set(Name("primary_ipv6_addresses"), Join(addresses.primary));
  if (!addresses.all.empty()) labels.Set(Name("ipv6_addresses"), Join(addresses.all));
  if (instance.Find("vpcId") == nullptr) return;
  labels.Set(Name("vpc_id"), instance.Text("vpcId"));
  labels.Set(Name("primary_subnet_id"), instance.Text("subnetId"));
  labels.Set(Name("subnet_id"), Join(SubnetsOf(instance)));
}

// Nothing for an instance without an address.
std::optional<model::Labels> ReadInstance(const XmlElement& instance, std::string_view owner,
                                          const std::map<std::string, std::string>& zones,
                                          const std::string& region, int32_t port) {
  Ipv6Addresses addresses = Ipv6Of(instance);
  std::string host(instance.Text("privateIpAddress"));
  if (host.empty()) host = DefaultIpv6(addresses);
  if (host.empty()) return std::nullopt;
  model::LabelsBuilder labels;
  ForEachItem(instance, "tagSet", [&](const XmlElement& tag) {
    if (tag.Find("key") == nullptr || tag.Find("value") == nullptr) return;
    labels.Set(Name("tag_" + SanitizeLabelName(tag.Text("key"))), tag.Text("value"));
  });
  labels.Set(kAddressLabel, JoinAddress(host, port));
  labels.Set(Name("region"), region);
  labels.Set(Name("owner_id"), owner);
  labels.Set(Name("instance_id"), instance.Text("instanceId"));
  labels.Set(Name("ami"), instance.Text("imageId"));
  labels.Set(Name("instance_type"), instance.Text("instanceType"));
  labels.Set(Name("instance_lifecycle"), instance.Text("instanceLifecycle"));
  labels.Set(Name("architecture"), instance.Text("architecture"));
  labels.Set(Name("platform"), instance.Text("platform"));
  if (const XmlElement* state = instance.Find("instanceState")) {
    labels.Set(Name("instance_state"), state->Text("name"));
  }
  if (const XmlElement* placement = instance.Find("placement")) {
    std::string zone(placement->Text("availabilityZone"));
    labels.Set(Name("availability_zone"), zone);
    if (auto found = zones.find(zone); found != zones.end()) {
      labels.Set(Name("availability_zone_id"), found->second);
    }
  }
  SetNetwork(instance, addresses, labels);
  return labels.Build();
}

}  // namespace

Result<std::map<std::string, std::string>> ReadEc2Zones(std::string_view xml) {
  SEXTANT_ASSIGN(XmlElement root, ParseXml(xml));
  std::map<std::string, std::string> zones;
  ForEachItem(root, "availabilityZoneInfo", [&](const XmlElement& zone) {
    if (zone.Find("zoneName") == nullptr || zone.Find("zoneId") == nullptr) return;
    zones[std::string(zone.Text("zoneName"))] = zone.Text("zoneId");
  });
  return zones;
}

Result<Ec2Page> ReadEc2Instances(std::string_view xml, const std::map<std::string, std::string>& zones,
                                 const std::string& region, int32_t port) {
  SEXTANT_ASSIGN(XmlElement root, ParseXml(xml));
  Ec2Page page;
  page.next_token = root.Text("nextToken");
  ForEachItem(root, "reservationSet", [&](const XmlElement& reservation) {
    ForEachItem(reservation, "instancesSet", [&](const XmlElement& instance) {
      auto target = ReadInstance(instance, reservation.Text("ownerId"), zones, region, port);
      if (target) page.targets.push_back(std::move(*target));
    });
  });
  return page;
}

std::string ReadEc2Error(std::string_view xml) {
  Result<XmlElement> root = ParseXml(xml);
  const XmlElement* errors = root ? root->Find("Errors") : nullptr;
  const XmlElement* error = errors == nullptr ? nullptr : errors->Find("Error");
  return error == nullptr ? "" : fmt::format("{}: {}", error->Text("Code"), error->Text("Message"));
}

}  // namespace sextant::discovery
