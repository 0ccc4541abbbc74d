// `sextant amtool`: looks at and changes what an Alertmanager knows, and checks its files, with the commands,
// output and exit codes of amtool.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <iostream>
#include <iterator>
#include <mutex>
#include <thread>

#include "alerting/config.h"
#include "alerting/default_templates.h"
#include "alerting/route.h"
#include "api/alertmanager_json.h"
#include "app/amtool_client.h"
#include "app/amtool_dry_run.h"
#include "app/amtool_format.h"
#include "app/amtool_render.h"
#include "app/amtool_route_cases.h"
#include "app/command_line.h"
#include "app/programs.h"
#include "config/node.h"
#include "core/duration.h"
#include "core/json_writer.h"
#include "gotemplate/go_time.h"

namespace sextant::app {

namespace {

using alerting::Matcher;
using alerting::MatcherType;
using core::Code;
using core::Fail;
using core::Result;
using core::Status;

constexpr size_t kMaxFileBytes = 64 << 20;
constexpr size_t kMaxWorkers = 64;

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }
void PrintLine(const std::string& text) { Print(text + "\n"); }

core::TimestampMs NowMs() { return core::SystemClock().NowMs(); }

// What all commands may be given.
struct Root {
  bool verbose = false;
  std::string url;
  std::string output = "simple";
  std::string timeout = "30s";
  std::string http_config_file;
  bool version_check = true;
  std::string features;
  std::string date_format = "2006-01-02 15:04:05 MST";

  void AddFlags(CommandLine& line) {
    line.AddFlag("date.format", 0, "Format of date output.", &date_format);
    line.AddSwitch("verbose", "Also print what may interest you.", &verbose, 'v');
    line.AddFlag("alertmanager.url", 0, "Alertmanager to talk to.", &url);
    line.AddFlag("output", 'o', "Output formatter (simple, extended, json).", &output);
    line.AddFlag("timeout", 0, "How long the command may take.", &timeout);
    line.AddFlag("http.config.file", 0, "HTTP client configuration file for talking to Alertmanager.",
                 &http_config_file);
    line.AddSwitch("version-check", "Accepted; versions of Sextant and Alertmanager are not compared.",
                   &version_check);
    line.AddFlag("enable-feature", 0, "classic-mode or utf8-strict-mode.", &features);
  }

  Result<AmtoolFormat> Format() const {
    AmtoolFormat format{.date_layout = date_format};
    if (output == "extended") {
      format.output = AmtoolOutput::kExtended;
    } else if (output == "json") {
      format.output = AmtoolOutput::kJson;
    } else if (output != "simple") {
      return Fail(Code::kInvalidArgument, "enum value must be one of simple,extended,json, got '{}'", output);
    }
    return format;
  }

  Result<alerting::MatcherSyntax> Syntax() const {
    if (features.empty()) return alerting::MatcherSyntax::kFallback;
    if (features == "classic-mode") return alerting::MatcherSyntax::kClassic;
    if (features == "utf8-strict-mode") return alerting::MatcherSyntax::kUtf8Strict;
    return Fail(Code::kInvalidArgument,
                "error parsing the feature flag list: unknown option '{}' for --enable-feature", features);
  }

