// An issue in Jira: looked for by a label made of the group's key, created or changed, and moved along its
// workflow when the group resolves or fires again.
// Specification: https://developer.atlassian.com/cloud/jira/platform/rest/v2/
#include <simdjson.h>

#include <algorithm>

#include "alerting/receivers/draft.h"
#include "alerting/receivers/services.h"
#include "gotemplate/format.h"
#include "gotemplate/unicode.h"
#include "net/url.h"

namespace sextant::alerting {
namespace {

using core::JsonWriter;
using core::Result;
using gotemplate::Quote;
using gotemplate::Value;

constexpr size_t kMaxSummaryRunes = 255;
constexpr size_t kMaxDescriptionRunes = 32767;
constexpr size_t kMaxFieldsBytes = 4 << 20;

struct Issue {
  std::string key;
  std::string status_category;
  bool has_status = false;
};

bool IsVersion3(const std::string& api_url) {
  std::string path = net::ParseUrl(api_url).value_or(net::Url()).path;
  while (path.ends_with('/')) path.pop_back();
  return path.ends_with("/3");
}

class JiraIssue final : public Conversation {
 public:
  JiraIssue(const Notification& notification, const JiraConfig& jira, const MessageContext& context)
      : draft_(notification, context), jira_(jira) {}

  Step Begin() override { return Ended(Search()); }

  Step OnAnswer(const Answer& answer, core::TimestampMs now_ms) override {
    Verdict verdict = JudgeAnswer(answer, now_ms);
    if (!verdict.delivered) {
      verdict.error = Doing() + verdict.error;
      return verdict;
    }
    switch (stage_) {
      case Stage::kSearch:
        return OnFound(answer->body);
      case Stage::kWrite:
        return OnWritten();
      case Stage::kListTransitions:
        return OnTransitions(answer->body);
      case Stage::kTransition:
        return verdict;
    }
    return verdict;
  }

 private:
  enum class Stage : uint8_t { kSearch, kWrite, kListTransitions, kTransition };

  static Step Ended(Result<net::FetchRequest> request) {
    if (!request) return Verdict::GivenUp(request.error().message(), "clientError");
    return std::move(*request);
  }

  std::string Doing() const {
    switch (stage_) {
      case Stage::kSearch:
        return "failed to look up existing issues: HTTP request to JIRA API: ";
      case Stage::kWrite:
        return fmt::format("failed to {} request to {}: ", issue_.key.empty() ? "POST" : "PUT",
                           Quote(WritePath()));
      default:
        return {};
    }
  }

  Result<net::FetchRequest> Call(const char* method, const std::string& url, std::string body) {
    SEXTANT_ASSIGN(net::FetchRequest request, MakeRequest(draft_, method, url, jira_.http, std::move(body)));
    request.headers.Set("Accept-Language", "en");
    return request;
  }

  // --- is there one already? ---

  Result<net::FetchRequest> Search() {
    std::string jql;
    if (!jira_.wont_fix_resolution.empty()) {
      jql += fmt::format("(resolution is EMPTY or resolution != {}) and ", Quote(jira_.wont_fix_resolution));
    }
    const int64_t reopen_minutes = jira_.reopen_duration_ms / 60'000;
    if (draft_.is_firing() && !jira_.reopen_transition.empty() && reopen_minutes > 0) {
      jql += fmt::format("(resolutiondate is EMPTY OR resolutiondate >= -{}m) and ", reopen_minutes);
    } else {
      jql += "statusCategory != Done and ";
    }
    const auto project = draft_.Try(jira_.project);
    if (!project) {
      return core::Fail(core::Code::kInvalidArgument,
                        "failed to look up existing issues: invalid project template or value: {}",
                        project.error().message());
    }
    jql += fmt::format("project={} and labels={} order by status ASC,resolutiondate DESC", Quote(*project),
                       Quote(fmt::format("ALERT{{{}}}", draft_.GroupHash())));
    JsonWriter json;
    json.BeginObject().Key("jql").String(jql).Key("maxResults").Int(2);
    json.Key("fields").BeginArray().String("status").EndArray().EndObject();
    return Call("POST", SearchUrl(), std::move(json).Take() + "\n");
  }

