#include "net/body_compression.h"

#include <libdeflate.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zstd.h>

#include <memory>

#include "net/compression.h"
#include "net/snappy_frames.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;
using core::Status;

constexpr int kMaxDeflateLevel = 9;
constexpr int kMaxZstdLevel = 22;

bool IsDeflate(std::string_view coding) {
  return coding == "gzip" || coding == "zlib" || coding == "deflate";
}

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
};

Status Deflate(bool is_gzip, int level, std::string_view input, std::string& output) {
  std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(libdeflate_alloc_compressor(level));
  if (compressor == nullptr) return Fail(Code::kResourceExhausted, "no memory to compress");
  auto* bound = is_gzip ? &libdeflate_gzip_compress_bound : &libdeflate_zlib_compress_bound;
  auto* compress = is_gzip ? &libdeflate_gzip_compress : &libdeflate_zlib_compress;
  output.resize(bound(compressor.get(), input.size()));
  size_t size = compress(compressor.get(), input.data(), input.size(), output.data(), output.size());
  if (size == 0) return Fail(Code::kInternal, "compression failed");
  output.resize(size);
  return {};
}

Status Zstd(int level, std::string_view input, std::string& output) {
  output.resize(ZSTD_compressBound(input.size()));
  size_t size = ZSTD_compress(output.data(), output.size(), input.data(), input.size(), level);
  if (ZSTD_isError(size)) return Fail(Code::kInternal, "compression failed: {}", ZSTD_getErrorName(size));
  output.resize(size);
  return {};
}

Status Lz4(std::string_view input, std::string& output) {
  output.resize(LZ4F_compressFrameBound(input.size(), nullptr));
  size_t size = LZ4F_compressFrame(output.data(), output.size(), input.data(), input.size(), nullptr);
  if (LZ4F_isError(size)) return Fail(Code::kInternal, "compression failed: {}", LZ4F_getErrorName(size));
  output.resize(size);
  return {};
}

}  // namespace

Status CheckBodyCompression(std::string_view coding, int level) {
  bool is_good = level == 0;
  if (IsDeflate(coding)) {
    is_good = level >= -1 && level <= kMaxDeflateLevel;
  } else if (coding == "zstd") {
    is_good = level >= 0 && level <= kMaxZstdLevel;
  } else if (coding != "snappy" && coding != "x-snappy-framed" && coding != "lz4") {
    return Fail(Code::kInvalidArgument, "unsupported compression type \"{}\"", coding);
  }
  if (is_good) return {};
  return Fail(Code::kInvalidArgument, "unsupported parameters {{Level:{}}} for compression type \"{}\"",
              level, coding);
}

Status CompressBody(std::string_view coding, int level, std::string_view input, std::string& output) {
  bool has_level = level > 0;
  if (coding == "gzip") {
    return has_level ? Deflate(true, level, input, output) : Compress(Encoding::kGzip, input, output);
  }
  if (coding == "zlib" || coding == "deflate") {
    return has_level ? Deflate(false, level, input, output) : Compress(Encoding::kDeflate, input, output);
  }
  if (coding == "zstd") {
    return has_level ? Zstd(level, input, output) : Compress(Encoding::kZstd, input, output);
  }
  if (coding == "lz4") return Lz4(input, output);
  if (coding == "x-snappy-framed") return CompressSnappyFrames(input, output);
  SEXTANT_CHECK(coding == "snappy");
  snappy::Compress(input.data(), input.size(), &output);
  return {};
}

}  // namespace sextant::net
