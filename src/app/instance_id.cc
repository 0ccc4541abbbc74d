#include "app/instance_id.h"

#include <fmt/format.h>

#include <random>

namespace sextant::app {

std::string NewInstanceId() {
  std::random_device random;
  std::string text;
  for (int i = 0; i < 16; ++i) {
    unsigned byte = random() & 0xff;
    if (i == 6) byte = (byte & 0x0f) | 0x40;
    if (i == 8) byte = (byte & 0x3f) | 0x80;
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", byte);
  }
  return text;
}

}  // namespace sextant::app
