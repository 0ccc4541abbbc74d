// What tests look up in the chunk files of a Prometheus block.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "core/file.h"

namespace sextant::tsdb {

// The encodings of the chunks in a block's first segment, by their numbers, in order: "1 1 4".
inline std::string ChunkEncodingsIn(core::FileSystem& fs, const std::string& block_dir) {
  auto segment = core::ReadFile(fs, core::JoinPath(block_dir, "chunks/000001"), 1 << 24);
  EXPECT_TRUE(segment.has_value());
  if (!segment) return "";
  constexpr size_t kHeaderBytes = 8;
  constexpr size_t kChecksumBytes = 4;
  std::string encodings;
  for (size_t at = kHeaderBytes; at < segment->size();) {
    size_t size = 0;
    for (unsigned shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = static_cast<unsigned char>((*segment)[at++]);
      size |= static_cast<size_t>(byte & 0x7f) << shift;
    }
    encodings += fmt::format("{}{}", encodings.empty() ? "" : " ", static_cast<int>((*segment)[at]));
    at += 1 + size + kChecksumBytes;
  }
  return encodings;
}

}  // namespace sextant::tsdb
