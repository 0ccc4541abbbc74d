#include "net/compression.h"

#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "net/http_message.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;
using core::Status;

// Level 1 of libdeflate compresses exposition text and JSON about 7 times at 300 MB/s; level 6 gains a tenth
// for three times the work. zstd 1 likewise.
constexpr int kGzipLevel = 1;
constexpr int kZstdLevel = 1;
constexpr size_t kStreamStepBytes = 16 << 10;
// A zstd frame may ask its reader for this much history; more is refused (RFC 8878 recommends 8 MiB).
constexpr int kZstdMaxWindowLog = 23;
constexpr size_t kFirstGuessBytes = 16 << 10;

template <auto free_function>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
using InflaterPtr = std::unique_ptr<libdeflate_decompressor, Deleter<libdeflate_free_decompressor>>;
using DeflaterPtr = std::unique_ptr<libdeflate_compressor, Deleter<libdeflate_free_compressor>>;
using ZstdReaderPtr = std::unique_ptr<ZSTD_DCtx, Deleter<ZSTD_freeDCtx>>;
using ZstdWriterPtr = std::unique_ptr<ZSTD_CCtx, Deleter<ZSTD_freeCCtx>>;

Status TooLarge(size_t max_bytes) {
  return Fail(Code::kResourceExhausted, "the decompressed body is larger than {} bytes", max_bytes);
}

// The decompressed size that a gzip member claims in its last four bytes: a hint for the first buffer, never
// trusted. Deflate cannot expand more than 1032 times.
size_t GuessSize(Encoding encoding, std::string_view input, size_t max_bytes) {
  size_t guess = std::max(kFirstGuessBytes, input.size() * 8);
  if (encoding == Encoding::kGzip && input.size() >= 18) {
    uint32_t claimed = 0;
    for (size_t i = 0; i < 4; ++i) {
      claimed |= static_cast<uint32_t>(static_cast<unsigned char>(input[input.size() - 4 + i])) << (8 * i);
    }
    if (claimed / 1032 <= input.size()) guess = std::max<size_t>(claimed, 64);
  }
  return std::min(guess, max_bytes);
}

// Some clients send raw deflate under the name "deflate" (RFC 9110 8.4.1.2 notes it).
bool HasZlibHeader(std::string_view input) {
  if (input.size() < 2) return false;
  auto first = static_cast<unsigned char>(input[0]);
  auto second = static_cast<unsigned char>(input[1]);
  return (first & 15) == 8 && (first * 256 + second) % 31 == 0;
}

libdeflate_result InflateOnce(Encoding encoding, libdeflate_decompressor* inflater, std::string_view input,
                              char* out, size_t out_size, size_t& used, size_t& made) {
  if (encoding == Encoding::kGzip) {
    return libdeflate_gzip_decompress_ex(inflater, input.data(), input.size(), out, out_size, &used, &made);
  }
  if (HasZlibHeader(input)) {
    return libdeflate_zlib_decompress_ex(inflater, input.data(), input.size(), out, out_size, &used, &made);
  }
  return libdeflate_deflate_decompress_ex(inflater, input.data(), input.size(), out, out_size, &used, &made);
}

Status Inflate(libdeflate_decompressor* inflater, Encoding encoding, std::string_view input, size_t max_bytes,
               std::string& output) {
  // What is there already is kept: growing a string fills it with zeros first, which shows for large bodies.
  output.resize(std::min(std::max(output.size(), GuessSize(encoding, input, max_bytes)), max_bytes));
  size_t total = 0;
  bool is_done = false;
  while (!is_done) {
    size_t used = 0;
    size_t made = 0;
    libdeflate_result result =
        InflateOnce(encoding, inflater, input, output.data() + total, output.size() - total, used, made);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      if (output.size() >= max_bytes) return TooLarge(max_bytes);
      output.resize(std::min(std::max(output.size() * 2, kFirstGuessBytes), max_bytes));
      continue;
    }
    if (result != LIBDEFLATE_SUCCESS) {
      return Fail(Code::kInvalidArgument, "the body is not well-formed {}", EncodingName(encoding));
    }
    total += made;
    input.remove_prefix(used);
    is_done = input.empty() || encoding != Encoding::kGzip;
  }
  if (!input.empty()) {
    return Fail(Code::kInvalidArgument, "bytes follow the end of the {} body", EncodingName(encoding));
  }
  output.resize(total);
  return {};
}

