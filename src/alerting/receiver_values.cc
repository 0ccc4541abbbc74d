#include <algorithm>
#include <charconv>
#include <cmath>

#include "alerting/any_value.h"
#include "alerting/receiver_tables.h"
#include "config/text.h"

namespace sextant::alerting {

using config::Node;
using core::Result;
using core::Status;
using gotemplate::Value;
using namespace config;

namespace {

Result<core::DurationMs> ParseGoDuration(std::string_view text) {
  const auto invalid = [text] {
    return core::Fail(core::Code::kInvalidArgument, "time: invalid duration {}", Quote(text));
  };
  std::string_view rest = text;
  const bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return invalid();
  double total_ms = 0;
  while (!rest.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
    if (error != std::errc() || number < 0) return invalid();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const size_t unit_size = std::min(rest.find_first_of("0123456789.+-"), rest.size());
    const std::string_view unit = rest.substr(0, unit_size);
    if (unit.empty()) {
      return core::Fail(core::Code::kInvalidArgument, "time: missing unit in duration {}", Quote(text));
    }
    static constexpr std::pair<std::string_view, double> kUnits[] = {{"ns", 1e-6}, {"us", 1e-3}, {"µs", 1e-3},
                                                                     {"μs", 1e-3}, {"ms", 1},    {"s", 1e3},
                                                                     {"m", 6e4},   {"h", 3.6e6}};
    const auto* found =
        std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& u) { return u.first == unit; });
    if (found == std::end(kUnits)) {
      return core::Fail(core::Code::kInvalidArgument, "time: unknown unit {} in duration {}", Quote(unit),
                        Quote(text));
    }
    total_ms += number * found->second;
    rest.remove_prefix(unit_size);
  }
  if (total_ms > 9.2e12) return invalid();
  const auto rounded = static_cast<core::DurationMs>(std::ceil(total_ms));
  return is_negative ? -rounded : rounded;
}

std::string FormatGoDuration(core::DurationMs duration_ms) {
  if (duration_ms == 0) return "0s";
  std::string out = duration_ms < 0 ? "-" : "";
  const core::DurationMs ms = duration_ms < 0 ? -duration_ms : duration_ms;
  if (ms < 1'000) return out + fmt::format("{}ms", ms);
  if (ms >= 3'600'000) out += fmt::format("{}h", ms / 3'600'000);
  if (ms >= 60'000) out += fmt::format("{}m", ms / 60'000 % 60);
  if (ms % 1'000 == 0) return out + fmt::format("{}s", ms / 1'000 % 60);
  std::string seconds = fmt::format("{}.{:03}", ms / 1'000 % 60, ms % 1'000);
  seconds.erase(seconds.find_last_not_of('0') + 1);
  return out + seconds + "s";
}

Result<std::vector<std::string>> Texts(Node node) {
  if (!node.IsSequence()) return node.Fail("must be a list of texts, not {}", node.Describe());
  std::vector<std::string> out;
  for (const Node child : node.children()) {
    SEXTANT_ASSIGN(out.emplace_back(), child.AsText());
  }
  return out;
}

}  // namespace

CodecFor<int64_t> GoDuration() {
  return Custom<int64_t>(
      [](Node node) -> Result<int64_t> {
        SEXTANT_ASSIGN(const std::string text, node.AsText());
        auto duration_ms = ParseGoDuration(text);
        if (!duration_ms) return node.Fail("{}", duration_ms.error().message());
        return *duration_ms;
      },
      [](const int64_t& duration_ms, YamlWriter& out) { out.Text(FormatGoDuration(duration_ms)); },
      [](const int64_t& duration_ms) { return duration_ms == 0; });
}

CodecFor<Value> AnyCodec() {
  return Custom<Value>([](Node node) -> Result<Value> { return AnyValueOf(node); }, WriteAnyValue,
                       [](const Value& value) { return value.IsMissing(); });
}

CodecFor<JiraText> JiraTextCodec() {
  return Custom<JiraText>(
      [](Node node) -> Result<JiraText> {
        JiraText out;
        if (!node.IsMapping()) {
          SEXTANT_ASSIGN(out.text, node.AsText());
          return out;
        }
        for (const Node child : node.children()) {
          if (child.key() == "template") {
            SEXTANT_ASSIGN(out.text, child.AsText());
          } else if (child.key() == "enable_update") {
            SEXTANT_ASSIGN(out.is_updated, child.AsBool());
          } else {
            return child.FailAtKey(core::Code::kInvalidArgument, "unknown field");
          }
        }
        return out;
      },
      [](const JiraText& text, YamlWriter& out) {
        if (text.is_updated) return out.Text(text.text.value_or(""));
        out.BeginMapping();
        out.Key("template");
        out.Text(text.text.value_or(""));
        out.Key("enable_update");
        out.Bool(false);
        out.EndMapping();
      });
}

CodecFor<JiraLabels> JiraLabelsCodec() {
  return Custom<JiraLabels>(
      [](Node node) -> Result<JiraLabels> {
        JiraLabels out;
        if (!node.IsMapping()) {
          SEXTANT_ASSIGN(out.values, Texts(node));
          return out;
        }
        for (const Node child : node.children()) {
          if (child.key() == "values") {
            SEXTANT_ASSIGN(out.values, Texts(child));
          } else if (child.key() == "enable_update") {
            SEXTANT_ASSIGN(out.is_updated, child.AsBool());
          } else {
            return child.FailAtKey(core::Code::kInvalidArgument, "unknown field");
          }
        }
        return out;
      },
      [](const JiraLabels& labels, YamlWriter& out) {
        const auto write_values = [&] {
          out.BeginSequence();
          for (const std::string& value : labels.values) out.Text(value);
          out.EndSequence();
        };
        if (labels.is_updated) return write_values();
        out.BeginMapping();
        out.Key("values");
        write_values();
        out.Key("enable_update");
        out.Bool(false);
        out.EndMapping();
      },
      [](const JiraLabels& labels) { return labels.values.empty() && labels.is_updated; });
}

}  // namespace sextant::alerting
