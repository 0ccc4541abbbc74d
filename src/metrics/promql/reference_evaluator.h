// A plain evaluator of PromQL for tests: one step at a time, straight from the definition, with no regard to
// speed. What the column engine is compared with. Knows floats and the core of the language; fails a test on
// anything else.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "metrics/promql/ast.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/test_storage.h"
#include "model/value.h"

namespace sextant::promql::reference {

using core::TimestampMs;
using model::Labels;

// The query has no answer, as Prometheus says too.
struct QueryFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Element {
  Labels labels;
  double value = 0;
};
using Vector = std::vector<Element>;

struct Point {
  TimestampMs time_ms = 0;
  double value = 0;
};
struct RangeSeries {
  Labels labels;
  std::vector<Point> points;
};

class Evaluator {
 public:
  Evaluator(const TestStorage& storage, core::DurationMs lookback_ms, core::DurationMs subquery_step_ms,
            TimestampMs start_ms, TimestampMs end_ms)
      : storage_(storage),
        lookback_ms_(lookback_ms),
        subquery_step_ms_(subquery_step_ms),
        start_ms_(start_ms),
        end_ms_(end_ms) {}

  Vector EvalVector(const Expr& expr, TimestampMs t) {
    switch (expr.kind) {
      case NodeKind::kParen:
        return EvalVector(*As<ParenExpr>(&expr)->expr, t);
      case NodeKind::kVectorSelector:
        return Select(*As<VectorSelector>(&expr), t);
      case NodeKind::kUnary: {
        Vector vector = EvalVector(*As<UnaryExpr>(&expr)->expr, t);
        if (As<UnaryExpr>(&expr)->op == UnaryOp::kAdd) return vector;
        for (Element& element : vector) element = {WithoutName(element.labels), -element.value};
        return Unique(vector);
      }
      case NodeKind::kCall:
        return EvalCall(*As<Call>(&expr), t);
      case NodeKind::kAggregate:
        return Aggregate(*As<AggregateExpr>(&expr), t);
      case NodeKind::kBinary:
        return EvalBinary(*As<BinaryExpr>(&expr), t);
      default:
        throw std::logic_error("not a vector");
    }
  }

  double EvalScalar(const Expr& expr, TimestampMs t) {
    switch (expr.kind) {
      case NodeKind::kParen:
        return EvalScalar(*As<ParenExpr>(&expr)->expr, t);
      case NodeKind::kNumber:
        return As<NumberLiteral>(&expr)->value;
      case NodeKind::kUnary: {
        double value = EvalScalar(*As<UnaryExpr>(&expr)->expr, t);
        return As<UnaryExpr>(&expr)->op == UnaryOp::kSub ? -value : value;
      }
      case NodeKind::kBinary: {
        const auto& binary = *As<BinaryExpr>(&expr);
        return Calculate(binary.op, EvalScalar(*binary.lhs, t), EvalScalar(*binary.rhs, t));
      }
      case NodeKind::kCall: {
        const auto& call = *As<Call>(&expr);
        if (call.function->id == FunctionId::kTime) return static_cast<double>(t) / 1000;
        if (call.function->id == FunctionId::kScalar) {
          Vector vector = EvalVector(*call.args[0], t);
          return vector.size() == 1 ? vector[0].value : std::nan("");
        }
        throw std::logic_error("unknown scalar function");
      }
      default:
        throw std::logic_error("not a scalar");
    }
  }

 private:
  static Labels WithoutName(const Labels& labels) {
    model::LabelsBuilder builder(labels);
    builder.Delete(model::kMetricName);
    return builder.Build();
  }

  static Vector Unique(Vector vector) {
    for (size_t i = 0; i < vector.size(); ++i) {
      for (size_t j = i + 1; j < vector.size(); ++j) {
        if (vector[i].labels == vector[j].labels) {
          throw QueryFailure("vector cannot contain metrics with the same labelset");
        }
      }
    }
    return vector;
  }

  TimestampMs Reference(const TimeModifiers& time, TimestampMs t) const {
    if (time.timestamp_ms) t = *time.timestamp_ms;
    if (time.start_or_end == StartOrEnd::kStart) t = start_ms_;
    if (time.start_or_end == StartOrEnd::kEnd) t = end_ms_;
    return t - time.original_offset_ms;
  }