Status DecompressZstd(ZSTD_DCtx* reader, std::string_view input, size_t max_bytes, std::string& output) {
  unsigned long long claimed = ZSTD_getFrameContentSize(input.data(), input.size());
  bool is_known = claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed != ZSTD_CONTENTSIZE_ERROR;
  if (is_known && claimed > max_bytes) return TooLarge(max_bytes);
  // The claim is trusted only as far as a plausible ratio goes.
  size_t guess =
      is_known ? std::min<size_t>(claimed, input.size() * 64 + kFirstGuessBytes) : input.size() * 8;
  output.resize(std::min(std::max({output.size(), guess, kFirstGuessBytes}), max_bytes));
  // A single frame that says its size needs no buffers in between.
  if (is_known && claimed <= output.size() &&
      ZSTD_findFrameCompressedSize(input.data(), input.size()) == input.size()) {
    size_t size = ZSTD_decompressDCtx(reader, output.data(), output.size(), input.data(), input.size());
    if (ZSTD_isError(size)) {
      return Fail(Code::kInvalidArgument, "the body is not well-formed zstd: {}", ZSTD_getErrorName(size));
    }
    output.resize(size);
    return {};
  }

  ZSTD_DCtx_reset(reader, ZSTD_reset_session_only);
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  size_t total = 0;
  size_t pending = 0;
  do {
    ZSTD_outBuffer out{output.data(), output.size(), total};
    pending = ZSTD_decompressStream(reader, &out, &in);
    if (ZSTD_isError(pending)) {
      return Fail(Code::kInvalidArgument, "the body is not well-formed zstd: {}", ZSTD_getErrorName(pending));
    }
    bool is_stuck = out.pos == total && in.pos == in.size;
    total = out.pos;
    if (pending == 0 && in.pos == in.size) break;
    if (total == output.size()) {
      if (output.size() >= max_bytes) return TooLarge(max_bytes);
      output.resize(std::min(output.size() * 2, max_bytes));
    } else if (is_stuck) {
      return Fail(Code::kInvalidArgument, "the zstd body is cut off");
    }
  } while (true);
  output.resize(total);
  return {};
}

Status Deflate(Encoding encoding, std::string_view input, std::string& output) {
  DeflaterPtr deflater(libdeflate_alloc_compressor(kGzipLevel));
  if (deflater == nullptr) return Fail(Code::kResourceExhausted, "no memory to compress");
  bool is_gzip = encoding == Encoding::kGzip;
  size_t bound = is_gzip ? libdeflate_gzip_compress_bound(deflater.get(), input.size())
                         : libdeflate_zlib_compress_bound(deflater.get(), input.size());
  output.resize(bound);
  size_t size =
      is_gzip ? libdeflate_gzip_compress(deflater.get(), input.data(), input.size(), output.data(), bound)
              : libdeflate_zlib_compress(deflater.get(), input.data(), input.size(), output.data(), bound);
  if (size == 0) return Fail(Code::kInternal, "compression failed");
  output.resize(size);
  return {};
}

Status CompressZstd(std::string_view input, std::string& output) {
  output.resize(ZSTD_compressBound(input.size()));
  size_t size = ZSTD_compress(output.data(), output.size(), input.data(), input.size(), kZstdLevel);
  if (ZSTD_isError(size)) return Fail(Code::kInternal, "compression failed: {}", ZSTD_getErrorName(size));
  output.resize(size);
  return {};
}

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The q-value among a coding's parameters; 1 when absent, 0 when malformed.
double ParseQuality(std::string_view parameters) {
  size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return 1;
  double quality = 0;
  std::from_chars(parameters.data() + q + 2, parameters.data() + parameters.size(), quality);
  return quality;
}

}  // namespace

