// The content codings of HTTP (gzip RFC 1952, deflate RFC 1950, zstd RFC 8878): whole bodies in one call, and
// streams. Output is always bounded. All functions may be called from any thread; a StreamCompressor belongs
// to one at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::net {

enum class Encoding { kIdentity, kGzip, kDeflate, kZstd };

// "gzip", "deflate", "zstd", "identity", as in Content-Encoding.
std::string_view EncodingName(Encoding encoding);
// The coding of a Content-Encoding value ("" and "identity" are kIdentity, "x-gzip" is gzip); nothing for
// others.
std::optional<Encoding> ParseEncoding(std::string_view name);

// The coding to answer with, by Accept-Encoding with its q-values (RFC 9110 12.5.3): zstd before gzip when a
// client likes both the same; kIdentity when neither is wanted. Never kDeflate.
Encoding NegotiateEncoding(std::string_view accept_encoding);

// Compresses `input` into `output` (replaced; its capacity is reused). Fast settings: for bodies made to be
// sent once.
core::Status Compress(Encoding encoding, std::string_view input, std::string& output);

// Decompresses a whole body into `output` (replaced; pass the last result to have its memory reused as it
// is). Several gzip members or zstd frames in a row are one body. Errors: kResourceExhausted when the result
// would exceed `max_bytes`, kInvalidArgument when `input` is not well-formed; `output` is then unspecified.
core::Status Decompress(Encoding encoding, std::string_view input, size_t max_bytes, std::string& output);

// The same for one body after the other, keeping the tables and buffers that the libraries need (some 200
// KB). Belongs to one thread at a time.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  core::Status Decompress(Encoding encoding, std::string_view input, size_t max_bytes, std::string& output);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Compresses a body that is made in pieces.
class StreamCompressor {
 public:
  // kGzip or kZstd.
  explicit StreamCompressor(Encoding encoding);
  ~StreamCompressor();
  StreamCompressor(StreamCompressor&&) noexcept;
  StreamCompressor& operator=(StreamCompressor&&) noexcept;

  // Appends to `output` what `input` yields so far; may be nothing.
  core::Status Write(std::string_view input, std::string& output);
  // Appends all that is held back, so that the receiver can read everything written.
  core::Status Flush(std::string& output);
  // Ends the stream. Nothing may follow.
  core::Status Finish(std::string& output);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sextant::net
