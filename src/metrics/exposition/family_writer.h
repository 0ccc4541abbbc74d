// Writes samples of series whose type is not known, as federation shows them, in text or as protobuf.
//
//   std::unique_ptr<FamilyWriter> out = NewFamilyWriter(/*is_protobuf=*/false);
//   out->Add("up", {{"job", "a"}, {"instance", ""}}, 1, nullptr, time_ms);   // names in order
//   std::string body = out->Finish();
//
// Labels are written as they come, also empty ones. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "model/histogram.h"

namespace sextant::exposition {

class FamilyWriter {
 public:
  using LabelList = std::vector<std::pair<std::string, std::string>>;

  virtual ~FamilyWriter() = default;
  // A sample; a histogram, which only protobuf can carry, replaces `value`. Those of one name come together.
  virtual void Add(std::string_view name, const LabelList& labels, double value,
                   const model::FloatHistogram* histogram, core::TimestampMs time_ms) = 0;
  virtual std::string Finish() = 0;
};

std::unique_ptr<FamilyWriter> NewFamilyWriter(bool is_protobuf);

}  // namespace sextant::exposition
