// How long Telegram finds a text with its HTML markup. A pure function.
#pragma once

#include <cstddef>
#include <string_view>

namespace sextant::alerting {

// What is sent in place of a message that is too long to be read; other programs look for these words.
inline constexpr const char* kTelegramTooLong =
    "Alertmanager notification could not be sent: message length exceeds Telegram limits.\n"
    "\t\t\tPlease check the template used for producing the message content.";

// Characters that are left when tags are gone and the entities that Telegram knows are one character each.
// Markup that Telegram does not know (comments, an open tag) counts in full.
size_t CountTelegramRunes(std::string_view html);

}  // namespace sextant::alerting
