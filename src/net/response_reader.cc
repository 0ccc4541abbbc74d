#include "net/response_reader.h"

#include <algorithm>
#include <charconv>

namespace sextant::net {

namespace {

// A chunk's size line with its extensions; the trailers together.
constexpr size_t kMaxLineBytes = 4 << 10;
constexpr size_t kMaxTrailerBytes = 64 << 10;

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

// Takes the first line off `text`, without its end. `text` has one.
std::string_view TakeLine(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

size_t CountFields(const HttpHeaders& headers, std::string_view name) {
  size_t count = 0;
  for (size_t i = 0; i < headers.size(); ++i) count += EqualsIgnoreCase(headers.name(i), name);
  return count;
}

}  // namespace

bool ResponseReader::is_redirect() const {
  bool is_moved = status_ == 301 || status_ == 302 || status_ == 303 || status_ == 307 || status_ == 308;
  return is_moved && collector_.headers().Has("Location");
}

ResponseReader::Progress ResponseReader::Feed(std::string_view bytes) {
  has_begun_ = has_begun_ || !bytes.empty();
  Progress progress = Progress::kMore;
  while (!bytes.empty() && progress == Progress::kMore) {
    switch (part_) {
      case Part::kHead:
        progress = ReadHead(bytes);
        break;
      case Part::kSized:
        progress = ReadSized(bytes);
        break;
      case Part::kUntilEnd:
        if (!collector_.AppendBody(bytes)) return Progress::kFailed;
        bytes = {};
        break;
      default:
        progress = ReadChunked(bytes);
    }
  }
  // A server that says more than it was asked is not to be asked again.
  if (progress == Progress::kDone && !bytes.empty()) may_reuse_ = false;
  return progress;
}

ResponseReader::Progress ResponseReader::FeedEnd() const {
  return part_ == Part::kUntilEnd ? Progress::kDone : Progress::kMore;
}

ResponseReader::Progress ResponseReader::ReadHead(std::string_view& bytes) {
  constexpr std::string_view kBegin = "HTTP/1.";
  constexpr std::string_view kEnd = "\r\n\r\n";
  for (size_t i = held_.size(); i < kBegin.size() && i - held_.size() < bytes.size(); ++i) {
    if (bytes[i - held_.size()] != kBegin[i])
      return Progress::kOdd;  // a server of something else may stay open
  }
  size_t limit = collector_.request().max_header_bytes;
  size_t from = held_.size() < kEnd.size() ? 0 : held_.size() - (kEnd.size() - 1);
  size_t held_before = held_.size();
  if (held_.empty()) {
    size_t end = bytes.find(kEnd);
    if (end != std::string_view::npos) {
      std::string_view head = bytes.substr(0, end + 2);
      bytes.remove_prefix(end + kEnd.size());
      return TakeHead(head);
    }
  }
  held_.append(bytes);
  size_t end = held_.find(kEnd, from);
  if (end == std::string::npos) {
    bytes = {};
    if (held_.size() <= limit) return Progress::kMore;
    return collector_.AppendHeader(held_) ? Progress::kOdd : Progress::kFailed;  // words the error
  }
  bytes.remove_prefix(end + kEnd.size() - held_before);
  std::string head = std::move(held_);
  held_.clear();
  head.resize(end + 2);
  return TakeHead(head);
}

// "HTTP/1.1 200 OK"
bool ResponseReader::TakeStatusLine(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || (line[7] != '0' && line[7] != '1')) return false;
  if (line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) return false;
  std::string_view digits = line.substr(9, 3);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), status_);
  if (error != std::errc() || end != digits.data() + digits.size() || status_ < 200) return false;
  may_reuse_ = line[7] == '1';
  return true;
}

