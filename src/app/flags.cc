#include "app/flags.h"

#include <algorithm>
#include <charconv>

#include "config/text.h"
#include "core/duration.h"
#include "core/memory_budget.h"

namespace sextant::app {

using core::Code;
using core::Fail;
using core::Status;

void FlagSet::Add(std::string name, std::string value_name, std::string help, Setter set,
                  std::string shown_default) {
  SEXTANT_CHECK(Find(name) == nullptr);
  Flag flag;
  flag.name = std::move(name);
  flag.value_name = std::move(value_name);
  flag.help = std::move(help);
  flag.shown_default = std::move(shown_default);
  flag.set = std::move(set);
  flags_.push_back(std::move(flag));
}

void FlagSet::AddString(std::string name, std::string value_name, std::string help, std::string* target) {
  Add(
      std::move(name), std::move(value_name), std::move(help),
      [target](const std::string& value) -> Status {
        *target = value;
        return {};
      },
      *target);
}

void FlagSet::AddDuration(std::string name, std::string help, core::DurationMs* target) {
  Add(
      std::move(name), "DURATION", std::move(help),
      [target](const std::string& value) -> Status {
        SEXTANT_ASSIGN(*target, core::ParseDuration(value));
        return {};
      },
      core::FormatDuration(*target));
}

void FlagSet::AddBytes(std::string name, std::string help, uint64_t* target) {
  Add(
      std::move(name), "SIZE", std::move(help),
      [target](const std::string& value) -> Status {
        SEXTANT_ASSIGN(*target, core::ParseBytes(value));
        return {};
      },
      *target == 0 ? "" : core::FormatBytes(*target));
}

void FlagSet::AddCount(std::string name, std::string help, uint32_t* target) {
  Add(
      std::move(name), "COUNT", std::move(help),
      [target](const std::string& value) -> Status {
        uint32_t count = 0;
        auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
        if (error != std::errc() || end != value.data() + value.size() || count == 0) {
          return core::Fail(core::Code::kInvalidArgument, "\"{}\" is not a number from 1 to {}", value,
                            UINT32_MAX);
        }
        *target = count;
        return {};
      },
      std::to_string(*target));
}

void FlagSet::AddList(std::string name, std::string value_name, std::string help,
                      std::vector<std::string>* target) {
  std::string shown = target->empty() ? "" : target->front();
  Add(
      std::move(name), std::move(value_name), std::move(help),
      [target, is_first = true](const std::string& value) mutable -> Status {
        if (is_first) target->clear();
        is_first = false;
        target->push_back(value);
        return {};
      },
      shown);
}

void FlagSet::AddSwitch(std::string name, std::string help, bool* target) {
  Add(std::move(name), "", std::move(help), [target](const std::string& value) -> Status {
    *target = value == "true";
    return {};
  });
}

void FlagSet::AddWithoutEffect(std::string name, std::string value_name, std::string why, Setter check,
                               std::string shown_default) {
  std::string help = "No effect here: " + why + ".";
  Add(std::move(name), std::move(value_name), std::move(help), std::move(check), std::move(shown_default));
  flags_.back().no_effect = std::move(why);
}

void FlagSet::AddRefused(std::string name, std::string why) {
  Flag flag;
  flag.name = std::move(name);
  flag.refusal = std::move(why);
  flag.is_refused = true;
  flags_.push_back(std::move(flag));
}

void FlagSet::AddOnlyDefault(std::string name, std::string allowed_value, std::string why) {
  AddRefused(std::move(name), std::move(why));
  flags_.back().allowed_value = std::move(allowed_value);
}

FlagSet::Flag* FlagSet::Find(std::string_view name) {
  auto it = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.name == name; });
  return it == flags_.end() ? nullptr : &*it;
}

Status FlagSet::Set(Flag& flag, const std::string& value) {
  if (flag.is_refused) {
    if (!flag.allowed_value.empty() && value == flag.allowed_value) return {};
    return Fail(Code::kUnimplemented, "--{}: {}", flag.name, flag.refusal);
  }
  flag.given = value;
  return flag.set(value).map_error(core::AddContext("--{}={}", flag.name, value));
}

Status FlagSet::Unknown(std::string_view argument) const {
  std::string name(argument.substr(0, argument.find('=')));
  std::vector<std::string> names;
  for (const Flag& flag : flags_) names.push_back("--" + flag.name);
  std::string_view suggestion = config::ClosestName(name, {names.begin(), names.end()});
  return Fail(Code::kInvalidArgument, "unknown flag {}{}; `{} --help` lists the flags", name,
              suggestion.empty() ? "" : fmt::format("; did you mean {}?", suggestion), program_);
}

