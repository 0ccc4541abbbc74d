// What gRPC puts on the wire inside HTTP/2: message frames, header values, compressions. For both sides; pure
// functions and a reader without sockets. Internal to net.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/grpc.h"

namespace sextant::net {

// The names of grpc-encoding. Snappy is the framed format, as Go's compressors of that name write.
enum class GrpcEncoding { kIdentity, kGzip, kZstd, kSnappy };
inline constexpr std::string_view kGrpcAcceptEncoding = "identity,gzip,zstd,snappy";

std::string_view GrpcEncodingName(GrpcEncoding encoding);
// "" is kIdentity; nothing for unknown names.
std::optional<GrpcEncoding> ParseGrpcEncoding(std::string_view name);

// Buffers of large messages, kept for the next ones. Thread-safe; lives as long as one of its buffers.
class GrpcBufferPool : public std::enable_shared_from_this<GrpcBufferPool> {
 public:
  // Keeps at most `max_bytes` of unused capacity.
  explicit GrpcBufferPool(size_t max_bytes) : max_bytes_(max_bytes) {}

  // An empty string, with capacity when one is at hand and `size_hint` is large.
  std::string Take(size_t size_hint);
  void GiveBack(std::string buffer);
  // Shares a filled buffer; it comes back here when the last owner lets go.
  GrpcMessage Share(std::string buffer);

 private:
  const size_t max_bytes_;
  std::mutex mutex_;
  std::vector<std::string> free_;  // guarded by mutex_
  size_t free_bytes_ = 0;          // guarded by mutex_
};

// Takes the one message of a unary call out of its length-prefixed frame, as bytes arrive.
class GrpcMessageReader {
 public:
  // `pool` may be null.
  GrpcMessageReader(size_t max_message_bytes, std::shared_ptr<GrpcBufferPool> pool)
      : max_message_bytes_(max_message_bytes), pool_(std::move(pool)) {}

  // False when the bytes cannot be a message within the limit: see error(). Nothing more may be fed then.
  bool Feed(std::string_view bytes);
  // No more bytes come. False when the message is not complete or there is none: see error().
  bool Finish();
  const GrpcStatus& error() const { return error_; }

  bool has_message() const { return has_prefix_ && message_.size() == length_; }
  bool is_compressed() const { return is_compressed_; }
  size_t capacity() const { return message_.capacity(); }
  std::string TakeMessage() { return std::move(message_); }

 private:
  bool ReadPrefix();

  const size_t max_message_bytes_;
  const std::shared_ptr<GrpcBufferPool> pool_;
  char prefix_[5] = {};
  size_t prefix_size_ = 0;
  bool has_prefix_ = false;
  bool is_compressed_ = false;
  size_t length_ = 0;
  std::string message_;
  GrpcStatus error_;
};

// The five bytes before a message.
void AppendGrpcPrefix(bool is_compressed, size_t length, std::string& out);

// Undoes a message's compression. The status is that of Go's gRPC: RESOURCE_EXHAUSTED above `max_bytes`,
// INTERNAL when malformed.
GrpcStatus DecompressGrpc(GrpcEncoding encoding, std::string_view input, size_t max_bytes,
                          std::string& output);
core::Status CompressGrpc(GrpcEncoding encoding, std::string_view input, std::string& output);

// grpc-message: percent-encoded (bytes outside of printable ASCII, and '%').
std::string EncodeGrpcText(std::string_view text);
std::string DecodeGrpcText(std::string_view text);

// grpc-timeout ("100m"): in nanoseconds, large values clipped; nothing when malformed.
std::optional<int64_t> ParseGrpcTimeout(std::string_view text);
// At most 8 digits, rounded up.
std::string FormatGrpcTimeout(int64_t timeout_ns);

// Values of names in "-bin": base64, with or without padding.
bool IsBinaryMetadata(std::string_view name);
HttpHeaders DecodeGrpcMetadata(const HttpHeaders& headers);
HttpHeaders EncodeGrpcMetadata(const HttpHeaders& metadata);

// "application/grpc", "application/grpc+proto", "application/grpc;...".
bool IsGrpcContentType(std::string_view content_type);

// The call's own header and trailer fields for a reply's status.
void AppendGrpcStatus(const GrpcStatus& status, HttpHeaders& trailers);
// What a client makes of trailers (or of a header that ends the stream). None without grpc-status.
std::optional<GrpcStatus> ParseGrpcStatus(const HttpHeaders& trailers);

// What a client makes of an answer that is not gRPC's
// (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
GrpcCode GrpcCodeOfAnswer(int http_status);
// What our server says where it would answer HTTP with this status.
GrpcCode GrpcCodeOfRefusal(int http_status);

}  // namespace sextant::net
