#include "users/directory.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "users/attempts.h"

namespace sextant::users {
namespace {

constexpr core::DurationMs kHourMs = 3'600'000;
constexpr SessionLimits kLimits{2 * kHourMs, 5 * kHourMs};

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    Open();
  }
  ~DirectoryTest() override { std::filesystem::remove_all(dir_); }

  void Open() {
    directory_.reset();
    auto opened = Directory::Open(path_, clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    directory_ = std::move(*opened);
  }
  User Add(const std::string& login, Role role, const std::string& email = "") {
    User user;
    user.login = login;
    user.email = email;
    user.role = role;
    auto added = directory_->AddUser(user);
    EXPECT_TRUE(added) << added.error().message();
    return added.value_or(User{});
  }
  bool IsIn(const std::string& secret) { return directory_->FindSession(secret, kLimits).has_value(); }

  const std::string dir_ = testing::TempDir() + "/users_directory";
  const std::string path_ = dir_ + "/users.sqlite";
  core::ManualClock clock_{1'700'000'000'000};
  std::unique_ptr<Directory> directory_;
};

TEST_F(DirectoryTest, UsersAreFoundAndSurvive) {
  Add("Root", Role::kAdmin, "root@example.com");
  Add("eve", Role::kViewer);
  Open();
  EXPECT_EQ(directory_->Users().size(), 2u);
  EXPECT_EQ(directory_->FindUser("ROOT")->role, Role::kAdmin);
  EXPECT_EQ(directory_->FindUser("Root@Example.com")->login, "Root");
  EXPECT_FALSE(directory_->FindUser("nobody"));
  EXPECT_FALSE(directory_->FindUser(""));
  EXPECT_FALSE(directory_->FindUser(std::string("eve\0x", 5)));
  struct stat file{};
  ASSERT_EQ(stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST_F(DirectoryTest, NamesAreUniqueAndLines) {
  Add("root", Role::kAdmin, "root@example.com");
  auto code_of = [&](const std::string& login, const std::string& email) {
    User user;
    user.login = login;
    user.email = email;
    auto added = directory_->AddUser(user);
    return added ? core::Code::kInternal : added.error().code();
  };
  EXPECT_EQ(code_of("ROOT", ""), core::Code::kAlreadyExists);
  EXPECT_EQ(code_of("other", "ROOT@example.com"), core::Code::kAlreadyExists);
  // Nobody may be named as another's address, and so take their logins.
  EXPECT_EQ(code_of("root@example.com", ""), core::Code::kAlreadyExists);
  EXPECT_EQ(code_of("", ""), core::Code::kInvalidArgument);
  EXPECT_EQ(code_of("a\nb", ""), core::Code::kInvalidArgument);
  EXPECT_EQ(code_of(std::string(191, 'x'), ""), core::Code::kInvalidArgument);
}

TEST_F(DirectoryTest, OneAdministratorStays) {
  User root = Add("root", Role::kAdmin);
  EXPECT_EQ(directory_->RemoveUser(root.id).error().code(), core::Code::kInvalidArgument);
  EXPECT_EQ(directory_->SetRole(root.id, Role::kViewer).error().code(), core::Code::kInvalidArgument);
  User other = Add("other", Role::kViewer);
  ASSERT_TRUE(directory_->SetRole(other.id, Role::kAdmin));
  EXPECT_TRUE(directory_->RemoveUser(root.id));
  EXPECT_FALSE(directory_->FindUser("root"));
  EXPECT_EQ(directory_->RemoveUser(root.id).error().code(), core::Code::kNotFound);
  Open();
  EXPECT_FALSE(directory_->FindUser("root"));
  EXPECT_EQ(directory_->FindUser("other")->role, Role::kAdmin);
}

TEST_F(DirectoryTest, SessionsEndByIdlenessAndAge) {
  User root = Add("root", Role::kAdmin);
  std::string secret = directory_->BeginSession(root.id).value();
  EXPECT_TRUE(IsIn(secret));
  EXPECT_FALSE(IsIn(secret + "x"));
  EXPECT_FALSE(IsIn(""));
  clock_.Advance(2 * kHourMs - 1);
  EXPECT_TRUE(IsIn(secret));  // and seen
  clock_.Advance(2 * kHourMs - 1);
  EXPECT_TRUE(IsIn(secret));
  clock_.Advance(kHourMs + 2);  // five hours old
  EXPECT_FALSE(IsIn(secret));
  std::string idle = directory_->BeginSession(root.id).value();
  clock_.Advance(2 * kHourMs);
  EXPECT_FALSE(IsIn(idle));
  ASSERT_TRUE(directory_->Flush(kLimits));
  EXPECT_EQ(directory_->session_count(), 0u);
  Open();
  EXPECT_EQ(directory_->session_count(), 0u);
}

TEST_F(DirectoryTest, SessionsSurviveWithTheTimeTheyWereSeen) {
  User root = Add("root", Role::kAdmin);
  std::string secret = directory_->BeginSession(root.id).value();
  clock_.Advance(kHourMs);
  EXPECT_TRUE(IsIn(secret));
  ASSERT_TRUE(directory_->Flush(kLimits));
  Open();
  clock_.Advance(2 * kHourMs - 1);
  EXPECT_TRUE(IsIn(secret));
  ASSERT_TRUE(directory_->EndSession(secret));
  EXPECT_FALSE(IsIn(secret));
  Open();
  EXPECT_FALSE(IsIn(secret));
}

TEST_F(DirectoryTest, TheSecretIsNotKept) {
  User root = Add("root", Role::kAdmin);
  std::string session = directory_->BeginSession(root.id).value();
  std::string token = directory_->AddToken("t", Role::kViewer, 0).value().second;
  EXPECT_EQ(session.size(), 64u);
  directory_.reset();  // merges the log into the file
  std::ifstream file(path_, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  EXPECT_NE(bytes.find("root"), std::string::npos);
  EXPECT_EQ(bytes.find(session), std::string::npos);
  EXPECT_EQ(bytes.find(token), std::string::npos);
}

TEST_F(DirectoryTest, PasswordsAndRemovalEndSessions) {
  User root = Add("root", Role::kAdmin);
  User eve = Add("eve", Role::kViewer);
  std::string kept = directory_->BeginSession(eve.id).value();
  std::string ended = directory_->BeginSession(eve.id).value();
  std::string others = directory_->BeginSession(root.id).value();
  ASSERT_TRUE(directory_->SetPassword(eve.id, "hash", kept));
  EXPECT_TRUE(IsIn(kept));
  EXPECT_FALSE(IsIn(ended));
  ASSERT_TRUE(directory_->RemoveUser(eve.id));
  EXPECT_FALSE(IsIn(kept));
  EXPECT_TRUE(IsIn(others));
  Open();
  EXPECT_FALSE(IsIn(ended));
  EXPECT_FALSE(IsIn(kept));
}

TEST_F(DirectoryTest, SessionsAreBounded) {
  User root = Add("root", Role::kAdmin);
  std::string first = directory_->BeginSession(root.id).value();
  clock_.Advance(1);
  std::string second = directory_->BeginSession(root.id).value();
  for (size_t i = 2; i < Directory::kMaxSessionsOfUser; ++i) ASSERT_TRUE(directory_->BeginSession(root.id));
  EXPECT_TRUE(IsIn(second));
  clock_.Advance(1);
  EXPECT_TRUE(IsIn(second));
  ASSERT_TRUE(directory_->BeginSession(root.id));
  EXPECT_FALSE(IsIn(first));
  EXPECT_TRUE(IsIn(second));
  EXPECT_EQ(directory_->session_count(), Directory::kMaxSessionsOfUser);
}

TEST_F(DirectoryTest, TokensExpireAndAreNamedOnce) {
  auto [token, secret] = directory_->AddToken("ci", Role::kEditor, kHourMs).value();
  EXPECT_EQ(directory_->AddToken("ci", Role::kViewer, 0).error().code(), core::Code::kAlreadyExists);
  EXPECT_EQ(directory_->AddToken("", Role::kViewer, 0).error().code(), core::Code::kInvalidArgument);
  Open();
  EXPECT_EQ(directory_->FindToken(secret)->role, Role::kEditor);
  EXPECT_FALSE(directory_->FindToken("x" + secret));
  clock_.Advance(kHourMs);
  EXPECT_FALSE(directory_->FindToken(secret));
  EXPECT_EQ(directory_->Tokens().size(), 1u);
  ASSERT_TRUE(directory_->RemoveToken(token.id));
  EXPECT_EQ(directory_->RemoveToken(token.id).error().code(), core::Code::kNotFound);
}

TEST_F(DirectoryTest, RenamedUsersAreFoundByTheirNewNamesOnly) {
  Add("root", Role::kAdmin);
  int64_t eve = Add("eve", Role::kViewer, "eve@example.com").id;
  EXPECT_EQ(directory_->Rename(eve, "root", "", "").error().code(), core::Code::kAlreadyExists);
  EXPECT_EQ(directory_->Rename(99, "x", "", "").error().code(), core::Code::kNotFound);
  EXPECT_EQ(directory_->Rename(eve, "a\nb", "", "").error().code(), core::Code::kInvalidArgument);
  ASSERT_TRUE(directory_->Rename(eve, "Eva", "eva@example.com", "Eva E."));
  Open();
  EXPECT_FALSE(directory_->FindUser("eve"));
  EXPECT_FALSE(directory_->FindUser("eve@example.com"));
  EXPECT_EQ(directory_->FindUser("eva")->name, "Eva E.");
  EXPECT_EQ(directory_->FindUser("EVA@example.com")->id, eve);
}

TEST_F(DirectoryTest, TheDisabledAreOutUntilTheyAreEnabled) {
  int64_t root = Add("root", Role::kAdmin).id;
  int64_t eve = Add("eve", Role::kAdmin).id;
  std::string session = directory_->BeginSession(eve).value();
  ASSERT_TRUE(directory_->SetDisabled(eve, true));
  EXPECT_FALSE(IsIn(session));
  EXPECT_EQ(directory_->BeginSession(eve).error().code(), core::Code::kPermissionDenied);
  EXPECT_EQ(directory_->SetDisabled(root, true).error().code(), core::Code::kInvalidArgument);
  EXPECT_EQ(directory_->SetRole(root, Role::kViewer).error().code(), core::Code::kInvalidArgument);
  Open();
  EXPECT_TRUE(directory_->FindUser("eve")->is_disabled);
  ASSERT_TRUE(directory_->SetDisabled(eve, false));
  EXPECT_FALSE(IsIn(session)) << "it ended";
  EXPECT_TRUE(directory_->BeginSession(eve));
}

TEST_F(DirectoryTest, SessionsAreListedAndEndedOneByOne) {
  int64_t eve = Add("eve", Role::kViewer).id;
  int64_t bob = Add("bob", Role::kViewer).id;
  std::string first =
      directory_->BeginSession(eve, {"10.0.0.1", "Firefox/1\n" + std::string(400, 'x')}).value();
  clock_.Advance(1'000);
  std::string second = directory_->BeginSession(eve, {"10.0.0.2", "curl/8"}).value();
  std::string other = directory_->BeginSession(bob).value();
  std::vector<Session> sessions = directory_->SessionsOf(eve, kLimits);
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_EQ(sessions[0].address, "10.0.0.2");
  EXPECT_EQ(sessions[0].id, directory_->SessionId(second));
  EXPECT_LE(sessions[1].agent.size(), Directory::kMaxAgentBytes);
  EXPECT_EQ(sessions[1].agent.find('\n'), std::string::npos);
  EXPECT_EQ(directory_->EndSessionOf(bob, sessions[1].id).error().code(), core::Code::kNotFound);
  ASSERT_TRUE(directory_->EndSessionOf(eve, sessions[1].id));
  EXPECT_FALSE(IsIn(first));
  EXPECT_TRUE(IsIn(second));
  ASSERT_TRUE(directory_->EndSessionsOf(eve));
  EXPECT_FALSE(IsIn(second));
  EXPECT_TRUE(IsIn(other));
}

TEST_F(DirectoryTest, ASecretIsReplacedAndCountsALittleLonger) {
  constexpr core::DurationMs kAgeMs = 600'000;
  int64_t eve = Add("eve", Role::kViewer).id;
  std::string old = directory_->BeginSession(eve).value();
  EXPECT_FALSE(directory_->RotateSession(old, kAgeMs).value()) << "it is young";
  clock_.Advance(kAgeMs);
  std::optional<std::string> fresh = directory_->RotateSession(old, kAgeMs).value();
  ASSERT_TRUE(fresh);
  EXPECT_TRUE(IsIn(*fresh));
  EXPECT_TRUE(IsIn(old)) << "for requests under way";
  EXPECT_FALSE(directory_->RotateSession(old, kAgeMs).value()) << "another window was faster";
  EXPECT_EQ(directory_->SessionId(old), directory_->SessionId(*fresh));
  clock_.Advance(Directory::kOldSecretMs);
  EXPECT_FALSE(IsIn(old));
  Open();
  EXPECT_TRUE(IsIn(*fresh));
  EXPECT_EQ(directory_->RotateSession("nonsense", 0).error().code(), core::Code::kNotFound);
}

TEST_F(DirectoryTest, PreferencesSurviveAndGoWithTheUser) {
  Add("root", Role::kAdmin);
  int64_t eve = Add("eve", Role::kViewer).id;
  EXPECT_EQ(directory_->SetPreferences(eve, {"pink", "", ""}).error().code(), core::Code::kInvalidArgument);
  EXPECT_EQ(directory_->SetPreferences(eve, {"", "", "Mars"}).error().code(), core::Code::kInvalidArgument);
  EXPECT_EQ(directory_->SetPreferences(99, {}).error().code(), core::Code::kNotFound);
  ASSERT_TRUE(directory_->SetPreferences(eve, {"dark", "home", "utc"}));
  Open();
  EXPECT_EQ(directory_->PreferencesOf(eve).theme, "dark");
  ASSERT_TRUE(directory_->RemoveUser(eve));
  EXPECT_EQ(directory_->PreferencesOf(eve).theme, "");
}

TEST_F(DirectoryTest, TokensOfServiceAccountsHaveTheirRole) {
  ServiceAccount wanted;
  wanted.name = "grafana-sync";
  wanted.role = Role::kEditor;
  ServiceAccount account = directory_->AddAccount(wanted).value();
  EXPECT_EQ(directory_->AddAccount(wanted).error().code(), core::Code::kAlreadyExists);
  EXPECT_EQ(directory_->AddToken("t", Role::kAdmin, 0, 99).error().code(), core::Code::kNotFound);
  auto [token, secret] = directory_->AddToken("t", Role::kAdmin, 0, account.id).value();
  EXPECT_EQ(directory_->FindToken(secret)->role, Role::kEditor);
  EXPECT_TRUE(directory_->Tokens().empty());
  Open();
  ASSERT_EQ(directory_->Tokens(account.id).size(), 1u);
  account.is_disabled = true;
  account.role = Role::kViewer;
  ASSERT_TRUE(directory_->ReplaceAccount(account));
  EXPECT_FALSE(directory_->FindToken(secret));
  account.is_disabled = false;
  ASSERT_TRUE(directory_->ReplaceAccount(account));
  EXPECT_EQ(directory_->FindToken(secret)->role, Role::kViewer);
  EXPECT_EQ(directory_->RemoveToken(token.id).error().code(), core::Code::kNotFound) << "it is the account's";
  ASSERT_TRUE(directory_->RemoveAccount(account.id));
  EXPECT_FALSE(directory_->FindToken(secret));
  EXPECT_EQ(directory_->RemoveAccount(account.id).error().code(), core::Code::kNotFound);
}

TEST_F(DirectoryTest, AFileOfVersionOneIsBroughtForward) {
  directory_.reset();
  std::filesystem::remove_all(dir_);
  std::filesystem::create_directories(dir_);
  {
    auto db = sqlite::Database::Open(
        path_,
        {"test",
         "CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL UNIQUE, email TEXT "
         "NOT NULL,"
         " name TEXT NOT NULL, password_hash TEXT NOT NULL, role TEXT NOT NULL, is_external INTEGER NOT NULL,"
         " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL);"
         "CREATE TABLE tokens(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
         " secret_hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, created_ms INTEGER NOT NULL,"
         " expires_ms INTEGER NOT NULL);"
         "CREATE TABLE sessions(secret_hash TEXT PRIMARY KEY, user_id INTEGER NOT NULL,"
         " created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
         "INSERT INTO users VALUES(1, 'root', '', '', '', 'Admin', 0, 5, 5);"
         "INSERT INTO sessions VALUES('aa', 1, 1700000000000, 1700000000000),"
         " ('bb', 1, 1700000000000, 1700000000000);",
         1});
    ASSERT_TRUE(db) << db.error().message();
  }
  Open();
  EXPECT_FALSE(directory_->FindUser("root")->is_disabled);
  std::vector<Session> sessions = directory_->SessionsOf(1, kLimits);
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_NE(sessions[0].id, sessions[1].id);
}

TEST_F(DirectoryTest, AnotherFileIsRefused) {
  std::string other = dir_ + "/other";
  std::ofstream(other) << std::string(4'096, 'x');
  EXPECT_EQ(Directory::Open(other, clock_).error().code(), core::Code::kCorruption);
}

TEST(Attempts, FiveFailuresOfANameOrAnAddressKeepOut) {
  core::ManualClock clock(1'000'000);
  Attempts attempts(clock);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(attempts.WaitMs("eve", "10.0.0.1"), 0) << i;
    attempts.Fail("eve", "10.0.0.1");
    clock.Advance(1'000);
  }
  EXPECT_EQ(attempts.WaitMs("EVE", "10.0.0.2"), Attempts::kWindowMs - 5'000);
  EXPECT_GT(attempts.WaitMs("root", "10.0.0.1"), 0);
  EXPECT_EQ(attempts.WaitMs("root", "10.0.0.2"), 0);
  clock.Advance(Attempts::kWindowMs - 5'000);
  EXPECT_EQ(attempts.WaitMs("eve", "10.0.0.2"), 0);  // the first is over: one more
  attempts.Fail("eve", "10.0.0.2");
  EXPECT_EQ(attempts.WaitMs("eve", "10.0.0.2"), 1'000);
  attempts.Succeed("Eve");
  EXPECT_EQ(attempts.WaitMs("eve", "10.0.0.2"), 0);
}

TEST(Attempts, AreBounded) {
  core::ManualClock clock(1'000'000);
  Attempts attempts(clock);
  for (int i = 0; i < 5; ++i) attempts.Fail("eve", "10.0.0.1");
  clock.Advance(1);
  for (size_t i = 0; i < Attempts::kMaxEntries / 2; ++i) {
    attempts.Fail("user" + std::to_string(i), "host" + std::to_string(i));
    ASSERT_LE(attempts.size(), Attempts::kMaxEntries);
  }
  // The oldest made room.
  EXPECT_EQ(attempts.WaitMs("eve", "10.0.0.1"), 0);
}

}  // namespace
}  // namespace sextant::users
