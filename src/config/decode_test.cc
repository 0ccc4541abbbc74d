#include "config/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sextant::config {
namespace {

using ::testing::HasSubstr;

enum class Color { kRed, kGreen };

struct Credentials {
  std::string user;
  Secret password;
};

struct Tree {
  std::string name;
  std::vector<Tree> children;
};

struct FileSource {
  std::string path;
};
struct HttpSource {
  std::string url;
  uint32_t port = 80;
};
using Source = std::variant<FileSource, HttpSource>;

struct Example {
  std::string name;
  bool is_on = true;
  int64_t interval_ms = 60'000;
  std::optional<int64_t> timeout_ms;
  int64_t limit_bytes = 0;
  uint32_t count = 7;
  double ratio = 0.5;
  std::vector<std::string> words;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::vector<int64_t>> windows_ms;
  std::optional<Credentials> credentials;
  std::vector<Credentials> accounts;
  Color color = Color::kGreen;
  std::string pattern;
  std::unique_ptr<Tree> tree;
  std::vector<Source> sources;
  Credentials inlined;
};

const Struct& FieldsOf(const Credentials*) {
  static const Struct kFields = Struct::Of<Credentials>(
      {Member<&Credentials::user>("user"), Member<&Credentials::password>("password")},
      [](Credentials& value, Node node) -> core::Status {
        if (value.user == "root") return node.Fail("root may not log in");
        return {};
      });
  return kFields;
}
const Struct& FieldsOf(const Tree*) {
  static const Struct kFields =
      Struct::Of<Tree>({Member<&Tree::name>("name").Required(), Member<&Tree::children>("children")});
  return kFields;
}
const Struct& FieldsOf(const FileSource*) {
  static const Struct kFields = Struct::Of<FileSource>({Member<&FileSource::path>("path")});
  return kFields;
}
const Struct& FieldsOf(const HttpSource*) {
  static const Struct kFields =
      Struct::Of<HttpSource>({Member<&HttpSource::url>("url"), Member<&HttpSource::port>("port")});
  return kFields;
}
const Struct& FieldsOf(const Example*) {
  static const Struct kFields = Struct::Of<Example>({
      Member<&Example::name>("name").Check<std::string>(
          [](const std::string& name, Node node) -> core::Status {
            if (name == "nobody") return node.Fail("nobody is not allowed");
            return {};
          }),
      Member<&Example::is_on>("is_on").AlwaysWritten(),
      Member<&Example::interval_ms>("interval", Duration()),
      Member<&Example::timeout_ms>("timeout", Duration()),
      Member<&Example::limit_bytes>("limit", ByteSize()),
      Member<&Example::count>("count"),
      Member<&Example::ratio>("ratio"),
      Member<&Example::words>("words"),
      Member<&Example::labels>("labels"),
      Member<&Example::windows_ms>("windows", Duration()),
      Member<&Example::credentials>("credentials"),
      Member<&Example::accounts>("accounts").NullItem("an account needs a user"),
      Member<&Example::color>("color", Enum<Color>({{"red", Color::kRed}, {"green", Color::kGreen}})),
      Member<&Example::pattern>("pattern", Regex()),
      Member<&Example::tree>("tree"),
      Member<&Example::sources>("sources", Tagged<Source>("type", {"file", "http"})),
      Inline<&Example::inlined>(),
      NotYet("remote_write"),
      NotYet("kafka", "use http"),
  });
  return kFields;
}

core::Result<Example> Read(std::string_view text) {
  SEXTANT_ASSIGN(Document document, Document::Parse(text, "test.yml"));
  return Decode<Example>(document.root());
}

std::string ErrorOf(std::string_view text) {
  auto result = Read(text);
  return result ? "no error" : result.error().message();
}

TEST(DecodeTest, ReadsEveryKindOfField) {
  auto example = Read(R"(
name: 0755
is_on: no
interval: 1h30m
timeout: 5s
limit: 15MB
count: 0x10
ratio: 1e-3
words: [a, 2, "true"]
labels: {team: x, tier: 1}
windows: {fast: [5m, 1h]}
credentials: {user: me, password: "p"}
accounts:
- user: one
- {user: two}
color: red
pattern: a.*b
tree: {name: top, children: [{name: leaf}]}
sources:
- {type: http, url: there, port: 81}
- type: file
  path: /x
user: inline
)");
  ASSERT_TRUE(example) << example.error().message();
  EXPECT_EQ(example->name, "0755");
  EXPECT_FALSE(example->is_on);
  EXPECT_EQ(example->interval_ms, 5'400'000);
  EXPECT_EQ(example->timeout_ms, 5'000);
  EXPECT_EQ(example->limit_bytes, 15 << 20);
  EXPECT_EQ(example->count, 16u);
  EXPECT_DOUBLE_EQ(example->ratio, 0.001);
  EXPECT_THAT(example->words, ::testing::ElementsAre("a", "2", "true"));
  EXPECT_EQ(example->labels.at("tier"), "1");
  EXPECT_THAT(example->windows_ms.at("fast"), ::testing::ElementsAre(300'000, 3'600'000));
  EXPECT_EQ(example->credentials->password.Reveal(), "p");
  EXPECT_EQ(example->accounts.at(1).user, "two");
  EXPECT_EQ(example->color, Color::kRed);
  EXPECT_EQ(example->pattern, "a.*b");
  EXPECT_EQ(example->tree->children.at(0).name, "leaf");
  EXPECT_EQ(std::get<HttpSource>(example->sources.at(0)).port, 81u);
  EXPECT_EQ(std::get<FileSource>(example->sources.at(1)).path, "/x");
  EXPECT_EQ(example->inlined.user, "inline");
}

TEST(DecodeTest, EmptyFileKeepsDefaults) {
  auto example = Read("# nothing\n");
  ASSERT_TRUE(example) << example.error().message();
  EXPECT_EQ(example->count, 7u);
  EXPECT_TRUE(example->is_on);
}

TEST(DecodeTest, NullIsTheZeroValue) {
  auto example = Read("count:\nis_on: ~\ninterval: null\nwords:\ncredentials:\n");
  ASSERT_TRUE(example) << example.error().message();
  EXPECT_EQ(example->count, 0u);
  EXPECT_FALSE(example->is_on);
  EXPECT_EQ(example->interval_ms, 0);
  EXPECT_FALSE(example->credentials);
}

TEST(DecodeTest, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(ErrorOf("name: x\nintervall: 5s\n"),
            "test.yml:2:1: intervall: unknown field; did you mean \"interval\"?");
  EXPECT_EQ(ErrorOf("zzz: 5s\n"), "test.yml:1:1: zzz: unknown field");
  EXPECT_EQ(ErrorOf("accounts:\n  - user: a\n  - usr: b\n"),
            "test.yml:3:5: accounts[1].usr: unknown field; did you mean \"user\"?");
  EXPECT_EQ(ErrorOf("interval: 5 s\n"), "test.yml:1:11: interval: not a valid duration string: \"5 s\"");
  EXPECT_EQ(ErrorOf("count: many\n"),
            "test.yml:1:8: count: expected a whole number that is not negative, got text \"many\"");
  EXPECT_EQ(ErrorOf("count: 5000000000\n"), "test.yml:1:8: count: number 5000000000 is out of range");
  EXPECT_EQ(ErrorOf("count: \"5\"\n"),
            "test.yml:1:8: count: expected a whole number that is not negative, got text \"5\"");
  EXPECT_EQ(ErrorOf("is_on: maybe\n"), "test.yml:1:8: is_on: expected true or false, got text \"maybe\"");
  EXPECT_EQ(ErrorOf("words: a\n"), "test.yml:1:8: words: expected a list, got text \"a\"");
  EXPECT_EQ(ErrorOf("words:\n- a\n- [b]\n"), "test.yml:3:3: words[1]: expected text, got a list");
  EXPECT_EQ(ErrorOf("labels: {a: {b: c}}\n"), "test.yml:1:13: labels.a: expected text, got a mapping");
  EXPECT_EQ(ErrorOf("color: gren\n"),
            "test.yml:1:8: color: \"gren\" is not one of red, green; did you mean \"green\"?");
  EXPECT_EQ(ErrorOf("pattern: 'a(b'\n"),
            "test.yml:1:10: pattern: error parsing regexp: missing closing ): `^(?s:a(b)$`");
  EXPECT_EQ(ErrorOf("limit: 100\n"), "test.yml:1:8: limit: units: unknown unit  in 100");
  EXPECT_EQ(ErrorOf("name: nobody\n"), "test.yml:1:7: name: nobody is not allowed");
  EXPECT_EQ(ErrorOf("accounts: [{user: root}]\n"), "test.yml:1:12: accounts[0]: root may not log in");
  EXPECT_EQ(ErrorOf("user: root\n"), "test.yml:1:1: root may not log in");
  EXPECT_EQ(ErrorOf("accounts:\n  -\n"), "test.yml:2:3: accounts[0]: an account needs a user");
  EXPECT_EQ(ErrorOf("tree: {children: []}\n"), "test.yml:1:7: tree: required field name is missing");
  EXPECT_EQ(ErrorOf("name: a\nname: b\n"), "test.yml:2:1: name: field name already set at line 1");
  EXPECT_EQ(ErrorOf("sources: [{type: htp}]\n"),
            "test.yml:1:18: sources[0].type: \"htp\" is not one of file, http; did you mean \"http\"?");
  EXPECT_EQ(ErrorOf("sources: [{url: x}]\n"), "test.yml:1:11: sources[0]: required field type is missing");
  EXPECT_EQ(ErrorOf("[a]\n"), "test.yml:1:1: expected a mapping, got a list");
}

TEST(DecodeTest, FieldsThatAreNotSupportedYetAreRefusedByName) {
  auto result = Read("remote_write: []\n");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), core::Code::kUnimplemented);
  EXPECT_EQ(result.error().message(), "test.yml:1:1: remote_write: remote_write is not supported yet");
  EXPECT_EQ(ErrorOf("kafka:\n"), "test.yml:1:1: kafka: kafka is not supported yet; use http");
  EXPECT_EQ(ErrorOf("kafkka:\n"), "test.yml:1:1: kafkka: unknown field; did you mean \"kafka\"?");
}

TEST(DecodeTest, ErrorsNeverShowSecrets) {
  EXPECT_THAT(ErrorOf("credentials: {password: [hunter2]}\n"), ::testing::Not(HasSubstr("hunter2")));
}

TEST(DecodeTest, WrittenYamlReadsBackAndHidesSecrets) {
  constexpr std::string_view kText = R"(name: a
is_on: false
interval: 5s
count: 3
ratio: 0.5
words:
- x
- "2"
labels:
  team: "yes"
windows:
  fast:
  - 5m
credentials:
  user: me
  password: <secret>
accounts:
- user: one
- user: two
color: red
tree:
  name: top
  children:
  - name: leaf
sources:
- type: http
  url: there
  port: 80
)";
  auto example = Read(kText);
  ASSERT_TRUE(example) << example.error().message();
  EXPECT_EQ(WriteYaml(*example), kText);
}

}  // namespace
}  // namespace sextant::config
