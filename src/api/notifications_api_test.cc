#include "api/notifications_api.h"

#include <gtest/gtest.h>

namespace sextant::api {
namespace {

std::string Ask(NotificationBoard& board) {
  net::Router router;
  AddNotificationRoutes(router, board);
  net::HttpRequest request;
  request.method = "GET";
  return router.Match("GET", "/api/v1/notifications").route->handler(request).body;
}

TEST(NotificationBoardTest, ShowsWhatHolds) {
  core::ManualClock clock(1'700'000'000'000);
  core::Registry registry;
  NotificationBoard board(clock, registry, 2);
  EXPECT_EQ(Ask(board), R"({"status":"success","data":[]})");
  board.Show("b failed");
  clock.Advance(1'500);
  board.Show("a failed");
  EXPECT_EQ(
      Ask(board),
      R"({"status":"success","data":[{"text":"a failed","date":"2023-11-14T22:13:21.5Z","active":true},)"
      R"({"text":"b failed","date":"2023-11-14T22:13:20Z","active":true}]})");
  board.Show("b failed");
  board.Withdraw("a failed");
  board.Withdraw("never shown");
  EXPECT_EQ(
      Ask(board),
      R"({"status":"success","data":[{"text":"b failed","date":"2023-11-14T22:13:21.5Z","active":true}]})");
}

}  // namespace
}  // namespace sextant::api
