// Functions that look at labels, not at samples: label_replace, label_join, the order of sort and
// sort_by_label, the labels of absent.
#pragma once

#include <string_view>

#include "core/result.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"

namespace sextant::promql {

// label_replace(v, dst, replacement, src, regex) with the arguments of `node`, in place.
core::Status LabelReplace(const PlanNode& node, HeldVector& vector, QueryContext& context);
// label_join(v, dst, separator, src, …), in place.
core::Status LabelJoin(const PlanNode& node, HeldVector& vector, QueryContext& context);

// Order of an instant vector of one step: by value, NaN last; histograms are left out.
core::Status SortByValue(bool is_descending, HeldVector& vector, QueryContext& context);
// By the labels that `node` names, in natural order ("a2" before "a10"), then by all labels.
core::Status SortByLabels(const PlanNode& node, bool is_descending, HeldVector& vector,
                          QueryContext& context);

// Whether `a` comes before `b` when runs of digits compare as numbers (as in Go's natsort package).
bool NaturalLess(std::string_view a, std::string_view b);

// The labels of absent(…): what the matchers of a selector demand to be equal; empty for other arguments.
model::Labels LabelsOfAbsent(const PlanNode& argument);

}  // namespace sextant::promql
