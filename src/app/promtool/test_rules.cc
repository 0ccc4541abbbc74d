#include "app/promtool/test_rules.h"

#include <fmt/ranges.h>
#include <re2/re2.h>

#include <cerrno>
#include <ctime>
#include <fstream>

#include "metrics/rules/unit_tests.h"

namespace sextant::promtool {

namespace {

using core::Code;
using core::Fail;
using core::Result;

std::string EscapeXml(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\n':
        out += "&#xA;";
        break;
      default:
        // What XML 1.0 has no way to write.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\t' ? '?' : c;
    }
  }
  return out;
}

// One file's results in JUnit's format.
std::string SuiteXml(const std::string& file, const Result<std::vector<rules::UnitTestGroup>>& groups) {
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &parts);
  std::string cases;
  size_t count = 0;
  size_t failures = 0;
  size_t errors = 0;
  if (!groups) {
    count = errors = 1;
    cases =
        fmt::format("<testcase name=\"\"><error>{}</error></testcase>", EscapeXml(groups.error().message()));
  } else {
    for (const rules::UnitTestGroup& group : *groups) {
      ++count;
      failures += group.failures.size();
      cases += fmt::format("<testcase name=\"{}\">", EscapeXml(group.name));
      for (const std::string& failure : group.failures)
        cases += fmt::format("<failure>{}</failure>", EscapeXml(failure));
      cases += "</testcase>";
    }
  }
  return fmt::format(
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" timestamp=\"{}\">{}</testsuite>",
      EscapeXml(file), count, failures, errors, stamp, cases);
}

bool TestFile(const std::string& file, const rules::UnitTestOptions& options, std::string& xml,
              Output& output) {
  auto groups = rules::RunUnitTests(file, options);
  xml += SuiteXml(file, groups);
  std::vector<std::string> failures;
  if (!groups) failures.push_back(groups.error().message());
  if (groups) {
    for (const rules::UnitTestGroup& group : *groups)
      failures.insert(failures.end(), group.failures.begin(), group.failures.end());
  }
  if (failures.empty()) output.Line("  SUCCESS");
  if (!failures.empty()) output.ErrorLine("  FAILED:");
  for (const std::string& failure : failures) {
    output.ErrorLine(failure);
    output.Line("");
  }
  output.Line("");
  return failures.empty();
}

}  // namespace

Result<int> RunTest(const std::vector<std::string>& arguments, const std::vector<std::string>& features,
                    Output& output) {
  SEXTANT_ASSIGN(auto parsed, CommandArguments::Parse(arguments, {"junit", "run"},
                                                      {"debug", "diff", "ignore-unknown-fields"}, {"run"}));
  std::vector<std::string> files = parsed.positional();
  if (files.empty()) return Fail(Code::kInvalidArgument, "must select a subcommand of 'test': rules");
  if (files.front() != "rules")
    return Fail(Code::kInvalidArgument, "expected command but got \"{}\"", files.front());
  files.erase(files.begin());
  SEXTANT_TRY(RequireFiles(files, "test-rule-file"));

  rules::UnitTestOptions options;
  SEXTANT_TRY(EnableFeatures(features, options.engine));
  options.ignores_unknown_fields = parsed.IsOn("ignore-unknown-fields");
  options.shows_differences = parsed.IsOn("diff");
  if (parsed.IsOn("debug")) options.debug = [&](const std::string& line) { output.ErrorLine(line); };
  // One of several expressions is enough.
  RE2 pattern(fmt::format("{}", fmt::join(parsed.GetAll("run"), "|")), RE2::Quiet);
  if (!pattern.ok()) return Fail(Code::kInvalidArgument, "--run: {}", pattern.error());
  options.runs = [&](const std::string& name) { return RE2::PartialMatch(name, pattern); };

  bool has_failed = false;
  std::string xml;
  for (const std::string& file : files) has_failed = !TestFile(file, options, xml, output) || has_failed;
  if (std::string path = parsed.Get("junit"); !path.empty()) {
    std::ofstream out(path);
    out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>" << xml << "</testsuites>\n";
    out.close();
    if (!out) return core::FailErrno(errno, path);
  }
  return has_failed ? kFailure : kSuccess;
}

}  // namespace sextant::promtool
