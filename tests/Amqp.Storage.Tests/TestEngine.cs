using Amqp.Storage.Lite;
using Amqp.Storage.Segments;
using Amqp.Storage.Tests.Journal;
using Amqp.Storage.Tests.Messages;

namespace Amqp.Storage.Tests;

/// <summary>An engine as the suite runs over it. What a test says of sizes is meant for the journal, and scaled for others.</summary>
/// <param name="SegmentScale">LiteDB has pages of 8 KiB, and needs some for itself: a segment has to be larger for something to be in it.</param>
/// <param name="BodyScale">Larger bodies, so that there are several segments all the same.</param>
/// <param name="BytesBeside">Bytes that it needs on a disk beside segments.</param>
/// <param name="FlushesBeside">Flushes that come along with an append now and then: LiteDB's checkpoint has two.</param>
public sealed record TestEngine(StoreEngine Engine, int SegmentScale, int BodyScale, int BytesBeside, int FlushesBeside)
{
    public static TestEngine Journal { get; } = new(StoreEngine.Journal, 1, 1, 0, 0);

    /// <summary>For fixtures.</summary>
    public static IEnumerable<TestEngine> All => [Journal, LiteDb.LiteDbTestEngine.Instance];

    /// <summary>What a bad disk does to its files, and what that may cost.</summary>
    internal Func<StoreAtlas, MemoryFiles, Damage> Damage { get; init; } = (atlas, files) => new JournalDamage(atlas, files);

    public bool IsJournal => Engine == StoreEngine.Journal;

    public override string ToString() => Engine.Name;
}

public sealed class TestEngineTests
{
    [Test]
    public void The_suite_runs_over_every_engine() =>
        Assert.That(TestEngine.All.Select(engine => engine.Engine.Name), Is.EquivalentTo(StoreEngines.Names));
}
