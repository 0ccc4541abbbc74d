#include "agents/node/xml_rpc.h"

#include <charconv>
#include <cstdint>

#include "agents/node/host_files.h"
#include "core/utf8.h"
#include "model/labels.h"

namespace sextant::node {
namespace {

constexpr size_t kStructLimit = 10'000;

// The text or the tag that comes next.
struct Token {
  bool is_tag = false;
  std::string_view text;  // of a tag what is between < and >
};

class Tokens {
 public:
  explicit Tokens(std::string_view xml) : rest_(xml) {}

  bool Next(Token& token) {
    if (rest_.empty()) return false;
    token.is_tag = rest_.front() == '<';
    const size_t end = token.is_tag ? rest_.find('>') : rest_.find('<');
    if (token.is_tag && end == std::string_view::npos) return false;  // cut off
    token.text = token.is_tag ? rest_.substr(1, end - 1) : rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + (token.is_tag ? 1 : 0));
    return true;
  }

 private:
  std::string_view rest_;
};

// "&amp;" and the like; what is unknown stays as it is.
std::string Unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const size_t end = text.front() == '&' ? text.find(';') : std::string_view::npos;
    const std::string_view name =
        end == std::string_view::npos ? std::string_view() : text.substr(1, end - 1);
    uint32_t code = 0;
    if (name == "lt") code = '<';
    if (name == "gt") code = '>';
    if (name == "amp") code = '&';
    if (name == "quot") code = '"';
    if (name == "apos") code = '\'';
    if (name.starts_with('#')) {
      const bool is_hex = name.starts_with("#x");
      const std::string_view digits = name.substr(is_hex ? 2 : 1);
      std::from_chars(digits.data(), digits.data() + digits.size(), code, is_hex ? 16 : 10);
      if (code > 0x10ffff) code = 0;
    }
    if (code != 0) {
      core::AppendUtf8(code, plain);
      text.remove_prefix(end + 1);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  return plain;
}

}  // namespace

core::Result<std::vector<XmlRpcStruct>> ParseXmlRpcStructs(std::string_view xml) {
  std::vector<XmlRpcStruct> structs;
  Tokens tokens(xml);
  Token token;
  std::vector<XmlRpcStruct> open;  // structures that have begun
  std::string name;                // of the member that is read
  std::string text;                // of the innermost element so far
  bool is_answer = false;
  bool is_fault = false;
  bool is_whole = false;
  while (tokens.Next(token)) {
    if (!token.is_tag) {
      text = token.text;
      continue;
    }
    const std::string_view tag = token.text;
    if (tag == "methodResponse") is_answer = true;
    if (tag == "/methodResponse") is_whole = true;
    if (tag == "fault") is_fault = true;
    if (tag == "struct") open.emplace_back();
    if (open.size() > 8) return core::Fail(core::Code::kInvalidArgument, "structures too deep in each other");
    if (tag == "/name") name = Unescape(text);
    if (tag == "/value" && !open.empty() && !name.empty()) {
      open.back()[name] = Unescape(text);
      name.clear();
    }
    if (tag == "/struct" && !open.empty()) {
      if (structs.size() >= kStructLimit) {
        return core::Fail(core::Code::kResourceExhausted, "more than {} structures", kStructLimit);
      }
      if (open.size() == 1) structs.push_back(std::move(open.back()));
      open.pop_back();
    }
    if (!tag.starts_with('/') || tag == "/name" || tag == "/value") text.clear();
  }
  if (!is_answer || !is_whole) return core::Fail(core::Code::kInvalidArgument, "no answer in XML-RPC");
  if (is_fault) {
    const auto reason = structs.empty() ? XmlRpcStruct::const_iterator() : structs[0].find("faultString");
    const bool has_reason = !structs.empty() && reason != structs[0].end();
    return core::Fail(core::Code::kUnavailable, "refused: {}",
                      model::QuoteGo(has_reason ? reason->second.substr(0, 200) : ""));
  }
  return structs;
}

}  // namespace sextant::node
