#include "core/xml.h"

#include <algorithm>
#include <charconv>

#include "core/utf8.h"

namespace sextant::core {

namespace {


constexpr std::string_view kSpace = " \t\r\n";

class XmlReader {
 public:
  XmlReader(std::string_view text, XmlLimits limits) : text_(text), limits_(limits) {}

  Result<XmlElement> Read() {
    SEXTANT_TRY(SkipMisc());
    if (!Next("<")) return Stop("an element is missing");
    XmlElement root;
    SEXTANT_TRY(ReadElement(root, 0));
    SEXTANT_TRY(SkipMisc());
    if (at_ != text_.size()) return Stop("there is something behind the root element");
    return root;
  }

 private:
  tl::unexpected<Error> Stop(std::string_view why) const {
    return Fail(Code::kInvalidArgument, "XML, byte {}: {}", at_, why);
  }

  std::string_view Rest() const { return text_.substr(at_); }
  bool Next(std::string_view token) {
    if (!Rest().starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void SkipSpace() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }

  Status SkipPast(std::string_view end, std::string_view what) {
    size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return Stop(fmt::format("{} does not end", what));
    at_ = found + end.size();
    return {};
  }

  // What may stand around the root.
  Status SkipMisc() {
    while (true) {
      SkipSpace();
      if (Next("<?")) {
        SEXTANT_TRY(SkipPast("?>", "an instruction"));
      } else if (Next("<!--")) {
        SEXTANT_TRY(SkipPast("-->", "a comment"));
      } else if (Rest().starts_with("<!")) {
        return Stop("a document type is not allowed");
      } else {
        return {};
      }
    }
  }

  std::string ReadName() {
    size_t end = std::min(text_.find_first_of(" \t\r\n/>=<\"'", at_), text_.size());
    std::string name(text_.substr(at_, end - at_));
    at_ = end;
    return name;
  }

  // Behind the name of a start tag; says whether the element ends with it.
  Result<bool> SkipAttributes() {
    while (true) {
      SkipSpace();
      if (Next("/>")) return true;
      if (Next(">")) return false;
      if (ReadName().empty()) return Stop("an attribute's name is missing");
      SkipSpace();
      if (!Next("=")) return Stop("an attribute has no value");
      SkipSpace();
      bool is_double = Next("\"");
      if (!is_double && !Next("'")) return Stop("an attribute's value has no quotes");
      SEXTANT_TRY(SkipPast(is_double ? "\"" : "'", "an attribute"));
    }
  }

  // Behind its "<".
  Status ReadElement(XmlElement& element, size_t depth) {
    if (depth >= limits_.depth) {
      return Fail(Code::kResourceExhausted, "XML: elements are nested more than {} deep", limits_.depth);
    }
    if (++count_ > limits_.elements) {
      return Fail(Code::kResourceExhausted, "XML: more than {} elements", limits_.elements);
    }
    element.name = ReadName();
    if (element.name.empty()) return Stop("an element's name is missing");
    SEXTANT_ASSIGN(bool is_over, SkipAttributes());
    if (is_over) return {};
    while (true) {
      size_t tag = text_.find('<', at_);
      if (tag == std::string_view::npos)
        return Stop(fmt::format("the element {} does not end", element.name));
      SEXTANT_TRY(AppendText(text_.substr(at_, tag - at_), element.text));
      at_ = tag;
      if (Next("</")) return ReadEnd(element.name);
      if (Next("<!--")) {
        SEXTANT_TRY(SkipPast("-->", "a comment"));
      } else if (Next("<![CDATA[")) {
        size_t begin = at_;
        SEXTANT_TRY(SkipPast("]]>", "a CDATA section"));
        element.text += text_.substr(begin, at_ - 3 - begin);
      } else if (Next("<?")) {
        SEXTANT_TRY(SkipPast("?>", "an instruction"));
      } else {
        ++at_;
        SEXTANT_TRY(ReadElement(element.children.emplace_back(), depth + 1));
      }
    }
  }

  Status ReadEnd(const std::string& name) {
    if (ReadName() != name) return Stop(fmt::format("another element than {} ends", name));
    SkipSpace();
    if (!Next(">")) return Stop("an end tag does not end");
    return {};
  }

  Status AppendText(std::string_view raw, std::string& out) {
    while (!raw.empty()) {
      size_t ampersand = std::min(raw.find('&'), raw.size());
      out += raw.substr(0, ampersand);
      raw.remove_prefix(ampersand);
      if (raw.empty()) return {};
      size_t end = raw.find(';');
      if (end == std::string_view::npos || !AppendEntity(raw.substr(1, end - 1), out)) {
        return Stop("an entity is not known");
      }
      raw.remove_prefix(end + 1);
    }
    return {};
  }

  static bool AppendEntity(std::string_view entity, std::string& out) {
    constexpr std::pair<std::string_view, char> kNamed[] = {
        {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [name, c] : kNamed) {
      if (entity != name) continue;
      out += c;
      return true;
    }
    if (!entity.starts_with('#')) return false;
    bool is_hex = entity.starts_with("#x");
    std::string_view digits = entity.substr(is_hex ? 2 : 1);
    uint32_t code = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, is_hex ? 16 : 10);
    bool is_number = error == std::errc() && end == digits.data() + digits.size();
    bool is_surrogate = code >= 0xd800 && code < 0xe000;
    if (!is_number || code == 0 || code > 0x10ffff || is_surrogate) return false;
    AppendUtf8(code, out);
    return true;
  }

  const std::string_view text_;
  const XmlLimits limits_;
  size_t at_ = 0;
  size_t count_ = 0;
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view child) const {
  auto found = std::ranges::find_if(children, [&](const XmlElement& one) { return one.name == child; });
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlElement::Text(std::string_view child) const {
  const XmlElement* found = Find(child);
  return found == nullptr ? std::string_view() : found->text;
}

Result<XmlElement> ParseXml(std::string_view text, XmlLimits limits) {
  return XmlReader(text, limits).Read();
}

}  // namespace sextant::core
