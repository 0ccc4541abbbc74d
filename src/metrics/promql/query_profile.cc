#include "metrics/promql/query_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sextant::promql {

namespace {

class WatchedSource final : public SeriesSource {
 public:
  WatchedSource(QueryProfile& profile, const PlanNode& node, SourcePtr inner, QueryContext& context)
      : profile_(profile), node_(node), inner_(std::move(inner)), context_(context) {}

  size_t size() const override { return inner_->size(); }
  const model::Labels& labels(size_t index) const override { return inner_->labels(index); }
  bool HidesMetadata() const override { return inner_->HidesMetadata(); }
  bool DropsName(size_t index) const override { return inner_->DropsName(index); }
  bool HasOneName() const override { return inner_->HasOneName(); }
  core::Status Read(size_t index, Column& out) override {
    QueryProfile::Span span(&profile_, node_, context_);
    SEXTANT_TRY(inner_->Read(index, out));
    auto points = static_cast<int64_t>(out.CountPresent());
    auto bytes = static_cast<int64_t>(out.values.size() * sizeof(double) +
                                      out.histograms.size() * sizeof(HistogramPtr));
    profile_.NoteValues(node_, points > 0 ? 1 : 0, points, bytes);
    return {};
  }
  SourcePtr Fork(QueryContext& part) const override {
    SourcePtr inner = inner_->Fork(part);
    return inner ? part.profile()->Watch(node_, std::move(inner), part) : nullptr;
  }

 private:
  QueryProfile& profile_;
  const PlanNode& node_;
  const SourcePtr inner_;
  QueryContext& context_;
};

std::string_view KindOf(const PlanNode& node) {
  switch (node.kind) {
    case PlanKind::kNumber:
      return "number";
    case PlanKind::kString:
      return "string";
    case PlanKind::kSelector:
      return "selector";
    case PlanKind::kRange:
      return node.is_subquery ? "subquery" : "range";
    case PlanKind::kCall:
      return "function";
    case PlanKind::kAggregate:
      return "aggregation";
    case PlanKind::kBinary:
      return "operation";
    case PlanKind::kNegate:
      return "operation";
  }
  return "";
}

std::string_view NameOf(const PlanNode& node) {
  switch (node.kind) {
    case PlanKind::kCall:
      return node.function->name;
    case PlanKind::kAggregate:
      return OpText(node.aggregate_op);
    case PlanKind::kBinary:
      return OpText(node.binary_op);
    case PlanKind::kNegate:
      return "-";
    default:
      return "";
  }
}

std::string TextOf(std::string_view query, Position position) {
  auto start =
      static_cast<size_t>(std::clamp<int64_t>(position.start, 0, static_cast<int64_t>(query.size())));
  auto end = static_cast<size_t>(
      std::clamp<int64_t>(position.end, static_cast<int64_t>(start), static_cast<int64_t>(query.size())));
  return std::string(query.substr(start, end - start));
}

}  // namespace

QueryProfile::Span::Span(QueryProfile* profile, const PlanNode& node, QueryContext& context)
    : profile_(profile), node_(node), context_(context) {
  if (!profile_) return;
  start_ns_ = profile_->clock_.MonotonicNs() + profile_->shared_ns_;
  start_samples_ = context_.stats().total_samples;
}

QueryProfile::Span::~Span() {
  if (!profile_) return;
  Measures& measures = profile_->measures_[&node_];
  measures.time_ns += profile_->clock_.MonotonicNs() + profile_->shared_ns_ - start_ns_;
  measures.samples += context_.stats().total_samples - start_samples_;
}

SourcePtr QueryProfile::Watch(const PlanNode& node, SourcePtr source, QueryContext& context) {
  return std::make_unique<WatchedSource>(*this, node, std::move(source), context);
}

void QueryProfile::Absorb(const QueryProfile& part) {
  for (const auto& [node, measures] : part.measures_) {
    Measures& all = measures_[node];
    all.series += measures.series;
    all.points += measures.points;
    all.samples += measures.samples;
    all.bytes += measures.bytes;
    all.time_ns += measures.time_ns;
  }
}

void QueryProfile::NoteSelection(const Selection& selection, size_t series) {
  std::string text;
  for (const model::Matcher& matcher : selection.matchers) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", matcher.ToString());
  }
  selections_.push_back(
      {fmt::format("{{{}}}", text), selection.min_ms, selection.max_ms, static_cast<int64_t>(series)});
}

void QueryProfile::NoteValues(const PlanNode& node, int64_t series, int64_t points, int64_t bytes) {
  Measures& measures = measures_[&node];
  measures.series += series;
  measures.points += points;
  measures.bytes += bytes;
}

void QueryProfile::Finish(const Plan& plan, std::string_view query) { root_ = Describe(*plan.root, query); }

ProfileNode QueryProfile::Describe(const PlanNode& node, std::string_view query) const {
  ProfileNode described;
  described.kind = KindOf(node);
  described.name = NameOf(node);
  described.text = TextOf(query, node.position);
  described.is_step_invariant = node.is_step_invariant;
  if (auto it = measures_.find(&node); it != measures_.end()) {
    described.series = it->second.series;
    described.points = it->second.points;
    described.samples = it->second.samples;
    described.bytes = it->second.bytes;
    described.time_ns = it->second.time_ns;
  }
  described.self_ns = described.time_ns;
  int64_t operands_samples = 0;
  for (const PlanPtr& arg : node.args) {
    ProfileNode operand = Describe(*arg, query);
    described.self_ns -= operand.time_ns;
    operands_samples += operand.samples;
    described.operands.push_back(std::move(operand));
  }
  described.self_ns = std::max<int64_t>(described.self_ns, 0);
  // A range of stored samples is read by the function over it: what is left is its own.
  for (size_t i = 0; i < node.args.size(); ++i) {
    const PlanNode& arg = *node.args[i];
    if (arg.kind != PlanKind::kRange) continue;
    ProfileNode& operand = described.operands[i];
    if (arg.is_subquery) {
      for (const ProfileNode& inner : operand.operands) {
        operand.series += inner.series;
        operand.points += inner.points;
        operand.samples += inner.samples;
        operand.bytes += inner.bytes;
        operand.time_ns += inner.time_ns;
        described.self_ns = std::max<int64_t>(described.self_ns - inner.time_ns, 0);
      }
    } else {
      operand.series = arg.selection < selections_.size() ? selections_[arg.selection].series : 0;
      operand.samples = std::max<int64_t>(described.samples - operands_samples, 0);
    }
  }
  return described;
}

}  // namespace sextant::promql
