// What each integration sends, against what Alertmanager sent for the same alerts (the conformance folder
// `wire`): the same configuration file, four phases of one group, every request field by field.
#include <algorithm>
#include <regex>

#include "alerting/default_templates.h"
#include "alerting/receivers/conversation.h"
#include "alerting/test_util.h"
#include "core/json_writer.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

namespace fs = std::filesystem;
using simdjson::dom::element;
using testing::Text;

// One request as both sides are brought to it.
struct Request {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;
  std::string body;  // canonical

  friend bool operator==(const Request&, const Request&) = default;
  friend void PrintTo(const Request& r, std::ostream* out) {
    *out << r.method << " " << r.path << "\n";
    for (const auto& [name, value] : r.headers) *out << name << ": " << value << "\n";
    *out << r.body << "\n";
  }
};

// JSON with sorted keys.
std::string Canonical(const element& json) {
  if (json.is_object()) {
    std::map<std::string, std::string> sorted;
    for (const auto& [key, value] : simdjson::dom::object(json)) sorted[std::string(key)] = Canonical(value);
    std::string out = "{";
    for (const auto& [key, value] : sorted) out += "\n" + key + ": " + value;
    return out + "}";
  }
  if (json.is_array()) {
    std::string out = "[";
    for (const element item : simdjson::dom::array(json)) out += Canonical(item) + ",";
    return out + "]";
  }
  return simdjson::minify(json);
}

std::string CanonicalText(const std::string& text) {
  simdjson::dom::parser parser;
  element json;
  if (parser.parse(text).get(json) == simdjson::SUCCESS && (json.is_object() || json.is_array()))
    return Canonical(json);
  return text;
}

// "a=1&b=2" as JSON would be.
std::string CanonicalForm(const std::string& form) {
  std::string out = "{";
  const auto params = net::ParseQuery(form).value();
  std::map<std::string, std::string> sorted;
  for (const auto& [key, value] : params.pairs()) {
    std::string json;
    core::JsonWriter writer;
    writer.String(value);
    sorted[key] = std::move(writer).Take();
  }
  for (const auto& [key, value] : sorted) {
    simdjson::dom::parser parser;
    out += "\n" + key + ": " + simdjson::minify(element(parser.parse(value)));
  }
  return out + "}";
}

// What changes with every request: versions and signatures.
void DropVolatile(std::map<std::string, std::string>& headers) {
  if (!headers["User-Agent"].starts_with("Alertmanager/")) headers.erase("User-Agent");
  if (headers.contains("User-Agent")) headers["User-Agent"] = "Alertmanager/";
  headers.erase("X-Amz-Date");
  std::string& authorization = headers["Authorization"];
  if (const size_t at = authorization.find("Credential="); at != std::string::npos)
    authorization = authorization.substr(0, authorization.find('/', at));
  if (authorization.empty()) headers.erase("Authorization");
}

Request Expected(const element& json) {
  Request request{Text(json, "method"), Text(json, "path"), testing::StringMap(json["headers"]), {}};
  DropVolatile(request.headers);
  element body;
  if (json["form"].get(body) != simdjson::SUCCESS && json["query"].get(body) != simdjson::SUCCESS)
    body = json["body"];
  if (json["query"].get(body) == simdjson::SUCCESS)
    request.path = request.path.substr(0, request.path.find('?'));
  request.body = body.is_string() ? std::string(std::string_view(body)) : Canonical(body);
  return request;
}

Request Ours(const net::FetchRequest& sent, const Request& expected) {
  const net::Url url = net::ParseUrl(sent.url).value();
  Request request{sent.method, url.path, {}, CanonicalText(sent.body)};
  for (const auto& [name, value] : expected.headers) request.headers[name] = sent.headers.Get(name);
  request.headers["Content-Type"] = sent.headers.Get("Content-Type");
  if (request.headers["Content-Type"].empty()) request.headers.erase("Content-Type");
  request.headers["Authorization"] = sent.headers.Get("Authorization");
  if (sent.basic_user == "u" && sent.basic_password == "p") request.headers["Authorization"] = "Basic dTpw";
  if (!sent.bearer_token.empty()) request.headers["Authorization"] = "Bearer " + sent.bearer_token;
  request.headers["User-Agent"] = sent.headers.Get("User-Agent");
  DropVolatile(request.headers);
  if (!expected.headers.contains("User-Agent")) request.headers.erase("User-Agent");
  if (request.headers["Content-Type"] == "application/x-www-form-urlencoded") {
    request.body = CanonicalForm(sent.body);
  } else if (url.host == "api.pushover.net") {
    request.body = CanonicalForm(url.query);
  } else if (!url.query.empty()) {
    request.path += "?" + url.query;
  }
  if (request.headers["Content-Type"].empty()) request.headers.erase("Content-Type");
  return request;
}