  // Jira's cloud has dropped the search that its data centre still has.
  std::string SearchUrl() const {
    const std::string host = net::ParseUrl(jira_.api_url).value_or(net::Url()).host;
    const bool is_cloud =
        jira_.api_type == "cloud" || (jira_.api_type == "auto" && host.ends_with("atlassian.net"));
    if (!is_cloud) return JoinUrl(jira_.api_url, "search");
    std::string url = JoinUrl(jira_.api_url, "search/jql");
    constexpr std::string_view kVersion2 = "/rest/api/2/";
    if (const size_t at = url.find(kVersion2); at != std::string::npos)
      url.replace(at, kVersion2.size(), "/rest/api/3/");
    return url;
  }

  Step OnFound(const std::string& body) {
    simdjson::dom::parser parser;
    simdjson::dom::element json;
    if (parser.parse(body).get(json) != simdjson::SUCCESS)
      return Verdict::GivenUp("failed to look up existing issues: the answer is not JSON");
    simdjson::dom::element first;
    if (json["issues"].at(0).get(first) == simdjson::SUCCESS) {
      std::string_view text;
      if (first["key"].get(text) == simdjson::SUCCESS) issue_.key = text;
      issue_.has_status = first["fields"]["status"]["statusCategory"]["key"].get(text) == simdjson::SUCCESS;
      if (issue_.has_status) issue_.status_category = text;
    }
    // What has ended without an issue needs none.
    if (issue_.key.empty() && !draft_.is_firing()) return Verdict::Delivered();
    stage_ = Stage::kWrite;
    return Ended(Write());
  }

  // --- the issue itself ---

  std::string WritePath() const { return issue_.key.empty() ? "issue" : "issue/" + issue_.key; }

  Result<std::string> Filled(const std::string& what, const std::string& text) {
    auto filled = draft_.Try(text);
    if (filled) return filled;
    return core::Fail(core::Code::kInvalidArgument, "{} template: {}", what, filled.error().message());
  }

  // As JSON: version 3 of the interface takes a document, the older one a text. Empty: none.
  Result<std::string> Description() {
    SEXTANT_ASSIGN(std::string text, Filled("description", jira_.description.text.value_or("")));
    text = TruncateRunes(std::move(text), kMaxDescriptionRunes);
    if (!IsVersion3(jira_.api_url)) {
      std::string out;
      if (!text.empty()) core::AppendJsonString(out, text);
      return out;
    }
    text = gotemplate::TrimSpace(text);
    simdjson::dom::parser parser;
    if (!text.empty() && parser.parse(text).error() != simdjson::SUCCESS)
      return core::Fail(core::Code::kInvalidArgument, "description template: invalid JSON for API v3");
    return text;
  }

  Result<std::vector<std::string>> Labels() {
    std::vector<std::string> labels;
    for (size_t i = 0; i < jira_.labels.values.size(); ++i) {
      SEXTANT_ASSIGN(labels.emplace_back(), Filled(fmt::format("labels[{}]", i), jira_.labels.values[i]));
    }
    labels.push_back(fmt::format("ALERT{{{}}}", draft_.GroupHash()));
    std::ranges::sort(labels);
    return labels;
  }

