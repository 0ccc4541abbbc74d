// Batches as OTLP's requests, and back.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "pipeline/telemetry.h"

namespace sextant::pipeline {

enum class OtlpEncoding { kProtobuf, kJson };

// An Export…ServiceRequest of the batch's signal.
std::string EncodeBatch(const Telemetry& batch, OtlpEncoding encoding);

// The batch in a request, which it keeps as long as it refers to it. Errors as in otlp/spans.h.
core::Result<Telemetry> DecodeBatch(Signal signal, OtlpEncoding encoding,
                                    const std::shared_ptr<const std::string>& request);

}  // namespace sextant::pipeline
