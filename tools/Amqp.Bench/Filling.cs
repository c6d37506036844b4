using System.Collections.Concurrent;
using System.Diagnostics;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Storage;
using Amqp.Storage.Messages;
using Amqp.Storage.Metadata;
using Amqp.Storage.Segments;
using AMQP.Net;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Bench;

/// <summary>Fills a data directory by the storage's own means, which is quicker than by way of a client.</summary>
internal static class Filling
{
    private const int BodyBytes = 100;
    private const int BatchSize = 1_000;

    /// <summary>Makes that many durable queues, spreads the messages over them, and ends the process as <c>kill -9</c> does.</summary>
    public static void Fill(string path, StoreEngine engine, int queues, int messages)
    {
        var directory = DataDirectory.Open(path, engine.Name);
        var definitions = LocalMetadataStore.Open(directory, TimeProvider.System, NullLogger<LocalMetadataStore>.Instance, Fail);
        var store = MessageStore.Open(directory, engine, definitions, NullLogger<MessageStore>.Instance, Fail);
        var ids = Declare(definitions, queues);
        var listener = new TicketListener();
        foreach (var id in ids) store.Open(id, listener);
        store.Start(_ => { });
        var message = MessageOf(BodyBytes);
        var records = new StoreRecord[BatchSize];
        var ticket = 0L;
        for (var written = 0; written < messages;)
        {
            var queue = ids[(int)(ticket % queues)];
            var count = Math.Min(BatchSize, Math.Min(messages / queues, messages - written));
            for (var index = 0; index < count; index++)
                records[index] = StoreRecord.Enqueue(queue, (queues == 1 ? written : 0) + index, message, expiresAt: 0);
            store.Commit(queue, records.AsSpan(0, count), ++ticket);
            written += count;
            // A queue's actor would not hand over more than its publishers may have in flight either.
            if (ticket % 100 == 0) listener.WaitFor(ticket);
        }
        store.Commit(ids[0], [StoreRecord.Enqueue(ids[0], messages, message, expiresAt: 0)], ++ticket);
        listener.WaitFor(ticket);
        Process.GetCurrentProcess().Kill();
    }

    public static Message MessageOf(int bytes)
    {
        var head = new Content([], 0).With(new MutableProperties { DeliveryMode = 2 });
        return new Message("", "q0", new Content([.. head.Properties.Bytes.Span, .. new byte[bytes]], head.PropertiesLength));
    }

    public static void Fail(Exception exception)
    {
        Console.Error.WriteLine(exception);
        Environment.Exit(1);
    }

    private static List<QueueId> Declare(LocalMetadataStore definitions, int queues)
    {
        var topology = definitions.Load().Topology;
        var ids = new List<QueueId>(queues);
        using var stored = new ManualResetEventSlim();
        for (var number = 0; number < queues;)
        {
            var results = new List<TopologyResult>();
            for (; number < queues && results.Count < BatchSize; number++)
            {
                var result = TopologyReducer.Apply(topology, new DeclareQueue("/", $"q{number}", Durable: true, AutoDelete: false, Exclusive: false, FieldTable.Empty, null));
                topology = result.Topology;
                ids.Add(result.Queue!.Id);
                results.Add(result);
            }
            stored.Reset();
            definitions.Commit(basis: 0, results, _ => stored.Set());
            stored.Wait();
        }
        return ids;
    }
}

/// <summary>Lets one thread wait for tickets.</summary>
internal sealed class TicketListener : IStoreListener
{
    private readonly BlockingCollection<long> _told = [];
    private long _committed;

    void IStoreListener.Committed(long ticket) => _told.Add(ticket);

    public void WaitFor(long ticket)
    {
        while (_committed < ticket) _committed = Math.Max(_committed, _told.Take());
    }
}
