// The JSON of Alertmanager's API v2: what a POST holds, checked in the order and with the words of the
// original's generated code, and how alerts, groups and silences are written.
//
// Pure functions; any thread may call.
// Specification: api/v2/openapi.yaml of prometheus/alertmanager.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "alerting/alertmanager.h"
#include "core/json_writer.h"

namespace sextant::api {

// Why a body was refused: an HTTP status and the original's own code and message.
struct BodyError {
  int status = 400;
  int code = 400;
  std::string message;
};

template <typename T>
using BodyResult = tl::expected<T, BodyError>;

BodyResult<std::vector<alerting::Alert>> ReadPostedAlerts(std::string_view body);
// Regular expressions that do not compile are refused as SilenceStore would refuse them.
BodyResult<alerting::Silence> ReadPostedSilence(std::string_view body);

// "2026-01-02T03:04:05.678Z".
std::string FormatMillis(core::TimestampMs time_ms);

// `muted_by` are the time intervals that hold the group back, of which the alert is shown.
void WriteAlert(core::JsonWriter& json, const alerting::AlertView& view,
                const std::vector<std::string>& muted_by = {});
void WriteGroup(core::JsonWriter& json, const alerting::GroupView& group);
void WriteSilence(core::JsonWriter& json, const alerting::Silence& silence, core::TimestampMs now_ms);

}  // namespace sextant::api
