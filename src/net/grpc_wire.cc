#include "net/grpc_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "core/base64.h"
#include "net/compression.h"
#include "net/snappy_frames.h"

namespace sextant::net {

namespace {

constexpr std::string_view kRetryInfoType = "type.googleapis.com/google.rpc.RetryInfo";
// A buffer grows with what arrives: an announced length is believed up to here.
constexpr size_t kMaxReservedBytes = 1 << 20;
// Smaller buffers are cheaper to allocate than to pass around.
constexpr size_t kMinPooledBytes = 32 << 10;
constexpr int64_t kMaxTimeoutNs = std::numeric_limits<int64_t>::max() / 4;

char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

core::Status Undo(GrpcEncoding encoding, std::string_view input, size_t max_bytes, std::string& output) {
  switch (encoding) {
    case GrpcEncoding::kGzip:
      return Decompress(Encoding::kGzip, input, max_bytes, output);
    case GrpcEncoding::kZstd:
      return Decompress(Encoding::kZstd, input, max_bytes, output);
    case GrpcEncoding::kSnappy:
      return DecompressSnappyFrames(input, max_bytes, output);
    case GrpcEncoding::kIdentity:
      break;
  }
  return Decompress(Encoding::kIdentity, input, max_bytes, output);
}

}  // namespace

std::string_view GrpcCodeName(GrpcCode code) {
  static constexpr std::string_view kNames[] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  auto index = static_cast<size_t>(code);
  return index < std::size(kNames) ? kNames[index] : "Unknown";
}

GrpcStatus GrpcStatusWithRetry(GrpcCode code, std::string message, core::DurationMs retry_delay_ms) {
  GrpcStatus status{.code = code, .message = std::move(message)};
  std::string duration;
  protozero::pbf_writer duration_writer(duration);
  duration_writer.add_int64(1, retry_delay_ms / 1'000);
  duration_writer.add_int32(2, static_cast<int32_t>(retry_delay_ms % 1'000) * 1'000'000);
  std::string retry_info;
  protozero::pbf_writer(retry_info).add_message(1, duration);
  std::string any;
  protozero::pbf_writer any_writer(any);
  any_writer.add_string(1, std::string(kRetryInfoType));
  any_writer.add_bytes(2, retry_info);
  protozero::pbf_writer writer(status.details);
  writer.add_int32(1, static_cast<int32_t>(code));
  writer.add_string(2, status.message);
  writer.add_message(3, any);
  return status;
}

std::optional<core::DurationMs> ParseGrpcRetryDelay(std::string_view details) try {
  protozero::pbf_reader status(details.data(), details.size());
  while (status.next(3, protozero::pbf_wire_type::length_delimited)) {
    protozero::pbf_reader any = status.get_message();
    std::string type;
    protozero::data_view value{};
    while (any.next()) {
      switch (any.tag_and_type()) {
        case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited):
          type = any.get_string();
          break;
        case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited):
          value = any.get_view();
          break;
        default:
          any.skip();
      }
    }
    if (type != kRetryInfoType) continue;
    protozero::pbf_reader retry_info(value);
    if (!retry_info.next(1, protozero::pbf_wire_type::length_delimited)) continue;
    protozero::pbf_reader duration = retry_info.get_message();
    int64_t seconds = 0;
    int64_t nanos = 0;
    while (duration.next()) {
      switch (duration.tag_and_type()) {
        case protozero::tag_and_type(1, protozero::pbf_wire_type::varint):
          seconds = duration.get_int64();
          break;
        case protozero::tag_and_type(2, protozero::pbf_wire_type::varint):
          nanos = duration.get_int32();
          break;
        default:
          duration.skip();
      }
    }
    // What protobuf's Duration allows.
    constexpr int64_t kMaxSeconds = 315'576'000'000;
    if (seconds < 0 || seconds > kMaxSeconds || nanos < 0 || nanos >= 1'000'000'000) return std::nullopt;
    return seconds * 1'000 + (nanos + 999'999) / 1'000'000;
  }
  return std::nullopt;
} catch (const protozero::exception&) {
  return std::nullopt;
}

std::string_view GrpcEncodingName(GrpcEncoding encoding) {
  switch (encoding) {
    case GrpcEncoding::kGzip:
      return "gzip";
    case GrpcEncoding::kZstd:
      return "zstd";
    case GrpcEncoding::kSnappy:
      return "snappy";
    case GrpcEncoding::kIdentity:
      break;
  }
  return "identity";
}

std::optional<GrpcEncoding> ParseGrpcEncoding(std::string_view name) {
  if (name.empty() || name == "identity") return GrpcEncoding::kIdentity;
  for (auto known : {GrpcEncoding::kGzip, GrpcEncoding::kZstd, GrpcEncoding::kSnappy}) {
    if (name == GrpcEncodingName(known)) return known;
  }
  return std::nullopt;
}

std::string GrpcBufferPool::Take(size_t size_hint) {
  if (size_hint < kMinPooledBytes) return {};
  std::lock_guard lock(mutex_);
  auto fits = std::ranges::find_if(free_, [&](const std::string& buffer) {
    return buffer.capacity() >= size_hint && buffer.capacity() / 8 <= size_hint;
  });
  if (fits == free_.end()) return {};
  std::string taken = std::move(*fits);
  *fits = std::move(free_.back());
  free_.pop_back();
  free_bytes_ -= taken.capacity();
  return taken;
}

void GrpcBufferPool::GiveBack(std::string buffer) {
  buffer.clear();
  size_t capacity = buffer.capacity();
  std::lock_guard lock(mutex_);
  if (capacity < kMinPooledBytes || free_bytes_ + capacity > max_bytes_) return;
  free_bytes_ += capacity;
  free_.push_back(std::move(buffer));
}

GrpcMessage GrpcBufferPool::Share(std::string buffer) {
  if (buffer.capacity() < kMinPooledBytes) return std::make_shared<std::string>(std::move(buffer));
  return {new std::string(std::move(buffer)), [pool = shared_from_this()](std::string* gone) {
            pool->GiveBack(std::move(*gone));
            delete gone;
          }};
}

bool GrpcMessageReader::ReadPrefix() {
  auto flag = static_cast<unsigned char>(prefix_[0]);
  if (flag > 1) {
    error_ = {GrpcCode::kInternal, fmt::format("grpc: received unexpected payload format {}", flag)};
    return false;
  }
  is_compressed_ = flag == 1;
  length_ = 0;
  for (size_t i = 1; i < 5; ++i) length_ = length_ << 8 | static_cast<unsigned char>(prefix_[i]);
  if (length_ > max_message_bytes_) {
    error_ = {GrpcCode::kResourceExhausted,
              fmt::format("grpc: received message larger than max ({} vs. {})", length_, max_message_bytes_)};
    return false;
  }
  has_prefix_ = true;
  if (pool_ != nullptr) message_ = pool_->Take(length_);
  message_.reserve(std::min(length_, kMaxReservedBytes));
  return true;
}

bool GrpcMessageReader::Feed(std::string_view bytes) {
  while (!has_prefix_ && !bytes.empty()) {
    prefix_[prefix_size_++] = bytes.front();
    bytes.remove_prefix(1);
    if (prefix_size_ == sizeof prefix_ && !ReadPrefix()) return false;
  }
  if (bytes.size() > length_ - message_.size()) {
    error_ = {GrpcCode::kInternal, "grpc: a unary call has exactly one message, and more bytes follow it"};
    return false;
  }
  message_.append(bytes);
  return true;
}

bool GrpcMessageReader::Finish() {
  if (has_message()) return true;
  error_ = {GrpcCode::kInternal, prefix_size_ == 0 ? "grpc: the call has no message" : "unexpected EOF"};
  return false;
}

void AppendGrpcPrefix(bool is_compressed, size_t length, std::string& out) {
  out += static_cast<char>(is_compressed ? 1 : 0);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift);
}

GrpcStatus DecompressGrpc(GrpcEncoding encoding, std::string_view input, size_t max_bytes,
                          std::string& output) {
  core::Status undone = Undo(encoding, input, max_bytes, output);
  if (undone) return {};
  if (undone.error().code() == core::Code::kResourceExhausted) {
    return {GrpcCode::kResourceExhausted,
            fmt::format("grpc: received message after decompression larger than max {}", max_bytes)};
  }
  return {GrpcCode::kInternal,
          fmt::format("grpc: failed to decompress the received message: {}", undone.error().message())};
}

core::Status CompressGrpc(GrpcEncoding encoding, std::string_view input, std::string& output) {
  switch (encoding) {
    case GrpcEncoding::kGzip:
      return Compress(Encoding::kGzip, input, output);
    case GrpcEncoding::kZstd:
      return Compress(Encoding::kZstd, input, output);
    case GrpcEncoding::kSnappy:
      return CompressSnappyFrames(input, output);
    case GrpcEncoding::kIdentity:
      break;
  }
  output.assign(input);
  return {};
}

std::string EncodeGrpcText(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string DecodeGrpcText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
      if (error == std::errc() && end == text.data() + i + 3) {
        out += static_cast<char>(byte);
        i += 2;
        continue;
      }
    }
    out += text[i];  // what is not well-formed is taken as it is
  }
  return out;
}

