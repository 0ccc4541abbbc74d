#include "app/version.h"

namespace sextant::app {

std::string_view Version() { return SEXTANT_VERSION; }

}  // namespace sextant::app
