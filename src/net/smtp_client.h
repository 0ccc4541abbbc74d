// Sends a mail to a server (RFC 5321): with TLS from the start or by STARTTLS, with AUTH PLAIN, LOGIN or
// CRAM-MD5 (whichever the server names first), over a connection of its own.
//
//   MailHandle handle = SendMail(io, {.host = "mail.example.org", .port = 587, …},
//                                {.executor = &executor, .priority = core::Priority::kAlerting},
//                                [](core::Status sent) { … });
//
// Every call calls back exactly once, with success when the server has taken the mail. Errors: kUnavailable
// with the server's words, kDeadlineExceeded, kPermissionDenied (certificate not trusted), kCancelled, and
// kInvalidArgument for settings that can never work.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "net/http_client.h"
#include "net/io.h"

namespace sextant::net {

struct MailRequest {
  std::string host = {};
  uint16_t port = 25;
  std::string hello = {};         // how we introduce ourselves; empty: "localhost"
  bool has_implicit_tls = false;  // speak TLS from the first byte
  bool requires_tls = true;       // else only with implicit TLS
  TlsClientOptions tls = {};

  // Used when there is a user and the server offers AUTH. A password that could not be read is an error only
  // then.
  std::string user = {};
  std::string identity = {};                // of PLAIN: whom the user acts for
  core::Result<std::string> password = {};  // of PLAIN and LOGIN
  core::Result<std::string> secret = {};    // of CRAM-MD5

  std::string from = {};  // addresses without brackets
  std::vector<std::string> to = {};
  std::string message = {};  // headers and body, lines ending with CR LF

  core::DurationMs timeout_ms = 30'000;  // for everything
};

using MailCallback = std::function<void(core::Status sent)>;

// A mail under way. Copies mean the same mail; dropping them does not cancel.
class MailHandle {
 public:
  MailHandle() = default;
  // The callback gets kCancelled unless it has run or is about to. Thread-safe, returns at once.
  void Cancel();

  struct Session;
  explicit MailHandle(std::weak_ptr<Session> session) : session_(std::move(session)) {}

 private:
  std::weak_ptr<Session> session_;
};

// Never waits and never calls back from inside. `io` must outlive the callback. Thread-safe.
MailHandle SendMail(IoContext& io, MailRequest request, FetchDelivery delivery, MailCallback callback);

}  // namespace sextant::net
