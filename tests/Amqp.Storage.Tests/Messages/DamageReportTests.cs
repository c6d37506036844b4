using Amqp.Core.Messages;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using AMQP.Net;
using Amqp.Storage.Journal;
using Amqp.Storage.Messages;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Tests.Journal;
using Microsoft.Extensions.Logging;
using static Amqp.Storage.Tests.Messages.TestStore;

namespace Amqp.Storage.Tests.Messages;

/// <summary>What is done and said about single damages that chance hits too seldom.</summary>
internal sealed class DamageReportTests
{
    private TestStore _store = null!;
    private TestQueue _queue = null!;
    private long _ticket;

    [SetUp]
    public void NewStore()
    {
        _store = new TestStore(TestEngine.Journal);
        _store.Start();
        _queue = _store.Queue(1);
        _ticket = 0;
    }

    [TearDown]
    public void CloseStore() => _store.Dispose();

    [Test]
    public void A_segment_damaged_at_both_ends_is_left_where_it_is_and_the_others_serve()
    {
        for (var position = 0; position < 40; position++) Publish(position, new string('x', 900));
        _store.Close();
        var atlas = StoreAtlas.Of(_store.Files, _store.SegmentBytes);
        Assert.That(atlas.Segments, Has.Count.GreaterThan(2));
        var (first, last) = (atlas.Segments[0], atlas.Segments[^1]);
        foreach (var segment in (AtlasSegment[])[first, last])
        {
            _store.Files.File(segment.Path).Bytes[20] ^= 1;
            _store.Files.File(segment.Path).Bytes[segment.SecondHeader.Start + 20] ^= 1;
        }
        Reopen();
        var lost = atlas.Records.Where(record => record.Segment == first || record.Segment == last).Select(record => record.Position).ToHashSet();
        Assert.That(Recovered(), Is.EqualTo(Enumerable.Range(0, 40).Select(number => (long)number).Where(number => !lost.Contains(number))));
        Assert.That(Errors().Count(text => text.Contains("does not begin like one", StringComparison.Ordinal)), Is.EqualTo(2));
        Assert.That(_store.Store.DamageCount, Is.EqualTo(2));
        Publish(100, "a number that is in use is not given again");
        Assert.That(_store.Files.List(""), Is.SupersetOf(new[] { first.Path, last.Path }));
    }

