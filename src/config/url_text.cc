#include "config/url_text.h"

namespace sextant::config {

std::string RedactUrl(std::string_view url) {
  constexpr std::string_view kMark = "://";
  size_t mark = url.find(kMark);
  if (mark == std::string_view::npos) return std::string(url);
  size_t begin = mark + kMark.size();
  std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  size_t colon = authority.substr(0, at).find(':');
  if (colon == std::string_view::npos) return std::string(url);
  std::string text(url.substr(0, begin + colon + 1));
  text += "xxxxx";
  text += url.substr(begin + at);
  return text;
}

CodecFor<std::string> UrlText() {
  return Custom<std::string>([](Node node) -> core::Result<std::string> { return node.AsText(); },
                             [](const std::string& url, YamlWriter& out) { out.Text(RedactUrl(url)); },
                             [](const std::string& url) { return url.empty(); });
}

}  // namespace sextant::config
