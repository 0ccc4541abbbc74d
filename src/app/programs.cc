#include "app/programs.h"

#include <cstdio>

#include "app/completion.h"
#include "app/version.h"
#include "config/text.h"
#include "core/result.h"

namespace sextant::app {

namespace {

constexpr Program kPrograms[] = {
    {"sextant", "the whole platform (without a program's name)", RunPlatformProgram, PlatformFlags},
    {"prometheus", "in place of the prometheus server", RunPrometheusProgram, PrometheusFlags},
    {"node_exporter", "in place of node_exporter", RunNodeExporterProgram, NodeExporterFlags},
    {"tsdb", "looks into a data directory: list, verify, export", RunTsdbProgram, TsdbFlags},
    {"query", "asks a running server and shows a table or a graph", RunQueryProgram, QueryFlags},
    {"test", "runs test scripts for PromQL", RunTestProgram, TestFlags},
    {"alertmanager", "in place of alertmanager", RunAlertmanagerProgram, AlertmanagerFlags},
    {"otelcol", "in place of the OpenTelemetry Collector", RunOtelcolProgram, OtelcolFlags},
    {"tempo", "in place of Tempo", nullptr, nullptr},
    {"promtool", "in place of promtool: query, promql, check, test", RunPromtoolProgram, PromtoolFlags, true},
    {"amtool", "in place of amtool: alert, silence, check-config, config, template, cluster",
     RunAmtoolProgram, AmtoolFlags, true},
};

const Program* FindProgram(std::string_view name) {
  for (const Program& program : kPrograms) {
    if (program.name == name) return &program;
  }
  return nullptr;
}

std::string BaseName(std::string_view path) {
  size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string GeneralHelp() {
  std::string out = "sextant " + std::string(Version()) +
                    ": metrics, alerts and dashboards of this machine and its services, in one process.\n\n"
                    "usage: sextant [flags]                 run the whole platform\n"
                    "       sextant <program> [flags]       run one program with the flags of the original\n"
                    "       sextant completion bash|zsh|fish\n\nPrograms:\n";
  for (const Program& program : kPrograms) {
    if (program.name == "sextant") continue;
    out += fmt::format("  {:<16} {}{}\n", program.name, program.summary,
                       program.run ? "" : " (not in this version)");
  }
  std::string flags = PlatformFlags().Help();
  return out + "\n" + flags.substr(flags.find("Flags:"));
}

bool Asks(const Arguments& arguments, std::initializer_list<std::string_view> words) {
  for (const std::string& argument : arguments) {
    for (std::string_view word : words) {
      if (argument == word) return true;
    }
  }
  return false;
}

int RunProgram(const Program& program, const Arguments& arguments) {
  if (program.run == nullptr) {
    PrintError("sextant", fmt::format("the program {} is not in this version", program.name));
    return kExitUsage;
  }
  const bool is_own = program.has_commands && !arguments.empty() && !arguments[0].starts_with('-');
  if (!is_own && Asks(arguments, {"--help", "-h", "--help-long"})) {
    std::fputs(program.name == "sextant" ? GeneralHelp().c_str() : program.flags().Help().c_str(), stdout);
    return kExitOk;
  }
  if (Asks(arguments, {"--version"})) {
    std::string name = program.name == "sextant" ? "sextant" : fmt::format("{} (sextant)", program.name);
    std::fputs(fmt::format("{} {}\n", name, Version()).c_str(), stdout);
    return kExitOk;
  }
  return program.run(arguments);
}

int RunCompletion(const Arguments& arguments) {
  core::Result<std::string> script = CompletionScript(arguments.empty() ? "" : arguments[0]);
  if (!script) {
    PrintError("sextant", script.error().message());
    return kExitUsage;
  }
  std::fputs(script->c_str(), stdout);
  return kExitOk;
}

}  // namespace

std::span<const Program> Programs() { return kPrograms; }

void PrintError(std::string_view program, std::string_view message) {
  std::fputs(fmt::format("{}: {}\n", program, message).c_str(), stderr);
}

int RunMain(const Arguments& arguments) {
  std::string called = arguments.empty() ? "sextant" : BaseName(arguments[0]);
  Arguments rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  const Program* program = FindProgram(called);
  if (program != nullptr && program->name != "sextant") return RunProgram(*program, rest);

  bool names_program = !rest.empty() && !rest[0].starts_with('-');
  if (!names_program) return RunProgram(kPrograms[0], rest);
  std::string name = rest[0];
  rest.erase(rest.begin());
  if (name == "completion") return RunCompletion(rest);
  if (name == "help") return RunProgram(kPrograms[0], {"--help"});
  program = FindProgram(name);
  if (program != nullptr && program->name != "sextant") return RunProgram(*program, rest);

  std::vector<std::string_view> names;
  for (const Program& known : kPrograms) names.push_back(known.name);
  std::string_view suggestion = config::ClosestName(name, names);
  PrintError("sextant", fmt::format("unknown program \"{}\"{}; `sextant --help` lists the programs", name,
                                    suggestion.empty() ? "" : fmt::format("; did you mean {}?", suggestion)));
  return kExitUsage;
}

}  // namespace sextant::app
