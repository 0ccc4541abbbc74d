#include "agents/node/generic_netlink.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>

namespace sextant::node {

std::string GenericNetlinkRequest(uint8_t command, std::string_view attributes) {
  genlmsghdr header{};
  header.cmd = command;
  header.version = 1;
  std::string request(BytesOf(header));
  request.resize(GENL_HDRLEN, '\0');
  request += attributes;
  return request;
}

std::string_view GenericNetlinkAttributes(std::string_view message) {
  return BehindNetlinkStruct(message, GENL_HDRLEN);
}

std::string NetlinkAttribute(uint16_t type, std::string_view value) {
  const nlattr header{.nla_len = static_cast<uint16_t>(NLA_HDRLEN + value.size()), .nla_type = type};
  std::string attribute(BytesOf(header));
  attribute += value;
  attribute.resize(NLA_ALIGN(attribute.size()), '\0');
  return attribute;
}

core::Result<uint16_t> FindGenericNetlinkFamily(Netlink& generic, std::string_view wanted) {
  uint16_t family = 0;
  const auto read = [&](uint16_t, std::string_view message) {
    NetlinkAttributes attributes(GenericNetlinkAttributes(message));
    uint16_t type = 0;
    uint16_t id = 0;
    std::string_view name;
    std::string_view value;
    while (attributes.Next(type, value)) {
      if (type == CTRL_ATTR_FAMILY_ID) id = NetlinkStruct<uint16_t>(value);
      if (type == CTRL_ATTR_FAMILY_NAME) name = NetlinkText(value);
    }
    if (name == wanted) family = id;
  };
  SEXTANT_TRY(generic.Dump(GENL_ID_CTRL, GenericNetlinkRequest(CTRL_CMD_GETFAMILY), read)
                  .map_error(core::AddContext("listing families of generic netlink")));
  if (family == 0) return core::Fail(core::Code::kNotFound, "this kernel has no {} over netlink", wanted);
  return family;
}

}  // namespace sextant::node