    [Test]
    public void A_damaged_record_in_a_segment_whose_footer_is_right_is_found_when_it_is_read()
    {
        for (var position = 0; position < 5; position++) Publish(position, $"text {position}");
        _store.Close();
        Flip(StoreAtlas.Of(_store.Files, _store.SegmentBytes).Message(1, 2).Extent.End - 1);
        Reopen();
        Assert.That(Errors(), Is.Empty);
        Assert.That(_store.Read(_queue, 1, 2, 3), Is.EqualTo(["text 1", null, "text 3"]));
        Assert.That(Errors(), Has.One.Contains("Message 2 of queue number 1 is damaged"));
        Assert.That(_store.Files.List("").Count(path => path.EndsWith(".damaged", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(_store.Store.DamageCount, Is.EqualTo(1));
    }

    [Test]
    public void Merging_gives_up_what_is_damaged_says_so_and_keeps_the_rest()
    {
        for (var position = 0; position < 200; position++) Publish(position, $"{position} {new string('m', 400)}");
        var shared = MessageOf("shared", _store.Store.NextBodyId());
        foreach (var each in (TestQueue[])[_queue, _store.Queue(2)])
            _store.CommitAndWait(each, ++_ticket, StoreRecord.Enqueue(each.Id, 200, shared, expiresAt: 0));
        for (var position = 201; position < 210; position++) Publish(position, new string('n', 2_000));
        _store.Close();
        var atlas = StoreAtlas.Of(_store.Files, _store.SegmentBytes);
        Flip(atlas.Message(1, 20).Extent.End - 1, atlas.Message(1, 20).Segment.Path);
        Flip(atlas.Message(2, 200).Extent.End - 1, atlas.Message(2, 200).Segment.Path);
        Reopen();
        _store.Queue(2);
        for (var position = 0; position < 210; position++)
            if (position % 10 != 0) Commit(StoreRecord.Settle(_queue.Id, position), StoreRecord.Enqueue(_queue.Id, 1000 + position, MessageOf("x"), 0), StoreRecord.Settle(_queue.Id, 1000 + position));
        Until(() => Errors().Any(text => text.Contains("Message 20 of queue number 1 is damaged", StringComparison.Ordinal)), "its segment was merged");
        Assert.That(_store.Read(_queue, 10, 20, 30, 200)!.Select(text => text?.Split(' ')[0]), Is.EqualTo(["10", null, "30", "shared"]));
        Assert.That(_store.Read(_store.Queue(2), 200), Is.EqualTo(["shared"]), "the footer says all that the damaged record did");
        _store.Close();
        Reopen();
        Assert.That(Recovered(), Is.EqualTo(Enumerable.Range(0, 21).Select(number => 10L * number).Where(number => number != 20)));
        Assert.That(_store.Read(_store.Queue(2), 200), Is.EqualTo(["shared"]));
    }

    [Test]
    public void A_damaged_settlement_costs_nothing_while_the_footer_is_right_and_merging_it_neither()
    {
        for (var position = 0; position < 100; position++) Publish(position, new string('m', 1_000));
        Commit(StoreRecord.Settle(_queue.Id, 3), StoreRecord.Enqueue(_queue.Id, 100, MessageOf("keeps its segment"), 0));
        for (var position = 101; position < 200; position++) Publish(position, new string('n', 1_000));
        _store.Close();
        var atlas = StoreAtlas.Of(_store.Files, _store.SegmentBytes);
        var settlement = atlas.SettlementsOf(1, 3).Single();
        Flip(settlement.Extent.End - 1, settlement.Segment.Path);
        Reopen();
        Assert.That(Recovered(), Does.Not.Contain(3));
        // First what makes its segment the cheapest to merge, then what makes merging worth it.
        var besideIt = atlas.Records.Where(record => record.Type == RecordType.Enqueue && record.Segment == settlement.Segment).Select(record => record.Position).ToList();
        foreach (var position in besideIt.Concat(Enumerable.Range(0, 200).Select(number => (long)number).Where(number => number % 5 != 4)).Where(number => number is not (3 or 100)).Distinct())
            Commit(StoreRecord.Settle(_queue.Id, position), StoreRecord.Enqueue(_queue.Id, 1000 + position, MessageOf("x"), 0), StoreRecord.Settle(_queue.Id, 1000 + position));
        Until(() => Errors().Any(text => text.Contains("nothing is lost", StringComparison.Ordinal)), "the settlement was to be copied");
        _store.Close();
        Reopen();
        Assert.That(Recovered(), Does.Not.Contain(3).And.Contain(4));
    }

    [Test]
    public void The_torn_end_of_a_segment_is_said_once_and_is_no_damage()
    {
        for (var position = 0; position < 5; position++) Publish(position, $"text {position}");
        _store.Files.Break();
        _store.Close();
        _store.Files.LosePower(new Random(1));
        var last = StoreAtlas.Of(_store.Files, _store.SegmentBytes).Segments[^1];
        Flip(last.Frames[^1].End - 10, last.Path);
        Reopen();
        Assert.That(Recovered(), Is.EqualTo([0, 1, 2, 3]));
        var said = _store.Log.Of(LogLevel.Warning).Single();
        Assert.That(said, Does.Contain("was being written").And.Contain("segment 000000000001"));
        Assert.That(Errors(), Is.Empty);
        Assert.That(_store.Store.DamageCount, Is.Zero);
        Reopen();
        Assert.That(_store.Log.Of(LogLevel.Warning).Count(), Is.EqualTo(1), "it was cut, and is said once");
    }

    [Test]
    public void A_lost_body_of_many_is_said_when_the_store_is_opened()
    {
        var shared = MessageOf("shared", _store.Store.NextBodyId());
        _store.CommitAndWait(_queue, ++_ticket, StoreRecord.Enqueue(_queue.Id, 0, shared, expiresAt: 0));
        for (var position = 1; position < 40; position++) Publish(position, new string('x', 900));
        var other = _store.Queue(2);
        _store.CommitAndWait(other, 1, StoreRecord.Enqueue(other.Id, 0, shared, expiresAt: 0));
        _store.Close();
        _store.Files.Delete($"{TestStore.Directory}/000000000001.seg");
        Reopen();
        Assert.That(Errors(), Has.One.Contains("1 messages of queue number 2 have lost their body"));
        Assert.That(_store.Read(_store.Queue(2), 0), Is.EqualTo(new string?[] { null }));
    }

    /// <summary>A publisher's text may be a record. When the record around it is damaged it must not be taken for one.</summary>
    [Test]
    public void What_looks_like_a_record_in_a_damaged_body_is_none()
    {
        var forged = new RecordBuffer();
        forged.Enqueue(RecordType.Enqueue, _queue.Id, key: 77, new(ExpiresAt: 0), MessageOf("forged"));
        var head = MessageOf("").Content;
        // Wherever it comes to stand in the file, one of the copies stands where records do.
        byte[] body = [.. Enumerable.Range(0, 8).SelectMany(_ => (byte[])[.. forged.Bytes, .. new byte[1]])];
        var message = new Message("exchange", "key", new Content([.. head.Properties.Bytes.Span, .. body, .. "end"u8], head.PropertiesLength));
        Commit(StoreRecord.Enqueue(_queue.Id, 0, message, 0), StoreRecord.Enqueue(_queue.Id, 1, MessageOf("behind"), 0));
        Publish(2, "so that it is no torn end");
        _store.Files.Break();
        _store.Close();
        _store.Files.LosePower(new Random(1));
        Flip(StoreAtlas.Of(_store.Files, _store.SegmentBytes).Message(1, 0).Extent.End - 1);
        Reopen();
        Assert.That(Recovered(), Is.EqualTo([1, 2]));
        Assert.That(Errors().Count(), Is.EqualTo(1));
    }

    [Test]
    public void A_footer_that_is_none_is_refused_and_never_ends_the_process([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var writer = new FooterWriter();
        for (var position = 0; position < 50; position++)
            writer.Add(new IndexEntry { Type = RecordType.Enqueue, Queue = new(position % 7), Position = position, Offset = 100 * position, Length = 90, BodySize = 20, BodyId = position % 3 });
        writer.Add(new IndexEntry { Type = RecordType.Settle, Queue = new(3), Position = 60, Offset = 6000, Length = 50, Segment = 1, Runs = new byte[] { 1, 2 } });
        var refused = 0;
        for (var round = 0; round < 500; round++)
        {
            var bytes = writer.Bytes.ToArray();
            if (round % 2 == 0) random.NextBytes(bytes);
            else bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (ReadToEnd(bytes.AsSpan(0, random.Next(bytes.Length)))) continue;
            refused++;
        }
        Assert.That(refused, Is.GreaterThan(100));
    }

    [Test]
    public void A_footer_says_all_that_recovery_needs()
    {
        var writer = new FooterWriter();
        var first = Positions.First(7);
        writer.Add(new IndexEntry
        {
            Type = RecordType.Enqueue, Queue = new(5), Position = first, Offset = 64, Length = 190, BodySize = 100, Attributes = new(ExpiresAt: 1_234, Priority: 9, DeliveryCount: 70_000),
        });
        writer.Add(new IndexEntry { Type = RecordType.Settle, Queue = new(5), Position = first, Offset = 256, Length = 44, Segment = 1, Runs = new byte[] { 0, 1 } });
        writer.Add(new IndexEntry { Type = RecordType.Enqueue, Queue = new(5), Position = first + 1, Offset = 304, Length = 80, BodySize = 8 });
        Assert.That(writer.Bytes.Length, Is.LessThan(60));
        var reader = new FooterReader(writer.Bytes);
        Assert.That(reader.Version, Is.EqualTo(FooterWriter.Version));
        Assert.That(reader.TryNext(out var enqueue), Is.True);
        Assert.That((enqueue.Type, enqueue.Queue.Value, enqueue.Position, enqueue.Offset, enqueue.Length, enqueue.BodySize), Is.EqualTo((RecordType.Enqueue, 5L, first, 64L, 190, 100)));
        Assert.That(enqueue.Attributes, Is.EqualTo(new MessageAttributes(1_234, 9, 70_000)));
        Assert.That(reader.TryNext(out var settle), Is.True);
        Assert.That((settle.Type, settle.Position, settle.Offset, settle.Length, settle.Segment), Is.EqualTo((RecordType.Settle, first, 256L, 44, 1L)));
        Assert.That(settle.Runs.ToArray(), Is.EqualTo(new byte[] { 0, 1 }));
        Assert.That(reader.TryNext(out var second), Is.True);
        Assert.That((second.Position, second.Offset, second.BodySize, second.Attributes), Is.EqualTo((first + 1, 304L, 8, default(MessageAttributes))));
        Assert.That(reader.TryNext(out _), Is.False);
    }

    [TestCase(10, 2, "a record of kind 10, version 2, and this broker knows kinds up to EnqueueAgain in version 2")]
    [TestCase(1, 3, "a record of kind Enqueue, version 3")]
    [TestCase(1, 1, "a record of kind Enqueue, version 1")]
    public void A_record_that_is_not_known_is_refused_by_name(byte type, byte version, string name)
    {
        Publish(0, "text");
        _store.Close();
        var record = new byte[RecordHeader.Size];
        new RecordHeader(record.Length, (RecordType)type, version, Flags: 0, _queue.Id, Position: 1).Seal(record);
        // As another version would have written it: all checksums are right.
        using (var engine = TestEngine.Journal.Engine.Open(
            new Amqp.Storage.Segments.SegmentDirectory(_store.Files, TestStore.Directory, Opening: 99, (_, _) => { }) { SegmentBytes = _store.SegmentBytes }))
        {
            Assert.That(engine.TryPrepareReserve() && engine.TryRoll(record.Length, []), Is.True);
            engine.Append(record);
            engine.Flush();
        }
        Assert.That(Reopen, Throws.TypeOf<StorageException>().With.Message.Contains(name));
    }

    [Test]
    public void Names_that_are_no_text_come_back_as_they_were()
    {
        var buffer = new RecordBuffer();
        buffer.Enqueue(RecordType.Enqueue, _queue.Id, key: 0, new(ExpiresAt: 0), MessageOf("text"));
        var record = buffer.Bytes.ToArray();
        var header = RecordHeader.Read(record);
        Assert.That(new RecordReader(record.AsSpan(0, header.Length)).ReadMessage(RecordType.Enqueue, new ShortStringPool()), Is.Not.Null);
        record[record.AsSpan().IndexOf("exchange"u8)] = 0xFF;
        header.Seal(record.AsSpan(0, header.Length));
        Assert.That(RecordHeader.TryRead(record, out _), Is.True);
        var message = new RecordReader(record.AsSpan(0, header.Length)).ReadMessage(RecordType.Enqueue, new ShortStringPool());
        Assert.That(message?.Exchange, Is.EqualTo("\uDCFFxchange"));
    }

    private static bool ReadToEnd(ReadOnlySpan<byte> footer)
    {
        try
        {
            var reader = new FooterReader(footer);
            while (reader.TryNext(out _)) { }
            return true;
        }
        catch (StorageException)
        {
            return false;
        }
    }

    private void Publish(long position, string text) => Commit(StoreRecord.Enqueue(_queue.Id, position, MessageOf(text), expiresAt: 0));

    private void Commit(params ReadOnlySpan<StoreRecord> records) => _store.CommitAndWait(_queue, ++_ticket, records);

    private void Reopen()
    {
        _store.Close();
        _store.Reopen();
        _queue = _store.Queue(1);
        _ticket = 0;
    }

    private void Flip(long offset, string path = $"{TestStore.Directory}/000000000001.seg") => _store.Files.File(path).Bytes[offset] ^= 4;

    private IEnumerable<string> Errors() => _store.Log.Of(LogLevel.Error);

    private IEnumerable<long> Recovered() => _store.Recovered[_queue.Id].Messages.Select(message => message.Position);
}
