using Amqp.Storage.Journal;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Tests.Journal;

internal sealed class JournalEngineTests
{
    private const string Directory = "/segments";
    private const int SegmentBytes = 4_096;

    private MemoryFiles _files = null!;
    private long _openings;

    [SetUp]
    public void NewDisk() => _files = new MemoryFiles();

    [Test]
    public void What_was_appended_can_be_read_by_address_and_is_found_again()
    {
        using var engine = Open();
        Assert.That(engine.TryRoll(0, []), Is.True);
        var first = engine.Append("first blob"u8);
        var second = engine.Append(ReadOnlySpan<byte>.Empty);
        var third = engine.Append("third"u8);
        engine.Flush();

        var range = new byte[4];
        Assert.That(engine.Read(first.Segment, first.Offset + 6, range), Is.EqualTo(4));
        Assert.That(range, Is.EqualTo("blob"u8.ToArray()));

        using var again = Open();
        var found = again.ReadBlobs(first.Segment, NoDamage).ToList();
        Assert.That(found.Select(blob => blob.Address), Is.EqualTo([first, second, third]));
        Assert.That(found.Select(Text), Is.EqualTo(["first blob", "", "third"]));
    }

    [Test]
    public void Sealed_segments_know_their_footers_and_take_no_more()
    {
        using var engine = Open();
        engine.TryRoll(0, []);
        var segment = engine.Append("blob"u8).Segment;
        Assert.That(engine.TrySeal(segment, "the footer"u8), Is.True);
        Assert.That(() => engine.Append("more"u8), Throws.InvalidOperationException);
        Assert.That(engine.RoomLeft, Is.Zero);
        engine.TryRoll(0, "not needed"u8);
        engine.Append("next"u8);
        engine.Flush();

        using var again = Open();
        Assert.That(again.Segments.Select(found => found.IsSealed), Is.EqualTo([true, false]));
        Assert.That(again.ReadFooter(segment), Is.EqualTo("the footer"u8.ToArray()));
        Assert.That(again.ReadFooter(again.Segments[1].Id), Is.Null);
        Assert.That(again.ReadBlobs(segment, NoDamage).Select(Text), Is.EqualTo(["blob"]), "a footer is no blob of the store");
    }

    [Test]
    public void A_dropped_segments_file_serves_again_and_shows_nothing_of_its_past()
    {
        using var engine = Open();
        for (var round = 0; round < 5; round++)
        {
            engine.TryRoll(0, []);
            while (engine.RoomLeft > 300) engine.Append(new byte[100]);
            engine.Flush();
            if (engine.Segments.Count > 1) engine.Drop(engine.Segments[0].Id);
        }
        Assert.That(_files.List(Directory), Has.Count.LessThanOrEqualTo(4), "files are used again");

        engine.TryRoll(0, []);
        engine.Append("only this"u8);
        engine.Flush();
        using var again = Open();
        Assert.That(again.ReadBlobs(again.Segments[^1].Id, NoDamage).Select(Text), Is.EqualTo(["only this"]));
        Assert.That(again.Segments.Select(segment => segment.Id.Number), Is.Ordered.And.Unique);
    }

    [Test]
    public void A_blob_larger_than_a_segment_gets_one_of_its_own()
    {
        using var engine = Open();
        var large = new byte[3 * SegmentBytes];
        new Random(1).NextBytes(large);
        Assert.That(engine.TryRoll(large.Length, []), Is.True);
        var address = engine.Append(large);
        engine.Flush();
        using var again = Open();
        Assert.That(again.ReadBlobs(address.Segment, NoDamage).Single().Bytes.ToArray(), Is.EqualTo(large));
    }

    [Test]
    public void A_full_disk_refuses_a_new_segment_and_leaves_the_reserve_for_what_frees_space()
    {
        _files.Room = 2 * SegmentBytes;
        using var engine = Open();
        Assert.That(engine.TryRoll(0, []), Is.True);
        Assert.That(engine.TryPrepareReserve(), Is.True);
        Assert.That(engine.HasReserve, Is.True);
        Assert.That(engine.TryRoll(0, []), Is.True, "the reserve");
        Assert.That(engine.TryPrepareReserve(), Is.False);
        Assert.That(engine.HasReserve, Is.False);
        Assert.That(engine.TryRoll(0, []), Is.False);
        engine.Append("still here"u8);
        engine.Flush();

        engine.Drop(engine.Segments[0].Id);
        Assert.That(engine.HasReserve, Is.True);
        Assert.That(engine.TryRoll(0, []), Is.True);
    }

    /// <summary>The process is killed in the middle of a write: a beginning of the blobs is there, and none that was flushed is missing.</summary>
    [Test]
    public void A_segment_cut_at_any_byte_gives_the_blobs_before_the_cut()
    {
        var bytes = SegmentOf("one", "two and some", "three", out var ends);
        for (var cut = SegmentFile.HeaderSize; cut < ends[^1]; cut++)
        {
            var files = new MemoryFiles();
            byte[] remains = [.. bytes[..cut], .. new byte[ends[^1] - cut], .. bytes[ends[^1]..]];
            files.Open("/segments/000000000001.seg").Write(remains, 0);
            using var engine = JournalEngine.Open(files, Directory, SegmentBytes, opening: 1, Unreadable);
            var broken = new List<BrokenRange>();
            var found = engine.ReadBlobs(new SegmentId(1), broken.Add).Count();
            Assert.That(found, Is.EqualTo(ends.Count(end => bytes.AsSpan(0, end).SequenceEqual(remains.AsSpan(0, end)))), $"cut at {cut}");

            // A frame of which the head is there is told of, and that it is no damage.
            var start = found == 0 ? SegmentFile.HeaderSize : ends[found - 1];
            var isFrameThere = found < ends.Count && bytes.AsSpan(start, BlobFrame.HeaderSize).SequenceEqual(remains.AsSpan(start, BlobFrame.HeaderSize));
            BrokenRange[] expected = isFrameThere ? [new(start + BlobFrame.HeaderSize, ends[found] - start - BlobFrame.HeaderSize, IsTornEnd: true)] : [];
            Assert.That(broken, Is.EqualTo(expected), $"cut at {cut}");
        }
    }

