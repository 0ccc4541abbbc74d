// `sextant promtool`: finds the command and runs it. The commands are in promtool_*.cc and in app/promtool.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "app/programs.h"
#include "app/promtool/check.h"
#include "app/promtool/test_rules.h"
#include "app/promtool_commands.h"
#include "model/value.h"

namespace sextant::app {

namespace {

using core::Result;

const std::vector<PromtoolCommand>& Commands() {
  static const std::vector<PromtoolCommand> kCommands = [] {
    std::vector<PromtoolCommand> all;
    for (auto group :
         {PromtoolQueryCommands, PromtoolPromqlCommands, PromtoolTsdbCommands, PromtoolServerCommands}) {
      for (PromtoolCommand& command : group()) all.push_back(std::move(command));
    }
    return all;
  }();
  return kCommands;
}

// Words that commands of several words begin with.
bool IsGroup(std::string_view word) {
  return std::ranges::any_of(Commands(),
                             [&](const PromtoolCommand& command) { return command.words[0] == word; });
}

// The commands on files: `check` and `test`.
bool IsOnFiles(std::string_view command) { return command == "check" || command == "test"; }

// Takes --enable-feature, which may stand before the command, out of the arguments.
Words TakeFeatures(Words words, std::vector<std::string>& features) {
  constexpr std::string_view kFlag = "--enable-feature=";
  std::erase_if(words, [&](const std::string& word) {
    if (!word.starts_with(kFlag)) return false;
    AppendNames(std::string_view(word).substr(kFlag.size()), features);
    return true;
  });
  return words;
}

int RunOnFiles(const Words& arguments) {
  std::vector<std::string> features;
  Words words = TakeFeatures(arguments, features);
  const std::string command = words.front();
  words.erase(words.begin());
  promtool::Output output;
  Result<int> code = command == "check" ? promtool::RunCheck(words, features, output)
                                        : promtool::RunTest(words, features, output);
  Print(output.out);
  std::fflush(stdout);
  std::fputs(output.err.c_str(), stderr);
  return code ? *code : FailWith(fmt::format("promtool: error: {}, try --help", code.error().message()));
}

// Takes a command's words off the front, flags between them aside; the command, or null.
const PromtoolCommand* TakeCommand(Words& words) {
  for (const PromtoolCommand& command : Commands()) {
    Words rest;
    size_t matched = 0;
    for (const std::string& word : words) {
      bool is_flag = word.starts_with('-');
      if (matched < command.words.size() && !is_flag) {
        if (word != command.words[matched]) break;
        ++matched;
      } else {
        rest.push_back(word);
      }
    }
    if (matched != command.words.size()) continue;
    words = std::move(rest);
    return &command;
  }
  return nullptr;
}

}  // namespace

FlagSet PromtoolFlags() {
  std::string summary = "Stands in for promtool: what it prints is what promtool prints.\n\n";
  for (const PromtoolCommand& command : Commands()) {
    summary +=
        fmt::format("  {} {}\n      {}\n", fmt::join(command.words, " "), command.arguments, command.summary);
  }
  summary +=
      "  check config|rules|web-config|metrics|healthy|ready|service-discovery\n      Check files and "
      "servers.\n"
      "  test rules\n      Run unit tests of rules.\n"
      "\nEach command of query, promql, tsdb, push and debug has a --help of its own.";
  FlagSet flags{"sextant promtool <command>", summary};
  return flags;
}

int RunPromtoolProgram(const Arguments& arguments) {
  Words words = arguments;
  if (const PromtoolCommand* command = TakeCommand(words)) return command->run(words);
  std::string first;
  for (const std::string& word : arguments) {
    if (!word.starts_with('-') && first.empty()) first = word;
  }
  if (IsOnFiles(first)) {
    if (std::ranges::find(words, "--help") == words.end()) return RunOnFiles(words);
    Print(PromtoolFlags().Help());
    return kExitOk;
  }
  if (first.empty()) return FailWith("promtool: error: command not specified, try --help");
  if (IsGroup(first)) {
    return FailWith("promtool: error: must select a subcommand of '" + first + "', try --help");
  }
  return FailWith(
      fmt::format("promtool: error: expected command but got {}, try --help", model::QuoteGo(first)));
}

}  // namespace sextant::app
