#include "pipeline/exporters/sextant_exporter.h"

#include <algorithm>

#include "pipeline/resource_to_telemetry.h"

namespace sextant::pipeline {

namespace {

constexpr size_t kMaxKnownErrors = 100;

struct SextantExporterConfig {
  ResourceToTelemetryConfig resource_to_telemetry_conversion;
};

const config::Struct& FieldsOf(const SextantExporterConfig*) {
  using namespace config;
  using C = SextantExporterConfig;
  static const Struct kFields = Struct::Of<C>({
      Member<&C::resource_to_telemetry_conversion>("resource_to_telemetry_conversion"),
  });
  return kFields;
}

class SextantExporter final : public Exporter, public KeepsAccount {
 public:
  SextantExporter(const ComponentSettings& settings, const SextantExporterConfig& config,
                  remote::OtlpStore& store)
      : conversion_(config.resource_to_telemetry_conversion),
        consumer_(store, settings.environment.telemetry, settings.id, settings.logger) {}

  void Consume(Telemetry batch, Done done) override {
    if (conversion_.enabled) CopyResourceAttributes(conversion_, batch.MutableMetrics());
    consumer_.Consume(std::move(batch), std::move(done));
  }
  ItemAccount Account() const override { return consumer_.Account(); }

 private:
  const ResourceToTelemetryConfig conversion_;
  MetricStoreConsumer consumer_;
};

Made<Exporter> Make(const ComponentSettings& settings, const SextantExporterConfig& config, Signal) {
  remote::OtlpStore* store = settings.environment.metric_store;
  if (store == nullptr) {
    return core::Fail(core::Code::kInvalidArgument, "this process has no store of metrics");
  }
  return std::make_unique<SextantExporter>(settings, config, *store);
}

}  // namespace

MetricStoreConsumer::MetricStoreConsumer(remote::OtlpStore& store, core::Registry& telemetry,
                                         const ComponentId& id, core::Logger logger)
    : store_(store),
      logger_(std::move(logger)),
      sent_(telemetry.AddCounter("otelcol_exporter_sent_metric_points", "Items that were sent and taken.",
                                 {{"exporter", id.Text()}})),
      failed_(telemetry.AddCounter("otelcol_exporter_send_failed_metric_points",
                                   "Items that could not be sent and were given up.",
                                   {{"exporter", id.Text()}})) {}

// Says each reason once.
void MetricStoreConsumer::NoteErrors(const remote::OtlpRefusals& refusals) {
  for (const std::string& error : refusals.errors) {
    {
      std::lock_guard lock(mutex_);
      if (known_errors_.size() >= kMaxKnownErrors || !known_errors_.insert(error).second) continue;
    }
    logger_.Warn("points were not stored, and are not offered again", {{"error", error}});
  }
}

void MetricStoreConsumer::Consume(Telemetry batch, Done done) {
  const size_t items = batch.CountItems();
  core::Result<remote::OtlpRefusals> stored = store_.StorePoints(batch.metrics());
  if (!stored) {
    failed_.Increment(static_cast<double>(items));
    failed_items_.fetch_add(items, std::memory_order_relaxed);
    logger_.Warn("the store could not write", {{"error", stored.error()}});
    return done(Refuse("the store could not write: " + std::string(stored.error().message())));
  }
  const size_t refused = std::min<size_t>(stored->points, items);
  failed_.Increment(static_cast<double>(refused));
  sent_.Increment(static_cast<double>(items - refused));
  failed_items_.fetch_add(refused, std::memory_order_relaxed);
  sent_items_.fetch_add(items - refused, std::memory_order_relaxed);
  NoteErrors(*stored);
  const std::string why = stored->errors.empty() ? "" : stored->errors.front();
  if (refused < items) refused_.Add(refused);
  if (refused < items || items == 0) return done(Taken{refused, refused == 0 ? "" : why});
  done(tl::unexpected(Refusal{.message = "nothing of it was stored: " + why,
                              .is_permanent = true,
                              .code = net::GrpcCode::kInvalidArgument}));
}

ItemAccount MetricStoreConsumer::Account() const {
  ItemAccount account;
  account.sent = sent_items_.load(std::memory_order_relaxed);
  account.send_failed = failed_items_.load(std::memory_order_relaxed);
  refused_.AppendTo(account.dropped);
  return account;
}

ComponentType SextantExporterType() {
  return ExporterType<SextantExporterConfig>("sextant", {}, {Signal::kMetrics}, &Make);
}

}  // namespace sextant::pipeline
