#include "net/smtp_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <map>
#include <thread>

namespace sextant::net {
namespace {

// A mail server for one connection on a free port: answers commands by their first word, and keeps what it
// was told.
class FakeMailServer {
 public:
  using Answers = std::map<std::string, std::string>;

  explicit FakeMailServer(Answers answers) : answers_(std::move(answers)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeMailServer() { Join(); }

  uint16_t port() const { return port_; }
  // After the connection's end.
  const std::vector<std::string>& commands() {
    Join();
    return commands_;
  }
  const std::string& message() {
    Join();
    return message_;
  }

 private:
  void Join() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  bool ReadLine(int fd, std::string& line) {
    line.clear();
    char c = 0;
    while (recv(fd, &c, 1, 0) == 1) {
      if (c == '\n') {
        if (line.ends_with('\r')) line.pop_back();
        return true;
      }
      line += c;
    }
    return false;
  }

  void Say(int fd, const std::string& text) {
    if (!text.empty()) static_cast<void>(send(fd, text.data(), text.size(), MSG_NOSIGNAL));
  }

  void Serve() {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    Say(fd, AnswerTo("greeting"));
    std::string line;
    while (ReadLine(fd, line)) {
      commands_.push_back(line);
      const std::string word = line.substr(0, line.find(' '));
      Say(fd, AnswerTo(answers_.contains(line) ? line : word));
      if (word == "DATA" && AnswerTo("DATA").starts_with("354")) {
        while (ReadLine(fd, line) && line != ".") message_ += line + "\n";
        Say(fd, AnswerTo("."));
      }
      if (word == "QUIT") break;
    }
    close(fd);
  }

  std::string AnswerTo(const std::string& what) {
    static const std::map<std::string, std::string> kUsual = {
        {"greeting", "220 fake\r\n"}, {"EHLO", "250-fake\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n"},
        {"AUTH", "235 welcome\r\n"},  {"MAIL", "250 ok\r\n"},
        {"RCPT", "250 ok\r\n"},       {"DATA", "354 go on\r\n"},
        {".", "250 taken\r\n"},       {"QUIT", "221 bye\r\n"}};
    if (const auto own = answers_.find(what); own != answers_.end()) return own->second;
    const auto usual = kUsual.find(what);
    return usual == kUsual.end() ? "500 what\r\n" : usual->second;
  }

  std::map<std::string, std::string> answers_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
  std::vector<std::string> commands_;
  std::string message_;
};

MailRequest RequestTo(uint16_t port) {
  MailRequest mail;
  mail.host = "127.0.0.1";
  mail.port = port;
  mail.requires_tls = false;
  mail.user = "user";
  mail.password = "pass";
  mail.secret = "key";
  mail.from = "alertmanager@example.org";
  mail.to = {"ops@example.org"};
  mail.message = "Subject: x\r\n\r\n.dot\r\nend\r\n";
  mail.timeout_ms = 20'000;
  return mail;
}

core::Status Send(MailRequest mail) {
  IoContext io;
  std::promise<core::Status> sent;
  SendMail(io, std::move(mail), {}, [&](const core::Status& status) { sent.set_value(status); });
  return sent.get_future().get();
}

std::string ErrorOf(const core::Status& status) { return status ? "" : status.error().message(); }

// What Alertmanager says to a server (the conformance folder `wire`, e-mail).
TEST(SmtpClient, SaysWhatAlertmanagerSays) {
  FakeMailServer server(FakeMailServer::Answers{});
  EXPECT_EQ(ErrorOf(Send(RequestTo(server.port()))), "");
  EXPECT_EQ(server.commands(), (std::vector<std::string>{"EHLO localhost", "AUTH PLAIN AHVzZXIAcGFzcw==",
                                                         "MAIL FROM:<alertmanager@example.org> BODY=8BITMIME",
                                                         "RCPT TO:<ops@example.org>", "DATA", "QUIT"}));
  EXPECT_EQ(server.message(), "Subject: x\n\n..dot\nend\n");
}

TEST(SmtpClient, LoginAnswersByTheQuestion) {
  FakeMailServer server({{"EHLO", "250-fake\r\n250 AUTH LOGIN\r\n"},
                         {"AUTH", "334 VXNlcm5hbWU6\r\n"},
                         {"dXNlcg==", "334 UGFzc3dvcmQ6\r\n"},
                         {"cGFzcw==", "235 ok\r\n"}});
  EXPECT_EQ(ErrorOf(Send(RequestTo(server.port()))), "");
  EXPECT_EQ(server.commands()[1], "AUTH LOGIN");
}

// The example of RFC 2195.
TEST(SmtpClient, CramMd5) {
  const std::string answer = "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw";
  FakeMailServer server({{"EHLO", "250-fake\r\n250 AUTH CRAM-MD5 PLAIN\r\n"},
                         {"AUTH", "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"},
                         {answer, "235 ok\r\n"}});
  MailRequest mail = RequestTo(server.port());
  mail.user = "tim";
  mail.secret = "tanstaaftanstaaf";
  EXPECT_EQ(ErrorOf(Send(std::move(mail))), "");
  EXPECT_EQ(server.commands()[2], answer);
}

TEST(SmtpClient, FailuresHaveTheServersWords) {
  const auto error = [](std::map<std::string, std::string> answers,
                        const std::function<void(MailRequest&)>& change = nullptr) {
    FakeMailServer server(std::move(answers));
    MailRequest mail = RequestTo(server.port());
    if (change) change(mail);
    std::string text = ErrorOf(Send(std::move(mail)));
    if (const size_t at = text.find(std::to_string(server.port())); at != std::string::npos)
      text.replace(at, std::to_string(server.port()).size(), "PORT");
    return text;
  };
  EXPECT_EQ(error({{"AUTH", "535 5.7.8 Invalid username or password\r\n"}}),
            "PLAIN auth: 535 5.7.8 Invalid username or password");
  EXPECT_EQ(error({{"MAIL", "530 Authentication Required\r\n"}}),
            "send MAIL command: 530 Authentication Required");
  EXPECT_EQ(error({{"RCPT", "550 no such user\r\n"}}), "send RCPT command: 550 no such user");
  EXPECT_EQ(error({{".", "452-full\r\n452 later\r\n"}}), "delivery failure: 452 full\nlater");
  EXPECT_EQ(error({{"greeting", "554 go away\r\n"}}), "create SMTP client: 554 go away");
  EXPECT_EQ(error({{"greeting", "HTTP/1.1 400 Bad Request\r\n"}}),
            "create SMTP client: malformed response: HTTP/1.1 400 Bad Request");
  EXPECT_EQ(
      error({}, [](MailRequest& mail) { mail.requires_tls = true; }),
      "'require_tls' is true (default) but \"127.0.0.1:PORT\" does not advertise the STARTTLS extension");
  EXPECT_EQ(
      error({},
            [](MailRequest& mail) { mail.password = core::Fail(core::Code::kNotFound, "could not read"); }),
      "find auth mechanism: could not read; could not read");
  EXPECT_EQ(error({{"EHLO", "250-fake\r\n250 AUTH GSSAPI\r\n"}}),
            "find auth mechanism: unknown auth mechanism: GSSAPI");
  EXPECT_EQ(error({}, [](MailRequest& mail) { mail.to = {"a@b>\r\nQUIT"}; }),
            "an address contains a line break");
}

TEST(SmtpClient, OldServersAreGreetedTheirWay) {
  FakeMailServer server({{"EHLO", "502 what\r\n"}, {"HELO", "250 hi\r\n"}});
  EXPECT_EQ(ErrorOf(Send(RequestTo(server.port()))), "");
  EXPECT_EQ(server.commands()[2], "MAIL FROM:<alertmanager@example.org>");
}

TEST(SmtpClient, HangsEndAtTheDeadlineOrWhenCancelled) {
  {
    FakeMailServer server(FakeMailServer::Answers{{"MAIL", ""}});
    MailRequest mail = RequestTo(server.port());
    mail.timeout_ms = 200;
    const core::Status sent = Send(std::move(mail));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code(), core::Code::kDeadlineExceeded) << sent.error().message();
  }
  FakeMailServer server(FakeMailServer::Answers{{"greeting", ""}});
  IoContext io;
  std::promise<core::Status> ended;
  MailHandle handle = SendMail(io, RequestTo(server.port()), {},
                               [&](const core::Status& status) { ended.set_value(status); });
  handle.Cancel();
  const core::Status status = ended.get_future().get();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), core::Code::kCancelled);
}

TEST(SmtpClient, NobodyThere) {
  uint16_t port = 0;
  {
    FakeMailServer server(FakeMailServer::Answers{});
    port = server.port();
  }
  const core::Status sent = Send(RequestTo(port));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), core::Code::kUnavailable);
  EXPECT_TRUE(sent.error().message().starts_with("establish connection to server: dial tcp"));
}

}  // namespace
}  // namespace sextant::net
