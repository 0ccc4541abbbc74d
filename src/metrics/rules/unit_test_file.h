// The file of a unit test of rules as typed values. Internal to rules/unit_tests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/decode.h"
#include "core/clock.h"

namespace sextant::rules {

struct UnitTestSeries {
  std::string series;
  std::string values;
};

struct UnitTestAlert {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};

struct UnitTestAlertCase {
  core::DurationMs eval_time_ms = 0;
  std::string alertname;
  std::vector<UnitTestAlert> alerts;
};

struct UnitTestSample {
  std::string labels;
  double value = 0;
  std::string histogram;
};

struct UnitTestExpressionCase {
  std::string expr;
  core::DurationMs eval_time_ms = 0;
  std::vector<UnitTestSample> samples;
};

struct UnitTestConfig {
  core::DurationMs interval_ms = 0;  // 0: that of the file
  std::vector<UnitTestSeries> input_series;
  std::vector<UnitTestAlertCase> alert_cases;
  std::vector<UnitTestExpressionCase> expression_cases;
  std::map<std::string, std::string> external_labels;
  std::string external_url;
  std::string name;
  core::TimestampMs start_ms = 0;
};

struct UnitTestFile {
  std::vector<std::string> rule_files;  // patterns, already seen from the folder of the file
  core::DurationMs evaluation_interval_ms = 60'000;
  std::vector<std::string> group_eval_order;
  std::vector<UnitTestConfig> tests;
  bool fuzzy_compare = false;
};

const config::Struct& FieldsOf(const UnitTestSeries*);
const config::Struct& FieldsOf(const UnitTestAlert*);
const config::Struct& FieldsOf(const UnitTestAlertCase*);
const config::Struct& FieldsOf(const UnitTestSample*);
const config::Struct& FieldsOf(const UnitTestExpressionCase*);
const config::Struct& FieldsOf(const UnitTestConfig*);
const config::Struct& FieldsOf(const UnitTestFile*);

}  // namespace sextant::rules