// As the client sends it: signatures are added on the way out.
net::FetchRequest Completed(const net::FetchRequest& request) {
  if (request.authorizer == nullptr) return request;
  net::FetchRequest completed;
  auto refuse = [](net::FetchRequest, const net::FetchCallback&) {
    ADD_FAILURE() << "keys are in the settings";
  };
  request.authorizer->Authorize(request, refuse, [&](core::Result<net::FetchRequest> done) {
    ASSERT_TRUE(done) << done.error().message();
    completed = std::move(*done);
  });
  return completed;
}

// What the services answer when all is well.
net::FetchResponse AnswerOf(const net::FetchRequest& request) {
  net::FetchResponse answer;
  answer.status = 200;
  answer.body = "{}";
  const auto is_at = [&](const char* part) { return request.url.find(part) != std::string::npos; };
  if (is_at("/slack/")) answer.body = "ok";
  if (is_at("sendMessage")) answer.body = R"({"ok":true,"result":{}})";
  if (is_at("gettoken")) answer.body = R"({"errcode":0,"access_token":"tok"})";
  if (is_at("/search")) answer.body = R"({"issues":[]})";
  if (is_at("/issue")) answer.body = R"({"id":"1","key":"OPS-1"})";
  if (is_at("chat.postMessage")) answer.body = R"({"success":true})";
  return answer;
}

struct Sent {
  std::vector<net::FetchRequest> requests;
  std::vector<net::MailRequest> mails;
};

// Has a conversation with services that are content with everything.
Sent Converse(const Notification& notification, const MessageContext& context) {
  Sent sent;
  const ConversationPtr conversation = StartConversation(notification, context);
  EXPECT_EQ(conversation->template_error, "");
  Step step = conversation->Begin();
  while (!std::holds_alternative<Verdict>(step)) {
    if (auto* mail = std::get_if<net::MailRequest>(&step)) {
      sent.mails.push_back(*mail);
      step = conversation->OnMailAnswer({});
      continue;
    }
    sent.requests.push_back(Completed(std::get<net::FetchRequest>(step)));
    step = conversation->OnAnswer(AnswerOf(sent.requests.back()), context.now_ms);
  }
  const Verdict verdict = std::get<Verdict>(step);
  EXPECT_TRUE(verdict.delivered) << verdict.error;
  return sent;
}

std::string FileOf(const Notification& notification) {
  const IntegrationKind kind = notification.integration.kind;
  if (kind != IntegrationKind::kPagerduty) return std::string(IntegrationName(kind));
  return notification.integration.index == 0 ? "pagerduty-v2" : "pagerduty-v1";
}

// --- mail ---

std::string Decoded(const std::string& quoted) {
  std::string out;
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '=') {
      out += quoted[i];
    } else if (quoted.compare(i, 3, "=\r\n") == 0) {
      i += 2;
    } else {
      out += static_cast<char>(std::stoi(quoted.substr(i + 1, 2), nullptr, 16));
      i += 2;
    }
  }
  return out;
}

// What a person reads: words with one space between them, without tags; and where links lead.
struct Page {
  std::string words;
  std::vector<std::string> links;
};
Page PageOf(std::string html) {
  Page page;
  html = std::regex_replace(html, std::regex("<style[^>]*>[^<]*</style>"), "");
  const std::regex link("href=\"([^\"]*)\"");
  for (std::sregex_iterator it(html.begin(), html.end(), link), end; it != end; ++it)
    page.links.push_back((*it)[1]);
  html = std::regex_replace(html, std::regex("<[^>]*>"), " ");
  html = std::regex_replace(html, std::regex("\\s+"), " ");
  page.words = html.substr(html.find_first_not_of(' '));
  page.words.erase(page.words.find_last_not_of(' ') + 1);
  return page;
}

struct Mail {
  std::map<std::string, std::string> headers;
  std::map<std::string, std::string> parts;  // by content type, decoded
};

Mail MailOf(const std::string& message) {
  Mail mail;
  const size_t end = message.find("\r\n\r\n");
  std::stringstream lines(message.substr(0, end));
  std::string boundary;
  for (std::string line; std::getline(lines, line);) {
    line.erase(line.find_last_not_of('\r') + 1);
    const size_t colon = line.find(": ");
    mail.headers[line.substr(0, colon)] = line.substr(colon + 2);
  }
  boundary = mail.headers["Content-Type"].substr(mail.headers["Content-Type"].find("boundary=") + 9);
  size_t at = end + 4;
  const std::string mark = "--" + boundary + "\r\n";
  while ((at = message.find(mark, at)) != std::string::npos) {
    at += mark.size();
    const size_t body = message.find("\r\n\r\n", at);
    const size_t next = message.find("\r\n--" + boundary, body);
    const std::string head = message.substr(at, body - at);
    const size_t type = head.find("Content-Type: ");
    EXPECT_NE(head.find("Content-Transfer-Encoding: quoted-printable"), std::string::npos);
    mail.parts[head.substr(type + 14)] = Decoded(message.substr(body + 4, next - body - 4));
    at = next;
  }
  EXPECT_TRUE(message.ends_with("\r\n--" + boundary + "--\r\n"));
  return mail;
}