    /// <summary>A damaged byte costs the blob it stands in, which is reported; never a wrong blob, never one behind it.</summary>
    [Test]
    public void A_flipped_byte_anywhere_costs_one_blob_and_is_reported()
    {
        string[] texts = ["one", "two and some", "three"];
        var bytes = SegmentOf(texts[0], texts[1], texts[2], out var ends);
        for (var place = SegmentFile.HeaderSize; place < ends[^1]; place++)
        {
            var files = new MemoryFiles();
            var damagedBytes = bytes.ToArray();
            damagedBytes[place] ^= 0x40;
            files.Open("/segments/000000000001.seg").Write(damagedBytes, 0);
            using var engine = JournalEngine.Open(files, Directory, SegmentBytes, opening: 1, Unreadable);
            var damages = 0;
            var found = engine.ReadBlobs(new SegmentId(1), broken => damages += broken.IsTornEnd ? 0 : 1).Select(Text).ToList();
            var hit = ends.FindIndex(end => place < end);
            Assert.That(found, Is.EqualTo(texts.Where((_, index) => index != hit)), $"byte {place}");
            // The last blob cannot be told from one whose write was cut off.
            Assert.That(damages, Is.EqualTo(hit == 2 ? 0 : 1), $"byte {place}");
        }
    }

    [Test]
    public void A_segment_with_one_whole_header_is_told_and_serves_and_one_without_keeps_its_number()
    {
        using (var engine = Open())
        {
            engine.TryRoll(0, []);
            engine.Append("blob"u8);
            engine.Flush();
        }
        const string Path = "/segments/000000000001.seg";
        var told = new List<(string, bool)>();
        _files.File(Path).Bytes[3] ^= 1;
        using (var served = JournalEngine.Open(_files, Directory, SegmentBytes, opening: 98, (path, isUsable) => told.Add((path, isUsable))))
            Assert.That(served.ReadBlobs(new SegmentId(1), NoDamage).Select(Text), Is.EqualTo(["blob"]));
        Assert.That(told, Is.EqualTo([(Path, true)]));

        told.Clear();
        _files.File(Path).Bytes[^90] ^= 1;
        using var again = JournalEngine.Open(_files, Directory, SegmentBytes, opening: 99, (path, isUsable) => told.Add((path, isUsable)));
        Assert.That(told, Is.EqualTo([(Path, false)]));
        again.TryRoll(0, []);
        Assert.That(again.Segments.Single().Id, Is.EqualTo(new SegmentId(2)));
    }

    /// <summary>
    /// Power fails at random moments, over and over: what was flushed is there, in order; what was not is there in part or not,
    /// and never mixed up.
    /// </summary>
    [Test]
    public void Loss_of_power_takes_only_what_was_not_flushed([Range(1, 60)] int seed)
    {
        var random = new Random(seed);
        var flushed = new List<string>();
        var unflushed = new List<string>();
        var number = 0;
        for (var life = 0; life < 6; life++)
        {
            using var engine = Open();
            Assert.That(engine.TryRoll(0, []), Is.True);
            for (var step = random.Next(40); step > 0; step--)
            {
                var text = $"{number++}:{new string('x', random.Next(700))}";
                if (engine.RoomLeft < BlobFrame.SizeOf(text.Length) + BlobFrame.SizeOf(0)) engine.TryRoll(text.Length, []);
                engine.Append(System.Text.Encoding.UTF8.GetBytes(text));
                unflushed.Add(text);
                if (random.Next(3) > 0) continue;
                engine.Flush();
                flushed.AddRange(unflushed);
                unflushed.Clear();
            }
            _files.LosePower(random);
            using var again = Open();
            var found = again.Segments.SelectMany(segment => again.ReadBlobs(segment.Id, _ => { })).Select(Text).ToList();
            Assert.That(found.Take(flushed.Count), Is.EqualTo(flushed), "everything flushed is there, in order");
            var rest = found.Skip(flushed.Count).ToList();
            Assert.That(rest, Is.SubsetOf(unflushed));
            flushed.AddRange(rest);
            unflushed.Clear();
        }
    }

    private JournalEngine Open() => JournalEngine.Open(_files, Directory, SegmentBytes, ++_openings, Unreadable);

    private static byte[] SegmentOf(string one, string two, string three, out List<int> ends)
    {
        var files = new MemoryFiles();
        using var engine = JournalEngine.Open(files, Directory, SegmentBytes, opening: 1, Unreadable);
        engine.TryRoll(0, []);
        ends = [];
        foreach (var text in new[] { one, two, three })
        {
            var start = (int)engine.Append(System.Text.Encoding.UTF8.GetBytes(text)).Offset - BlobFrame.HeaderSize;
            ends.Add(start + BlobFrame.SizeOf(text.Length));
        }
        return files.File("/segments/000000000001.seg").Bytes;
    }

    private static string Text(Blob blob) => System.Text.Encoding.UTF8.GetString(blob.Bytes.Span);

    private static void NoDamage(BrokenRange broken) => Assert.Fail($"{broken}");

    private static void Unreadable(string path, bool isUsable) => Assert.Fail($"{path} is damaged");
}