  Vector Select(const VectorSelector& selector, TimestampMs t) const {
    t = Reference(selector.time, t);
    Vector vector;
    for (const auto& [labels, samples] : storage_.series()) {
      if (!model::MatchesAll(selector.matchers, labels)) continue;
      if (selector.smoothed) {
        if (std::optional<double> value = Smoothed(samples, t)) vector.push_back({labels, *value});
        continue;
      }
      std::optional<double> value;
      for (size_t i = 0; i < samples.size(); ++i) {
        if (samples.times_ms[i] <= t && samples.times_ms[i] > t - lookback_ms_) value = samples.values[i];
      }
      if (value && !model::IsStaleNan(*value)) vector.push_back({labels, *value});
    }
    return vector;
  }

  // The samples of (start, end], stale markers left out.
  static std::vector<Point> PointsIn(const model::SampleColumns& samples, TimestampMs start,
                                     TimestampMs end) {
    std::vector<Point> points;
    for (size_t i = 0; i < samples.size(); ++i) {
      if (samples.times_ms[i] <= start || samples.times_ms[i] > end || model::IsStaleNan(samples.values[i]))
        continue;
      points.push_back({samples.times_ms[i], samples.values[i]});
    }
    return points;
  }

  // On the straight line between the neighbours of a time; the last value stays.
  std::optional<double> Smoothed(const model::SampleColumns& samples, TimestampMs t) const {
    const Point* before = nullptr;
    const Point* after = nullptr;
    std::vector<Point> points = PointsIn(samples, t - lookback_ms_, t + lookback_ms_);
    for (const Point& point : points) {
      if (point.time_ms <= t) before = &point;
      if (point.time_ms >= t && !after) after = &point;
    }
    if (after && after->time_ms == t) return after->value;
    if (!before) return std::nullopt;
    return after ? Between(*before, *after, t, false) : before->value;
  }

  static double Between(const Point& a, const Point& b, TimestampMs t, bool is_counter) {
    double from = is_counter && b.value < a.value ? 0 : a.value;
    return from +
           (b.value - from) * static_cast<double>(t - a.time_ms) / static_cast<double>(b.time_ms - a.time_ms);
  }

  // The samples that an extended range may look at, and functions over them: by the values at the very edges.
  Vector EvalExtended(const Call& call, const MatrixSelector& matrix, TimestampMs t) {
    const VectorSelector& selector = matrix.vector_selector();
    const TimestampMs end = Reference(selector.time, t);
    const TimestampMs start = end - matrix.range_ms;
    Vector vector;
    for (const auto& [labels, samples] : storage_.series()) {
      if (!model::MatchesAll(selector.matchers, labels)) continue;
      std::vector<Point> points =
          PointsIn(samples, start - lookback_ms_, selector.smoothed ? end + lookback_ms_ : end);
      std::vector<Point> seen = EdgesAndBetween(points, start, end, selector.smoothed, call.function->id);
      if (seen.empty()) continue;
      vector.push_back({WithoutName(labels), OverEdges(call.function->id, seen, start, end)});
    }
    return Unique(vector);
  }

  // The value at the left edge, the samples inside, the value at the right edge; nothing when there is no
  // answer.
  static std::vector<Point> EdgesAndBetween(const std::vector<Point>& points, TimestampMs start,
                                            TimestampMs end, bool is_smoothed, FunctionId function) {
    bool is_counter = function == FunctionId::kRate || function == FunctionId::kIncrease;
    if (points.empty()) return {};
    const Point* left = &points[0];
    for (const Point& point : points) {
      if (point.time_ms <= start) left = &point;
    }
    const Point* right = &points.back();
    for (size_t i = points.size(); is_smoothed && i-- > 0;) {
      if (points[i].time_ms >= end) right = &points[i];
    }
    if (right->time_ms <= start || (is_smoothed && left->time_ms > end)) return {};
    std::vector<Point> seen{*left};
    if (is_smoothed && left->time_ms < start) seen[0].value = Between(*left, left[1], start, is_counter);
    for (const Point& point : points) {
      if (point.time_ms > start && point.time_ms < end && &point > left && &point < right)
        seen.push_back(point);
    }
    double last = right->value;
    if (is_smoothed && right->time_ms > end && right > points.data())
      last = Between(right[-1], *right, end, is_counter);
    if (right->time_ms < end && right > left) seen.push_back(*right);
    seen.push_back({end, last});
    return seen;
  }