  Result<std::unique_ptr<AmtoolClient>> Connect() const {
    AmtoolClient::Options options{.url = url, .http_config_file = http_config_file};
    SEXTANT_ASSIGN(options.timeout_ms, core::ParseDuration(timeout));
    return AmtoolClient::Connect(std::move(options));
  }
};

// --- matchers and times on the command line ---

// The first one may be the alertname alone.
void NameFirst(std::vector<std::string>& texts, alerting::MatcherSyntax syntax) {
  if (!texts.empty() && !alerting::ParseMatcher(texts[0], syntax))
    texts[0] = "alertname=" + model::QuoteGo(texts[0]);
}

Result<alerting::Matchers> ParseMatchers(const std::vector<std::string>& texts,
                                         alerting::MatcherSyntax syntax) {
  alerting::Matchers matchers;
  for (const std::string& text : texts) {
    SEXTANT_ASSIGN(Matcher matcher, alerting::ParseMatcher(text, syntax));
    matchers.push_back(std::move(matcher));
  }
  return matchers;
}

Result<TextMap> ParsePairs(const std::vector<std::string>& texts, alerting::MatcherSyntax syntax,
                           std::string_view what) {
  SEXTANT_ASSIGN(const alerting::Matchers matchers, ParseMatchers(texts, syntax));
  TextMap pairs;
  for (const Matcher& matcher : matchers) {
    if (matcher.type() != MatcherType::kEqual)
      return Fail(Code::kInvalidArgument, "{} must be specified as key=value pairs", what);
    pairs[matcher.name()] = matcher.value();
  }
  return pairs;
}

Result<core::TimestampMs> ParseMoment(const std::string& text) {
  SEXTANT_ASSIGN(const gotemplate::Time time, gotemplate::ParseTime("2006-01-02T15:04:05Z07:00", text));
  return time.UnixMs();
}

Result<core::DurationMs> ParseSilenceDuration(const std::string& text) {
  SEXTANT_ASSIGN(const core::DurationMs duration_ms, core::ParseDuration(text));
  if (duration_ms == 0) return Fail(Code::kInvalidArgument, "silence duration must be greater than 0");
  return duration_ms;
}

std::string UserName() {
  const passwd* user = getpwuid(getuid());
  return user == nullptr || user->pw_name == nullptr ? "" : user->pw_name;
}

// --- alert ---

struct Command {
  explicit Command(Root& root_flags) : root(root_flags) {}
  virtual ~Command() = default;
  virtual void AddFlags(CommandLine& line) = 0;
  virtual bool NeedsServer() const { return true; }
  virtual Status Run() = 0;

  Root& root;
};

struct AlertQuery final : Command {
  using Command::Command;
  bool inhibited = false;
  bool silenced = false;
  bool active = false;
  bool unprocessed = false;
  std::string receiver;
  std::vector<std::string> matchers;

  void AddFlags(CommandLine& line) override {
    line.AddSwitch("inhibited", "Show inhibited alerts.", &inhibited, 'i');
    line.AddSwitch("silenced", "Show silenced alerts.", &silenced, 's');
    line.AddSwitch("active", "Show active alerts.", &active, 'a');
    line.AddSwitch("unprocessed", "Show unprocessed alerts.", &unprocessed, 'u');
    line.AddFlag("receiver", 'r', "Show alerts of receivers that match this regular expression.", &receiver);
    line.AddArguments("matcher-groups", "Query filter.", &matchers, false);
  }
  Status Run() override {
    SEXTANT_ASSIGN(const auto syntax, root.Syntax());
    SEXTANT_ASSIGN(const AmtoolFormat format, root.Format());
    NameFirst(matchers, syntax);
    if (!silenced && !inhibited && !active && !unprocessed) active = true;
    const auto text = [](bool value) { return std::string(value ? "true" : "false"); };
    AmtoolClient::Params params = {{"active", text(active)},
                                   {"inhibited", text(inhibited)},
                                   {"silenced", text(silenced)},
                                   {"unprocessed", text(unprocessed)}};
    if (!receiver.empty()) params.emplace_back("receiver", receiver);
    for (const std::string& matcher : matchers) params.emplace_back("filter", matcher);
    SEXTANT_ASSIGN(const auto client, root.Connect());
    SEXTANT_ASSIGN(std::vector<ShownAlert> alerts, client->Alerts(params));
    Print(FormatAlerts(std::move(alerts), format));
    return {};
  }
};

struct AlertAdd final : Command {
  using Command::Command;
  std::vector<std::string> labels;
  std::string generator_url;
  std::string start;
  std::string end;
  std::vector<std::string> annotations;

