#include "metrics/remote/snappy_block.h"

#include <snappy.h>

namespace sextant::remote {

std::string CompressSnappy(std::string_view bytes) {
  std::string block;
  snappy::Compress(bytes.data(), bytes.size(), &block);
  return block;
}

core::Result<std::string> UncompressSnappy(std::string_view block, size_t max_bytes) {
  // The largest expansion that the format can express is 64 bytes out of 3 and less; a block that claims more
  // is a lie that would only cost memory.
  constexpr size_t kMaxExpansion = 64;
  size_t size = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &size) ||
      size / kMaxExpansion > block.size()) {
    return core::Fail(core::Code::kInvalidArgument, "snappy: corrupt input");
  }
  if (size > max_bytes) {
    return core::Fail(core::Code::kResourceExhausted,
                      "the message has {} bytes when decompressed; at most {} are taken", size, max_bytes);
  }
  std::string bytes;
  bytes.resize(size);
  if (!snappy::RawUncompress(block.data(), block.size(), bytes.data())) {
    return core::Fail(core::Code::kInvalidArgument, "snappy: corrupt input");
  }
  return bytes;
}

}  // namespace sextant::remote
