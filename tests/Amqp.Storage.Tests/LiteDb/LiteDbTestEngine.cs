using Amqp.Storage.Lite;

namespace Amqp.Storage.Tests.LiteDb;

/// <summary>LiteDB with a log so small that it is taken over every few commits, and large bodies in several of those. Takeovers come as late as they
/// can: when the next is due.</summary>
internal static class LiteDbTestEngine
{
    private static readonly LiteLimits Limits = new(CheckpointPages: 40, CommitBytes: 64 << 10, () => new LateTakeOvers());

    public static TestEngine Instance { get; } = new(LiteDbEngine.With(Limits), SegmentScale: 32, BodyScale: 10, BytesBeside: 2 << 20, FlushesBeside: 2)
    {
        Damage = (atlas, files) => new LiteDbDamage(atlas, files),
    };
}

/// <summary>Does a job when it has to be finished, and not at all when it ends before: as if the process had been killed.</summary>
internal sealed class LateTakeOvers : ITakeOvers
{
    private Action? _job;

    public void Begin(Action job) => _job = job;

    public void Finish()
    {
        var job = _job;
        _job = null;
        job?.Invoke();
    }

    public void End() => _job = null;

    public void Dispose() => _job = null;
}
