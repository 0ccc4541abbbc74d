// A file of users as htpasswd writes it: what it says is read, and the first line's user is checked.
#include <cstdint>
#include <string>
#include <string_view>

#include "net/htpasswd.h"
#include "pipeline/extensions/htpasswd.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  core::Result<pipeline::HtpasswdUsers> users = pipeline::ParseHtpasswd(text);
  if (!users || users->hashed.empty()) return 0;
  const std::string& hash = users->hashed.begin()->second;
  // A number of rounds may make crypt(3) take as long as one likes.
  if (hash.find("rounds=") == std::string::npos) net::MatchesHtpasswdHash("password", hash);
  return 0;
}
