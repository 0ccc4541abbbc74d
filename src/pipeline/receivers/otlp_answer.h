// What an OTLP request is answered with when it was taken: Export…ServiceResponse, with a partial success
// when some of it was not.
//
// https://opentelemetry.io/docs/specs/otlp/#partial-success
#pragma once

#include <string>

#include "pipeline/consumer.h"

namespace sextant::pipeline {

// In protobuf, which is the same for all signals; empty when all was taken.
std::string EncodeExportAnswer(const Taken& taken);
std::string EncodeExportAnswerJson(Signal signal, const Taken& taken);

}  // namespace sextant::pipeline
