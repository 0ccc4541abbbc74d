#include "core/memory_budget.h"

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

namespace sextant::core {

namespace {

uint64_t ReadNumber(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : 0;  // "max" and absent files give 0: no limit
}

uint64_t PhysicalMemoryBytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
}

// The smallest limit among this process' cgroup and its ancestors.
uint64_t CgroupLimitBytes(const std::string& root) {
  uint64_t limit = 0;
  auto consider = [&](uint64_t value) {
    if (value != 0 && (limit == 0 || value < limit)) limit = value;
  };
  std::ifstream membership(root + "/proc/self/cgroup");
  for (std::string line; std::getline(membership, line);) {
    bool is_v2 = line.starts_with("0::");
    size_t v1 = line.find(":memory:");
    if (!is_v2 && v1 == std::string::npos) continue;
    std::string base = root + (is_v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
    std::string path = line.substr(is_v2 ? 3 : v1 + 8);
    const char* file = is_v2 ? "/memory.max" : "/memory.limit_in_bytes";
    while (true) {
      consider(ReadNumber(base + path + file));
      size_t slash = path.rfind('/');
      if (slash == std::string::npos) break;
      path.resize(slash);
    }
  }
  return limit;
}

}  // namespace

uint64_t DetectMemoryLimitBytes(const std::string& root) {
  uint64_t physical = PhysicalMemoryBytes();
  uint64_t cgroup = CgroupLimitBytes(root);
  return cgroup != 0 && cgroup < physical ? cgroup : physical;
}

Result<uint64_t> ParseBytes(std::string_view text) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(end, text.data() + text.size());
  int power = -1;
  if (unit.empty() || unit == "B") {
    power = 0;
  } else {
    constexpr std::string_view kPrefixes = "KMGTPE";
    size_t prefix = kPrefixes.find(unit[0] == 'k' ? 'K' : unit[0]);
    std::string_view rest = unit.substr(1);
    if (prefix != std::string_view::npos && (rest.empty() || rest == "B" || rest == "iB")) {
      power = static_cast<int>(prefix) + 1;
    }
  }
  double bytes = std::ldexp(number, power * 10);
  if (error != std::errc() || power < 0 || !(bytes >= 0) || bytes >= 0x1p63) {
    return Fail(Code::kInvalidArgument,
                "\"{}\" is not a size: write a number and a unit, such as 512MiB or 2GB", text);
  }
  return static_cast<uint64_t>(bytes);
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.1f}{}", value, kUnits[unit]);
}

MemoryBudget::MemoryBudget(uint64_t limit_bytes, Registry& registry)
    : limit_bytes_(limit_bytes), registry_(registry) {
  registry_.AddGauge("sextant_memory_limit_bytes", "Memory this process may use.")
      .Set(static_cast<double>(limit_bytes));
}

MemoryShare& MemoryBudget::AddShare(std::string_view name, double fraction) {
  SEXTANT_CHECK(fraction >= 0 && fraction <= 1);
  MetricLabels labels = {{"share", std::string(name)}};
  Counter& refused = registry_.AddCounter("sextant_memory_refusals_total",
                                          "Requests refused because a share was used up.", labels);
  auto bytes = static_cast<uint64_t>(static_cast<double>(limit_bytes_) * fraction);
  std::lock_guard lock(mutex_);
  shares_.push_back(std::make_unique<MemoryShare>(std::string(name), bytes, refused));
  MemoryShare& share = *shares_.back();
  registry_.AddGauge("sextant_memory_share_bytes", "Memory a part of the process may use.", labels)
      .Set(static_cast<double>(bytes));
  registry_.AddGaugeCallback(
      "sextant_memory_used_bytes", "Memory a part of the process uses.",
      [&share] { return static_cast<double>(share.used_bytes()); }, labels);
  return share;
}

MemoryShare::MemoryShare(std::string name, uint64_t limit_bytes, Counter& refused)
    : name_(std::move(name)), limit_bytes_(limit_bytes), refused_(refused) {}

Status MemoryShare::Take(uint64_t bytes) {
  uint64_t used = used_bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_bytes_ || used > limit_bytes_ - bytes) {
      refused_.Increment();
      return Fail(Code::kResourceExhausted, "memory for {} is used up ({} of {})", name_, FormatBytes(used),
                  FormatBytes(limit_bytes_));
    }
  } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return {};
}

void MemoryShare::GiveBack(uint64_t bytes) {
  uint64_t before = used_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  SEXTANT_CHECK(before >= bytes);
}

}  // namespace sextant::core
