using Amqp.Storage.Lite;

namespace Amqp.Storage.Tests.LiteDb;

/// <summary>LiteDB with a log so small that it is taken over every few commits, and large bodies in several of those.</summary>
internal static class LiteDbTestEngine
{
    private static readonly LiteLimits Limits = new(CheckpointPages: 40, CommitBytes: 64 << 10);

    public static TestEngine Instance { get; } = new(LiteDbEngine.With(Limits), SegmentScale: 32, BodyScale: 10, BytesBeside: 1 << 20, FlushesBeside: 2)
    {
        Damage = (atlas, files) => new LiteDbDamage(atlas, files),
    };
}
