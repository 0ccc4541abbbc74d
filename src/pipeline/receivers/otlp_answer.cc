#include "pipeline/receivers/otlp_answer.h"

#include "core/json_writer.h"
#include "wire/encode.h"

namespace sextant::pipeline {

namespace {

std::string_view RejectedKey(Signal signal) {
  switch (signal) {
    case Signal::kTraces:
      return "rejectedSpans";
    case Signal::kMetrics:
      return "rejectedDataPoints";
    case Signal::kLogs:
      return "rejectedLogRecords";
  }
  return "";
}

}  // namespace

std::string EncodeExportAnswer(const Taken& taken) {
  if (taken.rejected_items == 0) return {};
  std::string partial;
  wire::PutUintField(partial, 1, taken.rejected_items);
  wire::PutBytesField(partial, 2, taken.message);
  std::string answer;
  wire::PutBytesField(answer, 1, partial);
  return answer;
}

std::string EncodeExportAnswerJson(Signal signal, const Taken& taken) {
  core::JsonWriter json;
  json.BeginObject().Key("partialSuccess").BeginObject();
  if (taken.rejected_items > 0) {
    json.Key(RejectedKey(signal)).String(std::to_string(taken.rejected_items));
    json.Key("errorMessage").String(taken.message);
  }
  json.EndObject().EndObject();
  return std::move(json).Take();
}

}  // namespace sextant::pipeline