void ExpectSameMail(const net::MailRequest& ours, const element& expected) {
  EXPECT_EQ(ours.from, "alertmanager@example.org");
  EXPECT_EQ(ours.to, std::vector<std::string>{"ops@example.org"});
  EXPECT_EQ(ours.hello, "localhost");
  EXPECT_EQ(ours.user + "/" + ours.password.value(), "user/pass");
  EXPECT_FALSE(ours.requires_tls);
  Mail mail = MailOf(ours.message);
  Mail wanted = MailOf(Text(expected, "body"));
  for (Mail* each : {&mail, &wanted}) {
    EXPECT_TRUE(each->headers["Message-Id"].starts_with("<")) << each->headers["Message-Id"];
    EXPECT_TRUE(each->headers["Date"].ends_with(" +0000")) << each->headers["Date"];
    EXPECT_TRUE(each->headers["Content-Type"].starts_with("multipart/alternative;  boundary="));
    for (const char* name : {"Message-Id", "Date", "Content-Type"}) each->headers.erase(name);
  }
  EXPECT_EQ(mail.headers, wanted.headers);
  const char* const text = "text/plain; charset=UTF-8";
  const char* const html = "text/html; charset=UTF-8";
  EXPECT_EQ(mail.parts[text], wanted.parts[text]);
  const Page page = PageOf(mail.parts[html]);
  const Page wanted_page = PageOf(wanted.parts[html]);
  EXPECT_EQ(page.words, wanted_page.words);
  EXPECT_EQ(page.links, wanted_page.links);
}

// --- the phases ---

class WireTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = testing::ConformanceDir() / "alertmanager/wire";
    if (!fs::exists(dir_)) GTEST_SKIP() << dir_;
    auto config = LoadConfig((dir_ / "receivers.yml").string());
    ASSERT_TRUE(config) << config.error().message();
    config_ = *config;
    context_ = {LoadTemplates(*config_).value(), "http://alertmanager.example.org", 1767323045678,
                std::make_shared<ServiceMemory>(clock_)};
    dispatcher_.emplace(config_, DispatcherLimits{});
    simdjson::dom::parser parser;
    for (const element alert : simdjson::dom::array(parser.load((dir_ / "alerts.json").string())))
      alerts_.push_back(testing::AlertOf(alert));
  }

  void Put(const Alert& alert) {
    EXPECT_TRUE(dispatcher_->Put(std::span(&alert, 1), now_ms_).errors.empty());
  }

  void ExpectPhase(const char* phase) {
    SCOPED_TRACE(phase);
    size_t seen = 0;
    for (const Notification& notification : dispatcher_->Advance(now_ms_)) {
      ++seen;
      const std::string file = FileOf(notification);
      SCOPED_TRACE(file);
      ExpectSame(Converse(notification, context_), file, phase);
      dispatcher_->Finish(notification.id, true, now_ms_);
    }
    EXPECT_EQ(seen, 19u);  // with PagerDuty's two
  }

  void ExpectSame(const Sent& sent, const std::string& file, const char* phase) {
    simdjson::dom::parser parser;
    const element wire = parser.load((dir_ / (file + ".json")).string());
    const simdjson::dom::array wanted = wire[phase];
    if (file == "email") {
      ASSERT_EQ(sent.mails.size(), 1u);
      ExpectSameMail(sent.mails[0], wanted.at(0));
      return;
    }
    ASSERT_EQ(sent.requests.size(), wanted.size());
    size_t i = 0;
    for (const element json : wanted) {
      const Request expected = Expected(json);
      EXPECT_EQ(Ours(sent.requests[i++], expected), expected);
      std::string_view host;
      if (json["host"].get(host) == simdjson::SUCCESS) {
        const net::Url url = net::ParseUrl(sent.requests[i - 1].url).value();
        EXPECT_EQ(fmt::format("{}:{}", url.host, url.EffectivePort()), host);
      }
    }
  }

  core::SystemClock clock_;
  fs::path dir_;
  std::shared_ptr<const Config> config_;
  MessageContext context_;
  std::optional<Dispatcher> dispatcher_;
  std::vector<Alert> alerts_;
  core::TimestampMs now_ms_ = testing::TimeOf("2026-01-02T03:30:00Z");
};

TEST_F(WireTest, AllServicesInFourPhases) {
  Put(alerts_[0]);
  ExpectPhase("1-first-notification");
  Put(alerts_[1]);
  now_ms_ += 3'000;
  ExpectPhase("2-new-alerts-added");
  alerts_[0].ends_at_ms = testing::TimeOf("2026-01-02T04:00:00Z");
  now_ms_ = testing::TimeOf("2026-01-02T04:05:00Z");
  Put(alerts_[0]);
  Put(alerts_[1]);
  ExpectPhase("3-some-alerts-resolved");
  alerts_[1].ends_at_ms = testing::TimeOf("2026-01-02T04:10:00Z");
  now_ms_ = testing::TimeOf("2026-01-02T04:15:00Z");
  Put(alerts_[1]);
  ExpectPhase("4-all-alerts-resolved");
}

}  // namespace
}  // namespace sextant::alerting
