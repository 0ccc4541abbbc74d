#include "app/terminal_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <set>

#include "gotemplate/unicode.h"
#include "model/labels.h"
#include "model/value.h"

namespace sextant::app {

namespace {

constexpr size_t kScaleWidth = 10;
constexpr const char* kColors[] = {"32", "33", "36", "35", "34", "31", "92", "93", "96", "95"};

// A grid of dots, 2 × 4 to a character.
class Canvas {
 public:
  Canvas(size_t columns, size_t rows)
      : columns_(columns), rows_(rows), cells_(columns * rows), owners_(columns * rows) {}

  size_t dots_wide() const { return columns_ * 2; }
  size_t dots_high() const { return rows_ * 4; }

  // (0, 0) is the lower left.
  void Set(size_t x, size_t y, size_t owner) {
    if (x >= dots_wide() || y >= dots_high()) return;
    constexpr unsigned kBits[4][2] = {{0x40, 0x80}, {0x04, 0x20}, {0x02, 0x10}, {0x01, 0x08}};
    size_t cell = (rows_ - 1 - y / 4) * columns_ + x / 2;
    cells_[cell] |= kBits[y % 4][x % 2];
    owners_[cell] = owner;
  }

  void Line(double x0, double y0, double x1, double y1, size_t owner) {
    double length = std::max({std::fabs(x1 - x0), std::fabs(y1 - y0), 1.0});
    for (double at = 0; at <= length; at += 1) {
      double x = x0 + (x1 - x0) * at / length;
      double y = y0 + (y1 - y0) * at / length;
      if (x >= 0 && y >= 0)
        Set(static_cast<size_t>(std::lround(x)), static_cast<size_t>(std::lround(y)), owner);
    }
  }

  std::string Row(size_t row, bool has_colors) const {
    std::string out;
    for (size_t column = 0; column < columns_; ++column) {
      unsigned dots = cells_[row * columns_ + column];
      if (dots == 0) {
        out += ' ';
        continue;
      }
      size_t owner = owners_[row * columns_ + column];
      if (has_colors) out += fmt::format("\x1b[{}m", kColors[owner % std::size(kColors)]);
      gotemplate::AppendRune(out, 0x2800 + dots);
      if (has_colors) out += "\x1b[0m";
    }
    while (!has_colors && out.ends_with(' ')) out.pop_back();
    return out;
  }

