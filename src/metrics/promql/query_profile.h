// What each part of a query took: series, samples, time and bytes per node of its plan. An evaluator fills it
// when the query asks for one (QueryOptions::profile); without, it costs one branch per node.
//
// Times include what a node's operands took: columns are pulled through the tree one series at a time, and
// whoever pulls pays. Where several threads read series, the time is that of all of them together, so that a
// node is never shorter than its operands; it may be longer than the query took. Owned by one query, on one
// thread; a part that another thread computes has a profile of its own, which is absorbed afterwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"

namespace sextant::promql {

struct ProfileNode {
  std::string kind;  // "aggregation", "function", "selector", …
  std::string name;  // "sum", "rate", "*"; may be empty
  std::string text;  // the part of the query
  bool is_step_invariant = false;
  int64_t series = 0;   // that it looked at or made
  int64_t points = 0;   // values that it gave, over all steps
  int64_t samples = 0;  // stored samples that it and its operands looked at
  int64_t bytes = 0;    // of what it gave
  int64_t time_ns = 0;  // with its operands
  int64_t self_ns = 0;  // without
  std::vector<ProfileNode> operands;
};

// One question to the store.
struct ProfileSelection {
  std::string selector;
  TimestampMs min_ms = 0;
  TimestampMs max_ms = 0;
  int64_t series = 0;
};

class QueryProfile {
 public:
  explicit QueryProfile(const core::Clock& clock) : clock_(clock) {}
  QueryProfile(const QueryProfile&) = delete;
  QueryProfile& operator=(const QueryProfile&) = delete;

  // For the evaluator. Measures as long as it lives.
  class Span {
   public:
    // A null profile measures nothing.
    Span(QueryProfile* profile, const PlanNode& node, QueryContext& context);
    ~Span();
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

   private:
    QueryProfile* const profile_;
    const PlanNode& node_;
    QueryContext& context_;
    int64_t start_ns_ = 0;  // of the clock and the shared time together
    int64_t start_samples_ = 0;
  };
  // The same source, which measures whoever reads it.
  SourcePtr Watch(const PlanNode& node, SourcePtr source, QueryContext& context);
  // Time that other threads spent (or this one only waited, when negative) for the nodes measured just now.
  void AddSharedTime(int64_t ns) { shared_ns_ += ns; }
  // Adds what a part of the query noted.
  void Absorb(const QueryProfile& part);
  void NoteSelection(const Selection& selection, size_t series);
  void NoteValues(const PlanNode& node, int64_t series, int64_t points, int64_t bytes);

  // Once the query is over, also after an error: copies what there is to say of a plan.
  void Finish(const Plan& plan, std::string_view query);

  // What the query did; empty before Finish.
  const ProfileNode& root() const { return root_; }
  const std::vector<ProfileSelection>& selections() const { return selections_; }

 private:
  struct Measures {
    int64_t series = 0;
    int64_t points = 0;
    int64_t samples = 0;
    int64_t bytes = 0;
    int64_t time_ns = 0;
  };

  ProfileNode Describe(const PlanNode& node, std::string_view query) const;

  const core::Clock& clock_;
  int64_t shared_ns_ = 0;
  std::unordered_map<const PlanNode*, Measures> measures_;
  std::vector<ProfileSelection> selections_;
  ProfileNode root_;
};

}  // namespace sextant::promql
