// Feeds bytes to the server's end of an HTTP/2 connection, and what streams carry to the reader of gRPC
// messages, with an owner that answers as a server does. Nothing may be answered twice or out of bounds, and
// no limit may be passed.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/grpc_wire.h"
#include "net/http2_session.h"

namespace {

using namespace sextant;
using net::Http2Error;
using net::Http2Stream;

constexpr size_t kMaxMessageBytes = 10'000;
constexpr size_t kMaxHeaderBytes = 4'000;
constexpr size_t kMaxHeaderFields = 20;

struct Stream final : Http2Stream {
  std::optional<net::GrpcMessageReader> reader;
  bool is_answered = false;
};

class Server final : public net::Http2Session::Owner {
 public:
  Server()
      : session_({.max_header_bytes = kMaxHeaderBytes,
                  .max_header_fields = kMaxHeaderFields,
                  .max_concurrent_streams = 10,
                  .reset_burst = 20,
                  .control_burst = 50},
                 *this) {}

  // What the server says when the bytes arrive `step` at a time.
  void Run(std::string_view bytes, size_t step) {
    int64_t now_ns = 0;
    for (size_t at = 0; at < bytes.size(); at += step) {
      core::Status received = session_.Receive(bytes.substr(at, step), now_ns += 1'000'000);
      std::string out;
      session_.Produce(out, 1 << 20);
      SEXTANT_CHECK(session_.open_streams() <= 20);
      if (!received) return;
    }
    session_.GoAway(Http2Error::kNone, "bye");
    std::string out;
    session_.Produce(out, 1 << 20);
    session_.is_finished();
  }

  std::unique_ptr<Http2Stream> NewStream() override { return std::make_unique<Stream>(); }

  void OnHeader(Http2Stream& base) override {
    auto& stream = static_cast<Stream&>(base);
    SEXTANT_CHECK(stream.headers.size() <= kMaxHeaderFields + 4);
    size_t size = 0;
    for (size_t i = 0; i < stream.headers.size(); ++i)
      size += stream.headers.name(i).size() + stream.headers.value(i).size();
    SEXTANT_CHECK(size <= kMaxHeaderBytes);
    if (!stream.header_excess.empty() || stream.path == "/refused") {
      Answer(stream, 431, "refused");
      return;
    }
    if (net::IsGrpcContentType(stream.headers.Get("content-type"))) {
      stream.reader.emplace(kMaxMessageBytes, nullptr);
      net::ParseGrpcTimeout(stream.headers.Get("grpc-timeout"));
      net::DecodeGrpcMetadata(stream.headers);
    }
    if (stream.path == "/inform") session_.Inform(stream, 100);
    if (stream.path == "/reset") session_.Reset(stream, Http2Error::kCancel);
  }

  void OnData(Http2Stream& base, std::string_view bytes) override {
    auto& stream = static_cast<Stream&>(base);
    if (!stream.reader || stream.is_answered) return;
    if (!stream.reader->Feed(bytes)) AnswerCall(stream, stream.reader->error());
  }

  void OnEnd(Http2Stream& base) override {
    auto& stream = static_cast<Stream&>(base);
    if (stream.is_answered) return;
    if (!stream.reader) {
      Answer(stream, 200, std::string(30'000, 'x'));
      return;
    }
    if (!stream.reader->Finish()) {
      AnswerCall(stream, stream.reader->error());
      return;
    }
    SEXTANT_CHECK(stream.reader->has_message());
    std::string message = stream.reader->TakeMessage();
    SEXTANT_CHECK(message.size() <= kMaxMessageBytes);
    auto encoding = net::ParseGrpcEncoding(stream.headers.Get("grpc-encoding"));
    net::GrpcStatus status;
    if (stream.reader->is_compressed() && encoding) {
      std::string plain;
      status = net::DecompressGrpc(*encoding, message, kMaxMessageBytes, plain);
      SEXTANT_CHECK(!status.is_ok() || plain.size() <= kMaxMessageBytes);
    }
    AnswerCall(stream, status);
  }

  void OnAnsweredEarly(Http2Stream& stream) override { session_.Reset(stream, Http2Error::kNone); }
  void OnSent(Http2Stream&, size_t bytes) override { SEXTANT_CHECK(bytes > 0); }
  void OnClosed(Http2Stream& stream, Http2Error) override {
    SEXTANT_CHECK(session_.Find(stream.id()) == &stream);
  }
  void OnGoAway(int32_t, std::string_view) override {}
  void OnPong() override {}
  void OnRefused(std::string_view reason) override { SEXTANT_CHECK(reason.starts_with("http2_")); }

 private:
  void Answer(Stream& stream, int status, std::string body) {
    stream.is_answered = true;
    session_.Begin(stream, status, {{"content-type", "text/plain"}}, false);
    session_.Append(stream, std::move(body));
    session_.End(stream);
  }

  void AnswerCall(Stream& stream, const net::GrpcStatus& status) {
    stream.is_answered = true;
    net::HttpHeaders trailers;
    net::AppendGrpcStatus(status, trailers);
    auto parsed = net::ParseGrpcStatus(trailers);
    SEXTANT_CHECK(parsed && parsed->code == status.code && parsed->message == status.message);
    session_.Begin(stream, 200, {{"content-type", "application/grpc"}}, false);
    session_.End(stream, std::move(trailers));
  }

  net::Http2Session session_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The preface is always right: what comes behind it is of interest.
  std::string bytes(net::kHttp2Preface);
  bytes.append(reinterpret_cast<const char*>(data), size);
  Server().Run(bytes, bytes.size());
  Server().Run(bytes, 11);
  // The decoders that a client's hostile server reaches.
  std::string_view text(reinterpret_cast<const char*>(data), size);
  net::ParseGrpcRetryDelay(text);
  net::DecodeGrpcText(text);
  std::string plain;
  net::DecompressGrpc(net::GrpcEncoding::kSnappy, text, kMaxMessageBytes, plain);
  return 0;
}
