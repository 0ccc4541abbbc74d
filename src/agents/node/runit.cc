// node_service_*: services that runit supervises, by the status files that runsv(8) leaves in their folders.
#include "agents/node/collectors.h"
#include "agents/node/runit_status.h"

namespace sextant::node {
namespace {

constexpr std::string_view kSupervisor = "runit";

class RunitCollector final : public Collector {
 public:
  explicit RunitCollector(const NodeOptions& options) : folder_(options.runit_service_directory) {}

  std::string_view name() const override { return "runit"; }

  core::Status Collect(const HostPaths&, MetricSink& sink) override {
    SEXTANT_ASSIGN(const std::vector<std::string> services, ListDirectory(folder_));
    for (const std::string& service : services) {
      const std::string path = folder_ + "/" + service;
      if (!IsDirectory(path)) continue;
      const auto text = ReadHostFile(path + "/supervise/status");
      if (!text) continue;  // nobody supervises it
      const auto status = ParseRunitStatus(*text);
      if (!status) {
        sink.Warn(fmt::format("{}: {}", path, status.error().message()));
        continue;
      }
      // As the original, which looks where runsv would not: a service with "down" beside "status" is normally
      // down.
      const bool is_normally_up = !ReadHostFile(path + "/supervise/down");
      Add(service, *status, is_normally_up, sink);
    }
    return {};
  }

 private:
  static void Add(const std::string& service, const RunitStatus& status, bool is_normally_up,
                  MetricSink& sink) {
    const auto add = [&](std::string_view name, std::string_view help, double value) {
      sink.GetFamily(name, help, MetricType::kGauge, {"service", "supervisor"})
          .Add({service, kSupervisor}, value);
    };
    add("node_service_state", "What a service does: 0 down, 1 up, 2 its finish script runs.", status.state);
    add("node_service_desired_state", "What a service is wanted to do: 0 down, 1 up.", status.wanted_state);
    add("node_service_normal_state", "Whether a service is up when nobody says otherwise.",
        is_normally_up ? 1 : 0);
    add("node_service_state_last_change_timestamp_seconds", "When a service last changed its state.",
        static_cast<double>(status.changed_s));
  }

  const std::string folder_;
};

}  // namespace

core::Result<RunitStatus> ParseRunitStatus(std::string_view bytes) {
  constexpr size_t kLength = 20;
  // The label of 1970 in TAI64, and the seconds that TAI was ahead of UTC then.
  constexpr uint64_t kEpoch = (uint64_t{1} << 62) + 10;
  if (bytes.size() < kLength) {
    return core::Fail(core::Code::kInvalidArgument, "a status of {} bytes, not {}", bytes.size(), kLength);
  }
  uint64_t changed = 0;
  for (size_t i = 0; i < 8; ++i) changed = changed << 8 | static_cast<unsigned char>(bytes[i]);
  RunitStatus status;
  status.changed_s = static_cast<int64_t>(changed - kEpoch);
  status.wanted_state = bytes[17] == 'u' ? 1 : 0;
  status.state = static_cast<unsigned char>(bytes[19]);
  return status;
}

std::unique_ptr<Collector> MakeRunitCollector(const NodeOptions& options) {
  return std::make_unique<RunitCollector>(options);
}

}  // namespace sextant::node