Status FlagSet::Parse(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!argument.starts_with("--") || argument.size() == 2) {
      if (argument.starts_with("-")) return Unknown(argument);
      return Fail(Code::kInvalidArgument, "unexpected argument \"{}\"; `{} --help` shows the usage", argument,
                  program_);
    }
    std::string_view body = std::string_view(argument).substr(2);
    size_t equals = body.find('=');
    bool has_value = equals != std::string_view::npos;
    std::string_view name = body.substr(0, equals);
    std::string value(has_value ? body.substr(equals + 1) : "");

    Flag* flag = Find(name);
    if (flag == nullptr && name.starts_with("no-") && !has_value) {
      Flag* negated = Find(name.substr(3));
      if (negated != nullptr && negated->value_name.empty()) {
        SEXTANT_TRY(Set(*negated, "false"));
        continue;
      }
    }
    if (flag == nullptr) return Unknown(argument);
    bool is_switch = flag->value_name.empty();
    if (is_switch && !flag->is_refused) {
      if (has_value && value != "true" && value != "false") {
        return Fail(Code::kInvalidArgument, "--{} is a switch: write --{} or --no-{}", name, name, name);
      }
      SEXTANT_TRY(Set(*flag, has_value ? value : "true"));
      continue;
    }
    // A switch of the original: alone it means true, and takes nothing of what follows.
    bool is_boolean = flag->allowed_value == "true" || flag->allowed_value == "false";
    if (!has_value && is_boolean) value = "true";
    bool may_take_next = !flag->is_refused || (!flag->allowed_value.empty() && !is_boolean);
    if (!has_value && may_take_next) {
      if (i + 1 == arguments.size())
        return Fail(Code::kInvalidArgument, "--{} needs a value: --{}={}", name, name, flag->value_name);
      value = arguments[++i];
    }
    SEXTANT_TRY(Set(*flag, value));
  }
  return {};
}

std::string FlagSet::Help() const {
  std::string out = fmt::format("usage: {} [flags]\n\n{}\n\nFlags:\n", program_, summary_);
  for (const Flag& flag : flags_) {
    if (flag.is_refused) continue;
    std::string left =
        flag.value_name.empty() ? "--[no-]" + flag.name : fmt::format("--{}={}", flag.name, flag.value_name);
    std::string right = flag.help;
    if (!flag.shown_default.empty()) right += fmt::format(" (default: {})", flag.shown_default);
    if (left.size() <= 34) {
      out += fmt::format("  {:<34} {}\n", left, right);
    } else {
      out += fmt::format("  {}\n  {:<34} {}\n", left, "", right);
    }
  }
  return out;
}

std::vector<std::string> FlagSet::Names() const {
  std::vector<std::string> names;
  for (const Flag& flag : flags_) {
    if (!flag.is_refused) names.push_back("--" + flag.name);
  }
  return names;
}

std::string FlagSet::Markdown() const {
  std::string out = fmt::format("---\ntitle: {}\n---\n\n{}\n\n\n## Flags\n\n", program_, summary_);
  out += "| Flag | Description | Default |\n| --- | --- | --- |\n";
  for (const Flag& flag : flags_) {
    if (flag.is_refused) continue;
    std::string help;
    for (char c : flag.help) help += c == '|' ? "\\|" : std::string(1, c);
    std::string shown = flag.shown_default.empty() ? "" : "`" + flag.shown_default + "`";
    out += fmt::format("| <code class=\"text-nowrap\">--{}</code> | {} | {} |\n", flag.name, help, shown);
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> FlagSet::GivenWithoutEffect() const {
  std::vector<std::pair<std::string, std::string>> given;
  for (const Flag& flag : flags_) {
    if (!flag.given.empty() && !flag.no_effect.empty()) given.emplace_back(flag.name, flag.no_effect);
  }
  return given;
}

std::vector<std::string> FlagSet::Given() const {
  std::vector<std::string> names;
  for (const Flag& flag : flags_) {
    if (!flag.given.empty()) names.push_back(flag.name);
  }
  return names;
}

std::vector<std::pair<std::string, std::string>> FlagSet::Values() const {
  std::vector<std::pair<std::string, std::string>> values;
  for (const Flag& flag : flags_) {
    if (!flag.is_refused)
      values.emplace_back(flag.name, flag.given.empty() ? flag.shown_default : flag.given);
  }
  return values;
}

}  // namespace sextant::app
