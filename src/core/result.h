// Errors as values. A function that can fail returns Result<T> (or Status when there is nothing to return);
// the error says what failed, where and what to do, and callers add context on the way up:
//
//   Result<Config> Load(std::string_view path) {
//     SEXTANT_ASSIGN(std::string text, ReadFile(path));
//     return Parse(text).map_error(core::AddContext("loading {}", path));
//   }
//
// Exceptions do not cross module borders; a broken invariant (a programmer's error) stops the process through
// SEXTANT_CHECK. All of this is value types without shared state.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sextant::core {

// What kind of failure it is; decides HTTP statuses, exit codes and whether a retry makes sense.
enum class Code {
  kInvalidArgument,    // the input is wrong and stays wrong
  kNotFound,           // the thing asked for does not exist
  kAlreadyExists,      // the thing to be made exists
  kPermissionDenied,   // not allowed
  kResourceExhausted,  // a limit of ours was reached
  kUnavailable,        // a peer or resource is not there now; a retry may help
  kDeadlineExceeded,   // it took too long
  kCancelled,          // whoever asked no longer wants it
  kCorruption,         // stored bytes are not what was written
  kIo,                 // the operating system refused
  kUnimplemented,      // a known option that this version does not honour
  kInternal,           // a defect of ours
};

// The code's name as it appears in logs ("invalid_argument").
std::string_view CodeName(Code code);

// A failure: its kind and one line for a person.
class Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // This error with "context: " before its message.
  Error WithContext(std::string_view context) const&;
  Error WithContext(std::string_view context) &&;

 private:
  Code code_;
  std::string message_;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// Makes the failed Result of a code and a formatted message: `return Fail(Code::kNotFound, "no file {}",
// path);`
template <typename... Args>
tl::unexpected<Error> Fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}

// Makes the failed Result of the current errno, as "message: No such file or directory".
tl::unexpected<Error> FailErrno(int error_number, std::string_view message);

// For Result::map_error: adds formatted context in front of the message.
template <typename... Args>
auto AddContext(fmt::format_string<Args...> format, Args&&... args) {
  return [context = fmt::format(format, std::forward<Args>(args)...)](Error error) {
    return std::move(error).WithContext(context);
  };
}

// Stops the process with a message; for SEXTANT_CHECK.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace sextant::core

// Stops the process when an invariant of our own does not hold.
#define SEXTANT_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::sextant::core::CheckFailed(__FILE__, __LINE__, #condition))

#define SEXTANT_CONCAT_INNER(a, b) a##b
#define SEXTANT_CONCAT(a, b) SEXTANT_CONCAT_INNER(a, b)

// Returns the error of `expression` (a Result or Status) from the enclosing function, if it failed.
#define SEXTANT_TRY(expression)                                       \
  do {                                                                \
    if (auto sextant_try_result = (expression); !sextant_try_result)  \
      return ::tl::unexpected(std::move(sextant_try_result).error()); \
  } while (false)

// Declares or assigns `target` from the value of `expression`, or returns its error.
#define SEXTANT_ASSIGN(target, expression) \
  SEXTANT_ASSIGN_INNER(SEXTANT_CONCAT(sextant_result_, __LINE__), target, expression)
#define SEXTANT_ASSIGN_INNER(result, target, expression)           \
  auto result = (expression);                                      \
  if (!result) return ::tl::unexpected(std::move(result).error()); \
  target = std::move(*result)