  void AddFlags(CommandLine& line) override {
    line.AddFlag("generator-url", 0, "URL of the source that generated the alert.", &generator_url);
    line.AddFlag("start", 0, "When the alert starts, as 2006-01-02T15:04:05-07:00.", &start);
    line.AddFlag("end", 0, "When the alert ends, as 2006-01-02T15:04:05-07:00.", &end);
    line.AddFlagList("annotation", "An annotation of the alert; may be repeated.", &annotations);
    line.AddArguments("labels", "Labels of the alert.", &labels, false);
  }
  Status Run() override {
    SEXTANT_ASSIGN(const auto syntax, root.Syntax());
    NameFirst(labels, syntax);
    SEXTANT_ASSIGN(const TextMap label_map, ParsePairs(labels, syntax, "labels"));
    SEXTANT_ASSIGN(const TextMap annotation_map, ParsePairs(annotations, syntax, "annotations"));
    core::JsonWriter json;
    const auto write_map = [&json](std::string_view key, const TextMap& map) {
      json.Key(key).BeginObject();
      for (const auto& [name, value] : map) json.Key(name).String(value);
      json.EndObject();
    };
    json.BeginArray().BeginObject();
    write_map("annotations", annotation_map);
    for (const auto& [key, text] : {std::pair("startsAt", &start), std::pair("endsAt", &end)}) {
      if (text->empty()) continue;
      SEXTANT_ASSIGN(const core::TimestampMs time_ms, ParseMoment(*text));
      json.Key(key).String(api::FormatMillis(time_ms));
    }
    if (!generator_url.empty()) json.Key("generatorURL").String(generator_url);
    write_map("labels", label_map);
    json.EndObject().EndArray();
    SEXTANT_ASSIGN(const auto client, root.Connect());
    return client->PostAlert(std::move(json).Take());
  }
};

// --- silence ---

struct SilenceQuery final : Command {
  using Command::Command;
  bool expired = false;
  bool quiet = false;
  std::string created_by;
  std::string id;
  std::string within;
  std::vector<std::string> matchers;

  void AddFlags(CommandLine& line) override {
    line.AddSwitch("expired", "Show expired silences instead of active ones.", &expired);
    line.AddSwitch("quiet", "Only show the ids of silences.", &quiet, 'q');
    line.AddFlag("created-by", 0, "Show silences of this creator.", &created_by);
    line.AddFlag("id", 0, "Show the silence with this id.", &id);
    line.AddFlag("within", 0, "Show silences that expire, or have expired, within a duration.", &within);
    line.AddArguments("matcher-groups", "Query filter.", &matchers, false);
  }
  bool IsAskedFor(const ShownSilence& silence, core::DurationMs within_ms) const {
    const core::TimestampMs now_ms = NowMs();
    if (expired != (silence.ends_at_ms < now_ms)) return false;
    if (within_ms > 0 && !expired && silence.ends_at_ms > now_ms + within_ms) return false;
    if (within_ms > 0 && expired && silence.ends_at_ms < now_ms - within_ms) return false;
    if (!created_by.empty() && silence.created_by != created_by) return false;
    return id.empty() || silence.id == id;
  }
  Status Run() override {
    SEXTANT_ASSIGN(const auto syntax, root.Syntax());
    SEXTANT_ASSIGN(const AmtoolFormat format, root.Format());
    core::DurationMs within_ms = 0;
    if (!within.empty()) {
      SEXTANT_ASSIGN(within_ms, core::ParseDuration(within));
    }
    NameFirst(matchers, syntax);
    AmtoolClient::Params params;
    for (const std::string& matcher : matchers) params.emplace_back("filter", matcher);
    SEXTANT_ASSIGN(const auto client, root.Connect());
    SEXTANT_ASSIGN(std::vector<ShownSilence> silences, client->Silences(params));
    std::erase_if(silences, [&](const ShownSilence& silence) { return !IsAskedFor(silence, within_ms); });
    if (!quiet) {
      Print(FormatSilences(std::move(silences), format));
      return {};
    }
    for (const ShownSilence& silence : silences) PrintLine(silence.id);
    return {};
  }
};

struct SilenceAdd final : Command {
  using Command::Command;
  std::string author = UserName();
  bool requires_comment = true;
  std::string duration = "1h";
  std::string start;
  std::string end;
  std::string comment;
  std::vector<std::string> annotations;
  std::vector<std::string> matchers;

