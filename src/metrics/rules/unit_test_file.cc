#include "metrics/rules/unit_test_file.h"

#include <charconv>
#include <ctime>

#include "config/paths.h"
#include "core/duration.h"

namespace sextant::rules {

namespace {

using config::Custom;
using config::Member;
using config::Node;
using config::Struct;

// A duration, where "0" needs no unit.
config::CodecFor<int64_t> TestDuration() {
  return Custom<int64_t>(
      [](Node node) -> core::Result<int64_t> {
        SEXTANT_ASSIGN(std::string text, node.AsText());
        if (text == "0") return 0;
        auto duration = core::ParseDuration(text);
        if (!duration) return node.Fail("{}", duration.error().message());
        return *duration;
      },
      [](const int64_t& value, config::YamlWriter& out) { out.Text(core::FormatDuration(value)); });
}

// Seconds as a number, or a time like 2024-01-01T00:00:00Z.
config::CodecFor<int64_t> TestTime() {
  return Custom<int64_t>(
      [](Node node) -> core::Result<int64_t> {
        SEXTANT_ASSIGN(std::string text, node.AsText());
        std::tm parts{};
        const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
        if (end != nullptr && *end == '\0') return ::timegm(&parts) * 1'000;
        double seconds = 0;
        auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (error != std::errc() || stop != text.data() + text.size() || !(std::abs(seconds) < 1e12))
          return node.Fail("cannot parse \"{}\" to a valid timestamp", text);
        return static_cast<int64_t>(seconds * 1'000);
      },
      [](const int64_t& value, config::YamlWriter& out) { out.Text(std::to_string(value / 1'000)); });
}

core::Status FinishFile(UnitTestFile& file, Node node) {
  std::string directory = config::DirectoryOf(node.file());
  for (std::string& pattern : file.rule_files) pattern = config::JoinDirectory(directory, pattern);
  if (file.evaluation_interval_ms <= 0) file.evaluation_interval_ms = 60'000;
  return {};
}

}  // namespace

const Struct& FieldsOf(const UnitTestSeries*) {
  static const Struct kFields = Struct::Of<UnitTestSeries>({
      Member<&UnitTestSeries::series>("series"),
      Member<&UnitTestSeries::values>("values"),
  });
  return kFields;
}

const Struct& FieldsOf(const UnitTestAlert*) {
  static const Struct kFields = Struct::Of<UnitTestAlert>({
      Member<&UnitTestAlert::labels>("exp_labels"),
      Member<&UnitTestAlert::annotations>("exp_annotations"),
  });
  return kFields;
}

const Struct& FieldsOf(const UnitTestAlertCase*) {
  static const Struct kFields = Struct::Of<UnitTestAlertCase>({
      Member<&UnitTestAlertCase::eval_time_ms>("eval_time", TestDuration()),
      Member<&UnitTestAlertCase::alertname>("alertname"),
      Member<&UnitTestAlertCase::alerts>("exp_alerts"),
  });
  return kFields;
}

const Struct& FieldsOf(const UnitTestSample*) {
  static const Struct kFields = Struct::Of<UnitTestSample>({
      Member<&UnitTestSample::labels>("labels"),
      Member<&UnitTestSample::value>("value"),
      Member<&UnitTestSample::histogram>("histogram"),
  });
  return kFields;
}

const Struct& FieldsOf(const UnitTestExpressionCase*) {
  static const Struct kFields = Struct::Of<UnitTestExpressionCase>({
      Member<&UnitTestExpressionCase::expr>("expr"),
      Member<&UnitTestExpressionCase::eval_time_ms>("eval_time", TestDuration()),
      Member<&UnitTestExpressionCase::samples>("exp_samples"),
  });
  return kFields;
}

const Struct& FieldsOf(const UnitTestConfig*) {
  static const Struct kFields = Struct::Of<UnitTestConfig>({
      Member<&UnitTestConfig::interval_ms>("interval", TestDuration()),
      Member<&UnitTestConfig::input_series>("input_series"),
      Member<&UnitTestConfig::alert_cases>("alert_rule_test"),
      Member<&UnitTestConfig::expression_cases>("promql_expr_test"),
      Member<&UnitTestConfig::external_labels>("external_labels"),
      Member<&UnitTestConfig::external_url>("external_url"),
      Member<&UnitTestConfig::name>("name"),
      Member<&UnitTestConfig::start_ms>("start_timestamp", TestTime()),
  });
  return kFields;
}

const Struct& FieldsOf(const UnitTestFile*) {
  static const Struct kFields = Struct::Of<UnitTestFile>(
      {
          Member<&UnitTestFile::rule_files>("rule_files"),
          Member<&UnitTestFile::evaluation_interval_ms>("evaluation_interval", TestDuration()),
          Member<&UnitTestFile::group_eval_order>("group_eval_order"),
          Member<&UnitTestFile::tests>("tests"),
          Member<&UnitTestFile::fuzzy_compare>("fuzzy_compare"),
      },
      FinishFile);
  return kFields;
}

}  // namespace sextant::rules