std::optional<int64_t> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t unit_ns = 0;
  switch (text.back()) {
    case 'H':
      unit_ns = 3'600'000'000'000;
      break;
    case 'M':
      unit_ns = 60'000'000'000;
      break;
    case 'S':
      unit_ns = 1'000'000'000;
      break;
    case 'm':
      unit_ns = 1'000'000;
      break;
    case 'u':
      unit_ns = 1'000;
      break;
    case 'n':
      unit_ns = 1;
      break;
    default:
      return std::nullopt;
  }
  int64_t count = 0;
  for (char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + (c - '0');
  }
  return count > kMaxTimeoutNs / unit_ns ? kMaxTimeoutNs : count * unit_ns;
}

std::string FormatGrpcTimeout(int64_t timeout_ns) {
  constexpr int64_t kMaxCount = 99'999'999;
  constexpr std::pair<int64_t, char> kUnits[] = {{1, 'n'},
                                                 {1'000, 'u'},
                                                 {1'000'000, 'm'},
                                                 {1'000'000'000, 'S'},
                                                 {60'000'000'000, 'M'},
                                                 {3'600'000'000'000, 'H'}};
  timeout_ns = std::max<int64_t>(timeout_ns, 0);
  for (auto [unit_ns, name] : kUnits) {
    int64_t count = timeout_ns / unit_ns + (timeout_ns % unit_ns != 0 ? 1 : 0);
    if (count <= kMaxCount) return fmt::format("{}{}", count, name);
  }
  return fmt::format("{}H", kMaxCount);
}

bool IsBinaryMetadata(std::string_view name) {
  return name.size() > 4 && EqualsIgnoreCase(name.substr(name.size() - 4), "-bin");
}

HttpHeaders DecodeGrpcMetadata(const HttpHeaders& headers) {
  HttpHeaders decoded;
  for (size_t i = 0; i < headers.size(); ++i) {
    std::string_view value = headers.value(i);
    if (!IsBinaryMetadata(headers.name(i))) {
      decoded.Add(headers.name(i), value);
      continue;
    }
    // Several values of one name may have been joined by commas.
    while (true) {
      size_t comma = std::min(value.find(','), value.size());
      // What is no base64 is dropped, as in Go.
      if (auto bytes = core::DecodeUnpaddedBase64(value.substr(0, comma)))
        decoded.Add(headers.name(i), *bytes);
      if (comma == value.size()) break;
      value.remove_prefix(comma + 1);
    }
  }
  return decoded;
}

HttpHeaders EncodeGrpcMetadata(const HttpHeaders& metadata) {
  HttpHeaders encoded;
  for (size_t i = 0; i < metadata.size(); ++i) {
    if (!IsBinaryMetadata(metadata.name(i))) {
      encoded.Add(metadata.name(i), metadata.value(i));
      continue;
    }
    std::string text = core::EncodeBase64(metadata.value(i));
    while (text.ends_with('=')) text.pop_back();
    encoded.Add(metadata.name(i), text);
  }
  return encoded;
}

bool IsGrpcContentType(std::string_view content_type) {
  constexpr std::string_view kBase = "application/grpc";
  if (content_type.size() < kBase.size() || !EqualsIgnoreCase(content_type.substr(0, kBase.size()), kBase))
    return false;
  if (content_type.size() == kBase.size()) return true;
  char next = LowerCase(content_type[kBase.size()]);
  return next == '+' || next == ';';
}

void AppendGrpcStatus(const GrpcStatus& status, HttpHeaders& trailers) {
  char number[16];
  auto end = std::to_chars(number, number + sizeof number, static_cast<int>(status.code)).ptr;
  trailers.Add("grpc-status", std::string_view(number, static_cast<size_t>(end - number)));
  if (!status.message.empty()) trailers.Add("grpc-message", EncodeGrpcText(status.message));
  if (status.details.empty()) return;
  std::string details = core::EncodeBase64(status.details);
  while (details.ends_with('=')) details.pop_back();
  trailers.Add("grpc-status-details-bin", details);
}

std::optional<GrpcStatus> ParseGrpcStatus(const HttpHeaders& trailers) {
  std::string_view text = trailers.Get("grpc-status");
  if (text.empty()) return std::nullopt;
  int code = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  GrpcStatus status;
  if (error != std::errc() || end != text.data() + text.size() || code < 0) {
    return GrpcStatus{GrpcCode::kInternal, fmt::format("transport: malformed grpc-status: \"{}\"", text)};
  }
  bool is_known = code <= static_cast<int>(GrpcCode::kUnauthenticated);
  status.code = is_known ? static_cast<GrpcCode>(code) : GrpcCode::kUnknown;
  status.message = DecodeGrpcText(trailers.Get("grpc-message"));
  if (auto details = core::DecodeUnpaddedBase64(trailers.Get("grpc-status-details-bin")))
    status.details = std::move(*details);
  return status;
}

GrpcCode GrpcCodeOfAnswer(int http_status) {
  switch (http_status) {
    case 400:
      return GrpcCode::kInternal;
    case 401:
      return GrpcCode::kUnauthenticated;
    case 403:
      return GrpcCode::kPermissionDenied;
    case 404:
      return GrpcCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcCode::kUnavailable;
    default:
      return GrpcCode::kUnknown;
  }
}

GrpcCode GrpcCodeOfRefusal(int http_status) {
  switch (http_status) {
    case 405:
    case 414:
    case 431:
      return GrpcCode::kInternal;
    case 408:
      return GrpcCode::kDeadlineExceeded;
    case 413:
      return GrpcCode::kResourceExhausted;
    default:
      return GrpcCodeOfAnswer(http_status);
  }
}

}  // namespace sextant::net