  void AddFlags(CommandLine& line) override {
    line.AddFlag("author", 'a', "Who creates the silence.", &author);
    line.AddSwitch("require-comment", "Require a comment.", &requires_comment);
    line.AddFlag("duration", 'd', "Duration of the silence.", &duration);
    line.AddFlag("start", 0, "When the silence starts, as 2006-01-02T15:04:05-07:00.", &start);
    line.AddFlag("end", 0, "When the silence ends, in place of the duration.", &end);
    line.AddFlag("comment", 'c', "Why.", &comment);
    line.AddFlagList("annotation", "An annotation of the silence; may be repeated.", &annotations);
    line.AddArguments("matcher-groups", "What is silenced.", &matchers, false);
  }
  Status Run() override {
    SEXTANT_ASSIGN(const auto syntax, root.Syntax());
    NameFirst(matchers, syntax);
    ShownSilence silence;
    SEXTANT_ASSIGN(silence.matchers, ParseMatchers(matchers, syntax));
    if (silence.matchers.empty()) return Fail(Code::kInvalidArgument, "no matchers specified");
    silence.starts_at_ms = NowMs();
    if (!start.empty()) {
      SEXTANT_ASSIGN(silence.starts_at_ms, ParseMoment(start));
    }
    if (!end.empty()) {
      SEXTANT_ASSIGN(silence.ends_at_ms, ParseMoment(end));
    } else {
      SEXTANT_ASSIGN(const core::DurationMs duration_ms, ParseSilenceDuration(duration));
      silence.ends_at_ms = silence.starts_at_ms + duration_ms;
    }
    if (silence.starts_at_ms > silence.ends_at_ms)
      return Fail(Code::kInvalidArgument, "silence cannot start after it ends");
    if (requires_comment && comment.empty())
      return Fail(Code::kInvalidArgument, "comment required by config");
    SEXTANT_ASSIGN(silence.annotations, ParsePairs(annotations, syntax, "annotations"));
    silence.created_by = author;
    silence.comment = comment;
    SEXTANT_ASSIGN(const auto client, root.Connect());
    SEXTANT_ASSIGN(const std::string id, client->PostSilence(silence));
    PrintLine(id);
    return {};
  }
};

struct SilenceExpire final : Command {
  using Command::Command;
  std::vector<std::string> ids;

  void AddFlags(CommandLine& line) override {
    line.AddArguments("silence-ids", "Ids of silences to expire.", &ids, false);
  }
  Status Run() override {
    if (ids.empty()) return Fail(Code::kInvalidArgument, "no silence IDs specified");
    SEXTANT_ASSIGN(const auto client, root.Connect());
    for (const std::string& id : ids) SEXTANT_TRY(client->ExpireSilence(id));
    return {};
  }
};

struct SilenceUpdate final : Command {
  using Command::Command;
  bool quiet = false;
  std::string duration;
  std::string start;
  std::string end;
  std::string comment;
  std::vector<std::string> ids;

  void AddFlags(CommandLine& line) override {
    line.AddSwitch("quiet", "Only show the ids of silences.", &quiet, 'q');
    line.AddFlag("duration", 'd', "Duration of the silence.", &duration);
    line.AddFlag("start", 0, "When the silence starts, as 2006-01-02T15:04:05-07:00.", &start);
    line.AddFlag("end", 0, "When the silence ends, in place of the duration.", &end);
    line.AddFlag("comment", 'c', "Why.", &comment);
    line.AddArguments("update-ids", "Ids of silences to update.", &ids, false);
  }
  Status Change(ShownSilence& silence) const {
    if (!start.empty()) {
      SEXTANT_ASSIGN(silence.starts_at_ms, ParseMoment(start));
    }
    if (!end.empty()) {
      SEXTANT_ASSIGN(silence.ends_at_ms, ParseMoment(end));
    } else if (!duration.empty()) {
      SEXTANT_ASSIGN(const core::DurationMs duration_ms, ParseSilenceDuration(duration));
      silence.ends_at_ms = silence.starts_at_ms + duration_ms;
    }
    if (silence.starts_at_ms > silence.ends_at_ms)
      return Fail(Code::kInvalidArgument, "silence cannot start after it ends");
    if (!comment.empty()) silence.comment = comment;
    return {};
  }
  Status Run() override {
    SEXTANT_ASSIGN(const AmtoolFormat format, root.Format());
    if (ids.empty()) return Fail(Code::kInvalidArgument, "no silence IDs specified");
    SEXTANT_ASSIGN(const auto client, root.Connect());
    std::vector<ShownSilence> updated;
    for (const std::string& id : ids) {
      SEXTANT_ASSIGN(ShownSilence silence, client->FindSilence(id));
      SEXTANT_TRY(Change(silence));
      SEXTANT_ASSIGN(const std::string new_id, client->PostSilence(silence));
      SEXTANT_ASSIGN(silence, client->FindSilence(new_id));
      updated.push_back(std::move(silence));
    }
    if (!quiet) {
      Print(FormatSilences(std::move(updated), format));
      return {};
    }
    for (const ShownSilence& silence : updated) PrintLine(silence.id);
    return {};
  }
};

struct SilenceImport final : Command {
  using Command::Command;
  bool is_forced = false;
  std::string workers = "8";
  std::vector<std::string> files;

