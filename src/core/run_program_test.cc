#include "core/run_program.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

Program Shell(const std::string& line) { return {"/bin/sh", {"-c", line}, {{"EXTRA", "e"}}}; }

TEST(RunProgram, GivesWhatItPrinted) {
  auto output = RunProgram(Shell("echo out $EXTRA; echo err >&2; cat"), 60'000);
  ASSERT_TRUE(output) << output.error().message();
  EXPECT_EQ(output->out, "out e\n");
  EXPECT_EQ(output->err, "err\n");
}

TEST(RunProgram, WhatGoesWrongIsSaid) {
  auto failed = RunProgram(Shell("echo no luck >&2; exit 3"), 60'000);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Code::kUnavailable);
  EXPECT_EQ(failed.error().message(), "executable /bin/sh failed with exit code 3: no luck\n");
  auto endless = RunProgram(Shell("yes"), 60'000);
  ASSERT_FALSE(endless);
  EXPECT_NE(endless.error().message().find("it printed more than"), std::string::npos);
  auto slow = RunProgram(Shell("sleep 60 & sleep 60"), 100);
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code(), Code::kDeadlineExceeded);
  EXPECT_FALSE(RunProgram({"/no/such/program"}, 60'000));
}

}  // namespace
}  // namespace sextant::core
