#include "app/command_line.h"

#include <algorithm>

namespace sextant::app {

using core::Code;
using core::Fail;
using core::Status;

void CommandLine::AddFlag(std::string name, char letter, std::string help, std::string* target) {
  flags_.push_back({.name = std::move(name), .letter = letter, .help = std::move(help), .target = target});
}

void CommandLine::AddFlagList(std::string name, std::string help, std::vector<std::string>* target,
                              bool is_required) {
  flags_.push_back(
      {.name = std::move(name), .help = std::move(help), .list = target, .is_required = is_required});
}

void CommandLine::AddSwitch(std::string name, std::string help, bool* target, char letter) {
  flags_.push_back({.name = std::move(name), .letter = letter, .help = std::move(help), .is_on = target});
}

bool CommandLine::SetDefault(std::string_view name, const std::string& value) const {
  for (const Flag& flag : flags_) {
    if (flag.name != name) continue;
    if (flag.is_on != nullptr) {
      *flag.is_on = value == "true";
    } else if (flag.list != nullptr) {
      flag.list->assign(1, value);
    } else {
      *flag.target = value;
    }
    return true;
  }
  return false;
}

void CommandLine::AddArgument(std::string name, std::string help, std::string* target) {
  arguments_.push_back({std::move(name), std::move(help), target, nullptr, true});
}

void CommandLine::AddOptionalArgument(std::string name, std::string help, std::string* target) {
  arguments_.push_back({std::move(name), std::move(help), target, nullptr, false});
}

void CommandLine::AddArguments(std::string name, std::string help, std::vector<std::string>* target,
                               bool is_required) {
  arguments_.push_back({std::move(name), std::move(help), nullptr, target, is_required});
}

bool CommandLine::TakesValue(std::string_view word) const {
  const auto flag = word.size() > 1 ? Find(word) : core::Result<const Flag*>(nullptr);
  return flag && *flag != nullptr && (*flag)->is_on == nullptr;
}

core::Result<const CommandLine::Flag*> CommandLine::Find(std::string_view word) const {
  if (word.starts_with("--")) {
    std::string_view name = word.substr(2, word.find('=') - 2);
    for (const Flag& flag : flags_) {
      bool is_negated = flag.is_on != nullptr && name.starts_with("no-") && name.substr(3) == flag.name;
      if (flag.name == name || is_negated) return &flag;
    }
    return Fail(Code::kInvalidArgument, "unknown long flag '--{}'", name);
  }
  for (const Flag& flag : flags_) {
    if (flag.letter != 0 && flag.letter == word[1]) return &flag;
  }
  return Fail(Code::kInvalidArgument, "unknown short flag '-{}'", word.substr(1, 1));
}

Status CommandLine::TakeFlag(const std::vector<std::string>& arguments, size_t& at,
                             std::vector<const Flag*>& given, std::vector<std::string>& values) const {
  std::string_view word = arguments[at];
  SEXTANT_ASSIGN(const Flag* flag, Find(word));
  bool is_repeated = std::ranges::find(given, flag) != given.end();
  if (is_repeated && flag->list == nullptr) {
    return Fail(Code::kInvalidArgument, "flag '{}' cannot be repeated", flag->name);
  }
  given.push_back(flag);
  if (flag->is_on != nullptr) {
    std::string_view name = word.substr(0, word.find('='));
    *flag->is_on = name == "--" + flag->name || !name.starts_with("--");
    if (name.size() < word.size()) values.emplace_back(word.substr(name.size() + 1));
    return {};
  }
  std::string value;
  size_t equals = word.starts_with("--") ? word.find('=') : word.npos;
  if (equals != word.npos) {
    value = word.substr(equals + 1);
  } else if (!word.starts_with("--") && word.size() > 2) {
    value = word.substr(2);
  } else if (at + 1 < arguments.size() && !arguments[at + 1].starts_with("--")) {
    value = arguments[++at];
  } else {
    return Fail(Code::kInvalidArgument, "expected argument for flag '{}'", word);
  }
  if (flag->list != nullptr) {
    flag->list->push_back(std::move(value));
  } else {
    *flag->target = std::move(value);
  }
  return {};
}

Status CommandLine::TakeArguments(const std::vector<std::string>& values) const {
  size_t at = 0;
  for (const Argument& argument : arguments_) {
    if (at == values.size() && !argument.is_required) continue;
    if (at == values.size()) {
      return Fail(Code::kInvalidArgument, "required argument '{}' not provided", argument.name);
    }
    if (argument.list != nullptr) {
      argument.list->assign(values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
      at = values.size();
    } else {
      *argument.target = values[at++];
    }
  }
  if (at < values.size()) return Fail(Code::kInvalidArgument, "unexpected {}", values[at]);
  return {};
}

Status CommandLine::Parse(const std::vector<std::string>& arguments) const {
  std::vector<const Flag*> given;
  std::vector<std::string> values;
  bool takes_flags = true;
  for (size_t at = 0; at < arguments.size(); ++at) {
    const std::string& word = arguments[at];
    if (takes_flags && word == "--") {
      takes_flags = false;
    } else if (takes_flags && word.size() > 1 && word[0] == '-') {
      SEXTANT_TRY(TakeFlag(arguments, at, given, values));
    } else {
      values.push_back(word);
    }
  }
  std::string missing;
  for (const Flag& flag : flags_) {
    if (!flag.is_required || std::ranges::find(given, &flag) != given.end()) continue;
    missing += fmt::format("{}'--{}'", missing.empty() ? "" : ", ", flag.name);
  }
  if (!missing.empty()) return Fail(Code::kInvalidArgument, "required flag(s) {} not provided", missing);
  return TakeArguments(values);
}

std::string CommandLine::Help(std::string_view command, std::string_view summary) const {
  std::string usage = fmt::format("usage: {}", command);
  for (const Flag& flag : flags_) {
    if (flag.is_required) usage += fmt::format(" --{}=VALUE", flag.name);
  }
  usage += " [<flags>]";
  for (const Argument& argument : arguments_) {
    usage += !argument.is_required ? fmt::format(" [<{}>{}]", argument.name, argument.list ? "..." : "")
                                   : fmt::format(" <{}>{}", argument.name, argument.list ? "..." : "");
  }
  std::string out = fmt::format("{}\n\n{}\n\nFlags:\n", usage, summary);
  for (const Flag& flag : flags_) {
    std::string name =
        flag.letter != 0 ? fmt::format("-{}, --{}", flag.letter, flag.name) : "    --" + flag.name;
    if (flag.is_on == nullptr) name += "=VALUE";
    out += fmt::format("  {:<26} {}\n", name, flag.help);
  }
  out += "\nArgs:\n";
  for (const Argument& argument : arguments_)
    out += fmt::format("  {:<26} {}\n", "<" + argument.name + ">", argument.help);
  return out;
}

}  // namespace sextant::app
