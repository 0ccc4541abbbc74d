#include "httpclient/secret_file.h"

#include "config/node.h"

namespace sextant::httpclient {

core::Result<std::string> ReadSecretFile(const std::string& path) {
  constexpr size_t kMaxBytes = 1 << 20;
  SEXTANT_ASSIGN(
      std::string text,
      config::ReadTextFile(path, kMaxBytes).map_error(core::AddContext("unable to read file {}", path)));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

}  // namespace sextant::httpclient
