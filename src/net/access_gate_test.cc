// A server asks its gate before it reads a body, and hands on what the gate says.
#include "net/access_gate.h"

#include <atomic>

#include "net/http_client.h"
#include "net/net_test_util.h"

namespace sextant::net {
namespace {

// Knows people by the header X-Who; "slow" only when it may take its time.
class TestGate final : public AccessGate {
 public:
  AccessDecision Check(const HttpRequest& request, const Route* route) override {
    std::string_view who = request.headers.Get("X-Who");
    if (who == "slow") return {AccessDecision::Kind::kMustVerify, {}, {}, {}};
    return Decide(request, route);
  }
  AccessDecision Verify(const HttpRequest& request, const Route* route) override {
    ++verified;
    return Decide(request, route);
  }

  std::atomic<int> verified = 0;

 private:
  static AccessDecision Decide(const HttpRequest& request, const Route* route) {
    std::string_view who = request.headers.Get("X-Who");
    if (who.empty()) {
      return {AccessDecision::Kind::kRefused,
              {},
              {},
              HttpResponse::Text(403,
                                 fmt::format("{} {} {}", route == nullptr ? "" : route->pattern, request.path,
                                             request.remote_address.starts_with("127.0.0.1:")))};
    }
    return {AccessDecision::Kind::kAllowed, std::string(who), "some", {}};
  }
};

Router EchoRouter() {
  Router router;
  auto answer = [](const HttpRequest& request) {
    return HttpResponse::Text(
        200, fmt::format("{} {} {} {}", request.user, request.role, request.path, request.body));
  };
  router.Add("GET", "/inline", answer, {.run_inline = true});
  router.Add("GET", "/thing/{name}", answer);
  router.Add("POST", "/thing/{name}", answer);
  return router;
}

TEST(AccessGate, IsAskedForEveryRequest) {
  auto gate = std::make_shared<TestGate>();
  TestServer server(EchoRouter(), {.gate = gate});
  auto ask = [&](std::string_view path, std::string_view who) {
    FetchRequest request{.url = server.Url(path)};
    if (!who.empty()) request.headers.Set("X-Who", who);
    return FetchSync(request).value();
  };
  EXPECT_EQ(ask("/inline", "vera").body, "vera some /inline ");
  EXPECT_EQ(ask("/thing/x", "vera").body, "vera some /thing/x ");
  EXPECT_EQ(gate->verified, 0);
  EXPECT_EQ(ask("/inline", "slow").body, "slow some /inline ");
  EXPECT_EQ(ask("/thing/x", "slow").body, "slow some /thing/x ");
  EXPECT_EQ(gate->verified, 2);
  auto refused = ask("/thing/a%20b", "");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body, "/thing/{name} /thing/a b true");
  EXPECT_EQ(ask("/nothing", "").body, " /nothing true");
  EXPECT_EQ(ask("/nothing", "vera").status, 404);
}

TEST(AccessGate, ARefusedBodyDoesNotDisturbTheNextRequest) {
  TestServer server(EchoRouter(), {.gate = std::make_shared<TestGate>()});
  RawClient client(server.port());
  ASSERT_TRUE(
      client.Send("POST /thing/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
                  "POST /thing/x HTTP/1.1\r\nHost: x\r\nX-Who: slow\r\nContent-Length: 2\r\n\r\nhi"
                  "POST /thing/y HTTP/1.1\r\nHost: x\r\nX-Who: vera\r\nContent-Length: 3\r\n\r\nyou"));
  EXPECT_EQ(client.ReadResponse().status(), 403);
  EXPECT_EQ(client.ReadResponse().body, "slow some /thing/x hi");
  EXPECT_EQ(client.ReadResponse().body, "vera some /thing/y you");
}

}  // namespace
}  // namespace sextant::net
