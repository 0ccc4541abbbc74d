// Small text jobs of the configuration reader: quoting, base64, byte sizes, and guessing what a misspelt word
// meant.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::config {

// A text in double quotes with everything unprintable escaped in Go's manner, as Prometheus shows values in
// errors.
std::string Quote(std::string_view text);

// Decodes standard base64 with padding; line breaks are skipped. False when it is not base64.
bool DecodeBase64(std::string_view text, std::string& decoded);

// Parses sizes as Prometheus writes them ("15MB", "1KiB", "1.5GB", "0"): both spellings count in powers of
// 1024, a unit is required. Errors are kInvalidArgument with Prometheus' texts.
core::Result<int64_t> ParseByteSize(std::string_view text);
// The other way round: 15728640 → "15MiB".
std::string FormatByteSize(int64_t size_bytes);

// The candidate that `word` most likely was meant to be, or "" when none is near enough.
std::string_view ClosestName(std::string_view word, const std::vector<std::string_view>& candidates);
// `; did you mean "x"?`, or "" when nothing is near enough.
std::string Suggestion(std::string_view word, const std::vector<std::string_view>& candidates);

// Whether a text is valid UTF-8.
bool IsUtf8(std::string_view text);

// Checks that a text is a regular expression of Go's syntax; the error is worded as Go's.
core::Status CheckRegex(std::string_view expression);

}  // namespace sextant::config
