// Query results as JSON, byte for byte as Prometheus writes them.
#pragma once

#include <functional>

#include "core/json_writer.h"
#include "metrics/promql/query_result.h"

namespace sextant::api {

// Called after every series and now and then within long ones, so that a long result can be sent in pieces
// and none but a piece is in memory as text; false stops the writing.
using JsonProgress = std::function<bool(core::JsonWriter&)>;

struct QueryJsonOptions {
  bool with_stats = false;
  // Series that the engine keeps as columns are written on the query's grid: in place of "values" there is
  // "column":{"from":N,"values":[…]} with numbers from the N-th step on, null where there is none, and texts
  // ("NaN", "+Inf") for what JSON has no numbers for, which "hasTexts":true tells of. Ours alone; Prometheus
  // has no such form.
  bool as_columns = false;
  core::TimestampMs start_ms = 0;  // of the query's grid, for per-step statistics
  core::DurationMs step_ms = 0;
};

// {"resultType":…,"result":…[,"stats":…]}. Columns are freed as they are written. Returns false when
// `progress` stopped it.
bool WriteQueryData(core::JsonWriter& json, promql::QueryResult result, const QueryJsonOptions& options,
                    const JsonProgress& progress);

// A label set as an object.
void WriteLabels(core::JsonWriter& json, const model::Labels& labels);

// A time in seconds with milliseconds when there are any: 1435781451.781.
void AppendTimestamp(std::string& out, core::TimestampMs time_ms);
// A value as the API writes it inside quotes: exponents below 1e-6 and from 1e21 on, as Go's 'e' format.
void AppendValue(std::string& out, double value);

}  // namespace sextant::api
