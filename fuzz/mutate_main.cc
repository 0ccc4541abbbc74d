// Runs a fuzz target without libFuzzer, so that every `make test` with any compiler feeds each parser hostile
// input: all seeds of a corpus folder, then deterministic mutations of them until a count or a CPU time is
// reached.
//
//   <name>_fuzzer CORPUS_DIR [--runs=N] [--cpu-seconds=N] [--seed=N]
//   <name>_fuzzer FILE...            runs just these inputs (to reproduce)
//
// A failing input (crash, sanitizer report, more than 10 CPU seconds on one input) is saved in the current
// folder as fuzz-failure-<seed>-<number> and named on standard error.
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) __attribute__((weak));
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace {

constexpr size_t kMaxInputBytes = 64 << 10;
constexpr int kInputCpuLimitSeconds = 10;

struct Options {
  uint64_t runs = 20'000;
  uint64_t cpu_seconds = 20;
  uint64_t seed = 1;
};

// What a signal handler needs to save the input that was running. Written before each run, read only on
// failure.
const uint8_t* current_data = nullptr;
size_t current_size = 0;
char failure_path[64] = "";

void SaveCurrentInput() {
  if (current_data == nullptr) return;
  int fd = open(failure_path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return;
  bool saved = write(fd, current_data, current_size) == static_cast<ssize_t>(current_size);
  close(fd);
  current_data = nullptr;
  if (!saved) return;
  constexpr std::string_view kPrefix = "fuzz: the failing input is in ";
  if (write(STDERR_FILENO, kPrefix.data(), kPrefix.size()) < 0 ||
      write(STDERR_FILENO, failure_path, strlen(failure_path)) < 0 || write(STDERR_FILENO, "\n", 1) < 0) {
    return;
  }
}

void HandleSignal(int signal_number) {
  if (signal_number == SIGVTALRM) {
    constexpr std::string_view kHang = "fuzz: one input took more than 10 CPU seconds\n";
    if (write(STDERR_FILENO, kHang.data(), kHang.size()) < 0) _exit(1);
  }
  SaveCurrentInput();
  std::signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void SetCpuLimit(int seconds) {
  itimerval limit{};
  limit.it_value.tv_sec = seconds;
  setitimer(ITIMER_VIRTUAL, &limit, nullptr);
}

void RunOne(const std::string& input, uint64_t seed, uint64_t number) {
  // A copy of exactly this size, so that a sanitizer sees a read one byte past the end.
  std::vector<uint8_t> copy(input.begin(), input.end());
  snprintf(failure_path, sizeof failure_path, "fuzz-failure-%llu-%llu", static_cast<unsigned long long>(seed),
           static_cast<unsigned long long>(number));
  current_size = copy.size();
  current_data = copy.data();
  SetCpuLimit(kInputCpuLimitSeconds);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
  current_data = nullptr;
}

// SplitMix64: the same sequence everywhere, so that a failure can be reproduced from the seed.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  size_t Below(size_t bound) { return bound == 0 ? 0 : Next() % bound; }

 private:
  uint64_t state_;
};

// A random piece of at most `max_bytes`.
std::string_view Piece(const std::string& text, size_t max_bytes, Random& random) {
  if (text.empty()) return {};
  size_t begin = random.Below(text.size());
  size_t size = 1 + random.Below(std::min(max_bytes, text.size() - begin));
  return std::string_view(text).substr(begin, size);
}

void MutateOnce(std::string& input, const std::vector<std::string>& seeds, Random& random) {
  static constexpr std::string_view kInteresting[] = {std::string_view("\0", 1),
                                                      "\xff",
                                                      "\x80",
                                                      "\x7f",
                                                      "\n",
                                                      "\r\n",
                                                      "\"",
                                                      "\\",
                                                      "'",
                                                      " ",
                                                      "\t",
                                                      "{",
                                                      "}",
                                                      "[",
                                                      "]",
                                                      "(",
                                                      ")",
                                                      ":",
                                                      ",",
                                                      "-",
                                                      "0",
                                                      "-1",
                                                      "NaN",
                                                      "Inf",
                                                      "1e400",
                                                      "18446744073709551616",
                                                      "9223372036854775808",
                                                      "\xef\xbb\xbf",
                                                      "\xc3\x28",
                                                      "%"};
  size_t position = random.Below(input.size() + 1);
  switch (random.Below(9)) {
    case 0:  // flip a bit
      if (position < input.size())
        input[position] = static_cast<char>(input[position] ^ (1 << random.Below(8)));
      return;
    case 1:  // another byte
      if (position < input.size()) input[position] = static_cast<char>(random.Next());
      return;
    case 2:  // remove a piece
      input.erase(position, 1 + random.Below(16));
      return;
    case 3: {  // put something odd in
      input.insert(position, kInteresting[random.Below(std::size(kInteresting))]);
      return;
    }
    case 4: {  // repeat a piece many times: depth and length
      std::string piece(Piece(input, 8, random));
      size_t times = 1 + random.Below(random.Below(8) == 0 ? 2'000 : 8);
      std::string repeated;
      for (size_t i = 0; i < times; ++i) repeated += piece;
      input.insert(position, repeated);
      return;
    }
    case 5: {  // a piece of another seed
      input.insert(position, Piece(seeds[random.Below(seeds.size())], 64, random));
      return;
    }
    case 6:  // cut off the end
      input.resize(position);
      return;
    case 7: {  // the head of this one with the tail of another
      const std::string& other = seeds[random.Below(seeds.size())];
      input.resize(position);
      input.append(other, random.Below(other.size() + 1), std::string::npos);
      return;
    }
    default: {  // another digit
      size_t digit = input.find_first_of("0123456789", position);
      if (digit != std::string::npos) input[digit] = static_cast<char>('0' + random.Below(10));
      return;
    }
  }
}

bool ReadInput(const std::filesystem::path& path, std::string& input) {
  std::ifstream file(path, std::ios::binary);
  input.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return file.is_open() && !file.bad();
}

bool ParseOption(std::string_view argument, std::string_view name, uint64_t& value) {
  if (!argument.starts_with(name)) return false;
  value = strtoull(argument.data() + name.size(), nullptr, 10);
  return true;
}

uint64_t CpuSeconds() { return static_cast<uint64_t>(clock()) / CLOCKS_PER_SEC; }

}  // namespace

int main(int argc, char** argv) {
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  Options options;
  std::vector<std::filesystem::path> paths;
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (ParseOption(argument, "--runs=", options.runs) ||
        ParseOption(argument, "--cpu-seconds=", options.cpu_seconds) ||
        ParseOption(argument, "--seed=", options.seed)) {
      continue;
    }
    if (argument.starts_with("--")) {
      fprintf(stderr, "fuzz: unknown option %s (known: --runs=N --cpu-seconds=N --seed=N)\n", argv[i]);
      return 2;
    }
    if (!std::filesystem::is_directory(argument)) {
      options.runs = 0;
      paths.emplace_back(argument);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argument)) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());

  std::vector<std::string> seeds;
  for (const auto& path : paths) {
    if (!ReadInput(path, seeds.emplace_back())) {
      fprintf(stderr, "fuzz: cannot read %s\n", path.c_str());
      return 2;
    }
  }
  if (seeds.empty()) {
    fprintf(stderr, "fuzz: no inputs; usage: %s CORPUS_DIR | FILE...\n", argv[0]);
    return 2;
  }

  for (int signal_number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGVTALRM}) {
    // A sanitizer reports the memory errors itself and calls back.
    if (__sanitizer_set_death_callback != nullptr && signal_number != SIGVTALRM && signal_number != SIGABRT)
      continue;
    std::signal(signal_number, HandleSignal);
  }
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(SaveCurrentInput);

  uint64_t number = 0;
  RunOne("", options.seed, number++);
  for (const std::string& seed : seeds) RunOne(seed, options.seed, number++);

  Random random(options.seed);
  std::string input;
  for (uint64_t run = 0; run < options.runs && CpuSeconds() < options.cpu_seconds; ++run) {
    input = seeds[random.Below(seeds.size())];
    for (size_t count = 1 + random.Below(6); count > 0; --count) MutateOnce(input, seeds, random);
    if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
    RunOne(input, options.seed, number++);
  }
  SetCpuLimit(0);
  printf("%llu inputs, no failure\n", static_cast<unsigned long long>(number));
  return 0;
}
