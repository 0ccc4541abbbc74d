#include "metrics/exposition/lexer_error.h"

#include <fmt/core.h>

#include "model/labels.h"

namespace sextant::exposition {

std::string QuoteBytes(std::string_view bytes) {
  constexpr size_t kShownBytes = 400;
  if (bytes.size() <= kShownBytes) return model::QuoteGo(bytes);
  return model::QuoteGo(bytes.substr(0, kShownBytes)) + "…";
}

std::string UnexpectedToken(std::string_view expected, std::string_view got, std::string_view token_name,
                            std::string_view parsed) {
  return fmt::format("{}, got {} (\"{}\") while parsing: {}", expected, QuoteBytes(got), token_name,
                     QuoteBytes(parsed));
}

}  // namespace sextant::exposition
