// XML answers of APIs as a tree: elements and their text. Attributes, comments and processing instructions
// are passed over; a document type is refused, since entities of its own could blow a small text up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::core {

struct XmlElement {
  std::string name;
  std::string text;  // what stands in it besides elements
  std::vector<XmlElement> children;

  // The first child of that name, or null.
  const XmlElement* Find(std::string_view child) const;
  // The text of a child, or "".
  std::string_view Text(std::string_view child) const;
};

struct XmlLimits {
  size_t depth = 64;
  size_t elements = 4'000'000;
};

// The root element. kInvalidArgument says at which byte it stopped; kResourceExhausted above the limits.
Result<XmlElement> ParseXml(std::string_view text, XmlLimits limits = {});

}  // namespace sextant::core
