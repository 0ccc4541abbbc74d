// Which format and escaping an HTTP client gets, by its Accept header.
#pragma once

#include <string>
#include <string_view>

#include "core/metric_names.h"
#include "metrics/exposition/format.h"

namespace sextant::exposition {

struct NegotiatedFormat {
  Format format = Format::kPrometheusText;  // or kProtobuf
  core::Escaping escaping = core::Escaping::kUnderscores;
};

// The best of what the client takes, text 0.0.4 when it says nothing that we have. As in Prometheus, an
// escaping that stands at a better choice which we do not have holds for the worse ones behind it, unless
// they name their own. `has_protobuf`: whether protobuf is offered beside text.
NegotiatedFormat Negotiate(std::string_view accept, bool has_protobuf);

// Its Content-Type.
std::string ContentTypeOf(const NegotiatedFormat& format);

}  // namespace sextant::exposition