  void AddFlags(CommandLine& line) override {
    line.AddSwitch("force", "Add silences as new ones even if they exist.", &is_forced, 'f');
    line.AddFlag("worker", 'w', "Silences that are sent at the same time.", &workers);
    line.AddArguments("input-file", "JSON file with silences; without it, standard input.", &files, false);
  }
  // One silence; whether it is there now.
  static bool Send(AmtoolClient& client, ShownSilence silence, std::mutex& printing) {
    const std::string id = silence.id;
    Result<std::string> sent = client.PostSilence(silence);
    if (!sent && sent.error().code() == Code::kNotFound) {
      silence.id.clear();
      sent = client.PostSilence(silence);
    }
    std::lock_guard lock(printing);
    if (sent) {
      PrintLine(*sent);
    } else {
      std::fputs(fmt::format("Error adding silence id='{}': {}\n", id, sent.error().message()).c_str(),
                 stderr);
    }
    return sent.has_value();
  }
  Status Run() override {
    if (files.size() > 1) return Fail(Code::kInvalidArgument, "unexpected {}", files[1]);
    std::string json;
    if (files.empty()) {
      json.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    } else {
      SEXTANT_ASSIGN(json, config::ReadTextFile(files[0], kMaxFileBytes));
    }
    auto parsed = ParseSilences(json);
    if (!parsed) return Fail(Code::kInvalidArgument, "couldn't unmarshal input data, is it JSON?");
    std::vector<ShownSilence> silences = std::move(*parsed);
    const int wanted = std::atoi(workers.c_str());
    if (wanted < 1) return Fail(Code::kInvalidArgument, "at least one worker is needed");
    SEXTANT_ASSIGN(const auto client, root.Connect());
    std::atomic<size_t> next = 0;
    std::atomic<size_t> failed = 0;
    std::mutex printing;
    const auto work = [&] {
      for (size_t i = next++; i < silences.size(); i = next++) {
        ShownSilence silence = silences[i];
        if (is_forced) silence.id.clear();
        if (!Send(*client, std::move(silence), printing)) ++failed;
      }
    };
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::min<size_t>(static_cast<size_t>(wanted), kMaxWorkers); ++i)
      threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    if (failed > 0)
      return Fail(Code::kUnavailable, "couldn't import {} out of {} silences", failed.load(),
                  silences.size());
    return {};
  }
};

// --- check-config, config, cluster, template ---

struct CheckConfig final : Command {
  using Command::Command;
  std::vector<std::string> files;

  bool NeedsServer() const override { return false; }

  void AddFlags(CommandLine& line) override { line.AddArguments("check-files", "The files.", &files, false); }
  static bool Check(const std::string& file, alerting::MatcherSyntax syntax) {
    Print(fmt::format("Checking '{}'", file));
    const auto config = alerting::LoadConfig(file, syntax);
    if (!config) {
      Print(fmt::format("  FAILED: {}\n\n", config.error().message()));
      return false;
    }
    Print("  SUCCESS\nFound:\n - global config\n - route\n");
    Print(fmt::format(" - {} inhibit rules\n - {} receivers\n - {} templates\n",
                      (*config)->inhibit_rules.size(), (*config)->receivers.size(),
                      (*config)->templates.size()));
    bool is_good = true;
    if (!(*config)->templates.empty()) {
      const auto templates = alerting::LoadTemplates(**config);
      is_good = templates.has_value();
      Print(is_good ? "  SUCCESS\n" : fmt::format("  FAILED: {}\n", templates.error().message()));
    }
    Print("\n");
    return is_good;
  }
  Status Run() override {
    SEXTANT_ASSIGN(const auto syntax, root.Syntax());
    size_t failed = 0;
    for (const std::string& file : files) {
      if (access(file.c_str(), F_OK) != 0) return Fail(Code::kNotFound, "path '{}' does not exist", file);
    }
    for (const std::string& file : files) failed += Check(file, syntax) ? 0 : 1;
    if (failed > 0) return Fail(Code::kInvalidArgument, "failed to validate {} file(s)", failed);
    return {};
  }
};

struct ConfigShow final : Command {
  using Command::Command;
  void AddFlags(CommandLine&) override {}
  Status Run() override {
    SEXTANT_ASSIGN(const AmtoolFormat format, root.Format());
    SEXTANT_ASSIGN(const auto client, root.Connect());
    SEXTANT_ASSIGN(const ShownStatus status, client->Status());
    Print(FormatConfig(status, format));
    return {};
  }
};