ResponseReader::Progress ResponseReader::TakeHead(std::string_view head) {
  std::string_view line = TakeLine(head);
  if (!TakeStatusLine(line)) return Progress::kOdd;
  if (!collector_.AppendHeader(line)) return Progress::kFailed;
  while (!head.empty()) {
    line = TakeLine(head);
    // A name that is none, and a line that goes on with the one before (obs-fold), are not for us.
    if (!IsToken(line.substr(0, std::min(line.find(':'), line.size())))) return Progress::kOdd;
    if (line.find(':') == std::string_view::npos) return Progress::kOdd;
    if (!collector_.AppendHeader(line)) return Progress::kFailed;
  }
  return ChooseBody();
}

// RFC 9112, 6.3.
ResponseReader::Progress ResponseReader::ChooseBody() {
  const HttpHeaders& headers = collector_.headers();
  if (headers.HasToken("Connection", "close")) may_reuse_ = false;
  if (status_ == 204 || status_ == 304) return Progress::kDone;
  size_t codings = CountFields(headers, "Transfer-Encoding");
  size_t lengths = CountFields(headers, "Content-Length");
  if (codings + lengths > 1) return Progress::kOdd;
  if (codings == 1) {
    if (!EqualsIgnoreCase(headers.Get("Transfer-Encoding"), "chunked")) return Progress::kOdd;
    part_ = Part::kChunkSize;
    return Progress::kMore;
  }
  if (lengths == 0) {
    may_reuse_ = false;
    part_ = Part::kUntilEnd;
    return Progress::kMore;
  }
  std::string_view text = headers.Get("Content-Length");
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), left_);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return Progress::kOdd;
  part_ = Part::kSized;
  return left_ == 0 ? Progress::kDone : Progress::kMore;
}

ResponseReader::Progress ResponseReader::ReadSized(std::string_view& bytes) {
  std::string_view piece = bytes.substr(0, std::min<uint64_t>(left_, bytes.size()));
  bytes.remove_prefix(piece.size());
  left_ -= piece.size();
  if (!collector_.AppendBody(piece)) return Progress::kFailed;
  if (left_ > 0) return Progress::kMore;
  if (part_ == Part::kSized) return Progress::kDone;
  part_ = Part::kChunkEnd;
  return Progress::kMore;
}

// Takes a whole line off `bytes` and what was held back; holds the rest back when its end has not come.
bool ResponseReader::ReadLine(std::string_view& bytes, std::string_view& line) {
  size_t end = bytes.find('\n');
  size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
  framing_bytes_ += size;
  held_.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  if (end == std::string_view::npos) return false;
  line = held_;
  line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

ResponseReader::Progress ResponseReader::ReadChunked(std::string_view& bytes) {
  if (part_ == Part::kChunk) return ReadSized(bytes);
  std::string_view line;
  bool is_whole = ReadLine(bytes, line);
  if (framing_bytes_ > (part_ == Part::kTrailer ? kMaxTrailerBytes : kMaxLineBytes)) return Progress::kOdd;
  if (!is_whole) return Progress::kMore;
  Progress progress = TakeChunkLine(line);
  held_.clear();
  if (part_ != Part::kTrailer) framing_bytes_ = 0;
  return progress;
}

ResponseReader::Progress ResponseReader::TakeChunkLine(std::string_view line) {
  if (part_ == Part::kTrailer) return line.empty() ? Progress::kDone : Progress::kMore;
  if (part_ == Part::kChunkEnd) {
    part_ = Part::kChunkSize;
    return line.empty() ? Progress::kMore : Progress::kOdd;
  }
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
  if (error != std::errc() || end == line.data()) return Progress::kOdd;
  std::string_view extension(end, static_cast<size_t>(line.data() + line.size() - end));
  if (!extension.empty() && extension[0] != ';' && extension[0] != ' ' && extension[0] != '\t') {
    return Progress::kOdd;
  }
  part_ = left_ == 0 ? Part::kTrailer : Part::kChunk;
  return Progress::kMore;
}

}  // namespace sextant::net
