// For tests: what somebody sees who is not root. Nothing is denied to root.
#pragma once

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace sextant::node {

// Runs `act` on a thread that has the rights of nobody, as have the threads that it starts; with our own
// rights when we are not root. System calls, not those of the C library, which change all threads.
template <typename Act>
void RunAsNobody(Act&& act) {
  std::thread([&] {
    constexpr long kNobody = 65'534;
    if (::geteuid() == 0) {
      ASSERT_EQ(::syscall(SYS_setresgid, kNobody, kNobody, kNobody), 0);
      ASSERT_EQ(::syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);
    }
    act();
  }).join();
}

}  // namespace sextant::node