struct ConfigDryRun final : Command {
  using Command::Command;
  std::string since = "120h";
  std::string limit = "20";
  std::vector<std::string> files;

  void AddFlags(CommandLine& line) override {
    line.AddFlag("since", 0, "How far back.", &since);
    line.AddFlag("limit", 0, "How many alerts and notifications are listed.", &limit);
    line.AddArguments("config-file", "The configuration to be tried.", &files, false);
  }
  Status Run() override {
    if (files.size() != 1) return Fail(Code::kInvalidArgument, "one configuration file must be named");
    SEXTANT_ASSIGN(const AmtoolFormat format, root.Format());
    SEXTANT_ASSIGN(const core::DurationMs since_ms, core::ParseDuration(since));
    SEXTANT_ASSIGN(std::string config, config::ReadTextFile(files[0], kMaxFileBytes));
    SEXTANT_ASSIGN(const auto client, root.Connect());
    SEXTANT_ASSIGN(const std::string json,
                   client->DryRun(std::move(config),
                                  {{"start", api::FormatMillis(NowMs() - since_ms)}, {"limit", limit}}));
    SEXTANT_ASSIGN(const std::string text, FormatDryRun(json, format));
    Print(text);
    return {};
  }
};

struct ClusterShow final : Command {
  using Command::Command;
  void AddFlags(CommandLine&) override {}
  Status Run() override {
    SEXTANT_ASSIGN(const AmtoolFormat format, root.Format());
    SEXTANT_ASSIGN(const auto client, root.Connect());
    SEXTANT_ASSIGN(const ShownStatus status, client->Status());
    Print(FormatCluster(status, format));
    return {};
  }
};

// A configuration from a file or from a server.
struct RoutesCommand : Command {
  using Command::Command;
  std::string config_file;

  bool NeedsServer() const override { return false; }

  void AddFlags(CommandLine& line) override {
    line.AddFlag("config.file", 0, "Configuration file, in place of a server's.", &config_file);
  }
  Result<std::shared_ptr<const alerting::Config>> Load() const {
    SEXTANT_ASSIGN(const auto syntax, root.Syntax());
    if (!root.url.empty() && !config_file.empty())
      std::fputs("Warning: --config.file flag overrides the --alertmanager.url.\n", stderr);
    if (root.url.empty() && config_file.empty())
      return Fail(Code::kInvalidArgument,
                  "You have to specify one of --config.file or --alertmanager.url flags.");
    if (!config_file.empty()) return alerting::LoadConfig(config_file, syntax);
    SEXTANT_ASSIGN(const auto client, root.Connect());
    SEXTANT_ASSIGN(const ShownStatus status, client->Status());
    return alerting::ParseConfig(status.config, root.url, syntax);
  }
};

struct RoutesShow final : RoutesCommand {
  using RoutesCommand::RoutesCommand;
  Status Run() override {
    SEXTANT_ASSIGN(const auto config, Load());
    Print(FormatRoutes(*config, *alerting::BuildRoutes(*config)));
    return {};
  }
};

struct RoutesTest final : RoutesCommand {
  using RoutesCommand::RoutesCommand;
  std::string expected;
  bool shows_tree = false;
  std::string test_file;
  std::vector<std::string> labels;

  void AddFlags(CommandLine& line) override {
    RoutesCommand::AddFlags(line);
    line.AddFlag("test-file", 0, "Run the cases of this file, in place of labels.", &test_file);
    line.AddFlag("verify.receivers", 0, "Fail unless the labels go to these receivers.", &expected);
    line.AddSwitch("tree", "Draw the routes that match.", &shows_tree);
    line.AddArguments("labels", "Labels of an alert.", &labels, false);
  }
  Status Run() override {
    SEXTANT_ASSIGN(const auto syntax, root.Syntax());
    SEXTANT_ASSIGN(const auto config, Load());
    if (!test_file.empty()) return RunFile(*config);
    auto matchers = ParseMatchers(labels, syntax);
    if (!matchers)
      return Fail(Code::kInvalidArgument, "Failed to parse labels: {}", matchers.error().message());
    model::LabelsBuilder builder;
    for (const Matcher& matcher : *matchers) {
      if (matcher.type() != MatcherType::kEqual)
        return Fail(Code::kInvalidArgument, "Labels must be specified as key=value pairs");
      builder.Set(matcher.name(), matcher.value());
    }
    const model::Labels set = builder.Build();
    const auto tree = alerting::BuildRoutes(*config);
    if (shows_tree) Print(FormatMatchingRoutes(*config, *tree, set));
    std::string receivers;
    for (const alerting::Route* route : alerting::MatchRoutes(*tree, set))
      receivers += (receivers.empty() ? "" : ",") + config->receivers[route->receiver].name;
    PrintLine(receivers);
    if (expected.empty() || expected == receivers) return {};
    PrintLine("WARNING: Expected receivers did not match resolved receivers.");
    // Said already.
    return Fail(Code::kInvalidArgument, "");
  }

