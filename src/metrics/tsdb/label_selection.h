// One lookup in the label index: the series, values or names that matchers accept. Cheap matchers go first;
// what is left is then either tried one by one or met with the postings of all accepted values, whichever is
// less. A regular expression is run on each distinct value at most once, and what it found is kept for the
// next time. Private to the index.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/tsdb/label_index.h"
#include "metrics/tsdb/sliced_lookup.h"

namespace sextant::tsdb {

class LabelSelection : private SlicedLookup {
 public:
  LabelSelection(const LabelIndex& index, const Pause& pause, const model::StopCheck* check)
      : SlicedLookup(index.removals_, pause, check), index_(index) {}

  Bitmap Select(const std::vector<model::Matcher>& matchers);
  void LabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                   std::vector<std::string>& out);
  void LabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out);

 private:
  using Ids = std::vector<uint32_t>;
  struct Step;

  std::optional<Bitmap> TrySelect(const std::vector<model::Matcher>& matchers);
  bool Apply(const Step& step, std::optional<Bitmap>& out);
  bool Keep(const Step& step, Bitmap& slots);
  Step Plan(const model::Matcher& matcher) const;
  // The pairs of the step's values.
  std::optional<Ids> PairsOf(const Step& step);
  std::optional<Ids> AcceptedPairs(const model::Matcher& matcher);
  bool UnionOf(const Ids& pairs, Bitmap& out);

  bool TryLabelValues(std::string_view name, const std::vector<model::Matcher>& matchers,
                      std::vector<std::string>& out);
  bool AddValues(std::string_view name, const std::vector<model::Matcher>& matchers, const Bitmap* slots,
                 std::vector<std::string>& out);
  bool ValuesOfSeries(std::string_view name, const Bitmap& slots, std::vector<std::string>& out);
  bool TryLabelNames(const std::vector<model::Matcher>& matchers, std::vector<std::string>& out);
  bool IsNameIn(const Ids& pairs, const Bitmap& slots, bool& is_in);

  const LabelIndex& index_;
};

}  // namespace sextant::tsdb
