// A mail with a text and an HTML part.
// Specification: RFC 5322, 2045 to 2047
#include <openssl/rand.h>
#include <unistd.h>

#include "alerting/receivers/draft.h"
#include "alerting/receivers/mail_text.h"
#include "alerting/receivers/services.h"
#include "gotemplate/go_time.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

using core::Result;

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes));
  std::string out;
  for (const char c : raw) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost.localdomain";
}

class Mail {
 public:
  Mail(Draft& draft, const EmailConfig& email) : draft_(draft), email_(email) {}

  Result<net::MailRequest> Request() {
    net::MailRequest mail;
    SEXTANT_ASSIGN(const std::string from, Filled("execute 'from' template", email_.from));
    SEXTANT_ASSIGN(const std::string to, Filled("execute 'to' template", email_.to));
    auto senders = ParseAddressList(from);
    if (!senders) return Failed("parse 'from' addresses", senders.error());
    if (senders->size() != 1) {
      return core::Fail(core::Code::kInvalidArgument, "must be exactly one 'from' address (got: {})",
                        senders->size());
    }
    auto receivers = ParseAddressList(to);
    if (!receivers) return Failed("parse 'to' addresses", receivers.error());
    mail.from = std::move(senders->front());
    mail.to = std::move(*receivers);
    SEXTANT_ASSIGN(mail.message, Message());
    SEXTANT_TRY(SetServer(mail));
    return mail;
  }

 private:
  static tl::unexpected<core::Error> Failed(std::string_view doing, const core::Error& error) {
    return core::Fail(core::Code::kInvalidArgument, "{}: {}", doing, error.message());
  }

  Result<std::string> Filled(std::string_view doing, const std::string& text) {
    auto filled = draft_.Try(text);
    if (filled) return filled;
    return Failed(doing, filled.error());
  }

  Result<std::string> Message() {
    TextFields headers = email_.headers;
    headers.emplace("Subject", R"({{ template "email.default.subject" . }})");
    headers.emplace("To", email_.to);
    headers.emplace("From", email_.from);
    std::string out;
    for (const auto& [name, text] : headers) {
      SEXTANT_ASSIGN(const std::string value,
                     Filled(fmt::format("execute \"{}\" header template", name), text));
      out += fmt::format("{}: {}\r\n", name, EncodeHeaderValue(value));
    }
    const core::TimestampMs now_ms = draft_.context().now_ms;
    const gotemplate::Time now = gotemplate::Time::FromUnixMs(now_ms);
    if (!headers.contains("Message-Id"))
      out += fmt::format("Message-Id: <{}.{}@{}>\r\n", now_ms, RandomHex(8), HostName());
    if (email_.threading.enabled) {
      // No mail has this identifier: mail programs gather those that refer to it.
      const std::string root =
          fmt::format("<alert-{}-{}@alertmanager>", draft_.GroupHash().substr(0, 16),
                      email_.threading.by_date == "none" ? "" : gotemplate::FormatTime(now, "2006-01-02"));
      out += fmt::format("References: {}\r\nIn-Reply-To: {}\r\n", root, root);
    }
    const std::string boundary = RandomHex(30);
    out += fmt::format("Date: {}\r\n", gotemplate::FormatTime(now, "Mon, 02 Jan 2006 15:04:05 -0700"));
    out += fmt::format("Content-Type: multipart/alternative;  boundary={}\r\n", boundary);
    out += "MIME-Version: 1.0\r\n\r\n";
    // The part that is preferred comes last (RFC 2046, 5.1.4).
    bool is_first = true;
    const auto add_part = [&](std::string_view type, const std::string& body) {
      out += fmt::format(
          "{}--{}\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: {}; "
          "charset=UTF-8\r\n\r\n{}",
          is_first ? "" : "\r\n", boundary, type, QuotedPrintable(body));
      is_first = false;
    };
    if (!email_.text.empty()) {
      SEXTANT_ASSIGN(const std::string body, Filled("execute text template", email_.text));
      add_part("text/plain", body);
    }
    if (!email_.html.empty()) {
      const std::string body = draft_.Html(email_.html);
      if (!draft_.error().empty())
        return core::Fail(core::Code::kInvalidArgument, "execute html template: {}", draft_.error());
      add_part("text/html", body);
    }
    out += fmt::format("\r\n--{}--\r\n", boundary);
    return out;
  }

  core::Status SetServer(net::MailRequest& mail) {
    SEXTANT_ASSIGN(const net::HostPort server, net::ParseHostPort(email_.smarthost));
    mail.host = server.host;
    mail.port = server.port;
    mail.hello = email_.hello;
    mail.has_implicit_tls = email_.force_implicit_tls.value_or(server.port == 465);
    mail.requires_tls = email_.require_tls.value_or(true);
    if (email_.tls) {
      mail.tls = {.ca_file = email_.tls->ca_file,
                  .cert_file = email_.tls->cert_file,
                  .key_file = email_.tls->key_file,
                  .server_name = email_.tls->server_name,
                  .insecure_skip_verify = email_.tls->insecure_skip_verify,
                  .min_version = email_.tls->min_version};
    }
    mail.user = email_.auth_username;
    mail.identity = email_.auth_identity;
    // What cannot be read matters only if the server wants it.
    mail.password =
        Readable(SecretOf(email_.auth_password, email_.auth_password_file), email_.auth_password_file);
    mail.secret = Readable(SecretOf(email_.auth_secret, email_.auth_secret_file), email_.auth_secret_file);
    return {};
  }

  static Result<std::string> Readable(Result<std::string> secret, const std::string& file) {
    if (secret) return secret;
    return core::Fail(core::Code::kNotFound, "could not read {}: {}", file, secret.error().message());
  }

  Draft& draft_;
  const EmailConfig& email_;
};

class MailConversation final : public Conversation {
 public:
  explicit MailConversation(net::MailRequest mail) : mail_(std::move(mail)) {}
  Step Begin() override { return std::move(mail_); }
  Step OnAnswer(const Answer&, core::TimestampMs) override {
    return Verdict::GivenUp("no HTTP was asked for");
  }

 private:
  net::MailRequest mail_;
};

}  // namespace

ConversationPtr StartEmail(const Notification& notification, const EmailConfig& email,
                           const MessageContext& context) {
  Draft draft(notification, context);
  auto mail = Mail(draft, email).Request();
  if (!mail) return SayNothing(mail.error());
  return std::make_unique<MailConversation>(std::move(*mail));
}

}  // namespace sextant::alerting
