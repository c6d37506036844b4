using AMQP.Net;

namespace Amqp.Perf;

/// <summary>What to do, as the command line says it. Times in seconds, sizes in bytes.</summary>
internal sealed record PerfOptions
{
    /// <summary>Bodies this large carry the time they were published and the run they belong to.</summary>
    public const int StampedSizeMin = 12;

    public required AmqpUri Uri { get; init; }
    public int Publishers { get; init; } = 1;
    public int Consumers { get; init; } = 1;
    public int Queues { get; init; } = 1;
    public int BodySize { get; init; } = 100;
    public bool Persistent { get; init; }

    /// <summary>Messages have the priorities below this in turn; 0: they have none.</summary>
    public int Priorities { get; init; }

    /// <summary>Milliseconds that an exchange of type x-delayed-message is to hold each message back; 0: none.</summary>
    public int DelayMs { get; init; }

    public bool Durable { get; init; }
    public int ConfirmWindow { get; init; }

    /// <summary>Publishes in a transaction; 0: none are used.</summary>
    public int Transaction { get; init; }

    public int Batch { get; init; }
    public int Prefetch { get; init; }
    public bool AutoAck { get; init; }
    public int AckBatch { get; init; } = 1;
    public int Rate { get; init; }
    public int Duration { get; init; }
    public long Messages { get; init; }
    public int WarmUp { get; init; }
    public int Drain { get; init; } = 30;
    public string ExchangeType { get; init; } = "";

    /// <summary>Bindings of the exchange that no message matches.</summary>
    public int IdleBindings { get; init; }

    public string Prefix { get; init; } = "";
    public FieldTable QueueArguments { get; init; } = FieldTable.Empty;
    public bool Keep { get; init; }
    public bool Json { get; init; }

    /// <summary>The broker's process, if it is on this machine and to be looked at; 0 if not.</summary>
    public int BrokerPid { get; init; }

    public bool MeasuresDelivery => BodySize >= StampedSizeMin && Publishers > 0 && Consumers > 0;

    /// <summary>Queues that one message reaches.</summary>
    public int FanOut => ExchangeType == "fanout" ? Queues : 1;

    public string Exchange => ExchangeType.Length == 0 ? "" : $"{Prefix}exchange";

    public string QueueName(int index) => $"{Prefix}{index}";

    /// <summary>The queues that a publisher or consumer works with: all are served, and all workers have work.</summary>
    public IEnumerable<int> QueuesOf(int worker, int workers) =>
        workers >= Queues ? [worker % Queues] : Enumerable.Range(0, Queues).Where(queue => queue % workers == worker);

    /// <summary>Why these options make no sense together, or null.</summary>
    public string? Mistake() => this switch
    {
        { Publishers: 0, Consumers: 0 } => "nothing to do: no publishers and no consumers",
        { Queues: < 1 } => "at least one queue is needed",
        { Publishers: < 0 } or { Consumers: < 0 } or { BodySize: < 0 } or { ConfirmWindow: < 0 } or { Batch: < 0 } or { Rate: < 0 }
            or { Messages: < 0 } or { WarmUp: < 0 } or { Drain: < 0 } => "negative numbers make no sense",
        { Transaction: < 0 or > 1_000_000 } => "--tx must be between 0 and 1000000",
        { Transaction: > 0, ConfirmWindow: > 0 } => "a channel is either in tx mode or in confirm mode: --tx or --confirm-window",
        { DelayMs: < 0 } or { DelayMs: > 0, ExchangeType: not Topology.Delayed } => $"--delay needs --exchange-type {Topology.Delayed}, and milliseconds above 0",
        { Priorities: < 0 or > 256 } => "--priorities must be between 0 and 256",
        { IdleBindings: < 0 } or { IdleBindings: > 0, ExchangeType: "" } => "--idle-bindings needs an --exchange-type",
        { ConfirmWindow: > 1_000_000 } => "--confirm-window must be at most 1000000",
        { Prefetch: < 0 or > ushort.MaxValue } => "--prefetch must be between 0 and 65535",
        { AckBatch: < 1 } => "--ack-batch must be at least 1",
        { AutoAck: false, Prefetch: > 0 } when AckBatch > Prefetch => "--ack-batch larger than --prefetch: deliveries would stop",
        { Publishers: 0, Prefix: "" } => "consuming alone needs the --prefix of queues that exist",
        { Duration: < 1, Messages: 0 } => "--duration must be at least 1 when no --messages are given",
        _ => null,
    };
}
