#include "gotemplate/template.h"

#include <gtest/gtest.h>

#include <thread>

#include "gotemplate/alertmanager.h"
#include "gotemplate/prometheus.h"

namespace sextant::gotemplate {
namespace {

std::string Render(const std::string& text, const Value& data = {}) {
  const TemplateSet set(AlertmanagerFunctions());
  const AlertmanagerEnvironment environment;
  const auto result = set.ExecuteText("t", text, data, &environment);
  return result ? *result : "error: " + result.error().message();
}

core::Error Refused(const std::string& text, Options options = {}) {
  const TemplateSet set(AlertmanagerFunctions(), options);
  const auto result = set.ExecuteText("t", text, {});
  EXPECT_FALSE(result) << text;
  return result ? core::Error(core::Code::kInternal, "") : result.error();
}

TEST(TemplateSet, RedefinitionReplacesUnlessEmpty) {
  TemplateSet set(nullptr);
  ASSERT_TRUE(set.Parse("a", R"({{define "x"}}one{{end}}{{define "y"}}{{template "x"}}{{end}})"));
  ASSERT_TRUE(set.Parse("b", R"({{define "x"}}two{{end}})"));
  EXPECT_EQ(set.Execute("y", {}).value(), "two");
  ASSERT_TRUE(set.Parse("c", R"({{define "x"}} {{end}})"));
  EXPECT_EQ(set.Execute("y", {}).value(), "two");
  EXPECT_EQ(set.Execute("none", {}).error().code(), core::Code::kNotFound);
}

TEST(TemplateSet, ExecuteTextDoesNotChangeTheSet) {
  TemplateSet set(nullptr);
  ASSERT_TRUE(set.Parse("a", R"({{define "x"}}one{{end}}{{define "y"}}<{{template "x"}}>{{end}})"));
  EXPECT_EQ(set.ExecuteText("", R"({{define "x"}}two{{end}}{{template "y"}})", {}).value(), "<two>");
  EXPECT_EQ(set.Execute("y", {}).value(), "<one>");
}

TEST(TemplateSet, FailedParseAddsNothing) {
  TemplateSet set(nullptr);
  EXPECT_FALSE(set.Parse("a", R"({{define "x"}}one{{end}}{{if}})"));
  EXPECT_FALSE(set.Has("x"));
}

TEST(TemplateSet, ManyThreadsExecuteOneSet) {
  TemplateSet set(AlertmanagerFunctions());
  ASSERT_TRUE(set.Parse("a", R"({{define "x"}}{{range $i, $e := .}}{{$i}}{{$e | toUpper}}{{end}}{{end}})"));
  const Value data = Value::Strings({"a", "b"});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 100; ++j) EXPECT_EQ(set.Execute("x", data).value(), "0A1B");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Language, NestedLoopsAndVariables) {
  EXPECT_EQ(
      Render(
          "{{range $i := 3}}{{range $j := 3}}{{if eq $j 1}}{{continue}}{{end}}{{if eq $i 2}}{{break}}{{end}}"
          "{{$i}}{{$j}} {{end}}{{end}}"),
      "00 02 10 12 ");
  EXPECT_EQ(Render("{{$s := 0}}{{range $s = list 1 2 3}}{{end}}{{$s}}"), "3");
  EXPECT_EQ(Render("{{with $x := 1}}{{with $y := 2}}{{$x}}{{$y}}{{end}}{{end}}"), "12");
  EXPECT_EQ(Render("{{range 2}}{{else}}none{{end}}{{range 0}}{{else}}none{{end}}"), "none");
}

TEST(Language, CallsFunctionsInData) {
  auto function = std::make_shared<Function>();
  *function = {{Param::Any()}, false, [](Call&, std::span<const Value> args) -> core::Result<Value> {
                 return Value::String("<" + args[0].AsString() + ">");
               }};
  const Value data = Value::OfMap({{"f", Value::OfFunction(function)}});
  EXPECT_EQ(Render("{{call .f \"x\"}}", data), "<x>");
  EXPECT_EQ(Render("{{call .f}}", data),
            "error: template: t:1:2: executing \"t\" at <call .f>: error calling call: wrong number of args: "
            "got 0 want 1");
}

TEST(Language, ErrorsNameThePlace) {
  EXPECT_EQ(Render("a\n{{if true}}\n  {{.X.Y}}{{end}}", Value::Int(1)),
            "error: template: t:3:6: executing \"t\" at <.X.Y>: can't evaluate field X in type int");
  EXPECT_EQ(Render("{{if true}}\n{{end"), "error: template: t:2: unclosed action");
  EXPECT_EQ(Render("{{ 99999999999999999999 }}"),
            "error: template: t:1: integer overflow: \"99999999999999999999\"");
  EXPECT_EQ(Render("{{ 1i }}"), "error: template: t:1: complex numbers are not supported");
  EXPECT_EQ(Render("{{range .}}{{else if true}}{{end}}").substr(0, 7), "error: ");
  EXPECT_EQ(Render("{{range .}}{{else}}"), "error: template: t:1: unexpected EOF");
}

TEST(Bounds, EndlessOutput) {
  EXPECT_EQ(Refused("{{range 100000000}}0123456789{{end}}").code(), core::Code::kResourceExhausted);
}

TEST(Bounds, EndlessSteps) {
  const core::Error error = Refused("{{range 100000000}}{{end}}{{range 100000000}}{{$x := 1}}{{end}}");
  EXPECT_EQ(error.code(), core::Code::kResourceExhausted);
  EXPECT_NE(error.message().find("exceeded 1000000 steps"), std::string::npos) << error.message();
}

TEST(Bounds, Recursion) {
  const core::Error error =
      Refused("{{define \"a\"}}{{if true}}{{template \"a\" (print .)}}{{end}}{{end}}{{template \"a\"}}");
  EXPECT_EQ(error.code(), core::Code::kResourceExhausted);
  EXPECT_NE(error.message().find("exceeded maximum template depth (500)"), std::string::npos)
      << error.message();
}

TEST(Bounds, DoublingText) {
  EXPECT_EQ(Refused("{{$x := \"xxxxxxxx\"}}{{range 100}}{{$x = printf \"%s%s\" $x $x}}{{end}}").code(),
            core::Code::kInvalidArgument);
  EXPECT_EQ(Refused("{{$x := \"xxxxxxxx\"}}{{range 100}}{{$x = print $x $x $x $x}}{{end}}").code(),
            core::Code::kInvalidArgument);
}

TEST(Bounds, DoublingLists) {
  EXPECT_EQ(Refused("{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{$x}}").code(),
            core::Code::kResourceExhausted);
  EXPECT_EQ(Refused("{{$x := list 1}}{{range 100}}{{$x = list $x}}{{end}}").code(),
            core::Code::kResourceExhausted);
  EXPECT_EQ(Refused("{{$x := list}}{{range 100000}}{{$x = append $x 1}}{{end}}").code(),
            core::Code::kResourceExhausted);
}

TEST(Bounds, ParseDepthAndSize) {
  std::string parens = "{{";
  for (int i = 0; i < 5000; ++i) parens += "(";
  EXPECT_NE(Refused(parens).message().find("exceeded maximum parse depth (200)"), std::string::npos);
  std::string ifs;
  for (int i = 0; i < 5000; ++i) ifs += "{{if true}}";
  EXPECT_NE(Refused(ifs).message().find("exceeded maximum parse depth (200)"), std::string::npos);
  std::string elses = "{{if true}}";
  for (int i = 0; i < 5000; ++i) elses += "{{else if true}}";
  EXPECT_NE(Refused(elses).message().find("exceeded maximum parse depth (200)"), std::string::npos);
  Options options;
  options.limits.parse.max_text_bytes = 10;
  EXPECT_NE(Refused("0123456789a", options).message().find("exceeds the limit of 10"), std::string::npos);
}

TEST(Bounds, FormatWidth) {
  EXPECT_EQ(Render("{{printf \"%99999999999d\" 1}}"), "1");
  EXPECT_EQ(Render("{{printf \"%9999999d\" 1 | len}}"), "1");
  EXPECT_NE(Refused("{{range 100}}{{printf \"%1000000d\" 1}}{{end}}").message(), "");
}

TEST(Bounds, HostileRegex) {
  EXPECT_NE(Refused("{{reReplaceAll \"((a{100}){100}){100}\" \"x\" \"y\"}}").message(), "");
  EXPECT_EQ(Render("{{reReplaceAll \"(a*)*b\" \"x\" \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}"),
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

TEST(Functions, RegexReplacement) {
  EXPECT_EQ(Render("{{reReplaceAll \"(a)(b)?\" \"[$2|$1x|${1}x|$$|$9]\" \"ab-a\"}}"), "[b||ax|$|]-[||ax|$|]");
  EXPECT_EQ(Render("{{reReplaceAll \"\" \"-\" \"éa\"}}"), "-é-a-");
  EXPECT_EQ(Render("{{reReplaceAll \"b*\" \"-\" \"abc\"}}"), "-a-c-");
}

TEST(Functions, RegexErrorsAreGos) {
  EXPECT_NE(Refused("{{match \"[\" \"x\"}}")
                .message()
                .find("error calling match: error parsing regexp: missing closing ]: `[`"),
            std::string::npos);
  EXPECT_NE(Refused("{{reReplaceAll \"(\" \"x\" \"y\"}}")
                .message()
                .find("regexp: Compile(`(`): error parsing regexp: missing closing ): `(`"),
            std::string::npos);
}

TEST(Functions, Base64AndUrl) {
  EXPECT_EQ(Render("{{base64decode \"!!!!\"}}").substr(0, 6), "error:");
  EXPECT_EQ(Render("{{base64encode \"a\" | base64decode}}"), "a");
  EXPECT_EQ(Render("{{base64decode \"YQ==YQ==\"}}").substr(0, 6), "error:");
  EXPECT_EQ(Render("{{urlUnescape \"%4\"}}").substr(0, 6), "error:");
}

TEST(Functions, TimeZonesComeFromTheDatabaseOnly) {
  EXPECT_NE(Refused("{{now | tz \"../../etc/passwd\"}}").message(), "");
  EXPECT_NE(
      Refused("{{tz \"/etc/localtime\" (toDate \"2006\" \"2020\")}}").message().find("unknown time zone"),
      std::string::npos);
}

TEST(Functions, NeedTheirEnvironment) {
  EXPECT_NE(Refused("{{now}}").message().find("error calling now: not available here"), std::string::npos);
}

TEST(Time, ParsesWhatItFormats) {
  for (const std::string_view layout :
       {"2006-01-02T15:04:05.999999999Z07:00", "Mon, 02 Jan 2006 15:04:05 -0700", "Jan _2 2006 3:04:05PM",
        "2006 002 15:04:05.000000000", "Monday, January 2, 2006 at 3:04:05pm"}) {
    const Time time = Time::FromUnixMs(1767323045000);
    const auto back = ParseTime(layout, FormatTime(time, layout));
    ASSERT_TRUE(back) << layout << ": " << back.error().message();
    EXPECT_EQ(CompareTimes(*back, time), 0) << layout;
  }
}

TEST(Time, RefusesDatesThatDoNotExist) {
  EXPECT_FALSE(ParseTime("2006-01-02", "2023-02-29"));
  EXPECT_TRUE(ParseTime("2006-01-02", "2024-02-29"));
  EXPECT_FALSE(ParseTime("2006-01-02", "2024-13-01"));
  EXPECT_FALSE(ParseTime("2006-01-02 15:04", "2024-02-29 24:00"));
  EXPECT_FALSE(ParseTime("2006-01-02", "2024-02-29x"));
  EXPECT_FALSE(ParseTime("2006-01-02", ""));
}

TEST(Time, ArithmeticIsBounded) {
  EXPECT_NE(Refused("{{range 10000}}{{$t := (toDate \"2006\" \"2020\").AddDate 1000000 0 0}}"
                    "{{$u := $t.AddDate 1000000 0 0}}{{end}}")
                .message()
                .find("date out of range"),
            std::string::npos);
}

TEST(PrometheusConsole, EscapesWhatStandsInHtml) {
  PrometheusEnvironment environment;
  environment.external_url = "http://h/x";
  environment.path_prefix = "/x";
  environment.query = [](const std::string& expression) -> core::Result<std::vector<QuerySample>> {
    return std::vector<QuerySample>{{{{"job", "<" + expression + ">"}}, 1.5, {}}};
  };
  ConsoleData data;
  data.params = {{"q", {"a&b", "c"}}};
  data.path = "sub/page.html";
  data.external_labels = {{"region", "<n>"}};
  auto expand = [&](const std::string& text, const std::string& library = "") {
    auto page = ExpandPrometheusConsole("__console_/p", text, {{"l.lib", library}}, data, environment);
    return page ? *page : page.error().message();
  };
  EXPECT_EQ(
      expand("<p>{{ .Params.q }} {{ index .RawParams.q 1 }} {{ .Path }} {{ $externalLabels.region }}</p>"),
      "<p>a&amp;b c sub/page.html &lt;n&gt;</p>");
  EXPECT_EQ(expand("{{ range query \"up\" }}<b title=\"{{ .Labels.job }}\">{{ .Value }}</b>{{ end }}"),
            "<b title=\"&lt;up&gt;\">1.5</b>");
  EXPECT_EQ(expand("{{ pathPrefix }} {{ safeHtml \"<i>\" }} {{ .Params.none }}"), "/x <i> ");
  // Templates by name are HTML themselves and escape what they are given.
  const std::string library =
      "{{ define \"cell\" }}<td>{{ . }}</td>{{ end }}{{ define \"link\" }}<a href=\"{{ . }}\">{{ end }}";
  EXPECT_EQ(expand("{{ template \"cell\" .Params.q }}{{ tmpl \"cell\" .Params.q }}", library),
            "<td>a&amp;b</td><td>a&amp;b</td>");
  EXPECT_EQ(expand("{{ tmpl .Params.none 1 }}", library).find("<td>"), std::string::npos);
  EXPECT_EQ(expand("{{ tmpl \"link\" \"javascript:x\" }}", library), "<a href=\"#ZgotmplZ\">");
  EXPECT_NE(expand("{{ if .Path }}<a href=\"{{ else }}x{{ end }}").find("html/template"), std::string::npos);
  EXPECT_NE(expand("{{ query }}").find("error executing template __console_/p"), std::string::npos);
}

}  // namespace
}  // namespace sextant::gotemplate
