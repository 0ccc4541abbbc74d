// Command-line flags in the manner of the programs that we stand in for (kingpin's): `--flag=value`, `--flag
// value`,
// `--switch`, `--no-switch`, `-h`; a flag may be repeated where its setter says so. Unknown flags are refused
// with a suggestion, and flags of the original that we do not honour yet are refused by name.
//
//   FlagSet flags("sextant prometheus", "The Prometheus server.");
//   flags.AddString("config.file", "FILE", "Prometheus configuration file path.", &options.config_file);
//   flags.AddRefused("agent", "agent mode is not supported yet");
//   SEXTANT_TRY(flags.Parse(arguments));
//
// Used by one thread at start.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace sextant::app {

class FlagSet {
 public:
  using Setter = std::function<core::Status(const std::string& value)>;

  FlagSet(std::string program, std::string summary)
      : program_(std::move(program)), summary_(std::move(summary)) {}

  // A flag with a value. `shown_default` is only for the help.
  void Add(std::string name, std::string value_name, std::string help, Setter set,
           std::string shown_default = "");
  // The usual kinds; the target's present value is shown as the default, and must outlive Parse.
  void AddString(std::string name, std::string value_name, std::string help, std::string* target);
  void AddDuration(std::string name, std::string help, core::DurationMs* target);
  void AddBytes(std::string name, std::string help, uint64_t* target);
  void AddCount(std::string name, std::string help, uint32_t* target);  // at least 1
  // A value of its list; every use of the flag appends, and the first one replaces the default.
  void AddList(std::string name, std::string value_name, std::string help, std::vector<std::string>* target);
  // --name and --no-name.
  void AddSwitch(std::string name, std::string help, bool* target);
  // A flag of the original that tunes what we do not have: its value is checked by `check` and has no effect,
  // which the program says at its start. Without a value's name it is a switch.
  void AddWithoutEffect(std::string name, std::string value_name, std::string why, Setter check,
                        std::string shown_default);
  // A flag of the original that this version does not honour: using it is an error that says `why`.
  void AddRefused(std::string name, std::string why);
  // A refused flag that is harmless with this value (its default, or "false"): accepted then.
  void AddOnlyDefault(std::string name, std::string allowed_value, std::string why);

  // Sets everything from the arguments (without the program's name). Errors are kInvalidArgument and say
  // which flag and what to do. `--help` and `--version` are the caller's to look for before.
  core::Status Parse(const std::vector<std::string>& arguments);

  // A page that a person can read.
  std::string Help() const;
  // All flags as users type them, for shell completion; refused ones are left out.
  std::vector<std::string> Names() const;

  // All flags as a page in Markdown, as Prometheus' --write-documentation makes it.
  std::string Markdown() const;

  // The names of the flags that were given.
  std::vector<std::string> Given() const;
  // Those of them that have no effect, each with the reason.
  std::vector<std::pair<std::string, std::string>> GivenWithoutEffect() const;

  // Name and present value (as text, "" when it was not given) of every honoured flag, for
  // /api/v1/status/flags.
  std::vector<std::pair<std::string, std::string>> Values() const;

 private:
  struct Flag {
    std::string name;
    std::string value_name;  // empty: a switch
    std::string help;
    std::string shown_default;
    std::string refusal;  // not empty: refused
    std::string allowed_value;
    bool is_refused = false;
    std::string no_effect;  // why it has none; empty: it has one
    std::string given;
    Setter set;
  };
  Flag* Find(std::string_view name);
  core::Status Set(Flag& flag, const std::string& value);
  core::Status Unknown(std::string_view argument) const;

  std::string program_;
  std::string summary_;
  std::vector<Flag> flags_;
};

}  // namespace sextant::app
