#include "model/value.h"

#include "core/float_text.h"

namespace sextant::model {

std::string FormatValue(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string text;
  core::AppendFixed(text, value);
  return text;
}

}  // namespace sextant::model
