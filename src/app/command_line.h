// Command lines with a command, flags and arguments, as promtool takes them, with the error texts of its
// library (kingpin): `--flag=value`, `--flag value`, `-o value`, flags between and behind arguments, `--`
// before arguments that begin with a dash. A switch takes no value: as with kingpin, what stands behind its
// `=` is an argument (mostly an unexpected one). For one command whose name was taken off already. Used by
// one thread at start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::app {

class CommandLine {
 public:
  // `letter` 0: it has no short form. Targets must outlive Parse.
  void AddFlag(std::string name, char letter, std::string help, std::string* target);
  void AddFlagList(std::string name, std::string help, std::vector<std::string>* target,
                   bool is_required = false);
  void AddSwitch(std::string name, std::string help, bool* target, char letter = 0);
  void AddArgument(std::string name, std::string help, std::string* target);
  // One that may be missing: the target keeps what it has. Behind those that may not.
  void AddOptionalArgument(std::string name, std::string help, std::string* target);
  // Any number of arguments, at least one if it is required; the last to be added.
  void AddArguments(std::string name, std::string help, std::vector<std::string>* target,
                    bool is_required = true);

  // Sets a flag as if it had been given first, for defaults from a file; false when there is none of the
  // name.
  bool SetDefault(std::string_view name, const std::string& value) const;
  // Whether a word is a flag that wants a value behind it.
  bool TakesValue(std::string_view word) const;
  // kInvalidArgument with the library's text.
  core::Status Parse(const std::vector<std::string>& arguments) const;
  // "usage: promtool query instant [<flags>] <server> <expr>" and what follows.
  std::string Help(std::string_view command, std::string_view summary) const;

 private:
  struct Flag {
    std::string name;
    char letter = 0;
    std::string help;
    std::string* target = nullptr;
    std::vector<std::string>* list = nullptr;
    bool* is_on = nullptr;
    bool is_required = false;
  };
  struct Argument {
    std::string name;
    std::string help;
    std::string* target = nullptr;
    std::vector<std::string>* list = nullptr;
    bool is_required = true;
  };
  core::Result<const Flag*> Find(std::string_view word) const;
  core::Status TakeFlag(const std::vector<std::string>& arguments, size_t& at,
                        std::vector<const Flag*>& given, std::vector<std::string>& values) const;
  core::Status TakeArguments(const std::vector<std::string>& values) const;

  std::vector<Flag> flags_;
  std::vector<Argument> arguments_;
};

}  // namespace sextant::app