  Result<net::FetchRequest> Write() {
    const bool is_new = issue_.key.empty();
    std::map<std::string, std::string> fields;  // as JSON
    const auto object = [](std::string_view key, const std::string& value) {
      JsonWriter json;
      json.BeginObject().Key(key).String(value).EndObject();
      return std::move(json).Take();
    };
    SEXTANT_ASSIGN(const std::string summary, Filled("summary", jira_.summary.text.value_or("")));
    if (is_new || jira_.summary.is_updated)
      core::AppendJsonString(fields["summary"], TruncateRunes(summary, kMaxSummaryRunes));
    SEXTANT_ASSIGN(const std::string project, Filled("project", jira_.project));
    fields["project"] = object("key", project);
    SEXTANT_ASSIGN(const std::string issue_type, Filled("issue_type", jira_.issue_type));
    fields["issuetype"] = object("name", issue_type);
    SEXTANT_ASSIGN(const std::string description, Description());
    if (!description.empty() && (is_new || jira_.description.is_updated)) fields["description"] = description;
    SEXTANT_ASSIGN(const std::vector<std::string> labels, Labels());
    if (is_new || jira_.labels.is_updated) {
      JsonWriter json;
      json.BeginArray();
      for (const std::string& label : labels) json.String(label);
      fields["labels"] = std::move(json.EndArray()).Take();
    }
    SEXTANT_ASSIGN(const std::string priority, Filled("priority", jira_.priority));
    if (!priority.empty()) fields["priority"] = object("name", priority);
    const auto custom = draft_.Fill(jira_.fields);
    if (!custom)
      return core::Fail(core::Code::kInvalidArgument, "fields template: {}", custom.error().message());
    for (const auto& [name, value] : custom->AsMap().entries()) {
      gotemplate::BoundedText out(kMaxFieldsBytes);
      if (!gotemplate::AppendJson(out, value) || out.exceeded())
        return core::Fail(core::Code::kInvalidArgument, "field {} cannot be written as JSON", name);
      fields[name] = out.Take();
    }
    JsonWriter json;
    json.BeginObject().Key("fields").BeginObject();
    for (const auto& [name, value] : fields) json.Key(name).Raw(value);
    json.EndObject().EndObject();
    return Call(is_new ? "POST" : "PUT", JoinUrl(jira_.api_url, WritePath()), std::move(json).Take() + "\n");
  }

  // --- its place in the workflow ---

  Step OnWritten() {
    if (issue_.key.empty() || !issue_.has_status) return Verdict::Delivered();
    const bool is_done = issue_.status_category == "done";
    if (is_done != draft_.is_firing()) return Verdict::Delivered();
    transition_ = draft_.is_firing() ? jira_.reopen_transition : jira_.resolve_transition;
    if (transition_.empty()) return Verdict::Delivered();
    stage_ = Stage::kListTransitions;
    return Ended(Call("GET", TransitionsUrl(), ""));
  }

  std::string TransitionsUrl() const {
    return JoinUrl(jira_.api_url, fmt::format("issue/{}/transitions", issue_.key));
  }

  Step OnTransitions(const std::string& body) {
    simdjson::dom::parser parser;
    simdjson::dom::element json;
    simdjson::dom::array transitions;
    if (parser.parse(body).get(json) != simdjson::SUCCESS ||
        json["transitions"].get(transitions) != simdjson::SUCCESS) {
      return Verdict::GivenUp("Jira's answer about transitions cannot be read");
    }
    for (const simdjson::dom::element item : transitions) {
      std::string_view name;
      std::string_view id;
      if (item["name"].get(name) != simdjson::SUCCESS || name != transition_ ||
          item["id"].get(id) != simdjson::SUCCESS) {
        continue;
      }
      JsonWriter out;
      out.BeginObject().Key("transition").BeginObject().Key("id").String(id).EndObject().EndObject();
      stage_ = Stage::kTransition;
      return Ended(Call("POST", TransitionsUrl(), std::move(out).Take() + "\n"));
    }
    return Verdict::GivenUp(fmt::format("can't find transition {} for issue {}", transition_, issue_.key));
  }

  Draft draft_;
  const JiraConfig& jira_;
  Stage stage_ = Stage::kSearch;
  Issue issue_;
  std::string transition_;
};

}  // namespace

ConversationPtr StartJira(const Notification& notification, const JiraConfig& jira,
                          const MessageContext& context) {
  return std::make_unique<JiraIssue>(notification, jira, context);
}

}  // namespace sextant::alerting
