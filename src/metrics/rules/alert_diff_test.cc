#include "metrics/rules/alert_diff.h"

#include <gtest/gtest.h>

namespace sextant::rules {
namespace {

model::Labels Make(std::initializer_list<std::pair<const char*, const char*>> pairs) {
  model::LabelsBuilder labels;
  for (const auto& [name, value] : pairs) labels.Set(name, value);
  return labels.Build();
}

// As github.com/nsf/jsondiff, which promtool uses, writes it for terminals.
TEST(AlertDiff, ColoursWhatDiffers) {
  EXPECT_EQ(DiffAlerts({{Make({{"a", "1"}, {"gone", "x"}, {"same", "s"}}), Make({})}},
                       {{Make({{"a", "2"}, {"new", "y"}, {"same", "s"}}), Make({{"text", "a \"b\""}})}}),
            "[\n"
            "    {\n"
            "        \"Annotations\": {\n"
            "            \033[0;32m\"text\": \"a \\\"b\\\"\"\033[0m\n"
            "        },\n"
            "        \"Labels\": {\n"
            "            \"a\": \033[0;33m\"1\" => \"2\"\033[0m,\n"
            "            \033[0;31m\"gone\": \"x\"\033[0m,\n"
            "            \033[0;32m\"new\": \"y\"\033[0m,\n"
            "            \"same\": \"s\"\n"
            "        }\n"
            "    }\n"
            "]");
}

TEST(AlertDiff, WholeAlertsAreColouredLineByLine) {
  EXPECT_EQ(DiffAlerts({{Make({{"a", "1"}}), Make({})}},
                       {{Make({{"a", "1"}}), Make({})}, {Make({{"b", "2"}}), Make({})}}),
            "[\n"
            "    {\n"
            "        \"Annotations\": {},\n"
            "        \"Labels\": {\n"
            "            \"a\": \"1\"\n"
            "        }\n"
            "    },\n"
            "    \033[0;32m{\033[0m\n"
            "        \033[0;32m\"Annotations\": {},\033[0m\n"
            "        \033[0;32m\"Labels\": {\033[0m\n"
            "            \033[0;32m\"b\": \"2\"\033[0m\n"
            "        \033[0;32m}\033[0m\n"
            "    \033[0;32m}\033[0m\n"
            "]");
}

TEST(AlertDiff, NoAlertIsAnEmptyOne) {
  EXPECT_EQ(DiffAlerts({{Make({{"a", "1"}}), Make({})}}, {}),
            "[\n"
            "    {\n"
            "        \"Annotations\": {},\n"
            "        \"Labels\": {\n"
            "            \033[0;31m\"a\": \"1\"\033[0m\n"
            "        }\n"
            "    }\n"
            "]");
  EXPECT_EQ(DiffAlerts({}, {}), "[\n    {\n        \"Annotations\": {},\n        \"Labels\": {}\n    }\n]");
}

}  // namespace
}  // namespace sextant::rules