 private:
  Status RunFile(const alerting::Config& config) const {
    SEXTANT_ASSIGN(const RouteCasesOutcome outcome, RunRouteCases(test_file, config));
    for (const std::string& line : outcome.lines) PrintLine(line);
    return outcome.has_passed ? Status() : Fail(Code::kInvalidArgument, "");
  }
};

struct TemplateRender final : Command {
  using Command::Command;
  bool NeedsServer() const override { return false; }
  std::vector<std::string> globs;
  std::string text;
  std::string type;
  std::string data_file;

  void AddFlags(CommandLine& line) override {
    line.AddFlagList("template.glob", "Files of templates; may be repeated.", &globs, true);
    line.AddFlag("template.text", 0, "The template that is filled in.", &text);
    line.AddFlag("template.type", 0, "text (default) or html.", &type);
    line.AddFlag("template.data", 0, "JSON file with the data of a notification; without it, an example.",
                 &data_file);
  }
  Status Run() override {
    if (text.empty()) return Fail(Code::kInvalidArgument, "required flag(s) '--template.text' not provided");
    if (!type.empty() && type != "text" && type != "html")
      return Fail(Code::kInvalidArgument, "enum value must be one of html,text, got '{}'", type);
    std::string data;
    if (!data_file.empty()) {
      SEXTANT_ASSIGN(data, config::ReadTextFile(data_file, kMaxFileBytes));
    }
    SEXTANT_ASSIGN(const std::string rendered, RenderTemplate(globs, text, data, type == "html", NowMs()));
    Print(rendered);
    return {};
  }
};

// --- which command ---

struct CommandEntry {
  std::string_view words;  // "silence add"
  std::string_view summary;
  bool is_default = false;  // also what its group means without another word
  std::unique_ptr<Command> (*make)(Root& root);
};

template <typename T>
std::unique_ptr<Command> Make(Root& root) {
  return std::make_unique<T>(root);
}

constexpr CommandEntry kCommands[] = {
    {"alert query", "View and search through current alerts.", true, Make<AlertQuery>},
    {"alert add", "Add a new alert.", false, Make<AlertAdd>},
    {"silence query", "Query silences.", true, Make<SilenceQuery>},
    {"silence add", "Add a new silence.", false, Make<SilenceAdd>},
    {"silence expire", "Expire silences.", false, Make<SilenceExpire>},
    {"silence import", "Import silences from JSON, as silence query -o json writes it.", false,
     Make<SilenceImport>},
    {"silence update", "Update silences.", false, Make<SilenceUpdate>},
    {"check-config", "Validate configuration files.", false, Make<CheckConfig>},
    {"cluster show", "View cluster status and peers.", true, Make<ClusterShow>},
    {"config show", "View the running configuration.", true, Make<ConfigShow>},
    {"config dry-run", "Tell what another configuration would have sent.", false, Make<ConfigDryRun>},
    {"config routes show", "Print the routing tree.", true, Make<RoutesShow>},
    {"config routes test", "Tell to which receivers labels go.", false, Make<RoutesTest>},
    {"template render", "Fill a template in.", false, Make<TemplateRender>},
};

// The options of a file in $HOME/.config/amtool or /etc/amtool, as flags that the command line overrides.
Status ReadOptions(const std::string& path, const CommandLine& line) {
  if (access(path.c_str(), R_OK) != 0) return {};
  SEXTANT_ASSIGN(const config::Document document, config::Document::Load(path));
  for (const config::Node node : document.root().children()) {
    std::string name(node.key());
    if (name == "comment_required") {
      if (document.root().Find("require-comment")) continue;
      name = "require-comment";
    }
    std::string value;
    if (!node.IsNull()) {
      SEXTANT_ASSIGN(value, node.AsText());
    }
    // What the command has no use for is for others.
    line.SetDefault(name, value);
  }
  return {};
}

