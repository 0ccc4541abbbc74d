#include "net/tls_client.h"
#include "net/smtp_client.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <optional>

#include "core/base64.h"
#include "net/io_internal.h"
#include "net/url.h"

namespace sextant::net {
namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

template <typename T>
using Awaitable = asio::awaitable<T, IoExecutor>;
constexpr asio::use_awaitable_t<IoExecutor> kAwait;

constexpr size_t kMaxLineBytes = 8 << 10;
constexpr size_t kMaxReplyLines = 200;

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // without the code

  // As Go's textproto shows it.
  std::string Text() const { return fmt::format("{:03} {}", code, fmt::join(lines, "\n")); }
};

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return out;
}

std::string HmacMd5Hex(std::string_view key, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

// A line that begins with a dot gets another (RFC 5321, 4.5.2); the end is a dot alone.
std::string DotStuffed(std::string_view message) {
  std::string out;
  out.reserve(message.size() + 64);
  bool at_start = true;
  for (const char c : message) {
    if (at_start && c == '.') out += '.';
    out += c;
    at_start = c == '\n';
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out + ".\r\n";
}

bool HasLineBreak(std::string_view text) { return text.find_first_of("\r\n") != std::string_view::npos; }

}  // namespace

struct MailHandle::Session : std::enable_shared_from_this<Session> {
  Session(IoLoop& io_loop, MailRequest mail_request, FetchDelivery mail_delivery, MailCallback mail_callback)
      : loop(io_loop),
        request(std::move(mail_request)),
        delivery(mail_delivery),
        callback(std::move(mail_callback)),
        socket(loop.context.get_executor()),
        timer(loop.context.get_executor()) {}

  IoLoop& loop;
  const MailRequest request;
  const FetchDelivery delivery;
  MailCallback callback;
  TcpSocket socket;
  SteadyTimer timer;
  std::unique_ptr<asio::ssl::context> tls_context;
  std::optional<asio::ssl::stream<TcpSocket&>> tls;
  std::string received;
  std::map<std::string, std::string> extensions;  // upper case names
  bool is_late = false;
  bool is_cancelled = false;
  bool is_looking_up = false;  // a name, which nothing can hurry

  void Start() {
    timer.expires_after(std::chrono::milliseconds(std::max<core::DurationMs>(request.timeout_ms, 1)));
    timer.async_wait([self = shared_from_this()](error_code error) {
      if (error) return;
      self->is_late = true;
      self->Break();
    });
    asio::co_spawn(
        loop.context.get_executor(),
        [self = shared_from_this()]() -> Awaitable<void> {
          Status status = co_await self->Talk();
          self->End(std::move(status));
        },
        asio::detached);
  }

  void Break() {
    error_code ignored;
    socket.close(ignored);
    if (is_looking_up)
      End(Fail(Code::kUnavailable, "establish connection to server: lookup {}", request.host));
  }

  void End(Status status) {
    if (callback == nullptr) return;  // said already
    is_looking_up = false;
    timer.cancel();
    Break();
    if (!status && is_cancelled) status = Fail(Code::kCancelled, "context canceled");
    if (!status && is_late) {
      status = Fail(Code::kDeadlineExceeded, "{}: context deadline exceeded", status.error().message());
    }
    auto deliver = [call = std::exchange(callback, nullptr), status] { call(status); };
    if (delivery.executor == nullptr || !delivery.executor->Submit(delivery.priority, deliver)) deliver();
  }

  // --- the wire ---

  // Coroutines take references and views of what stands in their callers' frames, which wait for them: what
  // GCC 12 does to temporaries in an expression with co_await ends with freeing them twice.

  Awaitable<Status> Send(std::string_view text) {
    error_code error;
    const auto buffer = asio::buffer(text);
    if (tls) {
      co_await asio::async_write(*tls, buffer, asio::redirect_error(kAwait, error));
    } else {
      co_await asio::async_write(socket, buffer, asio::redirect_error(kAwait, error));
    }
    if (error) co_return Fail(Code::kUnavailable, "write: {}", error.message());
    co_return Status();
  }

  Awaitable<Result<std::string>> ReadLine() {
    error_code error;
    auto buffer = asio::dynamic_buffer(received, kMaxLineBytes);
    size_t size = 0;
    if (tls) {
      size = co_await asio::async_read_until(*tls, buffer, '\n', asio::redirect_error(kAwait, error));
    } else {
      size = co_await asio::async_read_until(socket, buffer, '\n', asio::redirect_error(kAwait, error));
    }
    if (error == asio::error::eof) co_return Fail(Code::kUnavailable, "EOF");
    if (error) co_return Fail(Code::kUnavailable, "read: {}", error.message());
    std::string line = received.substr(0, size);
    received.erase(0, size);
    while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
    co_return line;
  }

  Awaitable<Result<Reply>> ReadReply() {
    Reply reply;
    while (reply.lines.size() < kMaxReplyLines) {
      auto line = co_await ReadLine();
      if (!line) co_return tl::unexpected(line.error());
      const bool is_reply = line->size() >= 3 && std::all_of(line->begin(), line->begin() + 3,
                                                             [](char c) { return c >= '0' && c <= '9'; });
      if (!is_reply || (line->size() > 3 && (*line)[3] != ' ' && (*line)[3] != '-'))
        co_return Fail(Code::kUnavailable, "malformed response: {}", line->substr(0, 200));
      reply.code = ((*line)[0] - '0') * 100 + ((*line)[1] - '0') * 10 + ((*line)[2] - '0');
      reply.lines.push_back(line->size() > 4 ? line->substr(4) : std::string());
      if (line->size() == 3 || (*line)[3] == ' ') co_return reply;
    }
    co_return Fail(Code::kUnavailable, "the server's answer has more than {} lines", kMaxReplyLines);
  }

  // A command and its reply, whose code must begin with `expected`'s digits (0: any).
  Awaitable<Result<Reply>> Command(const std::string& command, int expected) {
    const std::string line = command + "\r\n";
    const Status sent = co_await Send(line);
    if (!sent) co_return tl::unexpected(sent.error());
    Result<Reply> reply = co_await Expect(expected);
    co_return reply;
  }

  Awaitable<Result<Reply>> Expect(int expected) {
    auto reply = co_await ReadReply();
    if (!reply || expected == 0) co_return reply;
    const int code = expected < 10 ? reply->code / 100 : expected < 100 ? reply->code / 10 : reply->code;
    if (code != expected) co_return Fail(Code::kUnavailable, "{}", reply->Text());
    co_return reply;
  }

  // --- the steps ---

  static Status Failed(std::string_view doing, const core::Error& error) {
    return Fail(error.code(), "{}: {}", doing, error.message());
  }

  std::string Smarthost() const { return JoinHostPort(request.host, request.port); }

  Awaitable<Status> Connect() {
    error_code error;
    asio::ip::basic_resolver<asio::ip::tcp, IoExecutor> resolver(loop.context.get_executor());
    const std::string port = fmt::format("{}", request.port);
    is_looking_up = true;
    const auto endpoints =
        co_await resolver.async_resolve(request.host, port, asio::redirect_error(kAwait, error));
    is_looking_up = false;
    if (error) {
      co_return Fail(Code::kUnavailable, "establish connection to server: dial tcp: lookup {}: {}",
                     request.host, error.message());
    }
    if (is_late || is_cancelled) co_return Fail(Code::kUnavailable, "establish connection to server");
    co_await asio::async_connect(socket, endpoints, asio::redirect_error(kAwait, error));
    if (error) {
      co_return Fail(Code::kUnavailable, "establish connection to server: dial tcp {}: {}", Smarthost(),
                     error.message());
    }
    co_return Status();
  }

  Awaitable<Status> StartTls() {
    auto made = MakeTlsClientContext(request.tls);
    if (!made) co_return tl::unexpected(made.error());
    tls_context = std::move(*made);
    received.clear();  // nothing that came in the clear counts any more
    tls.emplace(socket, *tls_context);
    const std::string& name = request.tls.server_name.empty() ? request.host : request.tls.server_name;
    SSL_set_tlsext_host_name(tls->native_handle(), name.c_str());
    if (!request.tls.insecure_skip_verify) tls->set_verify_callback(asio::ssl::host_name_verification(name));
    error_code error;
    co_await tls->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(kAwait, error));
    if (!error) co_return Status();
    const bool is_distrusted = SSL_get_verify_result(tls->native_handle()) != X509_V_OK;
    co_return Fail(is_distrusted ? Code::kPermissionDenied : Code::kUnavailable, "tls: {}", error.message());
  }

  Awaitable<Status> Hello() {
    const std::string name = request.hello.empty() ? "localhost" : request.hello;
    if (HasLineBreak(name))
      co_return Fail(Code::kInvalidArgument, "send EHLO command: a line must not contain CR or LF");
    extensions.clear();
    const std::string hello = "EHLO " + name;
    auto reply = co_await Command(hello, 250);
    if (!reply) {
      // Servers of long ago know only this.
      const std::string old_hello = "HELO " + name;
      reply = co_await Command(old_hello, 250);
      if (!reply) co_return Failed("send EHLO command", reply.error());
      co_return Status();
    }
    for (size_t i = 1; i < reply->lines.size(); ++i) {
      const std::string& line = reply->lines[i];
      const size_t space = std::min(line.find(' '), line.size());
      extensions[Upper(line.substr(0, space))] = space < line.size() ? line.substr(space + 1) : std::string();
    }
    co_return Status();
  }

  bool IsLocal() const {
    return request.host == "localhost" || request.host == "127.0.0.1" || request.host == "::1";
  }

  using Answerer = std::function<Result<std::string>(const std::string& challenge)>;

  // Answers the server's questions until it is content.
  Awaitable<Status> Authenticate(const std::string& mechanism, const std::string& first,
                                 const Answerer& answer) {
    const std::string doing = mechanism + " auth";
    const std::string begin = "AUTH " + mechanism + (first.empty() ? "" : " " + core::EncodeBase64(first));
    auto reply = co_await Command(begin, 0);
    for (int round = 0; reply && reply->code == 334 && round < 8; ++round) {
      auto said = answer(core::DecodeUnpaddedBase64(reply->lines.front()).value_or(""));
      if (!said) {
        const std::string abort = "*";
        reply = co_await Command(abort, 0);
        co_return Failed(doing, said.error());
      }
      const std::string encoded = core::EncodeBase64(*said);
      reply = co_await Command(encoded, 0);
    }
    if (!reply) co_return Failed(doing, reply.error());
    if (reply->code != 235) co_return Fail(Code::kUnavailable, "{}: {}", doing, reply->Text());
    co_return Status();
  }

  // A way to log in that both sides know: the first of the server's list.
  struct Login {
    std::string mechanism;
    std::string first;  // sent with the command
    Answerer answer;
  };
  Result<Login> ChooseLogin(std::string_view offered) {
    std::string problems;
    const auto add_problem = [&](const std::string& problem) {
      problems += (problems.empty() ? "" : "; ") + problem;
    };
    const auto usable = [&](const Result<std::string>& secret, std::string_view what) {
      if (secret && !secret->empty()) return true;
      add_problem(secret ? fmt::format("missing {} auth mechanism", what) : secret.error().message());
      return false;
    };
    while (!offered.empty()) {
      const size_t space = std::min(offered.find(' '), offered.size());
      const std::string mechanism(offered.substr(0, space));
      offered.remove_prefix(std::min(space + 1, offered.size()));
      if (mechanism == "CRAM-MD5") {
        if (!usable(request.secret, "secret for CRAM-MD5")) continue;
        return Login{
            mechanism, "", [this](const std::string& challenge) {
              return Result<std::string>(request.user + " " + HmacMd5Hex(*request.secret, challenge));
            }};
      }
      if (mechanism == "PLAIN") {
        if (!usable(request.password, "password for PLAIN")) continue;
        if (!tls && !IsLocal()) return Fail(Code::kUnavailable, "PLAIN auth: unencrypted connection");
        return Login{mechanism, request.identity + '\0' + request.user + '\0' + *request.password,
                     [](const std::string&) -> Result<std::string> {
                       return Fail(Code::kUnavailable, "unexpected server challenge");
                     }};
      }
      if (mechanism == "LOGIN") {
        if (!usable(request.password, "password for LOGIN")) continue;
        return Login{mechanism, "", [this](const std::string& challenge) -> Result<std::string> {
                       const std::string asked = Upper(challenge);
                       if (asked == "USERNAME:") return request.user;
                       if (asked == "PASSWORD:") return *request.password;
                       return Fail(Code::kUnavailable, "unexpected server challenge");
                     }};
      }
      add_problem("unknown auth mechanism: " + mechanism);
    }
    return Fail(Code::kUnavailable, "find auth mechanism: {}", problems);
  }

  Awaitable<Status> LogIn() {
    const auto offered = extensions.find("AUTH");
    if (offered == extensions.end() || request.user.empty()) co_return Status();
    const Result<Login> login = ChooseLogin(offered->second);
    if (!login) co_return tl::unexpected(login.error());
    Status status = co_await Authenticate(login->mechanism, login->first, login->answer);
    co_return status;
  }

  Awaitable<Status> Deliver() {
    std::string options;
    if (extensions.contains("8BITMIME")) options += " BODY=8BITMIME";
    if (extensions.contains("SMTPUTF8")) options += " SMTPUTF8";
    const std::string mail = fmt::format("MAIL FROM:<{}>{}", request.from, options);
    auto reply = co_await Command(mail, 250);
    if (!reply) co_return Failed("send MAIL command", reply.error());
    for (const std::string& address : request.to) {
      const std::string recipient = fmt::format("RCPT TO:<{}>", address);
      reply = co_await Command(recipient, 25);
      if (!reply) co_return Failed("send RCPT command", reply.error());
    }
    const std::string data = "DATA";
    reply = co_await Command(data, 354);
    if (!reply) co_return Failed("send DATA command", reply.error());
    const std::string message = DotStuffed(request.message);
    const Status sent = co_await Send(message);
    if (!sent) co_return Failed("write body buffer", sent.error());
    reply = co_await Expect(250);
    if (!reply) co_return Failed("delivery failure", reply.error());
    co_return Status();
  }

  Awaitable<Status> Greet() {
    const Status connected = co_await Connect();
    if (!connected) co_return connected;
    if (request.has_implicit_tls) {
      const Status secured = co_await StartTls();
      if (!secured) co_return Failed("establish TLS connection to server", secured.error());
    }
    auto greeting = co_await Expect(220);
    if (!greeting) co_return Failed("create SMTP client", greeting.error());
    co_return Status();
  }

  Awaitable<Status> Secure() {
    if (!request.requires_tls || request.has_implicit_tls) co_return Status();
    if (!extensions.contains("STARTTLS")) {
      co_return Fail(Code::kUnavailable,
                     "'require_tls' is true (default) but \"{}\" does not advertise the STARTTLS extension",
                     Smarthost());
    }
    const std::string command = "STARTTLS";
    auto reply = co_await Command(command, 220);
    if (!reply) co_return Failed("send STARTTLS command", reply.error());
    const Status secured = co_await StartTls();
    if (!secured) co_return Failed("send STARTTLS command", secured.error());
    Status greeted = co_await Hello();
    co_return greeted;
  }

  Awaitable<Status> Talk() {
    for (const std::string& address : request.to) {
      if (HasLineBreak(address)) co_return Fail(Code::kInvalidArgument, "an address contains a line break");
    }
    if (HasLineBreak(request.from))
      co_return Fail(Code::kInvalidArgument, "an address contains a line break");
    Status status = co_await Greet();
    if (!status) co_return status;
    status = co_await Hello();
    if (status) status = co_await Secure();
    if (status) status = co_await LogIn();
    if (status) status = co_await Deliver();
    // Manners; the mail is on its way, or is not, whatever the server says to this.
    if (is_late || is_cancelled) co_return status;
    const Status quit = co_await Send("QUIT\r\n");
    if (quit && status) {
      const Result<Reply> bye = co_await ReadReply();
      static_cast<void>(bye);
    }
    co_return status;
  }
};

void MailHandle::Cancel() {
  const auto session = session_.lock();
  if (session == nullptr) return;
  asio::post(session->loop.context, [session] {
    session->is_cancelled = true;
    session->Break();
  });
}

MailHandle SendMail(IoContext& io, MailRequest request, FetchDelivery delivery, MailCallback callback) {
  IoLoop& loop = io.impl().PickLoop();
  auto session =
      std::make_shared<MailHandle::Session>(loop, std::move(request), delivery, std::move(callback));
  asio::post(loop.context, [session] { session->Start(); });
  return MailHandle(session);
}

}  // namespace sextant::net
