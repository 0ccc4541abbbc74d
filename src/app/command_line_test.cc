#include "app/command_line.h"

#include <gtest/gtest.h>

namespace sextant::app {
namespace {

struct Parsed {
  std::string error;
  std::string format = "promql";
  std::vector<std::string> matches;
  bool is_experimental = false;
  std::string server;
  std::vector<std::string> rest;
};

Parsed Parse(const std::vector<std::string>& words) {
  Parsed parsed;
  CommandLine line;
  line.AddFlag("format", 'o', "", &parsed.format);
  line.AddFlagList("match", "", &parsed.matches);
  line.AddSwitch("experimental", "", &parsed.is_experimental);
  line.AddArgument("server", "", &parsed.server);
  line.AddArguments("rest", "", &parsed.rest);
  if (core::Status status = line.Parse(words); !status) parsed.error = status.error().message();
  return parsed;
}

TEST(CommandLine, TakesFlagsAnywhere) {
  Parsed parsed =
      Parse({"--format=json", "http://x", "--match", "a", "b", "--experimental", "--match=c", "d"});
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.format, "json");
  EXPECT_EQ(parsed.matches, (std::vector<std::string>{"a", "c"}));
  EXPECT_TRUE(parsed.is_experimental);
  EXPECT_EQ(parsed.server, "http://x");
  EXPECT_EQ(parsed.rest, (std::vector<std::string>{"b", "d"}));
  EXPECT_EQ(Parse({"-o", "json", "a", "b"}).format, "json");
  EXPECT_EQ(Parse({"-ojson", "a", "b"}).format, "json");
  EXPECT_EQ(Parse({"a", "--", "--match"}).rest, (std::vector<std::string>{"--match"}));
  EXPECT_FALSE(Parse({"--experimental", "--no-experimental", "a", "b"}).error.empty());
  EXPECT_EQ(Parse({"--experimental=false", "a"}).server, "false") << "a switch takes no value";
}

TEST(CommandLine, SaysWhatIsWrong) {
  EXPECT_EQ(Parse({}).error, "required argument 'server' not provided");
  EXPECT_EQ(Parse({"a"}).error, "required argument 'rest' not provided");
  EXPECT_EQ(Parse({"--nosuch", "a", "b"}).error, "unknown long flag '--nosuch'");
  EXPECT_EQ(Parse({"-x", "a", "b"}).error, "unknown short flag '-x'");
  EXPECT_EQ(Parse({"a", "b", "--format"}).error, "expected argument for flag '--format'");
  EXPECT_EQ(Parse({"a", "b", "--format=a", "--format=b"}).error, "flag 'format' cannot be repeated");
  std::string only;
  CommandLine line;
  line.AddArgument("only", "", &only);
  EXPECT_EQ(line.Parse({"a", "b"}).error().message(), "unexpected b");
  std::vector<std::string> needed;
  line.AddFlagList("match", "", &needed, true);
  EXPECT_EQ(line.Parse({"a"}).error().message(), "required flag(s) '--match' not provided");
}

}  // namespace
}  // namespace sextant::app
