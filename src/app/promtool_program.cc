// `sextant promtool`: stands in for promtool's commands on files and servers; whatever else it can do is
// refused by name.
#include <unistd.h>

#include <cstdio>

#include "app/programs.h"
#include "app/promtool/check.h"
#include "app/promtool/test_rules.h"

namespace sextant::app {

namespace {

constexpr std::string_view kName = "promtool";

std::vector<std::string> SplitList(std::string_view list) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= list.size();) {
    size_t end = std::min(list.find(',', begin), list.size());
    parts.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Takes --enable-feature, which may stand before the command, out of the arguments.
Arguments TakeFeatures(Arguments arguments, std::vector<std::string>& features) {
  constexpr std::string_view kFlag = "--enable-feature=";
  std::erase_if(arguments, [&](const std::string& argument) {
    if (!argument.starts_with(kFlag)) return false;
    for (std::string& name : SplitList(std::string_view(argument).substr(kFlag.size())))
      features.push_back(std::move(name));
    return true;
  });
  return arguments;
}

core::Result<int> Dispatch(const Arguments& arguments, const std::vector<std::string>& features,
                           promtool::Output& output) {
  std::string command = arguments.empty() ? "" : arguments.front();
  Arguments rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (command == "check") return promtool::RunCheck(rest, output);
  if (command == "test") return promtool::RunTest(rest, features, output);
  for (const char* known : {"query", "debug", "tsdb", "push", "promql"}) {
    if (command == known) return core::Fail(core::Code::kUnimplemented, "{} is not supported yet", command);
  }
  return core::Fail(core::Code::kInvalidArgument, "expected command but got \"{}\"", command);
}

}  // namespace

FlagSet PromtoolFlags() {
  return FlagSet(
      std::string(kName),
      "Checks files and servers: check config, check rules, check web-config, check healthy, check "
      "ready, check service-discovery, test rules.");
}

int RunPromtoolProgram(const Arguments& arguments) {
  std::vector<std::string> features;
  promtool::Output output;
  core::Result<int> code = Dispatch(TakeFeatures(arguments, features), features, output);
  std::fputs(output.out.c_str(), stdout);
  std::fflush(stdout);
  std::fputs(output.err.c_str(), stderr);
  if (code) return *code;
  std::fputs(fmt::format("{}: error: {}, try --help\n", kName, code.error().message()).c_str(), stderr);
  return kExitFailed;
}

}  // namespace sextant::app
