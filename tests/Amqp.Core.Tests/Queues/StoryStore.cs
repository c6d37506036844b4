using Amqp.Core.Messages;
using Amqp.Core.Records;

namespace Amqp.Core.Tests.Queues;

/// <summary>What a store would know of one queue from its records. A record that makes no sense fails the test.</summary>
internal sealed class StoryStore
{
    private readonly Dictionary<long, Message> _written = [];
    private readonly List<StoreRecord> _waiting = [];
    private readonly List<string> _text = [];

    /// <summary>Persistent messages that a restart would find, and messages that were paged out.</summary>
    public SortedDictionary<long, StoreRecord> Messages { get; } = [];

    /// <summary>Reads that were not answered.</summary>
    public Queue<long[]> Reads { get; } = new();

    /// <summary>Positions that cannot be read.</summary>
    public HashSet<long> Damaged { get; } = [];

    public static string Text(IEnumerable<StoreRecord> records) => string.Join(' ', records.Select(Text));

    public static string OneByOneText(ReadOnlySpan<StoreRecord> records) => Text(OneByOne(records));

    public void Add(ReadOnlySpan<StoreRecord> records)
    {
        foreach (var record in OneByOne(records))
        {
            _text.Add(Text(record));
            switch (record.Type)
            {
                case RecordType.Enqueue or RecordType.Page:
                    Messages.Add(record.Position, record);
                    _waiting.Add(record);
                    break;
                case RecordType.Settle:
                    Assert.That(Messages.Remove(record.Position), Is.True, $"nothing is known of {record.Position}");
                    _written.Remove(record.Position);
                    _waiting.RemoveAll(waiting => waiting.Position == record.Position);
                    break;
                case RecordType.Change:
                    Messages[record.Position] = Messages[record.Position] with { Attributes = record.Attributes };
                    break;
                case RecordType.Delivered:
                    Assert.That(Messages, Does.ContainKey(record.Position));
                    break;
                default:
                    Assert.Fail($"{record.Type} is no record of a queue");
                    break;
            }
        }
    }

    /// <summary>Messages settled in a row come in one record; here each is an event of its own.</summary>
    private static IEnumerable<StoreRecord> OneByOne(ReadOnlySpan<StoreRecord> records) =>
        records.ToArray().SelectMany(record => record.Type == RecordType.Settle
            ? Enumerable.Range(0, (int)record.Count).Select(place => StoreRecord.Settle(record.Queue, record.Position + place))
            : [record]);

    public void Write() => Write([.. _waiting]);

    public void Write(IEnumerable<StoreRecord> records)
    {
        foreach (var record in records.Where(_waiting.Remove)) _written.Add(record.Position, record.Message!);
    }

    public Message?[] Read(long[] positions)
    {
        Assert.That(positions, Is.Ordered.And.Unique);
        return [.. positions.Select(position => Damaged.Contains(position) || !Messages.ContainsKey(position) ? null : _written[position])];
    }

    public string TakeText()
    {
        var text = string.Join(' ', _text);
        _text.Clear();
        return text;
    }

    private static string Text(StoreRecord record) => record.Type switch
    {
        RecordType.Enqueue => $"+{record.Position}:{QueueStory.NameOf(record.Message!)}",
        RecordType.Settle => $"-{record.Position}",
        RecordType.Change => $"{record.Position}:{record.Attributes.DeliveryCount}",
        _ => $"{record.Type} {record.Position}",
    };
}
