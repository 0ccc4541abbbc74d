// Sends known traces, metrics and logs to a server with OpenTelemetry's JavaScript SDK and prints, as JSON,
// what the SDK says of it.
//
//   node send.mjs grpc|http-proto|http-json ENDPOINT [gzip]
import { trace, SpanKind, SpanStatusCode, context } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { LoggerProvider, BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';

const [protocol, endpoint, coding] = process.argv.slice(2);
const kind = { grpc: 'grpc', 'http-proto': 'proto', 'http-json': 'http' }[protocol];
const [{ OTLPTraceExporter }, { OTLPMetricExporter }, { OTLPLogExporter }] = await Promise.all([
  import(`@opentelemetry/exporter-trace-otlp-${kind}`),
  import(`@opentelemetry/exporter-metrics-otlp-${kind}`),
  import(`@opentelemetry/exporter-logs-otlp-${kind}`),
]);
const options = (path) => ({
  url: kind === 'grpc' ? endpoint : `${endpoint}${path}`,
  compression: coding === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
  timeoutMillis: 5000,
});

// Notes what each export came to.
const results = [];
const noting = (signal, exporter) => {
  const original = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    original(items, (result) => {
      results.push({ signal, code: result.code, error: result.error ? String(result.error.message) : '' });
      done(result);
    });
  return exporter;
};

const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': protocol });
const tracers = new BasicTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(noting('traces', new OTLPTraceExporter(options('/v1/traces'))))],
});
const tracer = tracers.getTracer('checkout', '1.2.3');
const parent = tracer.startSpan('GET /cart', { kind: SpanKind.SERVER, attributes: { 'http.response.status_code': 200 } });
for (let i = 0; i < 9; ++i) {
  const child = tracer.startSpan(`query ${i}`, { kind: SpanKind.CLIENT, attributes: { index: i, text: 'ä\u0000"', list: [1, 2] } },
    trace.setSpan(context.active(), parent));
  child.addEvent('row', { count: i });
  if (i === 8) child.setStatus({ code: SpanStatusCode.ERROR, message: 'no such row' });
  child.end();
}
parent.end();

const meters = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({
    exporter: noting('metrics', new OTLPMetricExporter(options('/v1/metrics'))), exportIntervalMillis: 60000,
  })],
});
const meter = meters.getMeter('checkout');
meter.createCounter('orders', { unit: '{order}' }).add(7, { region: 'eu' });
meter.createHistogram('latency', { unit: 'ms' }).record(12.5);
meter.createObservableGauge('temperature').addCallback((result) => result.observe(21.5));

const loggers = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor(noting('logs', new OTLPLogExporter(options('/v1/logs'))))],
});
for (let i = 0; i < 5; ++i) {
  loggers.getLogger('checkout').emit({
    severityNumber: SeverityNumber.INFO, severityText: 'INFO', body: `order ${i}`, attributes: { i },
  });
}

await Promise.allSettled([tracers.forceFlush(), meters.forceFlush(), loggers.forceFlush()]);
await Promise.allSettled([tracers.shutdown(), meters.shutdown(), loggers.shutdown()]);
console.log(JSON.stringify(results));