  static double OverEdges(FunctionId function, const std::vector<Point>& seen, TimestampMs start,
                          TimestampMs end) {
    double events = 0;
    double lost = 0;
    for (size_t i = 1; i < seen.size(); ++i) {
      double a = seen[i - 1].value;
      double b = seen[i].value;
      if (b < a) lost += a;
      events += function == FunctionId::kResets ? b < a : a != b && !(std::isnan(a) && std::isnan(b));
    }
    if (function == FunctionId::kResets || function == FunctionId::kChanges) return events;
    double result = seen.back().value - seen[0].value;
    if (function != FunctionId::kDelta) result += lost;
    return function == FunctionId::kRate ? result / (static_cast<double>(end - start) / 1000) : result;
  }

  // The samples in (end - range, end].
  std::vector<RangeSeries> SelectRange(const Expr& expr, TimestampMs t, TimestampMs& start,
                                       TimestampMs& end) {
    std::vector<RangeSeries> result;
    if (const auto* matrix = As<MatrixSelector>(&expr)) {
      end = Reference(matrix->vector_selector().time, t);
      start = end - matrix->range_ms;
      for (const auto& [labels, samples] : storage_.series()) {
        if (!model::MatchesAll(matrix->vector_selector().matchers, labels)) continue;
        RangeSeries series{labels, {}};
        for (size_t i = 0; i < samples.size(); ++i) {
          if (samples.times_ms[i] <= start || samples.times_ms[i] > end ||
              model::IsStaleNan(samples.values[i]))
            continue;
          series.points.push_back({samples.times_ms[i], samples.values[i]});
        }
        if (!series.points.empty()) result.push_back(std::move(series));
      }
      return result;
    }
    const auto* subquery = As<SubqueryExpr>(&expr);
    if (!subquery) throw std::logic_error("not a range");
    end = Reference(subquery->time, t);
    start = end - subquery->range_ms;
    core::DurationMs step = subquery->step_ms > 0 ? subquery->step_ms : subquery_step_ms_;
    TimestampMs first = start / step * step;
    while (first <= start) first += step;
    std::map<Labels, RangeSeries> by_labels;
    for (TimestampMs at = first; at <= end; at += step) {
      for (const Element& element : EvalVector(*subquery->expr, at)) {
        by_labels[element.labels].labels = element.labels;
        by_labels[element.labels].points.push_back({at, element.value});
      }
    }
    for (auto& [labels, series] : by_labels) result.push_back(std::move(series));
    return result;
  }

  Vector EvalCall(const Call& call, TimestampMs t) {
    auto map = [&](auto&& change) {
      Vector vector = EvalVector(*call.args[0], t);
      for (Element& element : vector) element = {WithoutName(element.labels), change(element.value)};
      return Unique(vector);
    };
    switch (call.function->id) {
      case FunctionId::kAbs:
        return map([](double v) { return std::fabs(v); });
      case FunctionId::kCeil:
        return map([](double v) { return std::ceil(v); });
      case FunctionId::kFloor:
        return map([](double v) { return std::floor(v); });
      case FunctionId::kSgn:
        return map([](double v) { return v > 0 ? 1 : v < 0 ? -1 : v; });
      case FunctionId::kVector:
        return {{{}, EvalScalar(*call.args[0], t)}};
      case FunctionId::kAbsent: {
        if (!EvalVector(*call.args[0], t).empty()) return {};
        return {{AbsentLabels(*call.args[0]), 1}};
      }
      default:
        break;
    }
    const auto* matrix = As<MatrixSelector>(call.args.back().get());
    if (matrix && (matrix->vector_selector().anchored || matrix->vector_selector().smoothed)) {
      return EvalExtended(call, *matrix, t);
    }
    TimestampMs start = 0;
    TimestampMs end = 0;
    Vector vector;
    for (const RangeSeries& series : SelectRange(*call.args.back(), t, start, end)) {
      std::optional<double> value = OverRange(call, series.points, start, end, t);
      bool keeps_name = call.function->id == FunctionId::kLastOverTime;
      if (value) vector.push_back({keeps_name ? series.labels : WithoutName(series.labels), *value});
    }
    return Unique(vector);
  }

  static Labels AbsentLabels(const Expr& expr) {
    model::LabelsBuilder builder;
    if (const auto* selector = As<VectorSelector>(&expr)) {
      for (const model::Matcher& matcher : selector->matchers) {
        if (matcher.name() != model::kMetricName && matcher.type() == model::MatchType::kEqual) {
          builder.Set(matcher.name(), matcher.value());
        }
      }
    }
    return builder.Build();
  }

