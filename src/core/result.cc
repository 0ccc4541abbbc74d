#include "core/result.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sextant::core {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kNotFound:
      return "not_found";
    case Code::kAlreadyExists:
      return "already_exists";
    case Code::kPermissionDenied:
      return "permission_denied";
    case Code::kResourceExhausted:
      return "resource_exhausted";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kDeadlineExceeded:
      return "deadline_exceeded";
    case Code::kCancelled:
      return "cancelled";
    case Code::kCorruption:
      return "corruption";
    case Code::kIo:
      return "io";
    case Code::kUnimplemented:
      return "unimplemented";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

Error Error::WithContext(std::string_view context) const& {
  return Error(code_, fmt::format("{}: {}", context, message_));
}

Error Error::WithContext(std::string_view context) && {
  message_.insert(0, ": ").insert(0, context);
  return std::move(*this);
}

tl::unexpected<Error> FailErrno(int error_number, std::string_view message) {
  char buffer[256];
  const char* text = strerror_r(error_number, buffer, sizeof buffer);
  Code code = Code::kIo;
  if (error_number == ENOENT) code = Code::kNotFound;
  if (error_number == EEXIST) code = Code::kAlreadyExists;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS)
    code = Code::kPermissionDenied;
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EMFILE)
    code = Code::kResourceExhausted;
  return tl::unexpected<Error>(Error(code, fmt::format("{}: {}", message, text)));
}

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "sextant: broken invariant at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace sextant::core