std::string_view EncodingName(Encoding encoding) {
  switch (encoding) {
    case Encoding::kGzip:
      return "gzip";
    case Encoding::kDeflate:
      return "deflate";
    case Encoding::kZstd:
      return "zstd";
    case Encoding::kIdentity:
      break;
  }
  return "identity";
}

std::optional<Encoding> ParseEncoding(std::string_view name) {
  name = TrimSpace(name);
  if (name.empty() || EqualsIgnoreCase(name, "identity")) return Encoding::kIdentity;
  if (EqualsIgnoreCase(name, "gzip") || EqualsIgnoreCase(name, "x-gzip")) return Encoding::kGzip;
  if (EqualsIgnoreCase(name, "deflate")) return Encoding::kDeflate;
  if (EqualsIgnoreCase(name, "zstd")) return Encoding::kZstd;
  return std::nullopt;
}

Encoding NegotiateEncoding(std::string_view accept_encoding) {
  constexpr double kUnmentioned = -1;
  double gzip = kUnmentioned;
  double zstd = kUnmentioned;
  double any = 0;
  while (!accept_encoding.empty()) {
    size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    std::string_view item = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    size_t semicolon = std::min(item.find(';'), item.size());
    std::string_view name = TrimSpace(item.substr(0, semicolon));
    double quality = ParseQuality(item.substr(semicolon));
    if (name == "*") any = quality;
    if (EqualsIgnoreCase(name, "gzip") || EqualsIgnoreCase(name, "x-gzip")) gzip = quality;
    if (EqualsIgnoreCase(name, "zstd")) zstd = quality;
  }
  if (gzip == kUnmentioned) gzip = any;
  // "*" alone comes from simple clients: gzip is what they know.
  if (zstd == kUnmentioned) zstd = 0;
  if (zstd > 0 && zstd >= gzip) return Encoding::kZstd;
  return gzip > 0 ? Encoding::kGzip : Encoding::kIdentity;
}

Status Compress(Encoding encoding, std::string_view input, std::string& output) {
  switch (encoding) {
    case Encoding::kGzip:
    case Encoding::kDeflate:
      return Deflate(encoding, input, output);
    case Encoding::kZstd:
      return CompressZstd(input, output);
    case Encoding::kIdentity:
      break;
  }
  output.assign(input);
  return {};
}

struct Decompressor::Impl {
  InflaterPtr inflater;  // made when first needed, as is the other
  ZstdReaderPtr zstd;
};