std::string Help() {
  std::string help =
      "usage: sextant amtool [<flags>] <command> [<args> ...]\n\n"
      "Looks at and changes what an Alertmanager knows, and checks its files.\n\n"
      "Options may stand in $HOME/.config/amtool/config.yml or /etc/amtool/config.yml, as alertmanager.url: "
      "…\n\n"
      "Commands (--help behind one shows its flags):\n";
  for (const CommandEntry& entry : kCommands)
    help += fmt::format("  {:<20}{} {}\n", entry.words, entry.is_default ? "*" : " ", entry.summary);
  return help;
}

// Splits off the words that name a command. Flags in between stay where they are.
const CommandEntry* TakeCommand(Arguments& arguments, const CommandLine& root_line) {
  std::vector<size_t> words;  // where the words that are no flags stand
  for (size_t i = 0; i < arguments.size() && words.size() < 3; ++i) {
    if (!arguments[i].starts_with('-')) {
      words.push_back(i);
    } else if (arguments[i].find('=') == std::string::npos && root_line.TakesValue(arguments[i])) {
      ++i;
    }
  }
  const CommandEntry* best = nullptr;
  size_t best_words = 0;
  for (const CommandEntry& entry : kCommands) {
    std::vector<std::string_view> names;
    for (std::string_view rest = entry.words; !rest.empty();) {
      const size_t space = std::min(rest.find(' '), rest.size());
      names.push_back(rest.substr(0, space));
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
    size_t same = 0;
    while (same < names.size() && same < words.size() && arguments[words[same]] == names[same]) ++same;
    const bool is_it = same == names.size() || (entry.is_default && same + 1 == names.size() && same > 0);
    if (is_it && (best == nullptr || same > best_words)) {
      best = &entry;
      best_words = same;
    }
  }
  if (best == nullptr) return nullptr;
  for (size_t i = best_words; i > 0; --i)
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(words[i - 1]));
  return best;
}

int FailWith(const std::string& message) {
  if (!message.empty()) std::fputs(fmt::format("amtool: error: {}\n", message).c_str(), stderr);
  return kExitFailed;
}

std::string FirstWord(const Arguments& arguments) {
  for (const std::string& word : arguments) {
    if (!word.starts_with('-')) return word;
  }
  return "";
}

}  // namespace

FlagSet AmtoolFlags() {
  // For help and completion; commands have flags of their own.
  FlagSet flags{"sextant amtool", "Looks at and changes what an Alertmanager knows, and checks its files."};
  for (const char* name :
       {"alertmanager.url", "output", "timeout", "http.config.file", "enable-feature", "date.format"})
    flags.Add(name, "VALUE", "See `sextant amtool help`.", [](const std::string&) -> Status { return {}; });
  return flags;
}

int RunAmtoolProgram(const Arguments& arguments) {
  Root root;
  Arguments rest = arguments;
  CommandLine root_line;
  root.AddFlags(root_line);
  const CommandEntry* entry = TakeCommand(rest, root_line);
  const bool asks_for_help =
      std::ranges::find(rest, "--help") != rest.end() || std::ranges::find(rest, "-h") != rest.end();
  if (entry == nullptr) {
    const std::string first = FirstWord(rest);
    if (first.empty() || first == "help") {
      Print(Help());
      return kExitOk;
    }
    for (const CommandEntry& known : kCommands) {
      if (known.words.starts_with(first + " "))
        return FailWith(fmt::format("must select a subcommand of '{}'", first));
    }
    return FailWith(fmt::format("expected command but got {}", model::QuoteGo(first)));
  }
  const std::unique_ptr<Command> command = entry->make(root);
  CommandLine line;
  root.AddFlags(line);
  command->AddFlags(line);
  if (asks_for_help) {
    Print(line.Help(fmt::format("sextant amtool {}", entry->words), entry->summary));
    return kExitOk;
  }
  const char* home = std::getenv("HOME");
  Status status = ReadOptions("/etc/amtool/config.yml", line);
  if (status && home != nullptr) status = ReadOptions(std::string(home) + "/.config/amtool/config.yml", line);
  if (status) status = line.Parse(rest);
  if (status && command->NeedsServer() && root.url.empty())
    return FailWith("required flag(s) '--alertmanager.url' not provided");
  if (status) status = command->Run();
  return status ? kExitOk : FailWith(status.error().message());
}

}  // namespace sextant::app