  std::optional<double> OverRange(const Call& call, const std::vector<Point>& points, TimestampMs start,
                                  TimestampMs end, TimestampMs t) {
    auto count = static_cast<double>(points.size());
    switch (call.function->id) {
      case FunctionId::kCountOverTime:
        return count;
      case FunctionId::kLastOverTime:
        return points.back().value;
      case FunctionId::kPresentOverTime:
        return 1;
      case FunctionId::kSumOverTime:
        return Sum(points);
      case FunctionId::kAvgOverTime:
        return Sum(points) / count;
      case FunctionId::kMaxOverTime:
      case FunctionId::kMinOverTime: {
        bool is_max = call.function->id == FunctionId::kMaxOverTime;
        double best = points[0].value;
        for (const Point& point : points) {
          if (std::isnan(best) || (is_max ? point.value > best : point.value < best)) best = point.value;
        }
        return best;
      }
      case FunctionId::kQuantileOverTime: {
        std::vector<double> values;
        for (const Point& point : points) values.push_back(point.value);
        return QuantileOf(EvalScalar(*call.args[0], t), values);
      }
      case FunctionId::kChanges:
      case FunctionId::kResets: {
        double events = 0;
        for (size_t i = 1; i < points.size(); ++i) {
          double a = points[i - 1].value;
          double b = points[i].value;
          bool is_change = a != b && !(std::isnan(a) && std::isnan(b));
          events += call.function->id == FunctionId::kResets ? b < a : is_change;
        }
        return events;
      }
      case FunctionId::kIrate:
      case FunctionId::kIdelta: {
        if (points.size() < 2) return std::nullopt;
        const Point& a = points[points.size() - 2];
        const Point& b = points.back();
        bool is_rate = call.function->id == FunctionId::kIrate;
        double difference = is_rate && b.value < a.value ? b.value : b.value - a.value;
        return is_rate ? difference / (static_cast<double>(b.time_ms - a.time_ms) / 1000) : difference;
      }
      case FunctionId::kRate:
        return Extrapolated(points, start, end, true, true);
      case FunctionId::kIncrease:
        return Extrapolated(points, start, end, true, false);
      case FunctionId::kDelta:
        return Extrapolated(points, start, end, false, false);
      default:
        throw std::logic_error("unknown range function");
    }
  }

  static double Sum(const std::vector<Point>& points) {
    long double sum = 0;
    for (const Point& point : points) sum += point.value;
    return static_cast<double>(sum);
  }

