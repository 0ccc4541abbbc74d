#include "core/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

namespace sextant::core {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  JsonWriter json;
  json.BeginObject().Key("a").BeginArray().Int(-1).String("x").BeginArray().EndArray().EndArray();
  json.Key("b").BeginObject().EndObject().Key("c").Bool(true).Key("d").Null().EndObject();
  EXPECT_EQ(std::move(json).Take(), R"({"a":[-1,"x",[]],"b":{},"c":true,"d":null})");
}

TEST(JsonWriter, EscapesAsGoDoes) {
  EXPECT_EQ(Quoted("a\"b\\c\n\t\r\b\f\x01"), R"("a\"b\\c\n\t\r\b\f\u0001")");
  EXPECT_EQ(Quoted("<a>&"), R"("\u003ca\u003e\u0026")");
  EXPECT_EQ(Quoted("\u00fc\u2028"), "\"\u00fc\\u2028\"");
  EXPECT_EQ(Quoted("\xff\xc3(\xed\xa0\x80"), R"("\ufffd\ufffd(\ufffd\ufffd\ufffd")");
}

TEST(JsonWriter, NumbersAsGoDoes) {
  JsonWriter json;
  json.BeginArray().Double(0).Double(1.5).Double(1e-7).Double(1e21).Double(123456789).Double(1e20);
  json.Double(std::numeric_limits<double>::infinity()).EndArray();
  EXPECT_EQ(std::move(json).Take(), "[0,1.5,1e-7,1e+21,123456789,100000000000000000000,null]");
}

TEST(JsonWriter, GoesOnAfterAPiece) {
  JsonWriter json;
  json.BeginArray().Int(1);
  EXPECT_EQ(json.TakePiece(), "[1");
  json.Int(2).EndArray();
  EXPECT_EQ(std::move(json).Take(), ",2]");
}

}  // namespace
}  // namespace sextant::core