 private:
  const size_t columns_;
  const size_t rows_;
  std::vector<unsigned> cells_;
  std::vector<size_t> owners_;
};

struct Range {
  double low = 0;
  double high = 1;
};

// The values' range; a flat line gets some air.
Range RangeOf(const std::vector<const ApiSeries*>& drawn) {
  Range range{HUGE_VAL, -HUGE_VAL};
  for (const ApiSeries* series : drawn) {
    for (const ApiPoint& point : series->floats) {
      if (!std::isfinite(point.value)) continue;
      range.low = std::min(range.low, point.value);
      range.high = std::max(range.high, point.value);
    }
  }
  if (range.low > range.high) return {0, 1};
  if (range.low == range.high) {
    double air = range.low == 0 ? 1 : std::fabs(range.low) / 2;
    return {range.low - air, range.high + air};
  }
  return range;
}

std::string ShortNumber(double value) {
  double magnitude = std::fabs(value);
  for (auto [unit, letter] :
       {std::pair(1e12, "T"), std::pair(1e9, "G"), std::pair(1e6, "M"), std::pair(1e4, "k")}) {
    if (magnitude >= unit) return fmt::format("{:.4g}{}", value / (unit == 1e4 ? 1e3 : unit), letter);
  }
  return fmt::format("{:.4g}", value);
}

std::string ClockText(core::TimestampMs time_ms, bool with_date) {
  std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  size_t size = std::strftime(text, sizeof text, with_date ? "%m-%d %H:%M" : "%H:%M:%S", &parts);
  return {text, size};
}

void DrawSeries(const ApiSeries& series, size_t owner, core::TimestampMs start_ms, core::TimestampMs end_ms,
                Range range, Canvas& canvas) {
  auto span = static_cast<double>(std::max<core::TimestampMs>(end_ms - start_ms, 1));
  auto x_of = [&](const ApiPoint& point) {
    return static_cast<double>(point.time_ms - start_ms) / span * static_cast<double>(canvas.dots_wide() - 1);
  };
  auto y_of = [&](const ApiPoint& point) {
    return (point.value - range.low) / (range.high - range.low) * static_cast<double>(canvas.dots_high() - 1);
  };
  const ApiPoint* before = nullptr;
  core::DurationMs usual = 0;  // distance between points; a longer one is a gap
  for (size_t i = 1; i < series.floats.size(); ++i) {
    core::DurationMs distance = series.floats[i].time_ms - series.floats[i - 1].time_ms;
    usual = usual == 0 ? distance : std::min(usual, distance);
  }
  for (const ApiPoint& point : series.floats) {
    if (!std::isfinite(point.value)) {
      before = nullptr;
      continue;
    }
    bool continues = before != nullptr && point.time_ms - before->time_ms <= usual * 3 / 2;
    const ApiPoint& from = continues ? *before : point;
    canvas.Line(x_of(from), y_of(from), x_of(point), y_of(point), owner);
    before = &point;
  }
}

// Columns that a text takes, as far as we know.
size_t Width(std::string_view text) { return gotemplate::CountRunes(text); }

std::string Padded(std::string_view text, size_t width, bool to_right) {
  std::string spaces(width > Width(text) ? width - Width(text) : 0, ' ');
  return to_right ? spaces + std::string(text) : std::string(text) + spaces;
}

}  // namespace

std::string DrawGraph(const std::vector<ApiSeries>& series, core::TimestampMs start_ms,
                      core::TimestampMs end_ms, const GraphOptions& options) {
  std::vector<const ApiSeries*> drawn;
  size_t left_out = 0;
  for (const ApiSeries& one : series) {
    if (one.floats.empty()) continue;
    if (drawn.size() < options.max_series) {
      drawn.push_back(&one);
    } else {
      ++left_out;
    }
  }
  if (drawn.empty()) return "no floats to draw\n";
  const size_t columns = std::max<size_t>(options.width, kScaleWidth + 12) - kScaleWidth - 2;
  const size_t rows = std::max<size_t>(options.height, 2);
  Canvas canvas(columns, rows);
  const Range range = RangeOf(drawn);
  for (size_t i = 0; i < drawn.size(); ++i) DrawSeries(*drawn[i], i, start_ms, end_ms, range, canvas);

  std::string out;
  for (size_t row = 0; row < rows; ++row) {
    double share = 1 - static_cast<double>(row) / static_cast<double>(rows - 1);
    bool has_label = row == 0 || row == rows - 1 || row == rows / 2;
    std::string label = has_label ? ShortNumber(range.low + (range.high - range.low) * share) : "";
    out += fmt::format("{} ┤{}\n", Padded(label, kScaleWidth, true), canvas.Row(row, options.has_colors));
  }
  const bool with_date = end_ms - start_ms > 24 * 3'600'000LL;
  std::string first = ClockText(start_ms, with_date);
  std::string last = ClockText(end_ms, with_date);
  size_t gap = columns > first.size() + last.size() ? columns - first.size() - last.size() : 1;
  out += fmt::format("{}{}{}{}\n", std::string(kScaleWidth + 2, ' '), first, std::string(gap, ' '), last);
  for (size_t i = 0; i < drawn.size(); ++i) {
    std::string mark =
        options.has_colors ? fmt::format("\x1b[{}m━\x1b[0m", kColors[i % std::size(kColors)]) : "━";
    out += fmt::format("{} {} {}\n", Padded(ShortNumber(drawn[i]->floats.back().value), kScaleWidth, true),
                       mark, MetricText(drawn[i]->labels));
  }
  if (left_out > 0) out += fmt::format("and {} more series\n", left_out);
  return out;
}

std::string DrawTable(const std::vector<ApiSeries>& series) {
  std::set<std::string> names;
  bool has_names = false;
  for (const ApiSeries& one : series) {
    for (const auto& [name, value] : one.labels) {
      if (name == model::kMetricName) {
        has_names = true;
      } else {
        names.insert(name);
      }
    }
  }
  std::vector<std::vector<std::string>> rows(1);
  if (has_names) rows[0].emplace_back("METRIC");
  rows[0].insert(rows[0].end(), names.begin(), names.end());
  rows[0].emplace_back("VALUE");
  for (const ApiSeries& one : series) {
    auto label = [&](const std::string& name) {
      auto it = one.labels.find(name);
      return it == one.labels.end() ? std::string() : it->second;
    };
    std::vector<std::string> row;
    if (has_names) row.push_back(label(std::string(model::kMetricName)));
    for (const std::string& name : names) row.push_back(label(name));
    if (!one.floats.empty()) {
      row.push_back(model::FormatValue(one.floats.back().value));
    } else if (!one.histograms.empty()) {
      const ApiHistogram& histogram = *one.histograms.back().histogram;
      row.push_back(fmt::format("histogram, count {} sum {}", model::FormatValue(histogram.count),
                                model::FormatValue(histogram.sum)));
    } else {
      row.emplace_back();
    }
    rows.push_back(std::move(row));
  }
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      bool is_last = i + 1 == row.size();
      line += Padded(row[i], widths[i], is_last) + (is_last ? "" : "  ");
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace sextant::app
