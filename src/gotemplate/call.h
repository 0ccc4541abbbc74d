// What a function sees of the execution that calls it.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "gotemplate/format.h"
#include "gotemplate/value.h"

namespace sextant::gotemplate {

// What functions of a library may ask of whoever executes a template (the query engine, the time, an
// address); a library's functions know the concrete type of the environment they are executed with.
class Environment {
 public:
  virtual ~Environment() = default;
};

class Call {
 public:
  virtual ~Call() = default;

  // What Execute was given; null when nothing was.
  virtual const Environment* environment() const = 0;
  // Executes a template of the set and gives its output.
  virtual core::Result<std::string> ExecuteTemplate(std::string_view name, const Value& data) = 0;
  // The most bytes that any text may have.
  virtual size_t max_text_bytes() const = 0;
};

// The text of a finished builder, or the error of one that was cut off.
core::Result<Value> FinishText(BoundedText& text);

// A failed function: the message as it appears after "error calling name: ".
template <typename... Args>
tl::unexpected<core::Error> FailCall(fmt::format_string<Args...> format, Args&&... args) {
  return core::Fail(core::Code::kInvalidArgument, format, std::forward<Args>(args)...);
}

}  // namespace sextant::gotemplate