Decompressor::Decompressor() : impl_(std::make_unique<Impl>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Status Decompressor::Decompress(Encoding encoding, std::string_view input, size_t max_bytes,
                                std::string& output) {
  switch (encoding) {
    case Encoding::kGzip:
    case Encoding::kDeflate:
      if (impl_->inflater == nullptr) impl_->inflater.reset(libdeflate_alloc_decompressor());
      if (impl_->inflater == nullptr) return Fail(Code::kResourceExhausted, "no memory to decompress");
      return Inflate(impl_->inflater.get(), encoding, input, max_bytes, output);
    case Encoding::kZstd:
      if (impl_->zstd == nullptr) {
        impl_->zstd.reset(ZSTD_createDCtx());
        if (impl_->zstd == nullptr) return Fail(Code::kResourceExhausted, "no memory to decompress");
        ZSTD_DCtx_setParameter(impl_->zstd.get(), ZSTD_d_windowLogMax, kZstdMaxWindowLog);
      }
      return DecompressZstd(impl_->zstd.get(), input, max_bytes, output);
    case Encoding::kIdentity:
      break;
  }
  if (input.size() > max_bytes)
    return Fail(Code::kResourceExhausted, "the body is larger than {} bytes", max_bytes);
  output.assign(input);
  return {};
}

Status Decompress(Encoding encoding, std::string_view input, size_t max_bytes, std::string& output) {
  return Decompressor().Decompress(encoding, input, max_bytes, output);
}

struct StreamCompressor::Impl {
  ~Impl() {
    if (encoding == Encoding::kGzip) deflateEnd(&gzip);
  }

  Status Deflate(std::string_view input, int flush, std::string& output) {
    gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    gzip.avail_in = static_cast<uInt>(input.size());
    do {
      size_t before = output.size();
      output.resize(before + kStreamStepBytes);
      gzip.next_out = reinterpret_cast<Bytef*>(output.data() + before);
      gzip.avail_out = kStreamStepBytes;
      int result = deflate(&gzip, flush);
      output.resize(output.size() - gzip.avail_out);
      if (result == Z_STREAM_ERROR) return Fail(Code::kInternal, "gzip compression failed");
    } while (gzip.avail_out == 0);
    return {};
  }

  Status Zstd(std::string_view input, ZSTD_EndDirective end, std::string& output) {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    size_t remaining = 0;
    do {
      size_t before = output.size();
      output.resize(before + kStreamStepBytes);
      ZSTD_outBuffer out{output.data() + before, kStreamStepBytes, 0};
      remaining = ZSTD_compressStream2(zstd.get(), &out, &in, end);
      output.resize(before + out.pos);
      if (ZSTD_isError(remaining)) {
        return Fail(Code::kInternal, "zstd compression failed: {}", ZSTD_getErrorName(remaining));
      }
    } while (end == ZSTD_e_continue ? in.pos < in.size : remaining != 0);
    return {};
  }

  Encoding encoding = Encoding::kGzip;
  z_stream gzip{};
  ZstdWriterPtr zstd;
};

StreamCompressor::StreamCompressor(Encoding encoding) : impl_(std::make_unique<Impl>()) {
  SEXTANT_CHECK(encoding == Encoding::kGzip || encoding == Encoding::kZstd);
  impl_->encoding = encoding;
  if (encoding == Encoding::kGzip) {
    constexpr int kGzipHeader = 16;
    int result =
        deflateInit2(&impl_->gzip, kGzipLevel, Z_DEFLATED, MAX_WBITS + kGzipHeader, 8, Z_DEFAULT_STRATEGY);
    SEXTANT_CHECK(result == Z_OK);
  } else {
    impl_->zstd.reset(ZSTD_createCCtx());
    SEXTANT_CHECK(impl_->zstd != nullptr);
    ZSTD_CCtx_setParameter(impl_->zstd.get(), ZSTD_c_compressionLevel, kZstdLevel);
  }
}

StreamCompressor::~StreamCompressor() = default;
StreamCompressor::StreamCompressor(StreamCompressor&&) noexcept = default;
StreamCompressor& StreamCompressor::operator=(StreamCompressor&&) noexcept = default;

Status StreamCompressor::Write(std::string_view input, std::string& output) {
  if (impl_->encoding == Encoding::kZstd) return impl_->Zstd(input, ZSTD_e_continue, output);
  // zlib counts input in 32 bits.
  constexpr size_t kMaxPieceBytes = 1 << 30;
  for (; input.size() > kMaxPieceBytes; input.remove_prefix(kMaxPieceBytes)) {
    SEXTANT_TRY(impl_->Deflate(input.substr(0, kMaxPieceBytes), Z_NO_FLUSH, output));
  }
  return impl_->Deflate(input, Z_NO_FLUSH, output);
}

Status StreamCompressor::Flush(std::string& output) {
  if (impl_->encoding == Encoding::kZstd) return impl_->Zstd({}, ZSTD_e_flush, output);
  return impl_->Deflate({}, Z_SYNC_FLUSH, output);
}

Status StreamCompressor::Finish(std::string& output) {
  if (impl_->encoding == Encoding::kZstd) return impl_->Zstd({}, ZSTD_e_end, output);
  return impl_->Deflate({}, Z_FINISH, output);
}

}  // namespace sextant::net
