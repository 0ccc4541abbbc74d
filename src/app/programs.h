// The programs inside the binary: `sextant <program> …`, or a symlink with the program's name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/flags.h"

namespace sextant::app {

using Arguments = std::vector<std::string>;

// How a program ended, as its exit code.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct Program {
  std::string_view name;
  std::string_view summary;
  // Runs with the arguments behind the program's name and returns the exit code; null when this version does
  // not have the program.
  int (*run)(const Arguments& arguments);
  // The flags it takes, for help and completion.
  FlagSet (*flags)();
  // It has commands with a help of their own: `--help` behind one is theirs.
  bool has_commands = false;
};

// All programs we know of, the platform itself ("sextant") first.
std::span<const Program> Programs();

// Runs what the command line asks for. `arguments[0]` is the name the binary was called by.
int RunMain(const Arguments& arguments);

// Prints one line to standard error: "program: message".
void PrintError(std::string_view program, std::string_view message);

// The programs' entries, one file each.
int RunPlatformProgram(const Arguments& arguments);
int RunPrometheusProgram(const Arguments& arguments);
int RunNodeExporterProgram(const Arguments& arguments);
int RunOtelcolProgram(const Arguments& arguments);
int RunAlertmanagerProgram(const Arguments& arguments);
int RunAmtoolProgram(const Arguments& arguments);
int RunTsdbProgram(const Arguments& arguments);
int RunPromtoolProgram(const Arguments& arguments);
int RunQueryProgram(const Arguments& arguments);
int RunTestProgram(const Arguments& arguments);
FlagSet PlatformFlags();
FlagSet PrometheusFlags();
FlagSet NodeExporterFlags();
FlagSet OtelcolFlags();
FlagSet AlertmanagerFlags();
FlagSet AmtoolFlags();
FlagSet TsdbFlags();
FlagSet PromtoolFlags();
FlagSet QueryFlags();
FlagSet TestFlags();

}  // namespace sextant::app
