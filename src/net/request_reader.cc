#include "net/request_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

namespace sextant::net {

namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

// Chunk headers with their extensions, and trailers. Anything longer serves no one.
constexpr size_t kMaxChunkHeaderBytes = 8 << 10;
// A body buffer grows with what arrives, not with what was announced.
constexpr size_t kMaxReservedBodyBytes = 1 << 20;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool IsHostByte(char c) {
  bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return is_word || std::string_view("!$%&'()*+,-.:;=[]_~").find(c) != std::string_view::npos;
}

std::string DescribeParserError(const error_code& code) {
  using http::error;
  switch (static_cast<http::error>(code.value())) {
    case error::bad_line_ending:
      return "a line does not end with CR LF";
    case error::bad_method:
      return "the method is not a word";
    case error::bad_target:
      return "the request target holds a byte that must be escaped";
    case error::bad_version:
      return "the version is not HTTP/1.0 or HTTP/1.1";
    case error::bad_field:
      return "a header field's name is malformed";
    case error::bad_value:
      return "a header field's value is malformed";
    case error::bad_content_length:
      return "Content-Length is malformed or conflicts with Transfer-Encoding";
    case error::bad_transfer_encoding:
      return "Transfer-Encoding is repeated or conflicts with Content-Length";
    case error::bad_chunk:
      return "a chunk's size is malformed";
    case error::bad_chunk_extension:
      return "a chunk's extension is malformed";
    case error::bad_obs_fold:
      return "a folded header line is malformed";
    case error::multiple_content_length:
      return "Content-Length is repeated with different values";
    default:
      return code.message();
  }
}

}  // namespace

// Receives the pieces of a request from Beast's parser and puts them straight into an HttpRequest.
class RequestReader::Parser final : public http::basic_parser<true> {
 public:
  explicit Parser(RequestReader& reader) : reader_(reader) {
    header_limit(static_cast<std::uint32_t>(reader.limits_.max_header_bytes));
    body_limit(boost::none);  // checked here, where the route's limit is known
  }

  // The header was complete before this field: it is a trailer.
  bool is_in_body = false;

 private:
  using string_view = boost::beast::string_view;

  void Refuse(int status, std::string_view reason, std::string message, error_code& error) {
    reader_.Refuse(status, reason, std::move(message));
    error = http::error::end_of_stream;  // only stops the parser; what was refused is in the reader
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code& error) override {
    HttpRequest& request = reader_.request_;
    request.method.assign(method.data(), method.size());
    request.version_minor = version - 10;
    if (target.size() > reader_.limits_.max_target_bytes) {
      Refuse(414, "target_bytes",
             fmt::format("the request target is longer than {} bytes", reader_.limits_.max_target_bytes),
             error);
      return;
    }
    request.target.assign(target.data(), target.size());
  }

  void on_response_impl(int, string_view, int, error_code&) override {}

  void on_field_impl(http::field field, string_view name, string_view value, error_code& error) override {
    if (is_in_body) return;  // trailers carry nothing that we use
    HttpRequest& request = reader_.request_;
    if (request.headers.size() >= reader_.limits_.max_header_fields) {
      Refuse(431, "header_fields",
             fmt::format("more than {} header fields", reader_.limits_.max_header_fields), error);
      return;
    }
    if (field == http::field::transfer_encoding && !EqualsIgnoreCase(View(value), "chunked")) {
      Refuse(501, "malformed", "a Transfer-Encoding other than \"chunked\" is not supported", error);
      return;
    }
    if (field == http::field::host) {
      if (request.headers.Has("Host") || !std::all_of(value.begin(), value.end(), IsHostByte)) {
        Refuse(400, "malformed", "the Host header is repeated or malformed", error);
        return;
      }
    }
    request.headers.Add(View(name), View(value));
  }

  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  void on_finish_impl(error_code&) override {}

  std::size_t on_body_impl(string_view body, error_code& error) override { return Append(body, error); }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override {
    return Append(body, error);
  }

  size_t Append(string_view piece, error_code& error) {
    std::string& body = reader_.request_.body;
    if (piece.size() > reader_.max_body_bytes_ - body.size()) {
      Refuse(413, "body_bytes", fmt::format("the body is larger than {} bytes", reader_.max_body_bytes_),
             error);
      return 0;
    }
    body.append(piece.data(), piece.size());
    return piece.size();
  }

  RequestReader& reader_;
};

RequestReader::RequestReader(const HttpLimits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>(*this)) {}

RequestReader::~RequestReader() = default;

