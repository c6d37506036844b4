using System.CommandLine;
using System.Globalization;
using AMQP.Net;

namespace Amqp.Perf;

/// <summary>The options as they are typed.</summary>
internal static class CommandLine
{
    private static readonly Option<string> Uri = Text("--uri", "amqp://guest:guest@127.0.0.1:5672/%2f", "where and as whom to connect");
    private static readonly Option<int> Publishers = Number("--publishers", 1, "publishing connections", "-x");
    private static readonly Option<int> Consumers = Number("--consumers", 1, "consuming connections", "-y");
    private static readonly Option<int> Queues = Number("--queues", 1, "queues; publishers and consumers are spread over them", "-q");
    private static readonly Option<int> BodySize = Number("--size", 100, "body size, bytes; from 12 on delivery latency is measured", "-s");
    private static readonly Option<bool> Persistent = Flag("--persistent", "delivery mode 2");
    private static readonly Option<int> Priorities = Number("--priorities", 0, "give messages the priorities below this in turn; 0 = none");
    private static readonly Option<int> Delay = Number("--delay", 0, $"milliseconds that an exchange of type {Topology.Delayed} holds each message back; 0 = none");
    private static readonly Option<bool> Durable = Flag("--durable", "durable queues and exchange");
    private static readonly Option<int> ConfirmWindow = Number("--confirm-window", 0, "publishes that may wait for their confirm, per publisher; 0 = no confirms", "-c");
    private static readonly Option<int> Transaction = Number("--tx", 0, "publishes in a transaction, committed and waited for; 0 = no transactions");
    private static readonly Option<int> Batch = Number("--batch", 0, "publishes per socket write at most; 0 = as many as are due, up to 64 KiB");
    private static readonly Option<int> Prefetch = Number("--prefetch", 0, "unacknowledged deliveries per consumer; 0 = no limit");
    private static readonly Option<bool> AutoAck = Flag("--auto-ack", "no acknowledgements");
    private static readonly Option<int> AckBatch = Number("--ack-batch", 1, "acknowledge every so many deliveries, with multiple set if more than one");
    private static readonly Option<int> Rate = Number("--rate", 0, "messages per second, all publishers together; 0 = no limit", "-r");
    private static readonly Option<int> Duration = Number("--duration", 0, "seconds to measure; 10 when no --messages are given", "-d");
    private static readonly Option<long> Messages = new("--messages", "-n") { Description = "messages to publish (or, without publishers, to consume), warm-up included; 0 = no limit" };
    private static readonly Option<int> WarmUp = Number("--warm-up", 0, "seconds before measuring begins");
    private static readonly Option<int> Drain = Number("--drain", 30, "seconds to wait for confirms or deliveries that do not come");
    private static readonly Option<string> ExchangeType = Text("--exchange-type", "", "publish through an exchange of this type instead of the default exchange")
        .AcceptOnlyFromAmong("", "direct", "fanout", "topic", Topology.Delayed);
    private static readonly Option<int> IdleBindings = Number("--idle-bindings", 0, "further bindings of the exchange, which no message matches");
    private static readonly Option<string> Prefix = Text("--prefix", "", "prefix of the names of queues and exchange; a random one by default");
    private static readonly Option<string[]> QueueArgument = new("--queue-argument", "-a") { Description = "an argument of the queues, name=value: integers, true, false and strings" };
    private static readonly Option<bool> Keep = Flag("--keep", "do not delete queues and exchange at the end");
    private static readonly Option<int> BrokerPid = Number("--broker-pid", 0, "the broker's process id on this machine: its processor time and memory are shown");
    private static readonly Option<bool> Json = Flag("--json", "the result as JSON on standard output, progress on standard error");

    public static RootCommand Build(Func<PerfOptions, int> execute)
    {
        var command = new RootCommand("Puts load on an AMQP 0-9-1 broker and measures throughput and latency.")
        {
            Uri, Publishers, Consumers, Queues, BodySize, Persistent, Priorities, Delay, Durable, ConfirmWindow, Transaction, Batch, Prefetch, AutoAck, AckBatch, Rate,
            Duration, Messages, WarmUp, Drain, ExchangeType, IdleBindings, Prefix, QueueArgument, Keep, BrokerPid, Json,
        };
        command.SetAction(parsed => execute(Read(parsed)));
        return command;
    }

    private static PerfOptions Read(ParseResult parsed)
    {
        var options = new PerfOptions
        {
            Uri = AmqpUri.Parse(parsed.GetValue(Uri)!),
            Publishers = parsed.GetValue(Publishers),
            Consumers = parsed.GetValue(Consumers),
            Queues = parsed.GetValue(Queues),
            BodySize = parsed.GetValue(BodySize),
            Persistent = parsed.GetValue(Persistent),
            Priorities = parsed.GetValue(Priorities),
            DelayMs = parsed.GetValue(Delay),
            Durable = parsed.GetValue(Durable),
            ConfirmWindow = parsed.GetValue(ConfirmWindow),
            Transaction = parsed.GetValue(Transaction),
            Batch = parsed.GetValue(Batch),
            Prefetch = parsed.GetValue(Prefetch),
            AutoAck = parsed.GetValue(AutoAck),
            AckBatch = parsed.GetValue(AckBatch),
            Rate = parsed.GetValue(Rate),
            Duration = parsed.GetValue(Duration) is 0 && parsed.GetValue(Messages) is 0 ? 10 : parsed.GetValue(Duration),
            Messages = parsed.GetValue(Messages),
            WarmUp = parsed.GetValue(WarmUp),
            Drain = parsed.GetValue(Drain),
            ExchangeType = parsed.GetValue(ExchangeType)!,
            IdleBindings = parsed.GetValue(IdleBindings),
            Prefix = parsed.GetValue(Prefix)!,
            QueueArguments = FieldTable.From((parsed.GetValue(QueueArgument) ?? []).Select(Argument).ToArray()),
            Keep = parsed.GetValue(Keep),
            BrokerPid = parsed.GetValue(BrokerPid),
            Json = parsed.GetValue(Json),
        };
        if (options.Mistake() is { } mistake) throw new PerfException(mistake);
        return options.Prefix.Length > 0 ? options : options with { Prefix = $"amqpperf-{Guid.NewGuid():N}-"[..18] + "-" };
    }

    private static (string Name, FieldValue Value) Argument(string text)
    {
        var parts = text.Split('=', 2);
        if (parts.Length < 2) throw new PerfException($"--queue-argument {text}: name=value expected");
        return (parts[0], parts[1] switch
        {
            "true" => FieldValue.From(true),
            "false" => FieldValue.From(false),
            var value when long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => FieldValue.From(number),
            var value => FieldValue.From(value),
        });
    }

    private static Option<int> Number(string name, int value, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, DefaultValueFactory = _ => value };

    private static Option<string> Text(string name, string value, string description) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };
}