  static double QuantileOf(double q, std::vector<double> values) {
    if (values.empty() || std::isnan(q)) return std::nan("");
    if (q < 0) return -INFINITY;
    if (q > 1) return INFINITY;
    std::sort(values.begin(), values.end(),
              [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
    double rank = q * static_cast<double>(values.size() - 1);
    auto low = static_cast<size_t>(rank);
    size_t high = std::min(low + 1, values.size() - 1);
    double weight = rank - std::floor(rank);
    return values[low] * (1 - weight) + values[high] * weight;
  }

  static std::optional<double> Extrapolated(const std::vector<Point>& points, TimestampMs start,
                                            TimestampMs end, bool is_counter, bool is_rate) {
    if (points.size() < 2) return std::nullopt;
    double result = points.back().value - points[0].value;
    for (size_t i = 1; is_counter && i < points.size(); ++i) {
      if (points[i].value < points[i - 1].value) result += points[i - 1].value;
    }
    auto seconds = [](TimestampMs ms) { return static_cast<double>(ms) / 1000; };
    double sampled = seconds(points.back().time_ms - points[0].time_ms);
    double average = sampled / static_cast<double>(points.size() - 1);
    double to_start = seconds(points[0].time_ms - start);
    double to_end = seconds(end - points.back().time_ms);
    if (to_start >= average * 1.1) to_start = average / 2;
    if (is_counter && result > 0 && points[0].value >= 0) {
      to_start = std::min(to_start, sampled * (points[0].value / result));
    }
    if (to_end >= average * 1.1) to_end = average / 2;
    double factor = (sampled + to_start + to_end) / sampled;
    if (is_rate) factor /= seconds(end - start);
    return result * factor;
  }

  Vector Aggregate(const AggregateExpr& aggregate, TimestampMs t) {
    Vector input = EvalVector(*aggregate.expr, t);
    std::vector<std::pair<Labels, Vector>> groups;
    for (const Element& element : input) {
      model::LabelsBuilder builder(element.labels);
      if (aggregate.without) {
        builder.Drop(aggregate.grouping);
        builder.Delete(model::kMetricName);
      } else {
        builder.Keep(aggregate.grouping);
      }
      Labels labels = builder.Build();
      auto it = std::find_if(groups.begin(), groups.end(),
                             [&](const auto& group) { return group.first == labels; });
      if (it == groups.end()) it = groups.insert(groups.end(), {labels, {}});
      it->second.push_back(element);
    }
    Vector result;
    double parameter = aggregate.param ? EvalScalar(*aggregate.param, t) : 0;
    for (const auto& [labels, elements] : groups) {
      if (aggregate.op == AggregateOp::kTopk || aggregate.op == AggregateOp::kBottomk) {
        Vector best = Best(elements, static_cast<size_t>(parameter), aggregate.op == AggregateOp::kTopk);
        result.insert(result.end(), best.begin(), best.end());
      } else {
        result.push_back({labels, AggregateGroup(aggregate.op, elements, parameter)});
      }
    }
    return result;
  }

  static Vector Best(Vector elements, size_t count, bool is_topk) {
    std::stable_sort(elements.begin(), elements.end(), [&](const Element& a, const Element& b) {
      if (std::isnan(a.value) || std::isnan(b.value)) return !std::isnan(a.value) && std::isnan(b.value);
      return is_topk ? a.value > b.value : a.value < b.value;
    });
    elements.resize(std::min(count, elements.size()));
    return elements;
  }

  static double AggregateGroup(AggregateOp op, const Vector& elements, double parameter) {
    auto count = static_cast<double>(elements.size());
    long double sum = 0;
    double best = elements[0].value;
    std::vector<double> values;
    for (const Element& element : elements) {
      sum += element.value;
      if (std::isnan(best) || (op == AggregateOp::kMax && element.value > best) ||
          (op == AggregateOp::kMin && element.value < best)) {
        best = element.value;
      }
      values.push_back(element.value);
    }
    switch (op) {
      case AggregateOp::kSum:
        return static_cast<double>(sum);
      case AggregateOp::kAvg:
        return static_cast<double>(sum / count);
      case AggregateOp::kCount:
        return count;
      case AggregateOp::kGroup:
        return 1;
      case AggregateOp::kMax:
      case AggregateOp::kMin:
        return best;
      case AggregateOp::kQuantile:
        return QuantileOf(parameter, values);
      default:
        throw std::logic_error("unknown aggregation");
    }
  }

  static double Calculate(BinaryOp op, double a, double b) {
    switch (op) {
      case BinaryOp::kAdd:
        return a + b;
      case BinaryOp::kSub:
        return a - b;
      case BinaryOp::kMul:
        return a * b;
      case BinaryOp::kDiv:
        return a / b;
      case BinaryOp::kMod:
        return std::fmod(a, b);
      case BinaryOp::kPow:
        return std::pow(a, b);
      case BinaryOp::kAtan2:
        return std::atan2(a, b);
      case BinaryOp::kEql:
        return a == b;
      case BinaryOp::kNeq:
        return a != b;
      case BinaryOp::kGtr:
        return a > b;
      case BinaryOp::kLss:
        return a < b;
      case BinaryOp::kGte:
        return a >= b;
      case BinaryOp::kLte:
        return a <= b;
      default:
        throw std::logic_error("unknown operator");
    }
  }

  // The value of an operation between elements; nothing when a comparison filters it out.
  static std::optional<double> Combine(const BinaryExpr& binary, double a, double b, double kept) {
    double value = Calculate(binary.op, a, b);
    if (!IsComparison(binary.op) || binary.return_bool) return value;
    return value != 0 ? std::optional(kept) : std::nullopt;
  }

  Vector EvalBinary(const BinaryExpr& binary, TimestampMs t) {
    bool lhs_scalar = TypeOf(*binary.lhs) == ValueType::kScalar;
    bool rhs_scalar = TypeOf(*binary.rhs) == ValueType::kScalar;
    if (!lhs_scalar && !rhs_scalar) {
      return Match(binary, EvalVector(*binary.lhs, t), EvalVector(*binary.rhs, t));
    }
    Vector result;
    double scalar = EvalScalar(lhs_scalar ? *binary.lhs : *binary.rhs, t);
    for (const Element& element : EvalVector(lhs_scalar ? *binary.rhs : *binary.lhs, t)) {
      std::optional<double> value = lhs_scalar ? Combine(binary, scalar, element.value, element.value)
                                               : Combine(binary, element.value, scalar, element.value);
      bool drops_name = !IsComparison(binary.op) || binary.return_bool;
      if (value) result.push_back({drops_name ? WithoutName(element.labels) : element.labels, *value});
    }
    return Unique(result);
  }

  static Labels Signature(const VectorMatching& matching, const Labels& labels) {
    model::LabelsBuilder builder(labels);
    if (matching.on) {
      builder.Keep(matching.labels);
    } else {
      builder.Drop(matching.labels);
      builder.Delete(model::kMetricName);
    }
    return builder.Build();
  }

  static Vector Match(const BinaryExpr& binary, const Vector& lhs, const Vector& rhs) {
    const VectorMatching& matching = *binary.matching;
    auto has_partner = [&](const Element& element, const Vector& others) {
      return std::any_of(others.begin(), others.end(), [&](const Element& other) {
        return Signature(matching, other.labels) == Signature(matching, element.labels);
      });
    };
    Vector result;
    switch (binary.op) {
      case BinaryOp::kAnd:
        std::copy_if(lhs.begin(), lhs.end(), std::back_inserter(result),
                     [&](const Element& element) { return has_partner(element, rhs); });
        return result;
      case BinaryOp::kUnless:
        std::copy_if(lhs.begin(), lhs.end(), std::back_inserter(result),
                     [&](const Element& element) { return !has_partner(element, rhs); });
        return result;
      case BinaryOp::kOr:
        result = lhs;
        std::copy_if(rhs.begin(), rhs.end(), std::back_inserter(result),
                     [&](const Element& element) { return !has_partner(element, lhs); });
        return Unique(result);
      default:
        return Combine(binary, lhs, rhs);
    }
  }

  static Vector Combine(const BinaryExpr& binary, const Vector& lhs, const Vector& rhs) {
    const VectorMatching& matching = *binary.matching;
    if ((lhs.empty() || rhs.empty()) && !matching.fill_lhs && !matching.fill_rhs) return {};
    bool is_swapped = matching.cardinality == MatchCardinality::kOneToMany;
    bool is_one_to_one = matching.cardinality == MatchCardinality::kOneToOne;
    const Vector& many = is_swapped ? rhs : lhs;
    const Vector& one = is_swapped ? lhs : rhs;
    std::map<Labels, const Element*> by_signature;
    for (const Element& element : one) {
      if (!by_signature.emplace(Signature(matching, element.labels), &element).second) {
        throw QueryFailure("many-to-many matching not allowed");
      }
    }
    std::map<Labels, std::vector<Labels>> matched;
    Vector result;
    for (const Element& element : many) {
      Labels signature = Signature(matching, element.labels);
      auto partner = by_signature.find(signature);
      if (partner == by_signature.end() && !matching.fill_rhs) continue;
      const Element other =
          partner == by_signature.end() ? Element{signature, *matching.fill_rhs} : *partner->second;
      Labels labels = ResultLabels(binary, element.labels, other.labels);
      std::vector<Labels>& taken = matched[signature];
      if (is_one_to_one ? !taken.empty() : std::find(taken.begin(), taken.end(), labels) != taken.end()) {
        throw QueryFailure("multiple matches for labels");
      }
      taken.push_back(labels);
      std::optional<double> value = is_swapped ? Combine(binary, other.value, element.value, other.value)
                                               : Combine(binary, element.value, other.value, element.value);
      if (value) result.push_back({labels, *value});
    }
    for (const auto& [signature, element] : by_signature) {
      if (!matching.fill_lhs || matched.contains(signature)) continue;
      std::optional<double> value =
          is_swapped ? Combine(binary, element->value, *matching.fill_lhs, element->value)
                     : Combine(binary, *matching.fill_lhs, element->value, *matching.fill_lhs);
      if (value) result.push_back({ResultLabels(binary, signature, element->labels), *value});
    }
    return Unique(result);
  }

  static Labels ResultLabels(const BinaryExpr& binary, const Labels& many, const Labels& one) {
    const VectorMatching& matching = *binary.matching;
    model::LabelsBuilder builder(many);
    if (!IsComparison(binary.op) || binary.return_bool) builder.Delete(model::kMetricName);
    if (matching.cardinality == MatchCardinality::kOneToOne) {
      matching.on ? builder.Keep(matching.labels) : builder.Drop(matching.labels);
    }
    for (const std::string& name : matching.include) builder.Set(name, one.Get(name));
    return builder.Build();
  }

  const TestStorage& storage_;
  const core::DurationMs lookback_ms_;
  const core::DurationMs subquery_step_ms_;
  const TimestampMs start_ms_;
  const TimestampMs end_ms_;
};

}  // namespace sextant::promql::reference
