using System.Diagnostics;
using System.Globalization;
using Amqp.Perf;
using AMQP.Net;
using Spectre.Console;

namespace Amqp.Bench;

/// <summary>How many of each to make.</summary>
internal sealed record ObjectCounts(int Connections, int ChannelsPerConnection, int Queues, int Bindings);

/// <summary>
/// What idle connections, channels, queues and bindings cost in memory, and whether the broker answers as quickly with many of them
/// as without. Memory is what the process has from the system: with what is garbage at that moment, as an operator sees it.
/// </summary>
internal sealed class ObjectsBench(Target target, IAnsiConsole console)
{
    private const int Rounds = 1_000;
    private const int BoundQueues = 100;
    private const string Topic = "amqpbench.topic";

    private readonly Table _table = new Table().AddColumns("with", "each, bytes", "resident, MB", "declare, publish, delete: p50, p99, longest, ms");

    public void Run(ObjectCounts counts)
    {
        using var work = PerfConnection.Open(target.Address, "amqpbench");
        WarmUp(work);
        var before = Note("nothing", each: null, work);

        var connections = Enumerable.Range(0, counts.Connections).Select(number => PerfConnection.Open(target.Address, $"amqpbench {number}")).ToList();
        var opened = target.SettledBytes();
        foreach (var connection in connections)
        {
            for (ushort channel = 2; channel <= counts.ChannelsPerConnection; channel++) connection.Call<ChannelOpen, ChannelOpenOk>(default, channel);
        }
        var withChannels = target.SettledBytes();
        var channelBytes = (withChannels - opened) / Math.Max(1, counts.Connections * (counts.ChannelsPerConnection - 1));
        before = Note(
            $"{counts.Connections:N0} connections, {counts.ChannelsPerConnection} channels each",
            $"{((opened - before) / counts.Connections) - channelBytes:N0} a connection, {channelBytes:N0} a channel",
            work);

        before = Queues(work, counts.Queues, isDurable: false, before);
        before = Queues(work, counts.Queues, isDurable: true, before);
        work.Call<ExchangeDeclare, ExchangeDeclareOk>(new ExchangeDeclare(Topic, "topic", Passive: false, Durable: false, AutoDelete: false, Internal: false, NoWait: false, FieldTable.Empty));
        for (var binding = 0; binding < counts.Bindings; binding++)
        {
            var queue = QueueName(binding % BoundQueues, isDurable: false);
            work.Send(PerfConnection.Channel, new QueueBind(queue, Topic, $"a.{binding.ToString(CultureInfo.InvariantCulture)}.*", NoWait: true, FieldTable.Empty));
            if (binding % 1_000 == 999) Synchronize(work);
        }
        Synchronize(work);
        Note($"{counts.Bindings:N0} bindings of a topic exchange", $"{(target.SettledBytes() - before) / counts.Bindings:N0}", work);
        console.Write(_table);
        foreach (var connection in connections) connection.Dispose();
    }

    private static string QueueName(int number, bool isDurable) => string.Create(CultureInfo.InvariantCulture, $"amqpbench.{(isDurable ? "durable" : "transient")}.{number}");

    private static void Synchronize(PerfConnection work) => work.Call<BasicQos, BasicQosOk>(new BasicQos(0, 0, Global: false));

    private long Queues(PerfConnection work, int count, bool isDurable, long before)
    {
        for (var queue = 0; queue < count; queue++)
        {
            work.Send(PerfConnection.Channel, new QueueDeclare(
                QueueName(queue, isDurable), Passive: false, isDurable, Exclusive: false, AutoDelete: false, NoWait: true, FieldTable.Empty));
            if (queue % 1_000 == 999) Synchronize(work);
        }
        Synchronize(work);
        return Note($"{count:N0} {(isDurable ? "durable" : "transient")} queues", $"{(target.SettledBytes() - before) / count:N0}", work);
    }

    /// <summary>Lets the broker compile and allocate what it needs for all that follows.</summary>
    private void WarmUp(PerfConnection work)
    {
        var connections = Enumerable.Range(0, 50).Select(number => PerfConnection.Open(target.Address, $"amqpbench warm-up {number}")).ToList();
        foreach (var connection in connections) connection.Close();
        foreach (var connection in connections) connection.Dispose();
        for (var round = 0; round < 3; round++) Latencies(work);
    }

    private long Note(string what, string? each, PerfConnection work)
    {
        var resident = target.SettledBytes();
        _table.AddRow(what, each ?? "", $"{resident / 1_000_000:N0}", Latencies(work));
        return resident;
    }

    /// <summary>A queue declared, a message published to it, and the queue deleted, one after the other.</summary>
    private static string Latencies(PerfConnection work)
    {
        var took = new List<double>(Rounds);
        for (var round = 0; round < Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            var name = work.Call<QueueDeclare, QueueDeclareOk>(new QueueDeclare("", false, false, Exclusive: true, AutoDelete: false, NoWait: false, FieldTable.Empty)).Queue;
            var message = new SendBuffer(256);
            FrameWriter.WriteMethod(message, PerfConnection.Channel, new BasicPublish("", name, Mandatory: false, Immediate: false));
            FrameWriter.WriteContent(message, PerfConnection.Channel, [0, 0], "x"u8.ToArray(), work.FrameMax);
            work.Send(message.Written);
            work.Call<QueueDelete, QueueDeleteOk>(new QueueDelete(name, IfUnused: false, IfEmpty: false, NoWait: false));
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        took.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{took[Rounds / 2]:0.00}, {took[Rounds * 99 / 100]:0.00}, {took[^1]:0.0}");
    }
}
