using System.Diagnostics.Metrics;
using Amqp.Broker;
using Amqp.Broker.Observability;
using Amqp.Host.Options;
using Amqp.Management;
using Amqp.Management.Prometheus;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Amqp.Host.Telemetry;

/// <summary>
/// Sends what <c>/metrics</c> shows, under the same names, and the log to an OpenTelemetry collector, if an option says where that is. Histograms are sent as their counts, as Prometheus has them.
/// Nothing waits for the collector, and what it does not take is not kept: of the log 2,048 lines wait at most (the exporter's own bound).
/// </summary>
internal sealed partial class OtlpExport : IAsyncDisposable
{
    private const string MeterName = "amqpd";

    /// <summary>For a collector to take a reading.</summary>
    private const int PatienceMs = 10_000;

    private readonly INodeHost _host;
    private readonly ILogger<OtlpExport> _logger;
    private readonly LogThrottle _failures = new(TimeProvider.System);
    private readonly Meter _meter = new(MeterName, NodeIdentity.OwnVersion);
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly MeterProvider _provider;
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _sending;
    private MetricsReading _reading = new();

    private OtlpExport(INodeHost host, OpenTelemetryOptions options, ILogger<OtlpExport> logger)
    {
        (_host, _logger) = (host, logger);
        // Read when we say so, and not by a timer of its own: what it reads has to be there.
        _provider = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => Describe(resource, host.Identity.Name))
            .AddMeter(MeterName)
            .AddReader(new BaseExportingMetricReader(new OtlpMetricExporter(Exporter(options, "v1/metrics"))))
            .Build();
        _sending = Send(options);
    }

    /// <returns>Null: nothing is to be sent.</returns>
    public static OtlpExport? Start(INodeHost host, OpenTelemetryOptions options, ILogger<OtlpExport> logger) => options.Endpoint.Length == 0 ? null : new OtlpExport(host, options, logger);

    /// <summary>Has the log be sent, too.</summary>
    public static void AddTo(ILoggingBuilder logging, OpenTelemetryOptions options, string node)
    {
        if (options.Endpoint.Length == 0) return;
        logging.AddOpenTelemetry(log =>
        {
            log.IncludeFormattedMessage = true;
            log.SetResourceBuilder(Describe(ResourceBuilder.CreateDefault(), node));
            log.AddOtlpExporter(exporter => Set(exporter, options, "v1/logs"));
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _sending;
        _provider.Dispose();
        _meter.Dispose();
        _ending.Dispose();
    }

    private async Task Send(OpenTelemetryOptions options)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(options.IntervalMs));
        await Task.Yield(); // the start does not wait for the collector
        try
        {
            do
            {
                await Read();
                if (!_provider.ForceFlush(PatienceMs) && _failures.IsDue(out var untold)) LogNotSent(_logger, options.Endpoint, untold);
            }
            while (await timer.WaitForNextTickAsync(_ending.Token));
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private async Task Read()
    {
        var reading = new MetricsReading();
        await MetricsPages.Read(_host, reading, _ending.Token);
        _reading = reading;
        foreach (var metric in reading.Metrics.Where(metric => _known.Add(metric.Name)))
        {
            if (metric.IsCounter) _meter.CreateObservableCounter(metric.Name, () => _reading.Of(metric.Name), unit: null, metric.Help);
            else _meter.CreateObservableGauge(metric.Name, () => _reading.Of(metric.Name), unit: null, metric.Help);
        }
    }

    private static ResourceBuilder Describe(ResourceBuilder resource, string node) => resource.AddService(NodeIdentity.OwnName, serviceVersion: NodeIdentity.OwnVersion, serviceInstanceId: node);

    private static OtlpExporterOptions Exporter(OpenTelemetryOptions options, string path)
    {
        var exporter = new OtlpExporterOptions();
        Set(exporter, options, path);
        return exporter;
    }

    private static void Set(OtlpExporterOptions exporter, OpenTelemetryOptions options, string path)
    {
        var isHttp = options.Protocol == TelemetryProtocol.Http;
        exporter.Endpoint = isHttp ? new Uri($"{options.Endpoint.TrimEnd('/')}/{path}") : new Uri(options.Endpoint);
        exporter.Protocol = isHttp ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        exporter.Headers = options.Headers;
        exporter.TimeoutMilliseconds = PatienceMs;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Metrics could not be sent to the collector at {Endpoint} ({Untold} more times since the last such line). Does it run, and does it speak OpenTelemetry:Protocol there?")]
    private static partial void LogNotSent(ILogger logger, string endpoint, int untold);
}
