// A request made ready once to be sent often: checked, and as the bytes that go out. Internal to net.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/http_client.h"

namespace sextant::net {

struct PreparedRequest {
  FetchRequest request;

  // Whether plain_client.h may send it; the rest is for those.
  bool is_plain = false;
  std::string host = {};  // an address, without brackets, or "localhost"
  uint16_t port = 0;
  std::string head = {};  // the whole request
};

// Never fails: what is wrong with a request is found, and worded, when it is sent.
std::shared_ptr<const PreparedRequest> PrepareRequest(FetchRequest request, std::string_view user_agent);

}  // namespace sextant::net
