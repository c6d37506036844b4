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

namespace Amqp.Ctl.Tests;

/// <summary>A data directory, made by the broker's own storage.</summary>
internal sealed class StoreFolder : IDisposable
{
    public StoreFolder(StoreEngine engine)
    {
        Engine = engine;
        Path = Directory.CreateTempSubdirectory("amqpctl-store-").FullName;
    }

    public StoreEngine Engine { get; }

    public string Path { get; }

    public string Segment => Directory.GetFiles(System.IO.Path.Combine(Path, Engine.DirectoryName), "*.seg").Order(StringComparer.Ordinal).First();

    /// <summary>Two queues: "orders" with three messages, one of them settled, and "empty"; and one in no definition, with one message.</summary>
    public StoreFolder Fill()
    {
        using var directory = DataDirectory.Open(Path, Engine.Name);
        using var definitions = LocalMetadataStore.Open(directory, TimeProvider.System, NullLogger<LocalMetadataStore>.Instance, Fail);
        var topology = definitions.Load().Topology;
        QueueId Declare(string name)
        {
            var result = TopologyReducer.Apply(topology, new DeclareQueue("/", name, true, false, false, FieldTable.Empty, null));
            topology = result.Topology;
            definitions.Commit(basis: 0, [result], _ => { });
            return result.Queue!.Id;
        }
        var (orders, _) = (Declare("orders"), Declare("empty"));
        using var store = MessageStore.Open(directory, Engine, definitions, NullLogger<MessageStore>.Instance, Fail);
        var deleted = new QueueId(5);
        foreach (var queue in (QueueId[])[orders, deleted]) store.Open(queue, new Told());
        store.Start(_ => { });
        Commit(store, orders, 1, [.. Enumerable.Range(0, 3).Select(position => StoreRecord.Enqueue(orders, position, MessageOf($"order {position}"), 0))]);
        Commit(store, deleted, 1, StoreRecord.Enqueue(deleted, 0, MessageOf("nobody's"), 0));
        store.Commit(orders, [StoreRecord.Settle(orders, 0)], 0);
        return this;
    }

    /// <summary>Every file with its bytes.</summary>
    public Dictionary<string, string> Snapshot() => Directory.GetFiles(Path, "*", SearchOption.AllDirectories)
        .ToDictionary(file => file, file => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))));

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static void Commit(MessageStore store, QueueId queue, long ticket, params ReadOnlySpan<StoreRecord> records) => store.Commit(queue, records, ticket);

    private static Message MessageOf(string text)
    {
        var head = new Content([], 0).With(new MutableProperties { DeliveryMode = 2 });
        return new Message("", "orders", new Content([.. head.Properties.Bytes.Span, .. System.Text.Encoding.UTF8.GetBytes(text)], head.PropertiesLength));
    }

    private static void Fail(Exception exception) => Assert.Fail(exception.ToString());

    private sealed class Told : IStoreListener
    {
        public void Committed(long ticket)
        {
        }
    }
}
