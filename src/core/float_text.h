// Numbers as Go writes them, where users of the originals would notice a difference.
#pragma once

#include <string>

namespace sextant::core {

// Appends a finite number without an exponent, with the shortest digits that read back as the same number,
// zeros behind them where it is large: Go's strconv.FormatFloat(v, 'f', -1, 64).
void AppendFixed(std::string& out, double value);

// Appends a finite number with the shortest digits and an exponent of at least two digits: Go's
// FormatFloat(v, 'e', -1, 64).
void AppendScientific(std::string& out, double value);

}  // namespace sextant::core
