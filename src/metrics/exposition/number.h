// Numbers as Go's strconv reads them, fast for what samples look like.
#pragma once

#include <string>
#include <string_view>

namespace sextant::exposition {

enum class NumberError { kNone, kSyntax, kRange, kUnsupported };

// A float as Go's ParseFloat accepts it, minus hexadecimal floats and underscores (kUnsupported), as
// Prometheus has it.
NumberError ParseFloat(std::string_view text, double& value);

// The error as Prometheus words it: `strconv.ParseFloat: parsing "x": invalid syntax`.
std::string FloatErrorText(std::string_view text, NumberError error);

// Reads a number from the start of [at, …) and returns the end of what it read, or null for what it leaves to
// ParseFloat: anything that is not plain digits with an optional sign, fraction and exponent, or that needs
// care to round. The text must be followed by a byte that cannot be part of a number.
const char* ScanNumber(const char* at, double& value);

// A float as Go's 'g' format with the shortest digits ("1e+06", "0.25", "NaN", "+Inf"): how the text format
// writes it.
std::string FormatTextFloat(double value);

// The same with ".0" behind whole numbers: how OpenMetrics, and the labels
// `le` and `quantile`, write it.
std::string FormatOpenMetricsFloat(double value);

}  // namespace sextant::exposition
