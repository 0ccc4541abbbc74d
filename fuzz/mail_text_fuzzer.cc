// Mail's encodings take anything and keep their promises: short lines, no bare line breaks, no control
// characters in headers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "alerting/receivers/mail_text.h"
#include "alerting/receivers/telegram_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size > 16'384) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  const std::string body = sextant::alerting::QuotedPrintable(text);
  size_t length = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\n' && (i == 0 || body[i - 1] != '\r')) std::abort();
    length = body[i] == '\n' ? 0 : length + 1;
    if (length > 77) std::abort();  // 76 and the carriage return
  }
  const std::string value = sextant::alerting::EncodeHeaderValue(text);
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\n' && (i + 1 == value.size() || value[i + 1] != ' ')) std::abort();
  }
  static_cast<void>(sextant::alerting::ParseAddressList(text));
  static_cast<void>(sextant::alerting::CountTelegramRunes(text));
  return 0;
}
