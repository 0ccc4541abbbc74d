#include "app/promtool_commands.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "api/params.h"
#include "api/query_json.h"
#include "app/promtool/command.h"
#include "core/float_text.h"
#include "model/value.h"

namespace sextant::app {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

void AddHttpConfigFlag(CommandLine& line, PromtoolOptions& options) {
  line.AddFlag("http.config.file", 0, "How to connect: a file with an HTTP client's configuration.",
               &options.http_config);
}

void AddQueryFlags(CommandLine& line, PromtoolOptions& options) {
  line.AddFlag("format", 'o', "How the answer is printed.", &options.format);
  AddHttpConfigFlag(line, options);
}

namespace {

Status CheckFormat(const PromtoolOptions& options) {
  if (options.format == "promql" || options.format == "json") return {};
  return Fail(Code::kInvalidArgument, "enum value must be one of promql,json, got '{}'", options.format);
}

}  // namespace

bool ParseOrStop(const CommandLine& line, const Words& words, std::string_view command,
                 std::string_view summary, const PromtoolOptions& options, int& code) {
  if (std::ranges::find(words, "--help") != words.end() || std::ranges::find(words, "-h") != words.end()) {
    Print(line.Help(fmt::format("promtool {}", command), summary));
    code = kExitOk;
    return false;
  }
  Status parsed = line.Parse(words);
  if (parsed) parsed = CheckFormat(options);
  if (parsed) return true;
  code = FailWith(fmt::format("promtool: error: {}, try --help", parsed.error().message()));
  return false;
}

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

int FailWith(const std::string& text) {
  std::fflush(stdout);
  std::fputs((text + "\n").c_str(), stderr);
  return kExitFailed;
}

int FailQuery(const core::Error& error) { return FailWith("query error: " + error.message()); }

void AppendNames(std::string_view list, std::vector<std::string>& names) {
  for (size_t begin = 0; begin <= list.size();) {
    size_t end = std::min(list.find(',', begin), list.size());
    names.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
}

Result<ApiHeaders> ParseHeaderFlags(const std::vector<std::string>& headers) {
  ApiHeaders parsed;
  for (const std::string& header : headers) {
    size_t equals = header.find_first_of("=:");
    if (equals == header.npos) {
      return Fail(Code::kInvalidArgument, "expected KEY=VALUE got '{}'", header);
    }
    parsed.emplace_back(header.substr(0, equals), header.substr(equals + 1));
  }
  return parsed;
}

Result<std::unique_ptr<ApiClient>> Connect(const std::string& server, const PromtoolOptions& options,
                                           const std::vector<std::string>& headers) {
  SEXTANT_ASSIGN(ApiHeaders parsed, ParseHeaderFlags(headers));
  SEXTANT_ASSIGN(config::HttpClientConfig http, promtool::LoadHttpConfig(options.http_config));
  return ApiClient::Connect(server, std::move(parsed), std::move(http))
      .map_error(core::AddContext("error creating API client"));
}

core::TimestampMs NowMs() { return core::SystemClock().NowMs(); }

Result<core::TimestampMs> ParseTimeFlag(const std::string& text, core::TimestampMs otherwise,
                                        std::string_view what) {
  if (text.empty()) return otherwise;
  Result<core::TimestampMs> time = api::ParseTime(text);
  if (time) return time;
  return Fail(Code::kInvalidArgument, "error parsing {} time: cannot parse {} to a valid timestamp", what,
              model::QuoteGo(text));
}

std::string SecondsText(core::TimestampMs time_ms) {
  std::string text;
  api::AppendTimestamp(text, time_ms);
  while (text.find('.') != text.npos && text.ends_with('0')) text.pop_back();
  return text;
}

std::string FormatG(double value) {
  if (std::isnan(value) || std::isinf(value)) return model::FormatValue(value);
  std::string text;
  core::AppendScientific(text, value);
  int exponent = 0;
  std::string_view digits = std::string_view(text).substr(text.find('e') + 1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  if (exponent < -4 || exponent >= 6) return text;
  text.clear();
  core::AppendFixed(text, value);
  return text;
}

}  // namespace sextant::app
