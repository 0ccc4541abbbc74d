#include "app/completion.h"

#include "app/programs.h"

namespace sextant::app {

namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

std::string ProgramNames() {
  std::vector<std::string> names;
  for (const Program& program : Programs()) {
    if (program.run != nullptr && program.name != "sextant") names.emplace_back(program.name);
  }
  names.emplace_back("completion");
  return Joined(names);
}

// bash, and zsh through its bash compatibility.
std::string BashScript() {
  std::string cases;
  for (const Program& program : Programs()) {
    if (program.run == nullptr || program.name == "sextant") continue;
    cases += fmt::format("    {}) words=\"{}\" ;;\n", program.name, Joined(program.flags().Names()));
  }
  return fmt::format(
      "_sextant() {{\n"
      "  local current=\"${{COMP_WORDS[COMP_CWORD]}}\" words\n"
      "  case \"${{COMP_WORDS[1]}}\" in\n{}"
      "    completion) words=\"bash zsh fish\" ;;\n"
      "    *) words=\"{} {}\" ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}}\n"
      "complete -o default -F _sextant sextant\n",
      cases, ProgramNames(), Joined(PlatformFlags().Names()));
}

std::string FishScript() {
  std::string out = fmt::format("complete -c sextant -n __fish_use_subcommand -f -a '{}'\n", ProgramNames());
  for (const std::string& flag : PlatformFlags().Names()) {
    out += fmt::format("complete -c sextant -n __fish_use_subcommand -l {}\n", flag.substr(2));
  }
  for (const Program& program : Programs()) {
    if (program.run == nullptr || program.name == "sextant") continue;
    for (const std::string& flag : program.flags().Names()) {
      out += fmt::format("complete -c sextant -n '__fish_seen_subcommand_from {}' -l {}\n", program.name,
                         flag.substr(2));
    }
  }
  return out;
}

}  // namespace

core::Result<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return BashScript();
  if (shell == "zsh") return "autoload -Uz bashcompinit && bashcompinit\n" + BashScript();
  if (shell == "fish") return FishScript();
  return core::Fail(core::Code::kInvalidArgument, "completion needs the name of a shell: bash, zsh or fish");
}

}  // namespace sextant::app
