#include "alerting/any_value.h"
#include "alerting/receiver_tables.h"
#include "config/go_duration.h"

namespace sextant::alerting {

using config::Node;
using core::Result;
using core::Status;
using gotemplate::Value;
using namespace config;

namespace {

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
        auto duration_ms = ParseGoDurationMs(text);
        if (!duration_ms) return node.Fail("{}", duration_ms.error().message());
        return *duration_ms;
      },
      [](const int64_t& duration_ms, YamlWriter& out) { out.Text(FormatGoDurationMs(duration_ms)); },
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
