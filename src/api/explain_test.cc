#include <gtest/gtest.h>

#include "api/explain_api.h"

namespace sextant::api {
namespace {

TEST(Explain, WritesATree) {
  promql::ProfileNode root;
  root.kind = "aggregation";
  root.name = "sum";
  root.text = "sum(up)";
  root.series = 1;
  root.points = 2;
  root.samples = 6;
  root.bytes = 16;
  root.time_ns = 2'500'000'000;
  root.self_ns = 500'000'000;
  promql::ProfileNode selector;
  selector.kind = "selector";
  selector.text = "up";
  selector.is_step_invariant = true;
  selector.series = 3;
  root.operands.push_back(selector);
  core::JsonWriter json;
  WriteProfileNode(json, root);
  EXPECT_EQ(
      std::move(json).Take(),
      R"x({"kind":"aggregation","name":"sum","text":"sum(up)","stepInvariant":false,"series":1,"points":2,)x"
      R"x("samples":6,"bytes":16,"seconds":2.5,"selfSeconds":0.5,"operands":[{"kind":"selector","name":"",)x"
      R"x("text":"up","stepInvariant":true,"series":3,"points":0,"samples":0,"bytes":0,"seconds":0,)x"
      R"x("selfSeconds":0,"operands":[]}]})x");
}

}  // namespace
}  // namespace sextant::api
