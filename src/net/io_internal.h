// The loops behind IoContext, for the parts of net that speak Asio. Internal to net: includes Asio.
#pragma once

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "net/io.h"

namespace sextant::net {

namespace asio = boost::asio;
using boost::system::error_code;

// Asio's objects bound to the concrete executor: the type-erased default costs an allocation here and there.
using IoExecutor = asio::io_context::executor_type;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, IoExecutor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, IoExecutor>;
using SteadyTimer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                               asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;

// One thread and what it waits for.
struct IoLoop {
  asio::io_context context{1};
  asio::executor_work_guard<IoExecutor> work{context.get_executor()};
  std::thread thread;
};

struct IoContext::Impl {
  std::vector<std::unique_ptr<IoLoop>> loops;
  std::atomic<size_t> next_loop{0};
  std::atomic<bool> is_stopped{false};
  std::mutex stop_mutex;

  // Spreads connections over the loops.
  IoLoop& PickLoop() { return *loops[next_loop.fetch_add(1, std::memory_order_relaxed) % loops.size()]; }
};

}  // namespace sextant::net
