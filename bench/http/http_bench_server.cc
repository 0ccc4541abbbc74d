// Serves fixed bodies for bench/http/run.py: /small (1 KiB) and /large (200 KiB) from the executor, as every
// handler of the program runs, and /small-inline, /large-inline from the I/O thread, as nginx answers. Prints
// its address and runs until standard input ends.
#include <cstdio>
#include <string>

#include "net/http_server.h"

int main() {
  using namespace sextant;
  static const std::string small(1 << 10, 's');
  static const std::string large(200 << 10, 'l');
  net::Router router;
  auto add = [&router](const char* path, const std::string& body, bool run_inline) {
    router.Add("GET", path,
               [&body](const net::HttpRequest&) {
                 net::HttpResponse response;
                 response.headers.Add("Content-Type", "application/octet-stream");
                 response.static_body = body;
                 return response;
               },
               {.run_inline = run_inline});
  };
  add("/small", small, false);
  add("/large", large, false);
  add("/small-inline", small, true);
  add("/large-inline", large, true);

  core::SystemClock clock;
  core::Registry registry;
  core::Executor executor({});
  net::IoContext io;
  auto server = net::HttpServer::Start(io, executor, clock, registry, core::Logger::Discard(),
                                       std::move(router), {.listen = {"127.0.0.1:0"}});
  if (!server) {
    fprintf(stderr, "%s\n", server.error().message().c_str());
    return 1;
  }
  printf("%s\n", (*server)->bound_address().c_str());
  fflush(stdout);
  while (getchar() != EOF) {
  }
  (*server)->Stop(1'000);
  return 0;
}
