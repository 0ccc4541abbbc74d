#include "app/flags.h"

#include <gtest/gtest.h>

namespace sextant::app {
namespace {

struct Options {
  std::string file = "a.yml";
  core::DurationMs wait = 5000;
  uint64_t size = 0;
  std::vector<std::string> listen = {"0.0.0.0:9090"};
  bool api = false;
};

struct Fixture {
  Options options;
  FlagSet flags{"sextant test", "A test."};
  Fixture() {
    flags.AddString("config.file", "FILE", "Configuration.", &options.file);
    flags.AddDuration("wait", "How long.", &options.wait);
    flags.AddBytes("size", "How much.", &options.size);
    flags.AddList("web.listen-address", "ADDRESS", "Where.", &options.listen);
    flags.AddSwitch("web.enable-api", "Whether.", &options.api);
    flags.AddRefused("agent", "agent mode is not supported yet");
    flags.AddOnlyDefault("web.cors.origin", ".*", "only the default .* is supported yet");
    flags.AddOnlyDefault("compression", "true", "it cannot be switched off");
    flags.AddOnlyDefault("lock", "false", "it cannot be switched on");
  }
  std::string Error(std::vector<std::string> arguments) {
    core::Status status = flags.Parse(arguments);
    return status ? "" : status.error().message();
  }
};

TEST(Flags, TakesAllForms) {
  Fixture f;
  ASSERT_EQ(f.Error({"--config.file=b.yml", "--wait", "1m", "--size=2GB", "--web.enable-api",
                     "--web.listen-address=:1", "--web.listen-address", ":2", "--web.cors.origin=.*"}),
            "");
  EXPECT_EQ(f.options.file, "b.yml");
  EXPECT_EQ(f.options.wait, 60'000);
  EXPECT_EQ(f.options.size, 2ull << 30);
  EXPECT_TRUE(f.options.api);
  EXPECT_EQ(f.options.listen, (std::vector<std::string>{":1", ":2"}));
  EXPECT_EQ(f.Error({"--compression", "--compression=true", "--no-lock", "--lock=false", "--wait=1s"}), "");
  EXPECT_EQ(f.options.wait, 1'000) << "not the value of a switch in front of it";
  EXPECT_EQ(f.Error({"--no-compression"}), "--compression: it cannot be switched off");
  EXPECT_EQ(f.Error({"--lock"}), "--lock: it cannot be switched on");
  ASSERT_EQ(f.Error({"--no-web.enable-api"}), "");
  EXPECT_FALSE(f.options.api);
}

TEST(Flags, RefusesWithOneClearLine) {
  EXPECT_EQ(Fixture().Error({"--config.fil=x"}),
            "unknown flag --config.fil; did you mean --config.file?; `sextant test --help` lists the flags");
  EXPECT_EQ(Fixture().Error({"--zzzzz"}), "unknown flag --zzzzz; `sextant test --help` lists the flags");
  EXPECT_EQ(Fixture().Error({"--agent"}), "--agent: agent mode is not supported yet");
  EXPECT_EQ(Fixture().Error({"--web.cors.origin=x"}),
            "--web.cors.origin: only the default .* is supported yet");
  EXPECT_EQ(Fixture().Error({"--wait=soon"}), "--wait=soon: not a valid duration string: \"soon\"");
  EXPECT_EQ(Fixture().Error({"--config.file"}), "--config.file needs a value: --config.file=FILE");
  EXPECT_EQ(Fixture().Error({"--web.enable-api=maybe"}),
            "--web.enable-api is a switch: write --web.enable-api or --no-web.enable-api");
  EXPECT_EQ(Fixture().Error({"extra"}),
            "unexpected argument \"extra\"; `sextant test --help` shows the usage");
  EXPECT_EQ(
      Fixture().Error({"--no-config.file"}),
      "unknown flag --no-config.file; did you mean --config.file?; `sextant test --help` lists the flags");
}

TEST(Flags, WithoutEffectAreCheckedAndToldOf) {
  Fixture f;
  f.flags.AddWithoutEffect(
      "queue", "N", "there is no queue",
      [](const std::string& text) -> core::Status {
        if (text == "1") return {};
        return core::Fail(core::Code::kInvalidArgument, "not a number");
      },
      "0");
  f.flags.AddWithoutEffect(
      "compress", "", "it always is", [](const std::string&) { return core::Status(); }, "true");
  EXPECT_TRUE(f.flags.GivenWithoutEffect().empty());
  EXPECT_EQ(f.Error({"--queue=x"}), "--queue=x: not a number");
  ASSERT_EQ(f.Error({"--queue", "1", "--no-compress", "--wait=1s"}), "");
  using Given = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(f.flags.GivenWithoutEffect(),
            (Given{{"queue", "there is no queue"}, {"compress", "it always is"}}));
  std::string page = f.flags.Markdown();
  EXPECT_NE(
      page.find(
          "| <code class=\"text-nowrap\">--queue</code> | No effect here: there is no queue. | `0` |\n"),
      std::string::npos)
      << page;
  EXPECT_EQ(page.find("--agent"), std::string::npos) << "refused";
}

TEST(Flags, HelpNamesEveryHonouredFlagAndItsDefault) {
  std::string help = Fixture().flags.Help();
  EXPECT_NE(help.find("--config.file=FILE                 Configuration. (default: a.yml)"),
            std::string::npos)
      << help;
  EXPECT_NE(help.find("--[no-]web.enable-api"), std::string::npos);
  EXPECT_EQ(help.find("--agent"), std::string::npos);
}

}  // namespace
}  // namespace sextant::app
