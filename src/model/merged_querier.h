// Several stores read as one: a primary, whose errors are errors, and others, whose errors are warnings and
// which then count as empty. Samples of one series are put together; of two at one time the primary's is
// taken.
//
// Names and values of labels are the primary's only.
#pragma once

#include <memory>
#include <vector>

#include "model/storage.h"

namespace sextant::model {

// Queriers that are not needed for a range need not be there. Without others it is the primary itself.
std::unique_ptr<Querier> MergeQueriers(std::unique_ptr<Querier> primary,
                                       std::vector<std::unique_ptr<Querier>> others);

}  // namespace sextant::model
