// Files embedded in the program at build time (the web application, built-in dashboards), gzip-compressed.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sextant::app {

struct Asset {
  std::string_view name;  // "ui/index.html"
  std::string_view content_type;
  std::string_view etag;  // with its quotes
  std::string_view gzip;  // the compressed bytes
  size_t size_bytes;      // uncompressed
};

// All embedded files, sorted by name within each source folder. Lives as long as the program.
std::span<const Asset> EmbeddedAssets();

// The file of that name, or null.
const Asset* FindAsset(std::string_view name);

}  // namespace sextant::app
