#include "alerting/receivers/mail_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "gotemplate/unicode.h"

namespace sextant::alerting {
namespace {

constexpr size_t kMaxLine = 76;
constexpr size_t kMaxAddresses = 500;
constexpr std::string_view kWordBegin = "=?utf-8?q?";
constexpr std::string_view kWordEnd = "?=";
constexpr size_t kMaxWordContent = 75 - kWordBegin.size() - kWordEnd.size();

bool IsWhite(char c) { return c == ' ' || c == '\t'; }

void AppendHex(std::string& out, char byte) {
  out += fmt::format("={:02X}", static_cast<unsigned char>(byte));
}

// Builds lines with soft breaks where they grow too long.
class QuotedPrintableWriter {
 public:
  void Plain(char c) {
    if (line_.size() == kMaxLine - 1) SoftBreak();
    line_ += c;
  }
  void Encoded(char c) {
    if (kMaxLine - 1 - line_.size() < 3) SoftBreak();
    AppendHex(line_, c);
  }
  void HardBreak() {
    ProtectLast();
    Flush();
  }
  std::string Finish() {
    ProtectLast();
    return out_ + line_;
  }

 private:
  // White space at a line's end gets lost on the way.
  void ProtectLast() {
    if (line_.empty() || !IsWhite(line_.back())) return;
    const char last = line_.back();
    line_.pop_back();
    Encoded(last);
  }
  void SoftBreak() {
    line_ += '=';
    Flush();
  }
  void Flush() {
    out_ += line_ + "\r\n";
    line_.clear();
  }

  std::string out_;
  std::string line_;
};

// Reads one list of addresses from left to right.
class AddressReader {
 public:
  explicit AddressReader(std::string_view text) : rest_(text) {}

  core::Result<std::vector<std::string>> ReadAll() {
    std::vector<std::string> addresses;
    while (true) {
      SkipSpace();
      if (addresses.size() == kMaxAddresses)
        return core::Fail(core::Code::kResourceExhausted, "mail: more than {} addresses", kMaxAddresses);
      SEXTANT_ASSIGN(addresses.emplace_back(), ReadOne());
      SkipSpace();
      if (rest_.empty()) return addresses;
      if (rest_.front() != ',') return Fail("expected comma");
      rest_.remove_prefix(1);
    }
  }

 private:
  static tl::unexpected<core::Error> Fail(std::string_view what) {
    return core::Fail(core::Code::kInvalidArgument, "mail: {}", what);
  }

  void SkipSpace() {
    while (!rest_.empty() && (IsWhite(rest_.front()) || rest_.front() == '\r' || rest_.front() == '\n'))
      rest_.remove_prefix(1);
  }

  // Words before "<", or an address by itself.
  core::Result<std::string> ReadOne() {
    if (rest_.empty()) return Fail("no address");
    std::string words;
    while (!rest_.empty() && rest_.front() != ',' && rest_.front() != '<') {
      if (rest_.front() == '"') {
        SEXTANT_ASSIGN(const std::string quoted, ReadQuoted());
        words += quoted;
      } else {
        words += rest_.front();
        rest_.remove_prefix(1);
      }
    }
    if (rest_.empty() || rest_.front() == ',') return Checked(gotemplate::TrimSpace(words));
    const size_t end = rest_.find('>');
    if (end == std::string_view::npos) return Fail("unclosed angle-addr");
    const std::string_view address = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return Checked(gotemplate::TrimSpace(address));
  }

  core::Result<std::string> ReadQuoted() {
    size_t end = 1;
    while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) return Fail("unclosed quoted-string");
    std::string quoted(rest_.substr(0, end + 1));
    rest_.remove_prefix(end + 1);
    return quoted;
  }

  static core::Result<std::string> Checked(std::string_view address) {
    const size_t at = address.rfind('@');
    if (at == std::string_view::npos || at == 0 || at + 1 == address.size())
      return Fail("missing '@' or angle-addr");
    const bool is_quoted = address.front() == '"' && address[at - 1] == '"';
    const auto is_bad = [&](size_t i) {
      const char c = address[i];
      if (static_cast<unsigned char>(c) < ' ' || c == 0x7F || c == '<' || c == '>') return true;
      return (i > at || !is_quoted) && (c == ' ' || c == '"' || c == '(' || c == ')' || c == ';');
    };
    for (size_t i = 0; i < address.size(); ++i) {
      if (is_bad(i)) return Fail("invalid character in address");
    }
    return std::string(address);
  }

  std::string_view rest_;
};

}  // namespace

std::string EncodeHeaderValue(std::string_view value) {
  const auto is_plain = [](char c) { return (c >= ' ' && c <= '~') || c == '\t'; };
  if (std::ranges::all_of(value, is_plain)) return std::string(value);
  std::string out(kWordBegin);
  size_t length = 0;
  for (size_t i = 0; i < value.size();) {
    const char c = value[i];
    const bool is_literal = c >= ' ' && c <= '~' && c != '=' && c != '?' && c != '_';
    const size_t size = is_literal ? 1 : gotemplate::DecodeRune(value.substr(i)).size;
    const size_t encoded = is_literal ? 1 : 3 * size;
    if (length + encoded > kMaxWordContent) {
      out += fmt::format("{}\r\n {}", kWordEnd, kWordBegin);
      length = 0;
    }
    if (is_literal) {
      out += c == ' ' ? '_' : c;
    } else {
      for (const char byte : value.substr(i, size)) AppendHex(out, byte);
    }
    length += encoded;
    i += size;
  }
  return out + std::string(kWordEnd);
}

std::string QuotedPrintable(std::string_view text) {
  QuotedPrintableWriter writer;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' || c == '\n') {
      writer.HardBreak();
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
    } else if ((c >= '!' && c <= '~' && c != '=') || IsWhite(c)) {
      writer.Plain(c);
    } else {
      writer.Encoded(c);
    }
  }
  return writer.Finish();
}

core::Result<std::vector<std::string>> ParseAddressList(std::string_view text) {
  return AddressReader(text).ReadAll();
}

}  // namespace sextant::alerting