void RequestReader::Refuse(int status, std::string_view reason, std::string message) {
  state_ = State::kRefused;
  keeps_alive_ = false;
  refusal_ = Refusal{.status = status, .reason = reason, .message = std::move(message)};
}

size_t RequestReader::Feed(std::string_view bytes) {
  SEXTANT_CHECK(state_ == State::kHeader || state_ == State::kBody);
  size_t skipped = 0;
  // Some clients send an empty line behind a body; RFC 9112 2.2 asks to ignore it.
  if (!has_begun_) {
    while (skipped < bytes.size() && (bytes[skipped] == '\r' || bytes[skipped] == '\n')) ++skipped;
    bytes.remove_prefix(skipped);
    if (bytes.empty()) return skipped;
    has_begun_ = true;
  }
  return skipped + FeedParser(bytes);
}

size_t RequestReader::FeedParser(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size()) {
    error_code error;
    used += parser_->put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), error);
    if (state_ == State::kRefused) return used;
    if (error == http::error::need_more) {
      if (state_ == State::kHeader && header_bytes_ + bytes.size() >= limits_.max_header_bytes) {
        error = http::error::header_limit;
      }
    }
    if (error == http::error::need_more) {
      if (state_ == State::kHeader) header_bytes_ += used;
      if (state_ == State::kBody && bytes.size() - used > kMaxChunkHeaderBytes) {
        Refuse(431, "header_bytes",
               fmt::format("a chunk header or trailer is longer than {} bytes", kMaxChunkHeaderBytes));
      }
      return used;
    }
    if (error == http::error::header_limit) {
      Refuse(431, "header_bytes",
             fmt::format("the header is larger than {} bytes", limits_.max_header_bytes));
      return used;
    }
    if (error) {
      Refuse(error == http::error::bad_version ? 505 : 400, "malformed", DescribeParserError(error));
      return used;
    }
    if (state_ == State::kHeader && parser_->is_header_done()) {
      FinishHeader();
      return used;
    }
    if (parser_->is_done()) {
      state_ = State::kDone;
      return used;
    }
  }
  return used;
}

// Checks what concerns the header as a whole.
void RequestReader::FinishHeader() {
  keeps_alive_ = parser_->keep_alive();
  has_body_ = !parser_->is_done();
  parser_->is_in_body = true;
  state_ = State::kHeaderDone;
  if (request_.version_minor >= 1 && !request_.headers.Has("Host")) {
    Refuse(400, "malformed", "an HTTP/1.1 request needs a Host header");
    return;
  }
  if (request_.version_minor == 0 && request_.headers.Has("Transfer-Encoding")) {
    Refuse(400, "malformed", "Transfer-Encoding does not belong in HTTP/1.0");
    return;
  }
  std::string_view target = request_.target;
  size_t begin = 0;
  // The absolute form, as proxies get it.
  if (target.starts_with("http://") || target.starts_with("https://")) {
    begin = std::min(target.find('/', target.find("://") + 3), target.size());
  }
  if (target.substr(begin).empty() || (target[begin] != '/' && target != "*")) {
    Refuse(400, "malformed", "the request target must start with /");
    return;
  }
  size_t question = std::min(target.find('?', begin), target.size());
  path_begin_ = begin;
  path_size_ = question - begin;
  request_.query_string = target.substr(std::min(question + 1, target.size()));
}

std::string_view RequestReader::raw_path() const {
  return std::string_view(request_.target).substr(path_begin_, path_size_);
}

void RequestReader::ReadBody(size_t max_bytes) {
  SEXTANT_CHECK(state_ == State::kHeaderDone);
  max_body_bytes_ = max_bytes;
  if (parser_->is_done()) {
    state_ = State::kDone;
    return;
  }
  auto length = parser_->content_length();
  if (length.has_value() && *length > max_bytes) {
    Refuse(413, "body_bytes", fmt::format("the body has {} bytes, allowed are {}", *length, max_bytes));
    return;
  }
  if (length.has_value()) request_.body.reserve(std::min<size_t>(*length, kMaxReservedBodyBytes));
  state_ = State::kBody;
}

void RequestReader::Next() {
  SEXTANT_CHECK(state_ == State::kDone);
  parser_ = std::make_unique<Parser>(*this);
  request_ = HttpRequest();
  state_ = State::kHeader;
  has_begun_ = false;
  has_body_ = false;
  keeps_alive_ = false;
  path_begin_ = 0;
  path_size_ = 0;
  header_bytes_ = 0;
}

}  // namespace sextant::net
